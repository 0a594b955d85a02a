"""What may stand in a pipeline: as River has it, and said in sentences where it does not fit."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest

from risk_stream.models import Step, make_learner
from risk_stream.models.components import COMPONENTS
from risk_stream.models.registry import bounds, check, cost_us, kind_of, parameters_of
from tests.models.specs import GIVEN, spec, spec_of

OPTIMIZERS = "SGD, Adam, AdaGrad, RMSProp, Momentum, AdaMax, AMSGrad or Nadam"
HST = Step("HalfSpaceTrees", {})


@pytest.mark.parametrize("name", [name for name, component in COMPONENTS.items() if component.module])
def test_parameters_are_those_of_river_with_its_defaults(name: str) -> None:
    """But for the seed, and for what takes objects there."""
    component = COMPONENTS[name]
    cls = getattr(importlib.import_module(f"river.{component.module}"), name)
    theirs = inspect.signature(cls).parameters
    for parameter, allowed in component.parameters.items():
        if parameter == "seed":
            assert allowed.default == 42
        elif parameter == "optimizer":
            assert theirs["optimizer"].default is None
        elif parameter == "lr":
            assert "lr" not in theirs
        elif allowed.required:
            assert theirs[parameter].default is inspect.Parameter.empty
        else:
            assert theirs[parameter].default == allowed.default, parameter


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_can_be_used_as_it_is(name: str) -> None:
    """With its defaults, in a pipeline of its role."""
    model = spec_of(name)
    assert check(model.steps, model.inputs, model.texts, model.learning) == []
    assert cost_us(model.steps, len(model.inputs)) > 0
    make_learner(model)


@pytest.mark.parametrize(
    ("steps", "flaw"),
    [
        ([], (0, None, 'a pipeline needs a component that gives a score, as "HalfSpaceTrees"')),
        (
            [Step("HalfspaceTree", {})],
            (0, None, '"HalfspaceTree" is no component of a pipeline; did you mean "HalfSpaceTrees"?'),
        ),
        (
            [Step("MinMaxScaler", {}), Step("HalfSpaceTrees", {"n_tree": 25})],
            (1, "n_tree", 'HalfSpaceTrees has no parameter "n_tree"; did you mean "n_trees"?'),
        ),
        (
            [Step("HalfSpaceTrees", {"limits": "x"})],
            (
                0,
                "limits",
                'HalfSpaceTrees has no parameter "limits"; its parameters are height, n_trees, seed, window_size',
            ),
        ),
        (
            [Step("HalfSpaceTrees", {"height": 2.5})],
            (0, "height", "height of HalfSpaceTrees must be a whole number from 1 to 14, not 2.5"),
        ),
        (
            [Step("HalfSpaceTrees", {"n_trees": 25.0})],
            (0, "n_trees", "n_trees of HalfSpaceTrees must be a whole number from 1 to 200, not 25.0"),
        ),
        (
            [Step("HalfSpaceTrees", {"n_trees": True})],
            (0, "n_trees", "n_trees of HalfSpaceTrees must be a whole number from 1 to 200, not True"),
        ),
        (
            [Step("HalfSpaceTrees", {"seed": None})],
            (0, "seed", "seed of HalfSpaceTrees must be a whole number from 0 to 2,147,483,647"),
        ),
        (
            [Step("LogisticRegression", {"optimizer": "adam"})],
            (
                0,
                "optimizer",
                f'optimizer of LogisticRegression must be {OPTIMIZERS}, not "adam"; did you mean "Adam"?',
            ),
        ),
        (
            [Step("LogisticRegression", {"l1": 0.1, "l2": 0.1})],
            (0, "l1", "LogisticRegression takes l1 or l2, not both"),
        ),
        (
            [Step("HoltWinters", {})],
            (0, None, "HoltWinters needs alpha, a number from 0 to 1"),
        ),
        (
            [Step("HoltWinters", {"alpha": 0.3, "seasonality": 4})],
            (0, "seasonality", "HoltWinters with a seasonality needs gamma, how fast the season is learnt"),
        ),
        (
            [Step("RobustScaler", {"q_inf": 0.9}), HST],
            (0, "q_inf", "q_inf of RobustScaler must be below q_sup"),
        ),
        (
            [Step("HalfSpaceTrees", {"n_trees": 200, "height": 14}), HST],
            (0, None, "HalfSpaceTrees gives the score, so it comes last in a pipeline"),
        ),
        (
            [Step("MinMaxScaler", {})],
            (0, None, "a pipeline ends with what gives a score; MinMaxScaler only prepares its inputs"),
        ),
        (
            [Step("OneHotEncoder", {}), HST],
            (0, None, "OneHotEncoder encodes texts, and no input of this model is one"),
        ),
        (
            [Step("GaussianScorer", {})],
            (0, None, "GaussianScorer reads one number, and this model has 2 inputs"),
        ),
        (
            [Step("StandardScaler", {}), Step("SequentialKMeans", {})],
            (0, None, "SequentialKMeans scales its inputs itself and stands alone; leave StandardScaler out"),
        ),
        (
            [Step("SequentialKMeans", {"patience_days": -1})],
            (0, "patience_days", "patience_days of SequentialKMeans must be a whole number from 0 to 365, not -1"),
        ),
        (
            [Step("ARFClassifier", {"max_features": "all"})],
            (
                0,
                "max_features",
                'max_features of ARFClassifier must be a whole number from 1 to 1,000, sqrt, log2 or null, not "all"',
            ),
        ),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence_with_its_place(
    steps: list[Step], flaw: tuple[int, str | None, str]
) -> None:
    """The step, the parameter, and what to do."""
    assert check(steps, ("x", "y"), ()) == [flaw]


def test_segments_are_of_numbers_and_learnt_from_all_events() -> None:
    """Texts have no mean; an event that is unusual is one of its key's all the same."""
    steps = [Step("SequentialKMeans", {})]
    said = "SequentialKMeans reads numbers; ask sector in conditions, such as one that it is of one kind"
    assert check(steps, ("sector", "x"), {"sector"}) == [(0, None, said)]
    said = 'SequentialKMeans learns from all events: say "learn: always"'
    assert check(steps, ("x", "y"), (), "calm") == [(0, None, said)]


