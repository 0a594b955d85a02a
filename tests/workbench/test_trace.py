"""A trace says of every part of a condition whether it held, and what it compared, in the author's names."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.catalogue import Catalogue, load_catalogue
from risk_stream.rules import plan_of_texts
from risk_stream.workbench import Step, cover, lines_of, run_tests

CATALOGUE: Catalogue = load_catalogue()

RULES = """\
stage: trading
owner: fraud-desk
features:
  out_1h: {{sum: amount, of: transfer, where: direction == "out", by: customer, window: 1h}}
  usual: {{mean: amount, of: transfer, by: customer, window: 30d}}
  surge: out_1h / usual
  at_night: hour(time) < 6
rules:
  - id: outflow
    on: transfer
    when: '{when}'
    severity: high
    summary: "s"
    tests:
      - name: two
        given:
          - transfer: {{direction: out, amount: 60, time: "2024-01-03T10:00:00Z"}}
          - {{after: 30m, transfer: {{direction: out, amount: 60}}}}
        then: fires
"""


def steps(when: str) -> tuple[Step, ...]:
    [result] = run_tests(plan_of_texts({"rules.yaml": RULES.format(when=when)}, CATALOGUE))
    return result.steps


def test_every_part_says_whether_it_held_and_what_it_compared() -> None:
    first, last = steps('out_1h > 100 and (purpose == "rent" or not at_night)')
    assert list(lines_of(first)) == [
        'no  out_1h > 100 and (purpose == "rent" or not at_night)',
        "  no  out_1h > 100   [out_1h is 60.00]",
        '  yes purpose == "rent" or not at_night',
        '    ?   purpose == "rent"   [purpose is unknown]',
        "    yes not at_night   [hour(time) is 10, time is 2024-01-03T10:00:00Z]",
    ]
    assert last.holds is True
    assert last.parts[0].values[0].value == "120.00"


def test_a_computed_value_is_shown_with_what_it_is_computed_from() -> None:
    [*_, last] = steps("surge > 1.5 and amount < 2 * usual")
    assert [[(seen.name, seen.value) for seen in leaf.values] for leaf in last.leaves()] == [
        [("surge", "2"), ("out_1h", "120.00"), ("usual", "60.00")],
        [("amount", "60.00"), ("2 * usual", "120.00"), ("usual", "60.00")],
    ]


def test_what_a_test_saw_is_the_authors_names_alone() -> None:
    [result] = run_tests(plan_of_texts({"rules.yaml": RULES.format(when="out_1h > 500")}, CATALOGUE))
    assert (result.passed, result.features) == (False, {"out_1h": 120})
    assert result.message == "the rule is quiet, and should fire: on the last event out_1h is 120.0"


PARTS = (
    "out_1h > 100",
    "out_1h <= 60",
    "surge > 1",
    "at_night",
    'purpose == "rent"',
    "purpose is missing",
    "amount == 60",
)


@settings(max_examples=60, deadline=None)
@given(
    st.recursive(st.sampled_from(PARTS), lambda inner: st.tuples(st.sampled_from(["and", "or", "not"]), inner, inner))
)
def test_the_parts_give_the_whole_in_three_valued_logic_and_the_whole_is_what_the_rule_did(tree: object) -> None:
    def written(tree: object) -> str:
        if isinstance(tree, str):
            return tree
        assert isinstance(tree, tuple)
        op, one, other = tree
        return f"not ({written(one)})" if op == "not" else f"({written(one)}) {op} ({written(other)})"

    def whole(step: Step) -> bool | None:
        """Kleene's: `and` is the least of its parts, `or` the greatest, with unknown between false and true."""
        if not step.parts:
            return step.holds
        order = (False, None, True)
        return order[(min if step.join == "and" else max)(order.index(whole(part)) for part in step.parts)]

    plan = plan_of_texts({"rules.yaml": RULES.format(when=written(tree).replace("'", "''"))}, CATALOGUE)
    [result] = run_tests(plan)
    assert (result.steps[-1].holds is True) is result.passed
    assert whole(result.steps[-1]) is result.steps[-1].holds


def test_a_comparison_that_no_test_saw_both_ways_is_named() -> None:
    plan = plan_of_texts({"rules.yaml": RULES.format(when="out_1h > 100 and purpose is missing")}, CATALOGUE)
    [covered] = cover(plan.rules, run_tests(plan))
    assert [(part.text, part.true, part.false, part.unknown) for part in covered.parts] == [
        ("out_1h > 100", 1, 1, 0),
        ("purpose is missing", 2, 0, 0),
    ]
    assert (covered.tests, covered.share) == (1, 0.75)


def test_a_rule_without_tests_has_seen_nothing() -> None:
    plan = plan_of_texts({"rules.yaml": RULES.format(when="out_1h > 100")}, CATALOGUE)
    [covered] = cover(plan.rules, [])
    assert (covered.tests, covered.parts, covered.share) == (0, (), 0.0)
