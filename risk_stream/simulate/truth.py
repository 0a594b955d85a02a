"""What is known to be true of a simulated stream, and how what was found is held against it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from risk_stream.simulate.clock import DAY_MS

__all__ = ["EXPECTED", "Episode", "Finding", "KindScore", "found", "score"]

#: kind of episode -> the shipped rules that should find it.
EXPECTED: Mapping[str, tuple[str, ...]] = {
    "velocity_burst": ("transfer-burst",),
    "structuring": ("structuring",),
    "account_takeover": ("takeover-transfer", "takeover-credentials"),
    "pump_and_dump": ("pump-price", "dump-into-rise"),
    "wash_trades": ("wash-pair", "wash-shared-device", "self-trade-share"),
    "many_lenders": ("many-lenders", "many-inquiries"),
    "loan_into_market": ("loan-into-securities", "loan-into-trading"),
    "missed_instalments": ("missed-instalment", "two-missed-instalments"),
    "mule_account": ("mule-account",),
    "ramp_and_reverse": ("ramp-and-reverse",),
    "marking_the_close": ("marking-the-close", "close-ramp-and-reverse"),
    "auction_spoofing": ("opening-auction-false-orders",),
    "layering": ("layering",),
    "limit_price_wall": ("limit-price-false-orders", "holding-the-limit-price"),
    "quote_stuffing": ("high-frequency-second", "instant-cancels"),
    "lent_account": ("novel-trade",),
    "skipped_identity_check": ("consumer-loan.fraud-check.skipped", "consumer-loan.bureau-report.skipped"),
    "drawdown_before_contract": ("consumer-loan.drawdown.skipped",),
    "late_use_of_funds": ("consumer-loan.use-of-funds.overdue",),
    "margin_call": (
        *("account-concentrated", "account-warning", "account-call", "account-forced-sale"),
        "margin-call-not-met",
    ),
}


class Finding(Protocol):
    """What `score` needs to know of an alert; the engine's alerts are such."""

    @property
    def rule(self) -> str:
        """The rule that fired."""

    @property
    def time(self) -> int:
        """The event's time, ms since 1970 UTC."""

    @property
    def event(self) -> str:
        """The id of the event it fired on."""

    @property
    def keys(self) -> Mapping[str, str]:
        """Key kind -> value, of that event."""


@dataclass(slots=True)
class Episode:
    """One planted story: who was in it, when, and which events tell it (filled in as the stream is made)."""

    kind: str
    id: str
    start: int = 0  # time of its first event, ms since 1970 UTC; 0 until that was made
    end: int = 0  # time of its last event so far
    keys: dict[str, list[str]] = field(default_factory=dict)  # key kind -> values
    events: list[str] = field(default_factory=list)  # ids, in order
    times: list[int] = field(default_factory=list)  # of `events`
    pending: int = 0  # events planned that were not made yet

    def add(self, event: str, time: int) -> None:
        """Take in one of its events as it is made."""
        self.start = min(self.start, time) if self.events else time
        self.end = max(self.end, time)
        self.events.append(event)
        self.times.append(time)
        self.pending -= 1

    @property
    def complete(self) -> bool:
        """Whether all of its events have been made: one cut off by the stream's end cannot be expected to be found."""
        return bool(self.events) and self.pending == 0

    def covers(self, keys: Mapping[str, str], time: int) -> bool:
        """Whether something about `keys` at `time` lies in this episode (up to a day after its last event)."""
        if not self.events or not self.start <= time <= self.end + DAY_MS:
            return False
        return any(keys.get(kind) in values for kind, values in self.keys.items())


@dataclass(frozen=True, slots=True)
class KindScore:
    """How well one kind of episode was found."""

    planted: int  # complete episodes
    found: int  # of those, with at least one alert of an expected rule
    alerts: int  # of the expected rules
    inside: int  # of those, lying in an episode of the kind

    @property
    def recall(self) -> float:
        """Share of the planted that was found; 1 where nothing was planted."""
        return self.found / self.planted if self.planted else 1.0

    @property
    def precision(self) -> float:
        """Share of the alerts that lie in an episode; 1 where there is none."""
        return self.inside / self.alerts if self.alerts else 1.0


def found(episodes: Iterable[Episode], alert: Finding) -> Episode | None:
    """The episode that an alert found, None where it lies in none of a kind its rule is expected to find."""
    for episode in episodes:
        if alert.rule in EXPECTED[episode.kind] and episode.covers(alert.keys, alert.time):
            return episode
    return None


def score(episodes: Sequence[Episode], alerts: Iterable[Finding]) -> dict[str, KindScore]:
    """Recall and precision of the expected rules, by kind of episode."""
    by_rule = {rule: kind for kind, rules in EXPECTED.items() for rule in rules}
    seen: dict[str, set[str]] = {kind: set() for kind in EXPECTED}
    total = dict.fromkeys(EXPECTED, 0)
    inside = dict.fromkeys(EXPECTED, 0)
    for alert in alerts:
        kind = by_rule.get(alert.rule)
        if kind is None:
            continue
        total[kind] += 1
        episode = found(episodes, alert)
        if episode is not None:
            inside[kind] += 1
            seen[kind].add(episode.id)
    scores = {}
    for kind in EXPECTED:
        planted = {episode.id for episode in episodes if episode.kind == kind and episode.complete}
        scores[kind] = KindScore(len(planted), len(planted & seen[kind]), total[kind], inside[kind])
    return scores
