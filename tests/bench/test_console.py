"""The house that the console is measured on is one that could be, and it is asked what its pages ask."""

from __future__ import annotations

import random

from bench import console
from bench.console_house import ENTITIES, RULES, SCOPES, STAGES, _made
from risk_stream.access import EVERYWHERE, Masking
from risk_stream.catalogue import load_catalogue
from risk_stream.console.api.query import QUERY_PARAMS
from risk_stream.console.index import SORTS, Index, Query

NOW = 1_790_000_000_000


def test_what_the_engine_and_the_desk_said_fits_together() -> None:
    """Each alert has a life, closed or open, none of it in the future, and of several entities, rules and stages."""
    index, chance = Index(Masking(load_catalogue())), random.Random(1)
    for number in range(2_000):
        alert, entry = _made(number, chance, NOW - (3_000 - number) * 30_000_000, number >= 1_900)
        (life,), (case,) = entry.lives, entry.cases
        assert (life.alert, life.case, life.entity, entry.number) == (alert.id, case.id, alert.entity, number + 1)
        assert life.changed <= NOW
        assert (case.open > 0) == (life.standing == "open") == (number >= 1_900)
        index.alert(alert)
        index.life(life)
    assert index.find(Query(one_of={"standing": ["open"]}), EVERYWHERE).total == 100
    for name, many in (("entity", len(ENTITIES)), ("stage", len(STAGES)), ("rule", len(RULES))):
        assert len(index.counts((name,))) > many * 0.9
    for words in ("transfers", "away new device", "lenders", "转入", "minutes transfers"):
        assert index.find(Query(words=words)).total > 50, words


def test_lists_are_asked_with_three_filters_and_an_order() -> None:
    """By names that the API has, in the scope of some entities."""
    known, chance = {param.name for param in QUERY_PARAMS}, random.Random(2)
    for _ in range(200):
        filters = console._filters(chance)
        assert len(filters) == 4
        assert set(filters) <= known
        assert filters["sort"].removeprefix("-") in SORTS
    assert sum(seen is not None for seen in SCOPES.values()) >= 4
