"""Texts and owners are found again after a restart, from changes or from images."""

from __future__ import annotations

import numpy as np
import pytest

from risk_stream.catalogue import text_hash
from risk_stream.engine import lexicon as module
from risk_stream.engine.lexicon import CHUNKS, PART_BYTES, Lexicon


def filled(n: int) -> Lexicon:
    lexicon = Lexicon(journal=True)
    texts = [f"text {i}" for i in range(n)]
    for position, text in enumerate(texts):
        lexicon.learn(np.array([text_hash(text), 0]), [text, None].__getitem__, position)
        lexicon.set_owner(text_hash(f"key {position}"), (f"owner {position}", position, -position), position)
    return lexicon


def same(a: Lexicon, b: Lexicon, n: int) -> bool:
    keys = [text_hash(f"key {i}") for i in range(n)]
    return a.texts == b.texts and [a.owner(k) for k in keys] == [b.owner(k) for k in keys] and a.owners == b.owners


def test_changes_up_to_a_position_are_taken_once() -> None:
    lexicon, copy = filled(10), Lexicon()
    for part in lexicon.take_journal(6):
        copy.load(part)
    assert copy.owner(text_hash("key 6")) == ("owner 6", 6, -6)
    assert copy.owner(text_hash("key 7")) is None
    for part in lexicon.take_journal(9):
        copy.load(part)
    assert same(lexicon, copy, 10)
    assert lexicon.take_journal(9) == []


def test_images_of_all_chunks_hold_everything() -> None:
    lexicon, copy = filled(3000), Lexicon()
    for chunk in range(CHUNKS):
        for part in lexicon.image(chunk):
            copy.load(part)
    assert same(lexicon, copy, 3000)
    assert copy.take_journal(10_000) == []


def test_a_text_that_is_read_back_twice_is_in_an_image_once() -> None:
    lexicon, copy = filled(10), Lexicon()
    for part in 2 * lexicon.take_journal(9):
        copy.load(part)
    assert [copy.image(chunk) for chunk in range(CHUNKS)] == [lexicon.image(chunk) for chunk in range(CHUNKS)]


def test_what_fits_is_one_part() -> None:
    assert len(filled(10).take_journal(9)) == 1


def test_parts_are_small_enough_for_a_broker() -> None:
    lexicon = Lexicon(journal=True)
    for i in range(60):
        lexicon.set_owner(i, ("x" * 50_000, 0, 0), 0)
    parts = lexicon.take_journal(0)
    assert len(parts) > 3
    assert max(map(len, parts)) <= PART_BYTES


def test_an_owner_can_be_known_from_an_earlier_event_on() -> None:
    lexicon = filled(1)
    lexicon.set_owner(text_hash("key 0"), ("owner 0", -5, 0), 3)
    copy = Lexicon()
    for part in lexicon.take_journal(3):
        copy.load(part)
    assert (copy.owner(text_hash("key 0")), copy.owners) == (("owner 0", -5, 0), 1)


def test_what_comes_beyond_the_bounds_stays_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TEXTS", 3)
    monkeypatch.setattr(module, "MOST_OWNERS", 3)
    lexicon = filled(5)
    assert len(lexicon.texts) == 3
    assert lexicon.owner(text_hash("key 4")) is None
