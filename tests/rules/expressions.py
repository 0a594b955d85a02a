"""Random conditions and values of the rule language over the house of `house.py`, and random events.

Everything is drawn from a `random.Random`: hypothesis gives the seed, so that hundreds of expressions cost a second.
"""

from __future__ import annotations

from random import Random
from typing import Any

from tests.rules.kleene import Moment

__all__ = ["EXPRESSIONS", "Author", "looked_up", "row"]

#: The features of `house.FEATURES` that are expressions, as the interpreter needs them.
EXPRESSIONS = {
    "surge": "paid / usual",
    "busy": "times > 2 and not flag",
    "odd": "(surge > 1.5 or word != before)",
}

WORDS = ("a", "b", "ä")
QUOTED = ('"a"', "'ä'", "'c'")
COLOURS = ('"red"', "'blue'")
DAYS = ('"2024-01-31"', '"2024-02-01T09:30:00Z"', '"2024-02-01T09:30:00+08:00"')
LITERALS = ("0", "1", "2", "0.5", "3.25", "-1", "10", "1_000", "0.1", "1e3")
COMPARE = ("==", "!=", "<", "<=", ">", ">=")
CENTS = (-250, -1, 0, 1, 10, 33, 50, 100, 325, 1000, 100_000)
MOMENTS = (1_706_659_200_000, 1_706_745_600_000, 1_706_779_800_000, 1_706_751_000_000, 1_706_745_599_999)


class Author:
    """Somebody who writes any rule; with `features` false, only what a `where` may hold."""

    def __init__(self, rng: Random, *, features: bool = True) -> None:
        self.rng, self.features = rng, features

    def condition(self, depth: int = 2) -> str:
        """A condition, at most `depth` joins deep."""
        kind = self.rng.random()
        if depth == 0 or kind < 0.3:
            return self._leaf()
        if kind < 0.5:
            return f"not ({self.condition(depth - 1)})"
        parts = [self.condition(depth - 1) for _ in range(self.rng.randint(2, 3))]
        return "(" + f" {self._one('and', 'or')} ".join(parts) + ")"

    def number(self, depth: int = 1) -> str:
        """A value that is a number or money."""
        names = ["paid", "cost", "ratio", "pieces"] + ["times", "spent", "usual", "surge"] * self.features
        if depth == 0 or self.rng.random() < 0.4:
            return self._one(*names, *names, *LITERALS, "hour(time)", "weekday(opened)", "weekday(time + hours(8))")
        a, b = self.number(depth - 1), self.number(depth - 1)
        operators = [f"({a} {op} {b})" for op in "+-*/%"]
        functions = [f"abs({a})", f"min({a}, {b}, 1)", f"max({a}, {b})", f"coalesce({self._one(*names)}, {b})"]
        return self._one(*operators, *functions, f"(-{self._one(*names)})")

    def _one(self, *choices: str) -> str:
        return self.rng.choice(choices)

    def _text(self) -> str:
        names = ["word", "other"] + ["before"] * self.features
        atoms = [*names, *(f'"{word}"' for word in WORDS)]
        return self._one(*atoms, f"coalesce({self._one(*names)}, {self._one(*atoms)})")

    def _duration(self) -> str:
        names = ["(time - opened)", "(opened - time)"] + ["quiet_for"] * self.features
        return self._one(*names, "minutes(10)", "days(2)", "hours(pieces)", "(time - opened + seconds(5))", "90")

    def _time(self) -> str:
        return self._one("time", "opened", "(opened + days(1))", "(hours(2) + time)", "(time - minutes(5))")

    def _several(self, choices: tuple[str, ...]) -> str:
        return ", ".join(self.rng.sample(choices, self.rng.randint(1, 3)))

    def _leaf(self) -> str:
        op, equal, no = self._one(*COMPARE), self._one("==", "!="), self._one("", "not ")
        number = self.number()
        return self._one(
            f"{number} {op} {self.number()}",
            f"{number} {op} {self.number()}",
            f"({number} {op} {self.number()} {self._one(*COMPARE)} {self.number()})",
            f"{self._text()} {equal} {self._text()}",
            f"{self._duration()} {op} {self._duration()}",
            f"{self._time()} {op} {self._one(self._time(), *DAYS)}",
            f"colour {equal} {self._one(*COLOURS)}",
            f"{number} {no}in [{self._several(LITERALS)}]",
            f"{self._text()} {no}in [{self._several(QUOTED)}]",
            f'colour {no}in ["red", "green"]',
            f"{self._one(number, self._text(), self._duration(), self._time())} is {no}missing",
            self._one("flag", "flag == true", "flag != true", "flag == false", "flag is missing"),
            self._one("busy", "odd", "busy == false", "odd != false") if self.features else "flag is not missing",
        )


def row(rng: Random) -> dict[str, Any]:
    """One event with its aggregates, a third of it missing. Times are plain ms; see `looked_up`."""

    def perhaps(value: Any) -> Any:
        return None if rng.random() < 0.3 else value

    return {
        "customer": "C1",
        "account": "A1",
        "time": float(rng.choice(MOMENTS)),
        "paid": perhaps(rng.choice(CENTS) / 100),
        "cost": perhaps(abs(rng.choice(CENTS)) / 100),
        "ratio": perhaps(rng.choice(CENTS) / 100),
        "pieces": perhaps(float(rng.randint(-3, 12))),
        "flag": perhaps(rng.random() < 0.5),
        "word": perhaps(rng.choice(WORDS)),
        "other": perhaps(rng.choice(WORDS)),
        "colour": perhaps(rng.choice(("red", "green", "blue"))),
        "opened": perhaps(float(rng.choice(MOMENTS))),
        "times": perhaps(float(rng.randint(0, 5))),
        "spent": perhaps(abs(rng.choice(CENTS)) / 100),
        "usual": perhaps(rng.choice(CENTS) / 100),
        "before": perhaps(rng.choice(WORDS)),
        "quiet_for": perhaps(rng.choice((0.0, 0.5, 90.0, 600.0, 172_800.0))),
    }


def looked_up(row: dict[str, Any], name: str) -> Any:
    """A name's value as the interpreter wants it."""
    if name in EXPRESSIONS:
        return ("text", EXPRESSIONS[name])
    found = row[name]
    return Moment(found) if name in ("time", "opened") and found is not None else found
