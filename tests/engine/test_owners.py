"""Who owns a key is said by events; where two say different owners, that is said once, and again by who reads again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from risk_stream.catalogue import EventBatch
from risk_stream.engine import INDEX_BITS, Block, Contradiction, Engine, Hop
from risk_stream.engine import owners as module
from risk_stream.engine.owners import Contradictions
from risk_stream.rules import Plan
from tests.engine.test_revisions import START, batch_of, owner, plan_of, transfer


def said(contradictions: Sequence[Contradiction]) -> list[tuple[str, str, str]]:
    return [(one.event, one.held, one.said) for one in contradictions]


def test_each_other_owner_of_a_key_is_said_once_with_the_first_event_that_named_him(tmp_path: Path) -> None:
    """Whether it comes in front or behind; all of them are counted."""
    engine = Engine(plan_of(tmp_path), reserve_mib=8, lateness_ms=600_000)
    first = engine.apply(batch_of(owner("a", 0), transfer("t", 1), owner("b", 2, "C2"), owner("c", 3, "C2")))
    assert first.contradictions == [Contradiction("A1", "C1", "C2", "b", START + 2000)]
    again = engine.apply(batch_of(owner("d", 4, "C2"), owner("e", 5), owner("f", 6, "C3")))
    assert said(again.contradictions) == [("f", "C1", "C3")]
    behind = engine.apply(batch_of(owner("g", -5, "C4"), owner("h", -6, "C2")))
    assert said(behind.contradictions) == [("g", "C1", "C4")]
    assert engine.hops["account"].contradicted == 6


def log_of(random: Random, records: int) -> list[EventBatch]:
    """Records of one account's hop: events of five accounts, whose owners three events in four agree on."""
    found, id = [], 0
    for n in range(records):
        events: list[dict[str, Any]] = []
        for _ in range(random.randrange(1, 6)):
            id += 1
            account, seconds = f"A{random.randrange(5)}", 2 * n - random.choice((0, 0, 0, 3, 20))
            customer = "C1" if random.random() < 0.75 else f"C{random.randrange(2, 4)}"
            if random.random() < 0.5:
                events.append({**owner(f"e{id}", seconds, customer), "account": account})
            else:
                events.append({**transfer(f"e{id}", seconds), "account": account})
        batch = batch_of(*events)
        found.append(batch.with_columns({"_stamp": (n << INDEX_BITS) + np.arange(len(batch))}))
    return found


def hop_of(plan: Plan) -> Hop:
    return Hop(plan, "account", reserve_mib=8, lateness_ms=60_000, journal=True)


def blocks(plan: Plan, log: Sequence[EventBatch], at: int) -> list[Block]:
    return [Block(batch, plan, START + 2000 * (at + i) - 20_000) for i, batch in enumerate(log)]


@pytest.mark.parametrize("seed", range(5))
def test_who_reads_a_log_again_says_the_same_again(tmp_path: Path, seed: int) -> None:
    """However it is cut, from whichever checkpoint on, of journals or of images."""
    plan, random = plan_of(tmp_path), Random(seed)
    log = log_of(random, 40)
    one, said_at, parts, saved = hop_of(plan), [], [], []
    for n, batch in enumerate(log):
        said_at.append(one.apply(blocks(plan, [batch], n)).contradictions)
        parts += one.delta(n)
        saved.append((len(parts), one.reads_from, one.contradicted))
    everything = [c for some in said_at for c in some]
    assert len(everything) > 5
    assert len({(c.key, c.said) for c in everything}) == len(everything) < one.contradicted

    images = one.images(1 << 30)
    assert any(part[:1] == b"C" for part in images)
    for n in (0, 5, 20, 39):
        count, reads_from, contradicted = saved[n]
        for found in (parts[:count], [*images, *parts[saved[n - 1][0] : count]]) if n == 39 else (parts[:count],):
            other = hop_of(plan)
            other.restore(found, {plan.version: plan})
            other.remember(blocks(plan, log[reads_from : n + 1], reads_from))
            assert other.contradicted == contradicted
            at, again = n + 1, list[Contradiction]()
            while at < len(log):
                end = min(len(log), at + random.randrange(1, 8))
                again += other.apply(blocks(plan, log[at:end], at)).contradictions
                at = end
            assert sorted(again) == sorted(c for some in said_at[n + 1 :] for c in some)
            known = other.apply(blocks(plan, [log_again(everything)], len(log)))
            assert known.contradictions == []


def log_again(contradictions: Sequence[Contradiction]) -> EventBatch:
    """New events that say no more than was said."""
    batch = batch_of(
        *({**owner(f"again{i}", 100, c.said), "account": c.key} for i, c in enumerate(contradictions)),
    )
    return batch.with_columns({"_stamp": (40 << INDEX_BITS) + np.arange(len(batch))})


def test_what_contradicts_beyond_the_bound_is_only_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SAID", 2)
    engine = Engine(plan_of(tmp_path), reserve_mib=8, lateness_ms=600_000)
    result = engine.apply(batch_of(*(owner(f"e{i}", i, f"C{i}") for i in range(6))))
    assert said(result.contradictions) == [("e1", "C0", "C1"), ("e2", "C0", "C2")]
    assert engine.hops["account"].contradicted == 5


def test_where_nothing_contradicts_a_checkpoint_holds_nothing_of_it() -> None:
    none = Contradictions(journal=True)
    assert (none.take_news(), none.take_journal(9), none.image(0)) == ([], [], [])


def test_what_contradicts_is_in_the_next_part_of_the_journal_where_one_is_kept() -> None:
    news = Contradiction("A1", "C1", "C2", "e1", START)
    kept, unkept = Contradictions(journal=True), Contradictions()
    for one in (kept, unkept):
        assert one.add(7, news, 3)
    assert (len(kept.take_journal(2)), len(kept.take_journal(3)), len(kept.take_journal(9))) == (0, 1, 0)
    assert unkept.take_journal(9) == []
