"""The rules of the stream, each said twice: as the YAML a worker reads, and as numpy that shares nothing with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["FEATURES", "PLANS", "Feature", "Rule", "as_yaml"]

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Feature:
    """A windowed aggregate; `where` is (field, value) or nothing."""

    op: str
    of: tuple[str, ...]
    by: str
    seconds: int
    field: str = ""
    where: tuple[str, str] | None = None

    def as_yaml(self) -> str:
        """One line."""
        what = f"[{', '.join(self.of)}]" if len(self.of) > 1 else self.of[0]
        head = f"{self.op}: {self.field}, of: {what}" if self.field else f"{self.op}: {what}"
        where = f", where: '{self.where[0]} == \"{self.where[1]}\"'" if self.where else ""
        return f"{{{head}{where}, by: {self.by}, window: {self.seconds}s}}"


@dataclass(frozen=True, slots=True)
class Rule:
    """`fires` gives, for columns by name (fields and features, NaN where unknown), the rows the rule fires on."""

    on: str
    when: str
    names: tuple[str, ...]  # the features it names
    fires: Callable[[Mapping[str, Floats]], NDArray[np.bool_]]


_BOTH = ("transfer", "trade")

FEATURES = {
    "a_count_5s": Feature("count", ("transfer",), "account", 5),
    "a_sum_1m": Feature("sum", _BOTH, "account", 60, "amount"),
    "a_since_1m": Feature("since", ("transfer",), "account", 60),
    "c_count_20s": Feature("count", _BOTH, "customer", 20),
    "c_out_1m": Feature("sum", ("transfer",), "customer", 60, "amount", ("direction", "out")),
    "c_std_1m": Feature("std", ("transfer",), "customer", 60, "amount"),
    "c_max_1m": Feature("max", ("trade",), "customer", 60, "amount"),
    "c_devices_1m": Feature("distinct", ("transfer",), "customer", 60, "device"),
    "p_sum_20s": Feature("sum", ("transfer",), "counterparty", 20, "amount"),
    "p_mean_1m": Feature("mean", ("transfer",), "counterparty", 60, "amount"),
    "i_count_2s": Feature("count", ("trade",), "instrument", 2),
    "i_last_20s": Feature("last", ("trade",), "instrument", 20, "price"),
    "i_min_10s": Feature("min", ("trade",), "instrument", 10, "price"),
    "d_accounts_1m": Feature("distinct", _BOTH, "device", 60, "account"),
    # Only in the second plan: the rows for it are there when it begins.
    "c_mean_20s": Feature("mean", ("transfer",), "customer", 20, "amount"),
}

_TRANSFER = (
    "a_count_5s", "a_sum_1m", "a_since_1m", "c_count_20s", "c_out_1m", "c_std_1m", "c_max_1m", "c_devices_1m",
    "p_sum_20s", "p_mean_1m", "d_accounts_1m",
)  # fmt: skip
_TRADE = ("a_sum_1m", "c_count_20s", "c_max_1m", "i_count_2s", "i_last_20s", "i_min_10s", "d_accounts_1m")


def _some(names: tuple[str, ...]) -> str:
    """A condition that mostly holds and names all of them."""
    return "(" + " or ".join(f"{name} > 1" for name in names) + ")"


def _holds(names: tuple[str, ...], columns: Mapping[str, Floats]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = np.any([columns[name] > 1 for name in names], axis=0)
    return found


_PROBE_TRANSFER = Rule(
    "transfer", f'purpose == "probe" and {_some(_TRANSFER)}', _TRANSFER,
    lambda c: (c["purpose=probe"] == 1) & _holds(_TRANSFER, c),
)  # fmt: skip
_PROBE_TRADE = Rule(
    "trade", f"quantity % 16 == 7 and {_some(_TRADE)}", _TRADE,
    lambda c: (c["quantity"] % 16 == 7) & _holds(_TRADE, c),
)  # fmt: skip
_OUTFLOW = Rule(
    "transfer", "c_out_1m > 17000 and c_count_20s > 30", ("c_out_1m", "c_count_20s"),
    lambda c: (c["c_out_1m"] > 17000) & (c["c_count_20s"] > 30),
)  # fmt: skip
_MULE = Rule(
    "transfer", "p_sum_20s > 13000 and d_accounts_1m >= 30", ("p_sum_20s", "d_accounts_1m"),
    lambda c: (c["p_sum_20s"] > 13000) & (c["d_accounts_1m"] >= 30),
)  # fmt: skip
_JUMP = Rule("trade", "price - i_last_20s > 1.895", ("i_last_20s",), lambda c: c["price"] - c["i_last_20s"] > 1.895)
_CROWD = Rule(
    "trade", "i_count_2s > 40 and c_max_1m > 999.2", ("i_count_2s", "c_max_1m"),
    lambda c: (c["i_count_2s"] > 40) & (c["c_max_1m"] > 999.2),
)  # fmt: skip


def _burst(n: int) -> Rule:
    return Rule("transfer", f"a_count_5s == {n}", ("a_count_5s",), lambda c: c["a_count_5s"] == n)


_SURGE = Rule(
    "transfer", "amount > 950 and amount > c_mean_20s * 1.5003", ("c_mean_20s",),
    lambda c: (c["amount"] > 950) & (c["amount"] > c["c_mean_20s"] * 1.5003),
)  # fmt: skip

_ALWAYS = {
    "probe-transfer": _PROBE_TRANSFER,
    "probe-trade": _PROBE_TRADE,
    "outflow": _OUTFLOW,
    "mule": _MULE,
    "jump": _JUMP,
}

#: The plan at the beginning, and the one that takes its place in the middle: rule id -> rule.
PLANS: tuple[dict[str, Rule], dict[str, Rule]] = (
    {**_ALWAYS, "crowd": _CROWD, "burst": _burst(8)},
    {**_ALWAYS, "surge": _SURGE, "burst": _burst(9)},
)


def as_yaml(rules: Mapping[str, Rule]) -> str:
    """A rule file."""
    used = sorted({name for rule in rules.values() for name in rule.names})
    lines = ["stage: trading", "features:"] + [f"  {name}: {FEATURES[name].as_yaml()}" for name in used] + ["rules:"]
    for name, rule in rules.items():
        lines += [
            f"  - id: {name}",
            f"    on: {rule.on}",
            f"    when: {rule.when}",
            "    severity: high",
            "    score: 50",
            "    action: review",
            "    owner: desk",
            f'    summary: "{{account}} {name}"',
            "    why: A rule of the chaos stream.",
        ]
    return "\n".join(lines) + "\n"
