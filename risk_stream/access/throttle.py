"""Slows down who tries to guess: failed sign-ins are counted by name and by address, in bounded memory."""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import IPv6Address, ip_address

__all__ = ["Throttle"]

#: Failures that cost nothing; each later one doubles the wait, from FIRST_WAIT to LONGEST, s.
FREE, FIRST_WAIT, LONGEST = 5, 1.0, 900.0
#: Names and addresses that are remembered; the least recently failing go first.
MOST = 20_000


class Throttle:
    """`wait` before an attempt, `failed` or `succeeded` after it. Times in s, of any clock that rises."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, name: str, address: str, now: float) -> float:
        """How long until the next attempt for this name from this address is looked at, s; 0: now."""
        return max((self._wait(key, now) for key in _keys(name, address)), default=0.0)

    def failed(self, name: str, address: str, now: float) -> None:
        """Somebody was not who they said."""
        for key in _keys(name, address):
            count, last = self._failures.pop(key, (0, now))
            if now - last > LONGEST:
                count = 0
            self._failures[key] = (count + 1, now)
        while len(self._failures) > MOST:
            self._failures.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """The name's failures are forgotten; the address's stay, for it may try other names."""
        self._failures.pop(_keys(name, address)[0] if name else "", None)

    def _wait(self, key: str, now: float) -> float:
        count, last = self._failures.get(key, (0, 0.0))
        if count < FREE or now - last > LONGEST:
            return 0.0
        return max(0.0, last + min(LONGEST, FIRST_WAIT * 2.0 ** min(count - FREE, 30)) - now)


def _keys(name: str, address: str) -> list[str]:
    return [*([f"name {name[:64]}"] if name else []), f"address {_network(address)}"]


def _network(address: str) -> str:
    """An address, or the /64 of IPv6 that one subscriber has."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:64]
    return str(int(parsed) >> 64) if isinstance(parsed, IPv6Address) else str(parsed)
