"""The plan: every rule of a house, checked together, and which features each kind of key must keep for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import copy
from datetime import date
from pathlib import Path

from risk_stream.calendars import Calendar, shipped
from risk_stream.catalogue import Catalogue, Node, Problem, ProblemsError
from risk_stream.features import Aggregate, KindLayout
from risk_stream.profiles import Policy, resolve
from risk_stream.rules.declared.loaded import LoadedFile
from risk_stream.rules.files import PlanError, read_rule_file, rule_files
from risk_stream.rules.kept import KeptFiles
from risk_stream.rules.language.check import nearest
from risk_stream.rules.language.events import has_key
from risk_stream.rules.language.meaning import Condition, FieldValue, calendars_of, leaves
from risk_stream.rules.lifecycle.model import Lifecycle
from risk_stream.rules.model import Rule
from risk_stream.rules.policy import more_than_one, named_by_nobody
from risk_stream.rules.rule.delay import Delay
from risk_stream.rules.scored import OUTCOME, Scored
from risk_stream.rules.words import content_hash

__all__ = ["Plan", "calendars_ending", "load_plan", "plan_of_texts"]

#: Rows a key keeps exactly: of many keys, and of the few that have very many events each.
CAP, CAP_MANY_ROWS = 1024, 65_536
#: So many days before the last one that a calendar knows, its house is told.
ENDING_DAYS = 60


class Plan:
    """Checked rules over a catalogue, with what the hops need to know. Immutable; `version` is a hash of its content.

    Event types travel along *itineraries*: the first key they have in the catalogue's order of kinds always, whatever
    the rules (so that copies of an event meet before a plan changes), then each kind whose features they feed or ask.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        rules: Iterable[Rule],
        wheres: Mapping[tuple[str, str], Condition] | None = None,
        warnings: Iterable[Problem] = (),
        texts: Mapping[str, str] | None = None,
        calendars: Mapping[str, Calendar] | None = None,
        policy: Policy | None = None,
        lifecycles: Iterable[Lifecycle] = (),
        models: Iterable[Scored] = (),
    ) -> None:
        self.catalogue = catalogue
        self.calendars = dict(calendars or {})  # that features of these files go by
        self.texts = dict(texts or {})  # the rule files it was made of, by name
        self.lifecycles = tuple(sorted(lifecycles, key=lambda cycle: cycle.id))
        self.rules = tuple(sorted(rules, key=lambda r: r.id))
        self.models = tuple(sorted(models, key=lambda m: m.id))
        self.scoring = tuple(m for m in self.models if m.mode != "off")
        self.wheres = dict(wheres or {})
        self.warnings = list(warnings)
        self.judged = tuple(r for r in self.rules if r.mode != "off")
        self._order = {k.name: i for i, k in enumerate(catalogue.kinds)}
        self.lists = frozenset[str]().union(*(r.lists for r in self.judged))  # of the house, that a rule asks
        asking: list[Rule | Scored] = [*self.judged, *self.scoring]
        aggregates = dict.fromkeys(a for one in asking for a in one.aggregates if not a.op.is_score)
        self.columns = self._columns(aggregates)  # the fields that rules, conditions of features and windows look at
        self.layouts: dict[str, KindLayout] = {}
        for kind in catalogue.kinds:
            of_kind = sorted((a for a in aggregates if a.by == kind.name), key=lambda a: a.id)
            if of_kind:
                self.layouts[kind.name] = self._layout(kind.name, of_kind)
        needs = self._needs()
        self._itineraries = {t.name: self._route(t.name, needs[t.name]) for t in catalogue.types}
        visited = {kind for route in self._itineraries.values() for kind in route}
        self.kinds = tuple(k.name for k in catalogue.kinds if k.name in visited)
        self.profiles = None if policy is None else resolve(policy, {rule.id: rule.tags for rule in self.rules})
        self._policy = policy
        self.version = self.version_over(catalogue.version)
        self._rules_at = self._find_rules()
        self._asked: dict[str, frozenset[Aggregate]] = {}
        self.longest_after_ms = max((r.after.longest_ms for r in self.judged if r.after is not None), default=0)
        self._carried = self._find_carried()

    def version_over(self, catalogue: str) -> str:
        """The version it has over the catalogue of this version: another release has other types beside the house's."""
        more = [*(repr((m.id, m.version, m.mode, m.role, m.owner)) for m in self.models)]
        more += [] if self._policy is None else [self._policy.content]
        return content_hash("\n".join([catalogue, *(_content(rule) for rule in self.rules), *more]))

    def named(self, version: str) -> Plan:
        """The same plan by the version that another release gave it."""
        named = copy(self)
        named.version = version
        return named

    def _layout(self, kind: str, aggregates: Sequence[Aggregate]) -> KindLayout:
        texts = {a.field for a in aggregates if a.field and self.catalogue.fields[a.field].type.is_text}
        cap = CAP_MANY_ROWS if self.catalogue.kind(kind).many_rows else CAP
        return KindLayout(kind, aggregates, cap=cap, text_fields=texts)

    def _columns(self, aggregates: Iterable[Aggregate]) -> frozenset[str]:
        names = {leaf.name for w in self.wheres.values() for leaf in leaves(w) if isinstance(leaf, FieldValue)}
        names |= {name for a in aggregates for name in (a.field, a.due) if name is not None}
        asked = (*(r.fields for r in self.judged), *(r.summary_names for r in self.judged))
        return frozenset(names.union(*asked, *(m.fields for m in self.scoring)))

    def _needs(self) -> dict[str, set[str]]:
        """Event type -> the kinds of key whose windows it feeds, or is asked about by a rule or a model."""
        needed: dict[str, set[str]] = {t.name: set() for t in self.catalogue.types}
        asking: list[Rule | Scored] = [*self.judged, *self.scoring]
        for one in asking:
            for aggregate in one.aggregates:
                for type_name in (*one.on, *aggregate.of):
                    needed[type_name].add(aggregate.by)
        for model in self.scoring:
            for type_name in (*model.on, *((OUTCOME,) if model.labels is not None else ())):
                needed[type_name].add(model.by)
        return needed

    def _route(self, type_name: str, asked: set[str]) -> tuple[str, ...]:
        own = sorted(self.catalogue.type(type_name).keys, key=self._order.__getitem__)
        needed = {kind for kind in asked if self._has(type_name, kind)}
        for kind in tuple(needed):
            # Where an event may lack the key, every hop is visited that may know whose the event is: so who is found
            # does not depend on what other rules ask.
            if not self.must_have(type_name, kind):
                needed |= {k for k in self._order if self._has(type_name, k) and self._owned_by(k, kind)}
        return tuple(sorted({*own[:1], *needed}, key=self._order.__getitem__))

    def must_have(self, type_name: str, kind: str) -> bool:
        """Whether each event of a type says a key of a kind itself."""
        event_type = self.catalogue.type(type_name)
        field = event_type.field(event_type.keys.get(kind, ""))
        return field is not None and field.required

    def _has(self, type_name: str, kind: str) -> bool:
        return has_key(self.catalogue, self.catalogue.type(type_name), kind)

    def _owned_by(self, kind: str, owner: str) -> bool:
        parent = self.catalogue.kind(kind).belongs_to
        return parent is not None and (parent == owner or self._owned_by(parent, owner))

    def asks(self, kind: str, type_name: str) -> bool:
        """Whether events of a type come to a kind of key."""
        return kind in self._itineraries[type_name]

    def hop_of(self, rule: Rule, type_name: str) -> str:
        """Where a rule is judged on a type: the last hop of the itinerary that has a feature of it, else the first."""
        route = self._itineraries[type_name]
        kinds = {a.by for a in rule.aggregates}
        return next((kind for kind in reversed(route) if kind in kinds), route[0])

    def itinerary(self, type_name: str) -> tuple[str, ...]:
        """The kinds of key that events of a type visit, in hop order."""
        return self._itineraries[type_name]

    def _find_rules(self) -> dict[tuple[str, str], dict[Delay | None, tuple[Rule, ...]]]:
        found: dict[tuple[str, str], dict[Delay | None, list[Rule]]] = {}
        for rule in self.judged:
            for type_name in rule.on:
                at = found.setdefault((self.hop_of(rule, type_name), type_name), {})
                at.setdefault(rule.after, []).append(rule)
        return {at: {after: tuple(rules) for after, rules in of.items()} for at, of in found.items()}

    def rules_at(self, kind: str, type_name: str, after: Delay | None = None) -> tuple[Rule, ...]:
        """The rules judged at a hop on events of a type, so long after them; None: at once."""
        return self._rules_at.get((kind, type_name), {}).get(after, ())

    def afters(self, kind: str) -> Mapping[str, tuple[Delay, ...]]:
        """By event type how long after such an event rules are judged at a hop; those at once are not in.

        All that such a rule asks is kept by one kind of key; an event without that key is not judged by it.
        """
        found = {}
        for (at, type_name), of in sorted(self._rules_at.items(), key=lambda one: one[0]):
            if at == kind and (delays := tuple(after for after in of if after is not None)):
                found[type_name] = delays
        return found

    def asked(self, type_name: str) -> frozenset[Aggregate]:
        """The aggregates that rules ask which judge events of a type at once."""
        found = self._asked.get(type_name)
        if found is None:
            judging = (rule for kind in self.itinerary(type_name) for rule in self.rules_at(kind, type_name))
            found = self._asked[type_name] = frozenset(a for rule in judging for a in rule.aggregates)
        return found

    def models_at(self, kind: str) -> tuple[Scored, ...]:
        """The models that score, or are taught, at a hop, those first that others may ask."""
        return tuple(sorted((m for m in self.scoring if m.by == kind), key=lambda m: m.segment is None))

    def models_asked(self, rules: Iterable[Rule]) -> tuple[Scored, ...]:
        """The models that some rules ask, and those that these ask."""
        asked = {aggregate for rule in rules for aggregate in rule.aggregates}
        asked.update(a for m in self.scoring if not asked.isdisjoint(m.says) for a in m.aggregates)
        return tuple(model for model in self.scoring if not asked.isdisjoint(model.says))

    def carried(self, kind: str) -> tuple[Aggregate, ...]:
        """The aggregates of a hop that a rule or a model at a later one needs."""
        return self._carried.get(kind, ())

    def _find_carried(self) -> dict[str, tuple[Aggregate, ...]]:
        found: dict[str, dict[Aggregate, None]] = {}
        for rule in self.judged:
            last = max(self._order[self.hop_of(rule, type_name)] for type_name in rule.on)
            for aggregate in rule.aggregates:
                if self._order[aggregate.by] < last:
                    found.setdefault(aggregate.by, {})[aggregate] = None
        for model in self.scoring:
            for aggregate in model.aggregates:
                if self._order[aggregate.by] < self._order[model.by]:
                    found.setdefault(aggregate.by, {})[aggregate] = None
        return {kind: tuple(aggregates) for kind, aggregates in found.items()}


