"""A number or a text has one name and one place; files may share it, and what changes with it has a new version."""

from __future__ import annotations

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.rules import Plan, PlanError, plan_of_texts
from risk_stream.rules.language.meaning import wording
from risk_stream.workbench import run_tests

CORE = load_catalogue()

LIBRARY = """\
constants:
  large: 100
  home: CNY
features:
  out_1h: {sum: amount, of: transfer, where: amount >= smallest, by: customer, window: 1h}
"""
RULES = """\
stage: trading
owner: desk
import: ../shared.yaml
constants: {factor: 2}
features:
  much: out_1h > factor * large
rules:
  - id: outflow
    on: transfer
    when: much and currency == home
    severity: high
    summary: "{customer} sent {out_1h}, more than {factor} x {large} {home}"
    tests:
      - name: two of 150
        given:
          - transfer: {amount: 150, currency: CNY}
          - transfer: {amount: 150, currency: CNY}
        then: fires
      - name: in another currency
        given: [{transfer: {amount: 500, currency: USD}}]
        then: quiet
"""


def plan(library: str = LIBRARY.replace("smallest", "1"), rules: str = RULES) -> Plan:
    return plan_of_texts({"house/shared.yaml": library, "house/trading/rules.yaml": rules}, CORE)


def problems(library: str = LIBRARY.replace("smallest", "1"), rules: str = RULES) -> list[str]:
    with pytest.raises(PlanError) as caught:
        plan(library, rules)
    return [str(problem) for problem in caught.value.problems]


def test_constants_and_features_of_a_file_are_known_where_it_is_imported() -> None:
    loaded = plan()
    assert list(loaded.warnings) == []
    [fires, quiet] = run_tests(loaded)
    assert (fires.message, quiet.message) == ("", "")
    assert fires.summary == "made-up-customer sent 300.00, more than 2 x 100 CNY"


def test_a_constant_may_stand_in_where() -> None:
    [rule] = plan(LIBRARY.replace("smallest", "large")).rules
    assert rule.aggregates[0].where == "amount >= 100"


def test_another_value_is_another_version_and_another_name_is_not() -> None:
    [rule] = plan().rules
    [other] = plan(LIBRARY.replace("smallest", "1").replace("100", "101")).rules
    [same] = plan(rules=RULES.replace("factor", "times")).rules
    assert rule.version != other.version
    assert rule.version == same.version
    assert wording(rule.condition) == wording(same.condition)


def test_a_summary_that_names_another_value_is_another_version() -> None:
    """An officer reads it: who is named in it is part of what the rule says."""
    assert "{customer}" in RULES
    [rule], [other] = plan().rules, plan(rules=RULES.replace("{customer}", "{account}")).rules
    assert rule.version != other.version


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (
            RULES.replace("../shared", "shared"),
            "rules.yaml:3:9: there is no file 'shared.yaml' to import",
        ),
        (RULES.replace("{factor: 2}", "{factor: [2]}"), "rules.yaml:4:21: the constant 'factor' is a number, a text"),
        (RULES.replace("{factor: 2}", "{large: 2, factor: 2}"), "rules.yaml:4:13: 'large' is a constant already"),
        (
            RULES.replace("{factor: 2}", "{amount: 2, factor: 2}"),
            "rules.yaml:4:13: 'amount' is a field of",
        ),
        (RULES.replace("{factor: 2}", "{in: 2, factor: 2}"), "rules.yaml:4:13: 'in' cannot be a constant's name"),
        (RULES.replace("much: out", "out_1h: out"), "rules.yaml:6:3: 'out_1h' is a feature that is imported"),
        (RULES.replace("* large", "* lagre"), "there is no feature, constant or field 'lagre', did you mean 'large'?"),
        (RULES.replace("== home", "== large"), "rules.yaml:10:"),
    ],
)
def test_what_is_wrong_has_its_place_and_a_sentence(rules: str, said: str) -> None:
    assert any(said in problem for problem in problems(rules=rules)), problems(rules=rules)


def test_what_is_wrong_in_a_library_is_said_once_and_there() -> None:
    [problem] = problems(library=LIBRARY.replace("smallest", "lagre"))
    assert problem.startswith("house/shared.yaml:5:")
    assert "transfer has no field 'lagre', and where can name nothing but fields of the events and constants" in problem


def test_a_name_that_two_imports_declare_is_refused() -> None:
    texts = {
        "shared.yaml": LIBRARY.replace("smallest", "1"),
        "more.yaml": "constants: {large: 7}\n",
        "rules.yaml": RULES.replace("../shared.yaml", "[shared.yaml, more.yaml]"),
    }
    with pytest.raises(PlanError, match=r"'more\.yaml' declares 'large', and so does another file"):
        plan_of_texts(texts, CORE)


def test_a_constant_that_nothing_uses_is_a_warning_but_for_a_librarys() -> None:
    [warning] = plan(rules=RULES.replace("{factor: 2}", "{factor: 2, spare: 3}")).warnings
    assert str(warning).endswith("no rule of this file uses the constant 'spare'")


def test_a_file_may_have_no_features_but_those_it_imports() -> None:
    rules = RULES.replace("features:\n  much: out_1h > factor * large\n", "").replace(
        "much and", "out_1h > factor * large and"
    )
    assert [result.message for result in run_tests(plan(rules=rules))] == ["", ""]
