"""Every wrong rule file is refused with line, column and a sentence; nothing but `PlanError` ever comes out."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from random import Random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from risk_stream.catalogue import Catalogue, load_catalogue
from risk_stream.features import Op
from risk_stream.rules import Plan, PlanError, load_plan, plan_of_texts
from risk_stream.rules.limits import MAX_FILE_BYTES, MAX_PROBLEMS, MAX_RULES
from tests.rules.house import FEATURES, plan_of, rule_file

BAD = Path(__file__).parent / "bad"
CORE: Catalogue = load_catalogue()


def expected() -> dict[str, list[str]]:
    """File name -> what is to be said of it, one `file:line:column: sentence` for each problem."""
    found: dict[str, list[str]] = {path.name: [] for path in sorted(BAD.glob("*.yaml"))}
    for line in (BAD / "expected.txt").read_text().splitlines():
        found[line.split(":", 1)[0]].append(line)
    return found


def problems(path: Path, catalogue: Catalogue = CORE) -> list[str]:
    with pytest.raises(PlanError) as caught:
        load_plan([path], catalogue)
    return [str(problem).replace(f"{path.parent}/", "") for problem in caught.value.problems]


@pytest.mark.parametrize("name", expected())
def test_a_bad_file_is_refused_with_place_and_sentence(name: str) -> None:
    assert expected()[name] == problems(BAD / name)


def test_the_table_of_bad_files_is_long_and_complete() -> None:
    assert len(expected()) >= 150
    assert all(expected().values())


def test_a_problem_names_its_rule() -> None:
    with pytest.raises(PlanError) as caught:
        load_plan([BAD / "many_errors_at_once.yaml"], CORE)
    assert {problem.rule for problem in caught.value.problems} == {"", "one"}


def test_all_files_are_checked_whatever_is_wrong_in_one(tmp_path: Path) -> None:
    for name in ("not_utf8", "yaml_bomb", "unknown_field"):
        (tmp_path / f"{name}.yaml").write_bytes((BAD / f"{name}.yaml").read_bytes())
    said = problems(tmp_path / "unknown_field.yaml") + problems(tmp_path / "yaml_bomb.yaml")
    with pytest.raises(PlanError) as caught:
        load_plan([tmp_path], CORE)
    assert sorted([*said, f"not_utf8.yaml:2:1: {caught.value.problems[0].message}"]) == sorted(
        str(problem).replace(f"{tmp_path}/", "") for problem in caught.value.problems
    )


def test_an_empty_folder_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no rules")
    assert problems(tmp_path) == [
        f"{tmp_path}: this folder holds no rule file: put a .yaml file there".replace(f"{tmp_path.parent}/", "")
    ]
    [said] = problems(tmp_path / "nowhere")
    assert said == "nowhere: there is no such file or folder: name the folder that holds the rules"


def test_a_pipe_is_not_waited_for() -> None:
    assert problems(Path("/dev/zero")) == [
        f"{'/dev/zero'.removeprefix('/dev/')}: this is no file: name the folder that holds the rules"
    ]


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    (tmp_path / "large.yaml").write_text("# " + "x" * MAX_FILE_BYTES)
    assert problems(tmp_path / "large.yaml") == [
        "large.yaml: the file has more than 2,000,000 bytes: split it into several"
    ]


def test_too_many_rules_in_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "many.yaml").write_text("stage: trading\nowner: desk\nrules:\n" + "  - {id: a}\n" * (MAX_RULES + 1))
    assert problems(tmp_path / "many.yaml") == [
        "many.yaml:4:3: there are 5,001 rules in one file, at most 5,000 are allowed: split it"
    ]


def test_a_long_chain_of_features_neither_recurses_nor_is_refused() -> None:
    lines = ["  f0: {count: probe, by: customer, window: 1d}", *(f"  f{i}: f{i - 1} + 1" for i in range(1, 60))]
    assert len(plan_of(rule_file("f59 > 5", features="\n".join(lines))).rules) == 1


@pytest.mark.parametrize("order", [1, -1])
def test_a_chain_of_features_that_is_too_long_is_refused_and_not_a_traceback(order: int) -> None:
    lines = ["  f0: {count: probe, by: customer, window: 1d}", *(f"  f{i}: f{i - 1} + 1" for i in range(1, 1500))]
    with pytest.raises(PlanError, match="simplify it"):
        plan_of(rule_file("f1499 > 5", features="\n".join(lines[::order])))


def test_a_circle_of_features_is_said_once() -> None:
    lines = [f"  f{i}: f{(i + 1) % 50} + 1" for i in range(50)]
    with pytest.raises(PlanError) as caught:
        plan_of(rule_file(*(f"f{i} > 5" for i in range(50)), features="\n".join(lines)))
    assert len(caught.value.problems) == 1
    assert "needs itself: f0 -> f1 -> " in caught.value.problems[0].message


def test_a_feature_that_is_wrong_is_said_once_however_many_rules_use_it() -> None:
    with pytest.raises(PlanError) as caught:
        plan_of(rule_file(*(f"f > {i}" for i in range(9)), features="  f: paid + word\n"))
    assert [str(p) for p in caught.value.problems] == [
        "f0.yaml:4:6: money cannot be added to text: 'paid' is money, 'word' is text"
    ]


def test_a_feature_no_rule_uses_is_a_warning_and_a_misspelt_one_an_error() -> None:
    plan = plan_of(rule_file("paid > 1", features="  spare: paid * 2\n"))
    assert [str(w) for w in plan.warnings] == ["f0.yaml:4:10: no rule of this file uses the feature 'spare'"]
    with pytest.raises(PlanError, match="there is no feature, constant or field 'piad', did you mean 'paid'"):
        plan_of(rule_file("paid > 1", features="  spare: piad * 2\n"))


def test_a_feature_fits_one_rule_and_not_another() -> None:
    text = rule_file("double > 1", features="  double: pieces * 2\n") + rule_file("double > 1", on="whisper").split(
        "rules:\n"
    )[1].replace("r0", "w0")
    with pytest.raises(PlanError) as caught:
        plan_of(text)
    [problem] = caught.value.problems
    assert (problem.rule, problem.message) == (
        "w0",
        "the feature 'double' cannot be used here: whisper has no field 'pieces'",
    )


def test_every_part_of_a_rule_is_read() -> None:
    text = """