def _content(rule: Rule) -> str:
    """All of a rule that can be told from outside, but its tests and where it stands."""
    names = [(name, feature.id if isinstance(feature, Aggregate) else "") for name, feature in rule.features]
    more = (rule.group, *((str(rule.share),) if rule.share else ())) if rule.group or rule.share else ()
    if rule.at_most is not None:
        more = (*more, f"at most {rule.at_most}")
    return repr((rule.id, rule.version, rule.mode, rule.owner, rule.why, rule.tags, names, *more))


def _cards_twice(files: Iterable[LoadedFile]) -> Iterator[Problem]:
    """What is wrong with scorecards of one name."""
    first: dict[str, Node] = {}
    for name, place in (named for file in files for named in file.card_ids):
        other = first.setdefault(name, place)
        if other is not place:
            where = f"{other.file}:{other.line}"
            yield place.problem(f"the scorecard '{name}' is at {where} already: choose another name")


def _models_at_odds(files: Sequence[LoadedFile]) -> Iterator[Problem]:
    """What is wrong with models of one name, and with those that challenge one that they cannot be compared with."""
    first: dict[str, Node] = {}
    for name, place in (named for file in files for named in file.model_ids):
        other = first.setdefault(name, place)
        if other is not place:
            yield place.problem(
                f"the model '{name}' is at {other.file}:{other.line} already: choose another name", name
            )
    models = {file.model.id: file.model for file in files if file.model is not None}
    for model in models.values():
        if not model.challenges or (model.challenges in first and model.challenges not in models):
            continue  # one that is wrong in itself is said where it stands
        champion, place = models.get(model.challenges), first[model.id]
        if champion is None or champion is model:
            advice = nearest(model.challenges, (name for name in models if name != model.id)) or ": name another model"
            yield place.problem(f"it challenges '{model.challenges}', which is no other model{advice}", model.id)
        elif champion.challenges:
            said = f"it challenges '{champion.id}', which challenges another itself: name '{champion.challenges}'"
            yield place.problem(said, model.id)
        elif sorted(champion.on) != sorted(model.on):
            said = f"it challenges '{champion.id}', which scores {', '.join(champion.on)}: score the same events"
            yield place.problem(said, model.id)


