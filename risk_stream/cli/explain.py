"""What `risk-stream rules explain` writes for people: aligned text that fits 100 columns."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING, Final

from risk_stream.cli.sizing import MEASURED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from risk_stream.rules.explain import Cost, Decision, FeatureUse, HopUse, Itinerary, RuleUse, Stop

__all__ = ["WIDTH", "of_plan", "of_rule", "of_type"]

#: Columns that a line may have.
WIDTH: Final = 100
_ARROW: Final = " > "
_LABEL: Final = len("counted for")
_KEYS: Final = {"must": "each has one", "may": "where it has one", "owner": "by its owner"}


def of_plan(ways: Sequence[Itinerary], hops: Sequence[HopUse]) -> Iterator[str]:
    """The lines of a whole plan: the types that rules use, the hops, the rest."""
    for way in ways:
        if way.used:
            yield from of_type(way)
            yield ""
    yield from _hops(hops)
    yield ""
    yield from _rest(ways)


def of_type(way: Itinerary) -> Iterator[str]:
    """The lines of one event type."""
    if way.told:
        yield f"{way.type} (topic family {way.topic})"
        yield from _under("", "told to every hop on every partition: it belongs to no key", indent=2)
        return
    if not way.stops:
        yield f"{way.type} (topic family {way.topic})"
        yield from _under("", "goes no further than admission: time goes on to it, and it belongs to no key", indent=2)
        return
    judged = _count(range(way.rules), "rule") if way.rules else "no rule"
    head = f"{way.type} (topic family {way.topic}): {_ARROW.join(stop.hop for stop in way.stops)}"
    yield from _flow(f"{head}; {judged} on it", indent=0)
    width = max(len(stop.hop) for stop in way.stops)
    for stop in way.stops:
        for place, (label, text) in enumerate(_facts(way, stop)):
            name = stop.hop if place == 0 else ""
            yield from _under(f"{name:<{width}}  {label:<{_LABEL}}", text, indent=2)


def _facts(way: Itinerary, stop: Stop) -> Iterator[tuple[str, str]]:
    """(label, what it says) of a stop."""
    key = _KEYS[stop.key]
    if stop.of:
        key = f"that of its {' or '.join(stop.of)}" + ("" if stop.key == "owner" else ", where it names none")
    yield "key", key
    if stop.first:
        instead = f"; without one the way begins at {', else '.join(way.others)}" if way.others else ""
        yield "first", f"visited whatever the rules{instead}"
    if stop.asked_by:
        yield "asked", ", ".join(stop.asked)
        yield "asked by", ", ".join(stop.asked_by)
    if stop.counted_by:
        yield "counted by", ", ".join(stop.counted_by)
    if stop.counted_for:
        yield "counted for", ", ".join(stop.counted_for)
    if stop.scored_by:
        yield "scored by", ", ".join(stop.scored_by)
    if stop.fills:
        yield "fills in", f"{stop.fills}, where the event names none: a later hop needs it"
    if stop.teaches:
        yield "teaches", f"the {stop.teaches} of a {stop.hop}"
    if stop.decides:
        yield "decides", ", ".join(stop.decides)


def _hops(hops: Sequence[HopUse]) -> Iterator[str]:
    yield "hops, in the order in which events visit them"
    width = max((len(hop.hop) for hop in hops), default=0)
    for hop in hops:
        kept = f"{_count(hop.features, 'feature')}, events kept {hop.longest}" if hop.features else "keeps no feature"
        texts = [f"{kept}; owner: {hop.owner}" if hop.owner else kept]
        if hop.read_together:
            keys = " and ".join(f"each {kind}" for kind in hop.shared_by)
            texts.append(f"reads together what {keys} of one {hop.hop} does: {', '.join(hop.read_together)}")
        if hop.read_for:
            texts.append(f"come by an owner only: {', '.join(hop.read_for)}")
        for place, text in enumerate(texts):
            yield from _under(f"{hop.hop if place == 0 else '':<{width}}", text, indent=2)


def _rest(ways: Sequence[Itinerary]) -> Iterator[str]:
    idle = [f"{way.type} ({way.stops[0].hop})" for way in ways if way.stops and not way.used]
    told = [way.type for way in ways if way.told]
    if idle:
        yield from _under("only at their first hop, for no rule needs them:", ", ".join(idle), indent=0, hang=2)
    if told:
        yield from _under("told to every hop, for they belong to no key:", ", ".join(told), indent=0, hang=2)
    yield from _flow(
        "never past admission: no type of this catalogue; only records that are refused, to risk.rejects", indent=0
    )


def of_rule(rule: RuleUse, words: str) -> Iterator[str]:
    """The lines of one rule; `words` are its condition as a sentence."""
    mode = f"{rule.mode} for {rule.share}, shadow for the rest" if rule.share else rule.mode
    yield f"{rule.rule} ({mode})  {rule.file}:{rule.line}"
    if rule.group:
        yield from _under("group", rule.group, indent=2)
    yield from _under("when", " ".join(rule.when.split()), indent=2)
    yield from _under("that is", words, indent=2)
    if rule.days:
        yield from _under("days", rule.days, indent=2)
    if rule.at_most:
        yield from _under("shown", f"at most {rule.at_most}", indent=2)
    yield from _rows(rule) if rule.rows else _severity(rule)
    if rule.features:
        yield ""
        yield from _features(rule.features)
    yield ""
    yield "decided"
    for decision in rule.decisions:
        yield from _under(f"on {decision.type}", _decided(decision), indent=2)
    yield ""
    yield "costs" if rule.mode != "off" else "would cost, as it is off"
    for line in _costs(rule.cost):
        yield from _under("", line, indent=2)


def _rows(rule: RuleUse) -> Iterator[str]:
    """What a decision table says, row by row."""
    yield ""
    yield "rows, the first that holds decides; one that is unknown refers"
    for place, row in enumerate(rule.rows, 1):
        yield from _under(f"{place:>3}  {row.verdict:<7}", f"{' '.join(row.when.split())}: {row.reason}", indent=2)


def _severity(rule: RuleUse) -> Iterator[str]:
    """How severe an alert is: a line for each level, where it depends on values."""
    if not rule.levels:
        yield from _under("severity", rule.severity, indent=2)
        return
    width = max(map(len, rule.levels))
    for place, (level, when) in enumerate({**rule.levels, rule.severity: "otherwise"}.items()):
        head = "severity" if place == 0 else " " * len("severity")
        yield from _under(f"{head}  {level:<{width}}", " ".join(when.split()), indent=2)


def _features(features: Sequence[FeatureUse]) -> Iterator[str]:
    kept = [f for f in features if f.key]
    heads = ("feature", "key, hop", "window")
    cells = [(f.name, f.key, f.window) for f in kept]
    widths = [max(len(row[i]) for row in (heads, *cells)) for i in range(3)]
    widths[0] = max(widths[0], *(len(f.name) for f in features))
    if kept:
        yield "  " + "  ".join(f"{head:<{w}}" for head, w in zip(heads, widths, strict=True)) + "  is"
    for feature, row in zip(kept, cells, strict=True):
        means = feature.means
        if feature.shared_with:
            means += f" (kept for {_several(feature.shared_with)} too)"
        yield from _under("  ".join(f"{cell:<{w}}" for cell, w in zip(row, widths, strict=True)), means, indent=2)
    for feature in features:
        if not feature.key:
            yield from _under(f"{feature.name:<{widths[0]}}  =", " ".join(feature.means.split()), indent=2)


def _decided(decision: Decision) -> str:
    when = decision.after or "at once"
    place = decision.way.index(decision.hop)
    way = _ARROW.join(f"[{hop}]" if i == place else hop for i, hop in enumerate(decision.way))
    said = f"{when}, at {decision.hop}: {way}"
    if decision.sure:
        return said
    if decision.after:
        return f"{said}; without a known {decision.hop} it is not judged"
    return f"{said}; without a known {decision.hop} at a hop that it does visit, features by {decision.hop} unknown"


def _costs(cost: Cost) -> Iterator[str]:
    for type_name, added in cost.hops.items():
        yield f"{_count(added, 'hop')} more for {type_name}: {', '.join(added)}"
    if cost.hops:
        yield f"a hop more costs about {MEASURED.step_us:.0f} us of a core for each such event (topics advise)"
    else:
        yield "no hop more: every event goes where it went"
    if cost.features:
        yield f"{_count(cost.features, 'feature')} more: {', '.join(cost.features)}"
    else:
        yield "no feature more: others keep all that it asks, or it asks none"
    for kind, (before, after) in cost.longer.items():
        yield f"events by {kind} are kept {after}, without it {before or 'not at all'}"
    if cost.carried:
        yield f"travels with events to a later hop: {', '.join(cost.carried)}"


def _count(things: Sequence[object], what: str) -> str:
    return f"{len(things)} {what}{'' if len(things) == 1 else 's'}"


def _several(names: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def _under(label: str, text: str, *, indent: int, hang: int | None = None) -> Iterator[str]:
    """A label and text beside it, which goes on under its own beginning (or at column `hang`)."""
    head = " " * indent + (f"{label}  " if label else "")
    below = " " * (len(head) if hang is None else hang)
    yield from _wrapped(text, head, below)


def _flow(text: str, *, indent: int) -> Iterator[str]:
    yield from _wrapped(text, " " * indent, " " * (indent + 4))


def _wrapped(text: str, head: str, below: str) -> Iterable[str]:
    lines = wrap(text, WIDTH, initial_indent=head, subsequent_indent=below, break_on_hyphens=False)
    return (line.rstrip() for line in lines)
