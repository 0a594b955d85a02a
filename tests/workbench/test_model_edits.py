"""Commands change a model's file where they must and nowhere else."""

from __future__ import annotations

from risk_stream.catalogue import load_catalogue
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.workbench.model_edits import begun_anew, promoted

CHAMPION = """\
# The one in use.
model: old
stage: trading
on: trade  # each of them
owner: desk
inputs: {size: amount}
pipeline:
- MinMaxScaler
- HalfSpaceTrees: {n_trees: 5}
threshold: 0.9
labels: {bad: [manipulation], good: [good], within: 30d}
# the end
"""
CHALLENGER = CHAMPION.replace("model: old", "model: new").replace("0.9", "0.8") + (
    "challenges: old  # since May\npromote:\n  after: 100  # outcomes\n  better_by: 0.01\n# nothing follows\n"
)


def plan_of(*texts: str) -> Plan:
    return plan_of_texts({f"{at}.yaml": text for at, text in enumerate(texts)}, load_catalogue())


def test_a_reset_raises_the_generation_and_changes_nothing_else() -> None:
    (model,) = plan_of(CHAMPION).models
    first = begun_anew(CHAMPION, model)
    assert first == CHAMPION + "generation: 2\n"
    (again,) = plan_of(first).models
    assert begun_anew(first, again) == CHAMPION + "generation: 3\n"
    assert again.version != model.version


def test_a_promotion_exchanges_roles_and_keeps_comments_rule_and_what_was_learnt() -> None:
    new, old = plan_of(CHAMPION, CHALLENGER).models
    was_old, was_new = promoted(CHAMPION, CHALLENGER, old, new)
    after = {model.id: model for model in plan_of(was_old, was_new).models}
    assert (after["new"].role, after["old"].challenges, after["old"].promote) == ("champion", "new", new.promote)
    assert {m.version for m in after.values()} == {old.version, new.version}
    assert was_new == CHALLENGER.replace(
        "challenges: old  # since May\npromote:\n  after: 100  # outcomes\n  better_by: 0.01\n", ""
    )
    assert was_old.startswith(CHAMPION)