def calendars_ending(plan: Plan, today: date) -> list[str]:
    """A sentence for each calendar whose business days a rule asks, and whose holidays soon are known no longer."""
    asked = {name for rule in plan.judged for name in rule.business_days}
    asked |= {c.name for where in plan.wheres.values() for op, c in calendars_of(where) if op == "business_day"}
    said = []
    for name in sorted(asked & plan.calendars.keys()):
        year = plan.calendars[name].last_year
        if year is not None and (date(year, 12, 31) - today).days <= ENDING_DAYS:
            ends = "ended with" if today.year > year else "ends with"
            said.append(
                f"the calendar {name} {ends} {year}; behind it weekends count and no holidays: give it those of"
                f" {max(today.year, year + 1)}"
            )
    return said


def load_plan(
    paths: Sequence[Path],
    catalogue: Catalogue,
    calendars: Mapping[str, Calendar] | None = None,
    kept: KeptFiles | None = None,
) -> Plan:
    """The plan of all rule files that `paths` name; without `calendars`, over the shipped ones.

    What is `kept` of files from an earlier time is not read again. Raises `PlanError` with every problem of every file.
    """
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    for path in rule_files(paths):
        try:
            texts[str(path)] = read_rule_file(path)
        except PlanError as error:
            problems += error.problems
    return plan_of_texts(texts, catalogue, problems, calendars, kept)


