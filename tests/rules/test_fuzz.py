"""Whatever a rule file has become, it is loaded or refused: no traceback, no hang, and little memory."""

from __future__ import annotations

import json
import subprocess
import sys
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.rules import kept
from tests.rules.fuzz import ROOT, damaged, grown, knot, loaded_or_refused, real_files, tree

#: Kinds of damage, how many of each a run tries in a process of its own, and how long that may hang at most, s.
MANY = [
    *(("damaged", 300), ("tree", 300), ("knot", 300), ("grown", 6)),
    pytest.param("damaged", 1200, marks=pytest.mark.slow),
    pytest.param("tree", 1200, marks=pytest.mark.slow),
    pytest.param("knot", 1200, marks=pytest.mark.slow),
    pytest.param("grown", 15, marks=pytest.mark.slow),
]
PATIENCE = 240


def test_the_files_that_are_damaged_are_there_and_some_are_sound() -> None:
    """Else nothing would be tried."""
    assert len(real_files()) > 150
    assert any(loaded_or_refused(text) is not None for text in real_files())


def test_checks_that_fail_are_no_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker takes them for a bad file; here they are what is looked for."""
    monkeypatch.setattr(kept, "load_file", lambda *given: 1 / 0)
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        loaded_or_refused("stage: trading")


@settings(deadline=None, max_examples=150)
@given(seed=st.integers(0, 2**40))
def test_a_damaged_file_is_loaded_or_refused_in_sentences(seed: int) -> None:
    """Shipped rules and wrong ones, with pieces changed, doubled and exchanged."""
    loaded_or_refused(damaged(Random(seed)))


@settings(deadline=None, max_examples=150)
@given(seed=st.integers(0, 2**40))
def test_a_tree_of_the_languages_words_is_loaded_or_refused_in_sentences(seed: int) -> None:
    """In shapes that no rule has."""
    loaded_or_refused(json.dumps(tree(Random(seed))))


@settings(deadline=None, max_examples=150)
@given(seed=st.integers(0, 2**40))
def test_names_that_stand_for_each_other_are_loaded_or_refused_in_sentences(seed: int) -> None:
    """Constants by features, features of constants, in circles."""
    loaded_or_refused(knot(Random(seed)))


@settings(deadline=None, max_examples=150)
@given(text=st.text(st.characters(exclude_categories=()), max_size=200))
def test_any_text_at_all_is_refused_in_sentences(text: str) -> None:
    """None of them is a rule file."""
    assert loaded_or_refused(text) is None


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize(("kind", "many"), MANY)
def test_none_takes_more_than_256_mib_above_an_idle_process_or_hangs(kind: str, many: int) -> None:
    """Files of up to 2 MB among them, in which something stands over and over."""
    command = [sys.executable, "-m", "tests.rules.fuzz", kind, "0", str(many)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["mib"] < 256


def test_files_grow_to_what_they_may_have_and_not_beyond() -> None:
    """So that the largest are tried too."""
    sizes = [len(grown(Random(seed)).encode(errors="replace")) for seed in range(30)]
    assert max(sizes) > 1_500_000
    assert max(sizes) <= 2_000_000
