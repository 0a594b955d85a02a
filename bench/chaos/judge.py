"""The verdict on a run: the logs read, lateness decided again, alerts, Redis and rejects compared with the truth."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from typing import Any, TypeAlias

import orjson

from bench.chaos.compare import Difference, Key, Said, compare, fold, same_finals
from bench.chaos.house import House
from bench.chaos.rules import PLANS, as_yaml
from bench.chaos.stream import ORIGINS
from bench.chaos.truth import Accepted, Lift, Logged, Origin, admit, judge
from risk_stream.catalogue import Decoder, load_catalogue
from risk_stream.engine import Engine
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.stream.plans import UnknownPlanError, part_key, read_manifest

__all__ = ["Judgement", "audit_of", "believed", "judge_run", "owners_of", "undisturbed"]

#: Events that the undisturbed engine takes at once.
BATCH = 2000

Switches: TypeAlias = dict[Origin, list[tuple[int, str]]]


@dataclass
class Judgement:
    """All that was found; the run is good where `differences` is empty."""

    differences: list[Difference] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    accepted: Accepted = field(default_factory=Accepted)
    said: Said = field(default_factory=Said)


def plans() -> list[Plan]:
    """The two plans, as this release has them."""
    catalogue = load_catalogue()
    return [plan_of_texts({"rules.yaml": as_yaml(rules)}, catalogue) for rules in PLANS]


def numbers_of(house: House) -> dict[str, int]:
    """Which of the two plans each is that was stored, by its name, first come first: a release has names of its own."""
    known = {part_key(as_yaml(rules)): number for number, rules in enumerate(PLANS)}
    found: dict[str, int] = {}
    for record in sorted(house.read(house.settings.plans_topic), key=attrgetter("timestamp")):
        with contextlib.suppress(UnknownPlanError):  # a part of a plan, or which was published
            manifest = read_manifest(record.value)
            (key,) = manifest.rules.values()
            found[manifest.version] = known[key]
    return found


def judge_run(house: House) -> Judgement:
    """Read all logs of a house that is at rest, and compare."""
    found = Judgement()
    versions = numbers_of(house)
    first = next(v for v, number in versions.items() if number == 0)
    logs = _logs(house)
    lifts, switches, chosen, held = audit_of(house, first)
    found.accepted = accepted = admit(logs, lifts, switches, house.shape.lateness_ms)
    plan_of = {
        id: chosen.get(id, min(seen)) if len(seen) > 1 else next(iter(seen)) for id, seen in accepted.plans.items()
    }
    unsaid = [id for id, seen in accepted.plans.items() if len(seen) > 1 and id not in chosen]
    found.differences += [
        Difference("changed", ("copies under two plans, not in the audit", id), None, None) for id in unsaid
    ]
    owners, in_owners = owners_of(accepted.events, held)
    found.differences += in_owners
    truth = judge(accepted.events, plan_of, versions, owners)
    found.said = said = fold(house.read(house.settings.alerts_topic))
    differences, flagged = compare(truth.verdicts, said.standing())
    found.differences += differences
    found.differences += [
        Difference("changed", key, "one name, one content", "two contents") for key in said.contradictions
    ]
    in_rejects = _rejects(house, accepted)
    found.differences += in_rejects
    redis = {(str(a["rule"]), str(a["event"])): a for a in house.redis_alerts().values()}
    in_redis = same_finals(said, redis)
    found.differences += [Difference(f"{d.how} in redis", d.key, d.wanted, d.got) for d in in_redis]
    fresh = undisturbed(believed(accepted.events, owners), plan_of, versions)
    in_engine, _ = compare(truth.verdicts, fresh)
    found.differences += [Difference(f"{d.how} in the undisturbed engine", d.key, d.wanted, d.got) for d in in_engine]
    of = {how: sum(d.how == how for d in differences) for how in ("lost", "doubled", "changed")}
    found.figures = {
        "events": len(accepted.events),
        "copies": accepted.copies,
        "too_late": len(accepted.late),
        "poison": len(accepted.wrong),
        "lifts": accepted.lifts,
        "alerts": len(truth.verdicts),
        "alert_records": said.records,
        **{f"alerts_{state}": n for state, n in sorted(said.states.items())},
        "owners_contradicted": sum(map(len, held.values())),
        "second_plan": sum(v == 1 for v in (versions[p] for p in plan_of.values())),
        "flagged_values": flagged,
        **of,
        "reject_differences": len(in_rejects),
        "redis_differences": len(in_redis),
        "engine_differences": len(in_engine),
        "differences": len(found.differences),
    }
    return found


def _logs(house: House) -> dict[Origin, list[Logged]]:
    logs: dict[Origin, list[Logged]] = defaultdict(list)
    for family in sorted({f for f, _ in ORIGINS}):
        topic = house.settings.house_topics[family]
        for record in house.read(topic):
            logs[topic, record.partition].append(Logged(record.offset, record.value))
    return logs


def audit_of(
    house: House, first: str
) -> tuple[dict[Origin, list[Lift]], Switches, dict[str, str], dict[tuple[str, str], set[str]]]:
    """What `risk.audit` says.

    -> (accepted lifts, switches of plan, the plan that holds where copies came under two, (account, its owner) -> the
    other owners that were said of it).
    """
    lifts: dict[Origin, list[Lift]] = defaultdict(list)
    said_of: dict[Origin, list[tuple[int, int, str]]] = {house.origin(i): [(0, -1, first)] for i in range(len(ORIGINS))}
    chosen: dict[str, str] = {}
    held: dict[tuple[str, str], set[str]] = defaultdict(set)
    for record in house.read(house.settings.audit_topic):
        said = orjson.loads(record.value)
        if said["kind"] == "lift":
            lifts[_origin(said)].append(Lift(said["offset"], said["clock"]))
        elif said["kind"] == "plan":
            said_of.setdefault(_origin(said), []).append((said["offset"], said["generation"], said["plan"]))
        elif said["kind"] == "copy":
            chosen[said["event"]] = said["plan"]
        elif said["kind"] == "owner":
            held[said["key"], said["held"]].add(said["said"])
    switches: Switches = defaultdict(list)
    for origin, changes in said_of.items():  # by one owner at one offset: in the order of the log
        switches[origin] = [(offset, plan) for offset, _, plan in sorted(changes, key=itemgetter(0, 1))]
    return lifts, switches, chosen, held


def owners_of(
    events: Mapping[str, dict[str, Any]], held: Mapping[tuple[str, str], set[str]]
) -> tuple[dict[str, str], list[Difference]]:
    """(account -> its owner, where events name several; where `risk.audit` does not say exactly those)."""
    named: dict[str, set[str]] = defaultdict(set)
    for event in events.values():
        if event["type"] == "account":
            named[event["account"]].add(event["customer"])
    wanted = {account: customers for account, customers in named.items() if len(customers) > 1}
    said: dict[str, set[str]] = defaultdict(set)
    for (account, owner), others in held.items():
        said[account] |= {owner, *others}
    differences = [
        Difference("changed", ("owners in the audit", account), sorted(wanted.get(account, ())), sorted(said[account]))
        for account in sorted(wanted.keys() | said.keys())
        if wanted.get(account, set()) != said[account]
    ]
    several = [account for account, n in Counter(account for account, _ in held).items() if n > 1]
    differences += [Difference("changed", ("one owner in the audit", account), 1, 2) for account in several]
    return dict(held.keys()), differences


def _origin(said: Mapping[str, Any]) -> Origin:
    topic, _, partition = said["origin"].rpartition("/")
    return topic, int(partition)


def _rejects(house: House, accepted: Accepted) -> list[Difference]:
    """Where risk.rejects does not hold exactly what is too late and what is no event."""
    said: dict[bool, set[tuple[str, int, int]]] = {True: set(), False: set()}
    for record in house.read(house.settings.rejects_topic):
        reject = orjson.loads(record.value)
        said[reject["reason"] == "late"].add((reject["topic"], reject["partition"], reject["offset"]))
    found = []
    for late, wanted in ((True, accepted.late), (False, accepted.wrong)):
        name = "late" if late else "no event"
        found += [Difference("reject lost", (name, str(place)), place, None) for place in sorted(wanted - said[late])]
        found += [
            Difference("reject doubled", (name, str(place)), None, place) for place in sorted(said[late] - wanted)
        ]
    return found


def believed(events: Mapping[str, dict[str, Any]], owners: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Events without those that name another owner of an account than the one who is held; nothing else asks these."""
    return {
        id: event
        for id, event in events.items()
        if event["type"] != "account" or owners.get(event["account"], event["customer"]) == event["customer"]
    }


def undisturbed(
    events: Mapping[str, dict[str, Any]], plan_of: Mapping[str, str], versions: Mapping[str, int]
) -> dict[Key, dict[str, Any]]:
    """What one engine says of the same events in the order of their times, nothing having happened to it."""
    made = plans()
    named = {version: made[number].named(version) for version, number in versions.items()}
    decoder, engine = Decoder(made[0].catalogue), Engine(made[0])
    in_order = sorted(events.values(), key=lambda e: int(e["time"]))
    final: dict[Key, dict[str, Any]] = {}
    for at in range(0, len(in_order), BATCH):
        part = in_order[at : at + BATCH]
        for version, plan in named.items():
            some = [orjson.dumps(e) for e in part if plan_of[e["id"]] == version]
            if not some:
                continue
            engine.use(plan)
            batch, _, _ = decoder.decode(some, str)
            for alert in engine.apply(batch).alerts:
                had = final.get((alert.rule, alert.event))
                if had is None or had["revision"] <= alert.revision:
                    final[alert.rule, alert.event] = orjson.loads(alert.to_json())
    return {key: alert for key, alert in final.items() if alert.get("status", "raised") != "withdrawn"}