def test_texts_need_an_encoder_where_a_component_reads_numbers() -> None:
    """Trees of categories take them as they are."""
    said = "LogisticRegression reads numbers; put OneHotEncoder or FeatureHasher before it for merchant"
    assert check([Step("LogisticRegression", {})], ("merchant", "x"), {"merchant"}) == [(0, None, said)]
    assert check([Step("ARFClassifier", {})], ("merchant", "x"), {"merchant"}) == []
    hashed = [Step("FeatureHasher", {}), Step("LogisticRegression", {})]
    assert check(hashed, ("merchant", "x"), {"merchant"}) == []


@pytest.mark.parametrize(
    ("name", "learning", "words"),
    [("LogisticRegression", "always", "learns from outcomes"), ("KMeans", "outcomes", "from the events themselves")],
)
def test_how_it_learns_must_suit_it(name: str, learning: str, words: str) -> None:
    """A classifier knows nothing before somebody says what was bad; a series needs no such word."""
    ((_, _, said),) = check([Step(name, GIVEN.get(name, {}))], ("x",), (), learning)
    assert words in said


def test_only_what_is_small_may_be_grouped() -> None:
    """There may be 50,000 of them."""
    small = [Step("StandardScaler", {}), Step("LogisticRegression", {})]
    assert check(small, ("x", "y"), (), "outcomes", grouped=True) == []
    assert check([Step("GaussianScorer", {})], ("x",), (), grouped=True) == []
    for steps, inputs in (([HST], 2), ([Step("LogisticRegression", {"optimizer": "Adam"})], 2), (small, 40)):
        ((_, _, said),) = check(steps, [f"x{j}" for j in range(inputs)], (), grouped=True)
        assert "group" in said
    with pytest.raises(ValueError, match="too large to have one for each group"):
        make_learner(spec("HalfSpaceTrees", grouped=True))


def test_a_forest_too_large_for_memory_is_refused() -> None:
    """Before it is made."""
    steps = [Step("HalfSpaceTrees", {"n_trees": 200, "height": 14})]
    assert check(steps, ("x",), ()) == []
    ((_, name, said),) = check([Step("HalfSpaceTrees", {"n_trees": 200, "height": 15})], ("x",), ())
    assert (name, "from 1 to 14" in said) == ("height", True)


def test_what_is_compiled_is_known_beforehand_and_costs_less() -> None:
    """A budget can be held before anything runs."""
    trees: dict[str, Any] = {"n_trees": 25}
    compiled = [Step("MinMaxScaler", {}), Step("HalfSpaceTrees", trees)]
    slow = [Step("RobustScaler", {}), Step("HalfSpaceTrees", trees)]
    assert (kind_of(compiled), kind_of(slow)) == ("trees", "river")
    assert kind_of([Step("MinMaxScaler", {"window_size": 50}), HST]) == "river"
    assert cost_us(compiled, 10) * 5 < cost_us(slow, 10)
    assert bounds(compiled) == (0.0, 1.0)
    assert parameters_of(compiled[1])["n_trees"] == 25
