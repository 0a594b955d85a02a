"""What a rule and a decision table have in common: an id, the events that they judge, and all that they ask."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import NamedTuple

from risk_stream.catalogue import Catalogue, EventType, Node
from risk_stream.features import Aggregate, Periods
from risk_stream.rules.declared.loaded import LoadedFile
from risk_stream.rules.declared.scope import Features, RuleScope
from risk_stream.rules.language.events import event_types
from risk_stream.rules.language.meaning import AggregateValue, Meaning, calendars_of, lists_of, texts_read
from risk_stream.rules.reading import ID, Reader

__all__ = ["Asked", "Judging"]


class Asked(NamedTuple):
    """What a rule asks, as `model.Rule` has it."""

    features: tuple[tuple[str, Aggregate | str], ...]
    named: tuple[tuple[str, Meaning], ...]
    aggregates: tuple[Aggregate, ...]
    fields: frozenset[str]
    lists: frozenset[str]
    reads: bool
    business_days: frozenset[str]


class Judging:
    """Reads what judges events from one file, whose names are `known`, into what is `loaded` of it."""

    def __init__(self, reader: Reader, catalogue: Catalogue, loaded: LoadedFile, known: Features) -> None:
        self._reader, self._catalogue = reader, catalogue
        self._loaded, self._known = loaded, known

    def _id(self, node: Node, key: str, what: str) -> str | None:
        """The id under a key, noted where it can be one; `what` it is of, for the sentence."""
        name = self._reader.text(node, key, None)
        if name is not None and not ID.fullmatch(name):
            self._reader.report(node[key], f"'{name}' cannot be a {what}: use a-z 0-9 . _ - and at most 64 characters")
        elif name is not None:
            self._loaded.ids.append((name, node[key]))
        return name

    def _types(self, node: Node, missing: str, keyless: str) -> tuple[EventType, ...] | None:
        """The event types under `on`; the sentences are about none, and about one that has no key."""
        if "on" not in node:
            self._reader.report(node, f"'on' is missing: {missing}")
        types = event_types(self._catalogue, node.get("on"), self._reader.report)
        for event_type in types or ():
            if not event_type.keys:
                self._reader.report(node["on"], f"{event_type.name} has no key, so {keyless}")
        return types

    def _asked(self, scope: RuleScope, said: Iterable[Meaning], more: Sequence[Periods | None] = ()) -> Asked:
        """What is asked by all that is `said` and by what its names stand for; the calendars of these are noted.

        There may be `more` periods than those of its aggregates.
        """
        meanings = (*said, *scope.named.values())
        clocked = list(chain.from_iterable(map(calendars_of, meanings)))
        self._loaded.calendars |= {asked.name: asked for _, asked in clocked}
        aggregates = scope.aggregates()
        business = {asked.name for function, asked in clocked if function == "business_day"}
        periods = (*(a.periods for a in aggregates), *more)
        business |= {p.calendar for p in periods if p is not None and p.unit == "business_day"}
        return Asked(
            features=tuple(found for n, meaning in scope.named.items() if (found := self._feature_of(n, meaning))),
            named=tuple(scope.named.items()),
            aggregates=aggregates,
            fields=scope.fields(),
            lists=frozenset(chain.from_iterable(map(lists_of, meanings))),
            reads=any(any(texts_read(meaning)) for meaning in meanings),
            business_days=frozenset(business),
        )

    def _feature_of(self, name: str, meaning: Meaning) -> tuple[str, Aggregate | str] | None:
        """A name with what it stands for, where that is a feature of the file or what a model says."""
        feature = self._known.declared.get(name)
        if feature is not None:
            return name, feature.aggregate if feature.aggregate is not None else str(feature.node.value)
        if isinstance(meaning, AggregateValue) and meaning.aggregate.op.is_score:
            return name, meaning.aggregate
        return None
