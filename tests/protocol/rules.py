"""The rules that hops judge by: itinerary, owners, verdicts. The oracle has its own and imports none of this."""

from __future__ import annotations

from tests.protocol.world import BELONGS, FLAG, HOPS, PLANS, Carried, Event, Keys, Owner

__all__ = ["fill", "first_hop", "judge", "next_hop", "teaches"]


def first_hop(event: Event) -> int:
    """Where an event enters: the first key it has, whatever the plan."""
    return next(hop for hop in range(HOPS) if event.keys[hop] is not None)


def next_hop(event: Event, keys: Keys, plan: int, hop: int) -> int | None:
    """Where an event goes from a hop: the next key it has, own or filled in, that its plan visits."""
    later = (s for s in range(hop + 1, HOPS) if keys[s] is not None and s not in PLANS[plan].skip)
    return next(later, None)


def teaches(event: Event, keys: Keys, hop: int) -> bool:
    """Whether an event says at a hop whose its key is: it must say so itself, a filled in owner teaches nobody."""
    parent = BELONGS.get(hop)
    return event.kind == "teach" and parent is not None and event.keys[parent] is not None and keys[hop] is not None


def fill(t: int, id: int, keys: Keys, hop: int, owner: Owner | None) -> Keys:
    """The keys with the owner filled in, if it is lacking and known as of the event."""
    parent = BELONGS.get(hop)
    if parent is None or owner is None or keys[parent] is not None or owner.since > (t, id):
        return keys
    return (*keys[:parent], owner.key, *keys[parent + 1 :])


def judge(hop: int, keys: Keys, carried: Carried, plan: int) -> dict[str, object]:
    """Every feature and every alert of an event at a hop; a rule on a flagged feature is unknown and says nothing."""
    said: dict[str, object] = {f"features{hop}": (carried, keys, plan)}
    known = [x for x in carried if x is not None]
    if FLAG in known:
        return said
    here, p = carried[hop], PLANS[plan]
    total = sum(x[1] for x in known)  # type: ignore[index]
    count = sum(x[0] for x in known)  # type: ignore[index]
    if hop == 0 and here[0] >= p.burst and here[1] % 3:  # type: ignore[index] # so that more may be less
        said["burst"] = here[1]  # type: ignore[index]
    if hop == 1 and total >= p.both:
        said["both"] = (count, total)
    if hop >= 2 and count >= p.many:
        said[f"many{hop}"] = (count, total)
    return said
