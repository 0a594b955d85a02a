"""`simulate` writes the same market for the same seed, and says what it planted."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Ask

SMALL = ("--customers", 60, "--days", 12, "--start", "2026-03-02")


def test_the_same_seed_gives_the_same_bytes(ask: Ask, tmp_path: Path) -> None:
    """And another seed others."""
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        assert ask("simulate", *SMALL, "--seed", seed, "-o", tmp_path / name).code == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()


def test_what_was_planted_is_written_apart(ask: Ask, tmp_path: Path) -> None:
    """Each episode's kind, keys and events, which are in the stream."""
    ask("simulate", *SMALL, "-o", tmp_path / "events", "--truth", tmp_path / "truth")
    ids = {json.loads(line)["id"] for line in (tmp_path / "events").read_text().splitlines()}
    episodes = [json.loads(line) for line in (tmp_path / "truth").read_text().splitlines()]
    assert any(episode["complete"] for episode in episodes)
    assert {event for episode in episodes for event in episode["events"]} <= ids


def test_it_ends_after_so_many_events(ask: Ask, tmp_path: Path) -> None:
    """Exactly."""
    answer = ask("simulate", *SMALL, "--events", 100, "-o", tmp_path / "e")
    assert len((tmp_path / "e").read_text().splitlines()) == 100
    assert "100 events" in answer.err


def test_its_events_are_events(ask: Ask, tmp_path: Path, rules: Path) -> None:
    """A replay refuses none of them."""
    ask("simulate", *SMALL, "-o", tmp_path / "e.jsonl")
    answer = ask("replay", tmp_path / "e.jsonl", "--rules", rules)
    assert answer.code == 0
    assert "refused" not in answer.err
