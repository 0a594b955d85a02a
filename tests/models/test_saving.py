"""What a model saves: read back only as it was written, and only what models are made of."""

from __future__ import annotations

import hashlib
import hmac
import os
import pickle
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from risk_stream.models import Learner, OtherVersionError, Threshold, make_learner
from risk_stream.models import river as river_kind
from risk_stream.models.seal import open_seal, seal
from tests.models.specs import spec, spec_of

KEY = b"a key"


def learnt(component: str) -> Learner:
    """A learner that has seen something."""
    model = spec_of(component)
    learner = make_learner(model, KEY)
    rows = np.random.default_rng(1).normal(size=(40, len(model.inputs)))
    learner.run(rows)
    learner.learn(rows, np.array([0.0, 1.0] * 20))
    return learner


class Harm:
    """A pickle of it would run a command."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("true",)


@pytest.mark.parametrize(
    "harm", [Harm(), [1, Harm()], eval, hashlib.sha256, os.system, np.load], ids=lambda harm: type(harm).__name__
)
def test_a_pickle_of_anything_else_is_refused_even_with_our_seal(harm: object) -> None:
    """And none of it is run."""
    sealed = seal(harm, KEY)
    with pytest.raises(ValueError, match="no model is made of"):
        open_seal(sealed, KEY)


def test_a_name_within_a_class_of_river_is_no_way_around() -> None:
    """Such as the globals of one of its methods."""
    data = b"\x80\x04\x8c\x12river.anomaly.hst.\x8c\x01x\x93."
    for module, name in (("river.anomaly.hst", "HalfSpaceTrees.learn_one"), ("river.utils.math", "sigmoid")):
        written = (
            pickle.PROTO
            + b"\x04"
            + b"".join(pickle.SHORT_BINUNICODE + bytes([len(t)]) + t.encode() for t in (module, name))
        )
        data = written + pickle.STACK_GLOBAL + pickle.STOP
        with pytest.raises(ValueError, match="no model is made of"):
            open_seal(hmac.digest(KEY, data, "sha256") + data, KEY)


@pytest.mark.parametrize("component", ["HalfSpaceTrees", "LogisticRegression", "GaussianScorer", "KMeans", "Retrained"])
def test_a_flipped_byte_is_refused_or_changes_what_is_read_into_nothing_that_harms(component: str) -> None:
    """What River's models save is refused wherever it was changed."""
    model, saved = spec_of(component), learnt(component).save()
    rows = np.random.default_rng(2).normal(size=(10, len(model.inputs)))
    refused: list[str] = []
    for at in np.linspace(0, len(saved) - 1, 60).astype(int):
        changed = bytearray(saved)
        changed[at] ^= 0x41
        learner = make_learner(model, KEY)
        try:
            learner.load(bytes(changed))
        except ValueError as error:
            refused.append(str(error))
        learner.run(rows)
    assert refused
    assert all("what was saved" in said for said in refused)


def test_another_key_is_refused() -> None:
    """A seal says who wrote it."""
    saved = learnt("KMeans").save()
    with pytest.raises(ValueError, match="sealed with another key"):
        make_learner(spec_of("KMeans"), b"another key").load(saved)


def test_another_version_of_river_is_said_and_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller begins anew; the learner is as it was."""
    saved = learnt("KMeans").save()
    monkeypatch.setattr(river_kind, "river_version", "0.99.0")
    learner = make_learner(spec_of("KMeans"), KEY)
    with pytest.raises(OtherVersionError, match=r"learnt with River .* and this is 0\.99\.0"):
        learner.load(saved)
    assert learner.counts()["learnt"] == 0


@pytest.mark.parametrize("component", ["HalfSpaceTrees", "LogisticRegression", "GaussianScorer", "KMeans", "Retrained"])
def test_another_pipeline_is_refused(component: str) -> None:
    """With other inputs, other parameters, or another ring of scores."""
    saved, model = learnt(component).save(), spec_of(component)
    others = [
        replace(model, inputs=tuple(f"other_{name}" for name in model.inputs)),
        replace(model, threshold=Threshold(share=0.9, last=31)),
        spec_of("StandardAbsoluteDeviation"),
    ]
    for other in others:
        with pytest.raises(ValueError, match="another pipeline"):
            make_learner(other, KEY).load(saved)


def test_a_threshold_that_was_moved_and_another_way_to_learn_go_on_with_what_was_learnt() -> None:
    """They change nothing of it."""
    saved, model = learnt("HalfSpaceTrees").save(), spec_of("HalfSpaceTrees")
    other = make_learner(replace(model, learning="outcomes", threshold=Threshold(share=0.5, last=30)), KEY)
    other.load(saved)
    assert other.counts()["learnt"] > 0


@pytest.mark.parametrize("saved", [b"", b"nothing", msgspec.msgpack.encode([1, 2]), msgspec.msgpack.encode({})])
def test_what_is_no_model_is_refused(saved: bytes) -> None:
    """With a sentence."""
    with pytest.raises(ValueError, match="what was saved of this model cannot be read"):
        make_learner(spec("HalfSpaceTrees"), KEY).load(saved)