def plan_of_texts(
    texts: Mapping[str, str],
    catalogue: Catalogue,
    problems: Iterable[Problem] = (),
    calendars: Mapping[str, Calendar] | None = None,
    kept: KeptFiles | None = None,
) -> Plan:
    """The plan of rule files given as name -> text; those that are `kept` are not read again. Raises `PlanError`."""
    known = shipped() if calendars is None else calendars
    files, found = (kept or KeptFiles()).load(texts, catalogue, known)
    found[:0] = problems
    first: dict[str, Node] = {}
    for file in files:
        found += file.problems
        for rule_id, place in file.ids:
            other = first.setdefault(rule_id, place)
            if other is not place:
                where = f"{other.file}:{other.line}"
                found.append(
                    place.problem(f"the id '{rule_id}' is taken by the rule at {where}: choose another", rule_id)
                )
    found += more_than_one(files)
    found += _cards_twice(files)
    found += _models_at_odds(files)
    if found:
        order = {name: place for place, name in enumerate(texts)}
        found.sort(key=lambda p: (order.get(p.file, -1), p.file, p.line, p.column))
        raise PlanError(dict.fromkeys(found))
    rules = [rule for file in files for rule in file.rules]
    wheres = {key: condition for file in files for key, condition in file.wheres.items()}
    try:
        return Plan(
            catalogue,
            rules,
            wheres,
            [*(w for file in files for w in file.warnings), *named_by_nobody(files)],
            texts,
            {name: calendar for file in files for name, calendar in file.calendars.items()},
            next((file.policy for file in files if file.policy is not None), None),
            (file.lifecycle for file in files if file.lifecycle is not None),
            (file.model for file in files if file.model is not None),
        )
    except ProblemsError as error:
        raise PlanError(error.problems) from None