stage: pre_loan
owner: desk
tags: [lending]
features:
  lenders_30d: {distinct: lender, of: application, where: 'product in ["consumer", "sme"]', by: id_number, window: 2w}
  share: amount / declared_income
rules:
  - id: multi-lending
    on: [application]
    when: lenders_30d >= 4 and share > 0.5
    severity: high
    score: min(100, 20 * lenders_30d)
    action: refer
    owner: retail-credit
    mode: shadow
    summary: "{customer} asked {lenders_30d} lenders {{twice}}"
    why: Borrowing from many lenders at once precedes default.
    tags: [fraud]
    approximate: ok
    tests:
      - name: the second lender does not fire
        given: [{application: {lender: A}}, {after: 5d, application: {lender: B, amount: 10}}]
        then: quiet
"""
    [rule] = plan_of_texts({"pack.yaml": text}, CORE).rules
    assert (rule.id, rule.file, rule.on, rule.stage, rule.severity) == (
        "multi-lending",
        "pack.yaml",
        ("application",),
        "pre_loan",
        "high",
    )
    assert (rule.action, rule.owner, rule.mode, rule.tags, rule.approximate) == (
        "refer",
        "retail-credit",
        "shadow",
        ("lending", "fraud"),
        True,
    )
    features = dict(rule.features)
    aggregate = features["lenders_30d"]
    assert (aggregate.op, aggregate.of, aggregate.by, aggregate.window_ms, aggregate.field) == (
        Op.DISTINCT,
        ("application",),
        "id_number",
        14 * 86_400_000,
        "lender",
    )
    assert (aggregate.where, features["share"]) == ('product in ["consumer", "sme"]', "amount / declared_income")
    [test] = rule.tests
    assert (test.name, test.fires, test.line, [(g.after_ms, g.type, g.fields) for g in test.given]) == (
        "the second lender does not fire",
        False,
        22,
        [(0, "application", {"lender": "A"}), (5 * 86_400_000, "application", {"lender": "B", "amount": 10})],
    )


HOSTILE = (
    *("amount.__class__", "().__class__", "[].append", "''.join", "{}", "a[0]", "a[b]", "lambda: 0", "x := 1", "not"),
    *(
        "*a",
        "**a",
        "@",
        "a..b",
        "1j",
        "...",
        "'" * 3,
        "\\",
        "\x00",
        "#",
        "é",
        "\ud800",
        "(" * 300,
        "[" * 300,
        "-" * 1500,
    ),
    *("9" * 1900, "1e999", "0x_", "f'{a}'", "\n\n\n", "\t", "a if b else c", "await a", "yield", "print", "async"),
)
USUAL = ("amount", "paid", ">", "1", "and", "in", "is", "missing", "(", ")", ",", "times")


@settings(deadline=None, max_examples=150)
@given(parts=st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=8), st.sampled_from(USUAL)), max_size=8))
@example(parts=["(", ")"])
def test_no_expression_whatever_ends_in_anything_but_a_plan_error(parts: list[str]) -> None:
    for text in (" ".join(parts), "".join(parts)):
        for quoted in ('"' + "".join(f"\\U{ord(c):08x}" for c in text) + '"', "|\n      " + text):
            refused_or_loaded(rule_file("@").replace("'@'", quoted, 1))


def refused_or_loaded(text: str) -> Plan | None:
    """The plan, or None where it was refused as it should be."""
    try:
        return plan_of(text)
    except PlanError as error:
        problems = error.problems
    assert problems
    assert all(p.file == "f0.yaml" and len(p.message) > 8 and "Traceback" not in p.message for p in problems)
    assert not any("could not be checked" in p.message for p in problems), problems
    return None


WHOLE = rule_file(
    'surge > 2 and word in ["a", "b"] or not busy',
    "odd",
    features=FEATURES,
    more=["score: paid * 2", "tags: [x, y]", "tests: [{name: n, given: [{probe: {paid: 1}}], then: quiet}]"],
)


@settings(deadline=None, max_examples=200)
@given(seed=st.integers(0, 2**40))
def test_a_rule_file_damaged_anywhere_ends_in_nothing_but_a_plan_error(seed: int) -> None:
    rng, text = Random(seed), WHOLE
    for _ in range(rng.randint(1, 6)):
        at, kind = rng.randrange(len(text)), rng.randrange(4)
        end = min(len(text), at + rng.choice((1, 1, 2, 5, 20)))
        piece = rng.choice(
            (
                "",
                rng.choice("{}[]:,&*!|>'\"%@`#-?\t\n 0é~"),
                text[at:end] * 2,
                rng.choice(HOSTILE),
                "null",
                "1",
                "[1, 2]",
                "{a: b}",
                WHOLE[rng.randrange(len(WHOLE)) :][:9],
            )
        )
        text = text[:at] + piece + text[end if kind else at :]
    refused_or_loaded(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
COUNT = {"count": "probe", "by": "customer", "window": "1d", "where": "paid > 1"}
SUM = {"sum": "paid", "of": "probe", "by": "customer", "window": "1d"}
TEST = {"name": "n", "given": [{"probe": {"paid": 1}}], "then": "fires"}
RULE = {"id": "a", "on": "probe", "when": "f > 1", "severity": "low", "summary": "s", "tests": [TEST]}
SHAPE = {"stage": "trading", "owner": "desk", "tags": ["a"], "features": {"f": COUNT, "g": SUM}, "rules": [RULE]}
MORE = {"score": 1, "action": "call", "mode": "live", "why": "w", "approximate": "ok"}
KEYS = sorted({*SHAPE, *RULE, *TEST, *COUNT, *SUM, *MORE, "f", "probe"})


@settings(deadline=None, max_examples=200)
@given(value=VALUES, key=st.sampled_from(KEYS))
def test_any_value_under_any_key_ends_in_nothing_but_a_plan_error(value: object, key: str) -> None:
    refused_or_loaded(yaml_text(put({**SHAPE, "rules": [{**RULE, **MORE}]}, key, value)))


def test_the_shape_that_is_damaged_is_sound() -> None:
    assert refused_or_loaded(yaml_text({**SHAPE, "rules": [{**RULE, **MORE}]})) is not None
    assert refused_or_loaded(WHOLE) is not None


def put(node: object, key: str, value: object) -> object:
    """The same with `value` under every `key`."""
    if isinstance(node, dict):
        return {name: value if name == key else put(child, key, value) for name, child in node.items()}
    return [put(child, key, value) for child in node] if isinstance(node, list) else node


def yaml_text(node: object) -> str:
    """A value in YAML's flow style."""
    if isinstance(node, dict):
        return "{" + ", ".join(f"{yaml_text(str(name))}: {yaml_text(child)}" for name, child in node.items()) + "}"
    if isinstance(node, list):
        return "[" + ", ".join(map(yaml_text, node)) + "]"
    if isinstance(node, str):
        return '"' + "".join(c if c.isalnum() and c.isascii() else f"\\U{ord(c):08x}" for c in node) + '"'
    return "null" if node is None else str(node).lower()


