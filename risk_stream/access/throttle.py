"""Slows down who tries to guess: failed sign-ins are counted by name and by address, in bounded memory.

Only signing in waits. A request with a good token, or a session that has begun, is never kept out by others' failures;
a name waits late and briefly, so that nobody can lock somebody else out for long by failing under their name.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

__all__ = ["BY_ADDRESS", "BY_NAME", "Limit", "Throttle"]


@dataclass(frozen=True, slots=True)
class Limit:
    """`free` failures cost nothing; each later one doubles the wait, from 1 s to `longest`, s."""

    free: int
    longest: float


BY_ADDRESS, BY_NAME = Limit(5, 900.0), Limit(50, 60.0)
#: Names and addresses that are remembered; the least recently failing go first.
MOST = 20_000


class Throttle:
    """`wait` before an attempt, `failed` or `succeeded` after it. Times in s, of any clock that rises."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, name: str, address: str, now: float) -> float:
        """How long until the next attempt for this name from this address is looked at, s; 0: now."""
        return max(self._wait(key, limit, now) for key, limit in _keys(name, address))

    def failed(self, name: str, address: str, now: float) -> None:
        """Somebody was not who they said."""
        for key, limit in _keys(name, address):
            count, last = self._failures.pop(key, (0, now))
            self._failures[key] = ((0 if now - last > limit.longest else count) + 1, now)
        while len(self._failures) > MOST:
            self._failures.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """The name's failures are forgotten; the address's stay, for it may try other names."""
        self._failures.pop(f"name {name[:64]}", None)

    def _wait(self, key: str, limit: Limit, now: float) -> float:
        count, last = self._failures.get(key, (0, 0.0))
        if count < limit.free or now - last > limit.longest:
            return 0.0
        return max(0.0, last + min(limit.longest, 2.0 ** min(count - limit.free, 30)) - now)


def _keys(name: str, address: str) -> list[tuple[str, Limit]]:
    return [(f"address {_network(address)}", BY_ADDRESS), *([(f"name {name[:64]}", BY_NAME)] if name else [])]


def _network(address: str) -> str:
    """An address, or the /64 of IPv6 that one subscriber has."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    return str(int(parsed) >> 64) if isinstance(parsed, IPv6Address) else str(parsed)
