"""The plan and the events that `engine`, `worker` and `latency` share: 30 features over 4 keys, any number of rules."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["EVENTS_YAML", "FEATURES", "make_events", "write_house", "write_plan"]

#: A house's own event type of 25 fields, about 450 bytes as JSON.
EVENTS_YAML = """\
types:
  - type: card_payment
    meaning: A card payment, as a house with its own feed would declare it.
    topic: trades
    fields:
      - {name: account, type: string, key: account, required: true, meaning: The account that pays.}
      - {name: customer, type: string, key: customer, required: true, meaning: Who pays.}
      - {name: device, type: string, key: device, required: true, meaning: The device used.}
      - {name: instrument, type: string, key: instrument, required: true, meaning: The instrument paid for.}
      - {name: amount, type: money, required: true, meaning: What is paid.}
      - {name: merchant, type: string, meaning: Who is paid.}
      - {name: read_by, type: choice, choices: [chip, online, swipe], meaning: How the card was read.}
      - {name: issued_in, type: string, meaning: Country of the card.}
      - {name: paid_in, type: string, meaning: Country of the payment.}
      - {name: tip, type: money, meaning: The tip in it.}
      - {name: units, type: integer, meaning: Pieces bought.}
"""

_COUNTRIES = ("CN", "HK", "SG", "US", "DE")
_KINDS = ("chip", "online", "swipe")

#: name -> YAML of the feature; four keys, every operation, windows from a minute to 30 days.
FEATURES = {
    "c_count_1m": "{count: card_payment, by: customer, window: 1m}",
    "c_sum_1h": "{sum: amount, of: card_payment, by: customer, window: 1h}",
    "c_mean_1d": "{mean: amount, of: card_payment, by: customer, window: 1d}",
    "c_std_30d": "{std: amount, of: card_payment, by: customer, window: 30d}",
    "c_max_online_1d": '{max: amount, of: card_payment, where: read_by == "online", by: customer, window: 1d}',
    "c_merchants_30d": "{distinct: merchant, of: card_payment, by: customer, window: 30d}",
    "c_since_30d": "{since: card_payment, by: customer, window: 30d}",
    "c_sum_online_30d": '{sum: amount, of: card_payment, where: read_by == "online", by: customer, window: 30d}',
    "a_count_10m": "{count: card_payment, by: account, window: 10m}",
    "a_swipes_1d": '{count: card_payment, where: read_by == "swipe", by: account, window: 1d}',
    "a_sum_1d": "{sum: amount, of: card_payment, by: account, window: 1d}",
    "a_min_7d": "{min: amount, of: card_payment, by: account, window: 7d}",
    "a_max_7d": "{max: amount, of: card_payment, by: account, window: 7d}",
    "a_merchants_1d": '{distinct: merchant, of: card_payment, where: read_by == "online", by: account, window: 1d}',
    "a_first_7d": "{first: amount, of: card_payment, by: account, window: 7d}",
    "a_last_swipe_7d": '{last: amount, of: card_payment, where: read_by == "swipe", by: account, window: 7d}',
    "d_count_1h": "{count: card_payment, by: device, window: 1h}",
    "d_abroad_1h": "{sum: amount, of: card_payment, where: issued_in != paid_in, by: device, window: 1h}",
    "d_std_1d": "{std: amount, of: card_payment, by: device, window: 1d}",
    "d_mean_7d": "{mean: amount, of: card_payment, by: device, window: 7d}",
    "d_min_abroad_1d": "{min: amount, of: card_payment, where: issued_in != paid_in, by: device, window: 1d}",
    "d_merchants_7d": "{distinct: merchant, of: card_payment, by: device, window: 7d}",
    "d_since_abroad_7d": "{since: card_payment, where: issued_in != paid_in, by: device, window: 7d}",
    "i_count_1m": "{count: card_payment, by: instrument, window: 1m}",
    "i_count_1d": "{count: card_payment, by: instrument, window: 1d}",
    "i_sum_online_1d": '{sum: amount, of: card_payment, where: read_by == "online", by: instrument, window: 1d}',
    "i_max_30d": "{max: amount, of: card_payment, by: instrument, window: 30d}",
    "i_std_online_30d": '{std: amount, of: card_payment, where: read_by == "online", by: instrument, window: 30d}',
    "i_merchants_30d": "{distinct: merchant, of: card_payment, by: instrument, window: 30d}",
    "i_last_1d": "{last: amount, of: card_payment, by: instrument, window: 1d}",
}

_COMPARED = (*FEATURES, "amount", "tip", "units")


def write_plan(
    folder: Path, rules: int = 200, features: int = 30, firing: float = 0.01, seed: int = 1
) -> tuple[Path, Path]:
    """Write a house's event type and a rule file into `folder`: (events file, rules file).

    Each rule has five or six comparisons: a narrow band of one of nine evenly spread scores, so that `firing` of the
    events fire a rule, each one of its own, and features with thresholds that mostly hold, half of them in an `or`.
    """
    rng = random.Random(seed)
    chosen = list(FEATURES)[:: max(1, 30 // features)][:features]
    lines = ["stage: trading", "features:"] + [f"  {name}: {FEATURES[name]}" for name in chosen] + ["rules:"]
    for r in range(rules):
        lines += _rule(rng, r, chosen, 1000 * firing / rules)
    path = folder / "bench.yaml"
    path.write_text("\n".join(lines) + "\n")
    return _write_events(folder), path


def write_house(folder: Path, rules: int = 5000, files: int = 100, firing: float = 0.01, seed: int = 1) -> Path:
    """Write a house's event type into `folder`, and below `folder`/rules a file of constants and `files` of rules.

    Each file has ten of the features over the four keys, two that are computed from them, and its part of the `rules`,
    of which every tenth has a test; the rules are those of `write_plan`, and ask constants too. -> the events file.
    """
    rng = random.Random(seed)
    place = folder / "rules"
    place.mkdir()
    (place / "constants.yaml").write_text("constants:\n  small: 0.5\n  usual: 7.5\n")
    names = list(FEATURES)
    for f in range(files):
        chosen = [names[(f * 7 + i * 3) % len(names)] for i in range(10)]
        lines = [
            "stage: trading",
            f"owner: desk-{f % 12}",
            f"tags: [desk-{f % 12}]",
            "import: constants.yaml",
            "features:",
            *(f"  {name}: {FEATURES[name]}" for name in chosen),
            f"  part: amount / ({chosen[0]} + 1)",
            f"  often: {chosen[1]} > small and {chosen[2]} is not missing",
            "rules:",
        ]
        for r in range(f, rules, files):
            extra = ("part", "often")[r // files % 2]
            more = " and (often or amount > usual)" if extra == "often" else " and part > small"
            lines += _rule(rng, r, chosen, 1000 * firing / rules, more)
            if r // files % 10 == 0:
                lines += _TEST
        (place / f"desk-{f:03d}.yaml").write_text("\n".join(lines) + "\n")
    return _write_events(folder)


_TEST = [
    "    tests:",
    "      - name: an ordinary payment is quiet",
    "        given: [{times: 3, card_payment: {amount: 12.5, read_by: chip}}]",
    "        then: quiet",
]


def _write_events(folder: Path) -> Path:
    events = folder / "events.yaml"
    scores = "".join(
        f"      - {{name: score_{i}, type: number, decimals: 3, meaning: Upstream score {i}.}}\n" for i in range(1, 10)
    )
    events.write_text(EVENTS_YAML + scores)
    return events


def _rule(rng: random.Random, r: int, chosen: Sequence[str], width: float, and_more: str = "") -> list[str]:
    """The lines of the rule with number `r`; `width` is that of its band of a score."""
    a, b, c = (rng.choice(chosen) for _ in range(3))
    low = [rng.choice((0.5, 1, 2, 3, 5)) for _ in range(3)]
    more = f"({a} >= {low[0]} or {b} > {low[1]})" if r % 2 else f"{a} > 0.01 and {b} != 7.5"
    top = 1000 - r // 9 * width
    when = f"{top - width:.6f} < score_{r % 9 + 1} <= {top:.6f} and {more} and (tip >= {low[2]} or {c} is not missing)"
    return [
        f"  - id: bench-{r:04d}",
        "    on: card_payment",
        f"    when: {when}{and_more}",
        f"    severity: {('low', 'medium', 'high')[r % 3]}",
        "    score: 10",
        "    action: review",
        "    owner: bench",
        f'    summary: "{{customer}} paid {{amount}} ({{{a}}})"',
        "    why: A synthetic rule.",
    ]


def make_events(
    n: int, *, keys: int = 25_000, start: int = 1_767_225_600_000, per_second: float = 50_000, seed: int = 1
) -> Iterator[bytes]:
    """`n` events as JSON, `keys` keys of each of the four kinds drawn evenly (a hundredth of that for instruments)."""
    rng = random.Random(seed)
    below, uniform = rng.randrange, rng.random
    for i in range(n):
        customer = below(keys)
        scores = ",".join(f'"score_{j}":{uniform() * 1000:.3f}' for j in range(1, 10))
        yield (
            f'{{"id":"p{seed}-{i:09d}","type":"card_payment","time":{start + int(i * 1000 / per_second)},"entity":"HQ",'
            f'"channel":"app","account":"A{customer * 7919 % keys:06d}","customer":"C{customer:06d}",'
            f'"device":"D{below(keys):06d}","instrument":"I{below(max(1, keys // 100)):04d}",'
            f'"amount":{below(1, 1_000_000) / 100},"merchant":"M{below(2000):05d}",'
            f'"read_by":"{_KINDS[below(3)]}","issued_in":"{_COUNTRIES[below(5)]}","paid_in":"{_COUNTRIES[below(5)]}",'
            f'"tip":{below(0, 500) / 100},"units":{below(1, 20)},{scores}}}'
        ).encode()