def test_a_file_that_doubles_its_features_costs_neither_time_nor_memory() -> None:
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    doubling = "".join(f"  f{i}: {' + '.join([f'f{i - 1}'] * 40)}\n" for i in range(1, 300))
    with pytest.raises(PlanError, match="simplify it"):
        plan_of(rule_file("f299 > 1", features="  f0: paid + paid\n" + doubling))
    assert time.process_time() - started < 5
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 256 * 1024


def test_a_thousand_rules_load_in_seconds() -> None:
    whens = [f"paid > {i} and (times > 2 or surge > {i % 7 + 1}) and word not in ['a', 'w{i}']" for i in range(1000)]
    text = rule_file(*whens, features=FEATURES)
    started = time.process_time()
    assert len(plan_of(text).rules) == 1000
    assert time.process_time() - started < 4


def test_of_a_file_in_which_much_is_wrong_so_many_are_named_and_it_is_said_that_there_may_be_more() -> None:
    wrong = "".join(
        f"  - {{id: r{n}, on: trade, when: amuont > {n}, severity: low, owner: o, summary: s}}\n"
        for n in range(MAX_PROBLEMS + 5)
    )
    with pytest.raises(PlanError) as caught:
        plan_of_texts({"a.yaml": "stage: trading\nrules:\n" + wrong}, CORE)
    first, *named = caught.value.problems
    assert len(named) == MAX_PROBLEMS
    assert str(first) == (
        f"a.yaml: {MAX_PROBLEMS} things are wrong in this file: mend those named here, then the rest is checked"
    )


def test_a_sharp_sign_may_stand_in_a_text() -> None:
    assert plan_of(rule_file('word == "a#b"'))
