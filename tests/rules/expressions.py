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

WORDS = ("a", "b", "ä", "Ab", " b", "aBa")
QUOTED = ('"a"', "'ä'", "'c'", '"ab"')
SMALL = ('"a"', '"ä"', '"ab"', '" b"')
PATTERNS = ('"^a"', "'b$'", '"[aä]"', r'"\\bb"', '"(?i)ab"', '"a.a|ä"')
CALENDARS = ("utc", "weekdays", "china", "china_interbank")
COLOURS = ('"red"', "'blue'")
DAYS = ('"2024-01-31"', '"2024-02-01T09:30:00Z"', '"2024-02-01T09:30:00+08:00"')
LITERALS = ("0", "1", "2", "0.5", "3.25", "-1", "10", "1_000", "0.1", "1e3")
COMPARE = ("==", "!=", "<", "<=", ">", ">=")
CENTS = (-250, -1, 0, 1, 10, 33, 50, 100, 325, 1000, 100_000)
MOMENTS = (1_706_659_200_000, 1_706_745_600_000, 1_706_779_800_000, 1_706_751_000_000, 1_706_745_599_999)
#: New Year 2026 in China, its last ms, and the Sunday that is worked for it.
MOMENTS += (1_767_196_800_000, 1_767_283_199_999, 1_767_491_100_500)


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
        functions += [f"round({a}, {self._one('0', '1', '2', '-1')})", f"round({a})", f"floor({a})", f"ceil({a})"]
        functions += [f"{self._one('sqrt', 'log', 'exp')}({self.plain()})", f"power({self.plain()}, {self.plain()})"]
        functions += [f"clamp({a}, {b}, 7)", f"length({self._word()})", f"{self._clock()}"]
        functions += [f"choose({self._small()}, {a}, {b})", f"choose({self._small()}, {a}, {self._small()}, 1.5, {b})"]
        return self._one(*operators, *functions, f"(-{self._one(*names)})")

    def bounded(self, depth: int = 2) -> str:
        """A number of which something is known beforehand."""
        leaf = self._one("pieces", "ratio", f"length({self._word()})", self._clock(), "abs(ratio)", *LITERALS[:6])
        if depth == 0:
            return self._one(f"length({self._word()})", self._clock(), "abs(ratio)", "pieces")
        a, b = self.bounded(depth - 1), self.bounded(depth - 1)
        made = (f"round({a}, 1)", f"floor({a})", f"ceil({a})", f"sqrt({a})", f"exp({a})", f"clamp({a}, {leaf}, 30)")
        return self._one(*made, f"choose({self._small()}, {a}, {leaf})", f"choose(flag, {leaf}, {b})")

    def plain(self) -> str:
        """A value that is a number and never money."""
        names = ["ratio", "pieces", *(["times", "paid / cost"] * self.features)]
        return self._one(*names, f"({self._one(*names)} - {self._one(*LITERALS)})", "abs(ratio)", "floor(ratio)")

    def _small(self) -> str:
        """A condition for a choice."""
        tests = [f"pieces > {self._one('0', '3')}", "flag", 'word == "a"', f"not {self._about()}", "paid > cost"]
        return self._one(*tests, *(["busy", "times > 2 and flag", 'before != "b"'] * self.features))

    def _word(self) -> str:
        return self._one("word", "other", "trim(word)", *(["before"] * self.features))

    def _about(self) -> str:
        """A function of a text or a time that is a condition."""
        part = self._one(*QUOTED)
        texts = [f"{name}({self._word()}, {part})" for name in ("starts_with", "ends_with", "contains")]
        by = self._one(*CALENDARS)
        return self._one(*texts, f"matches({self._word()}, {self._one(*PATTERNS)})", f'business_day(opened, "{by}")')

    def _clock(self) -> str:
        """A part of a time, in UTC or by a calendar."""
        part = self._one("hour", "minute", "weekday", "day", "month", "year")
        by = self._one("", *(f', "{calendar}"' for calendar in CALENDARS))
        return f"{part}({self._one('time', 'opened', 'opened + days(1)')}{by})"

    def _one(self, *choices: str) -> str:
        return self.rng.choice(choices)

    def _text(self) -> str:
        names = ["word", "other"] + ["before"] * self.features
        atoms = [*names, *(f'"{word}"' for word in WORDS)]
        made = f"{self._one('lower', 'upper', 'trim')}({self._one(*names)})"
        chosen = f"choose({self._small()}, {self._one(*names)}, {self._one(*atoms)})"
        return self._one(*atoms, made, chosen, f"coalesce({self._one(*names, made)}, {self._one(*atoms)})")

    def _duration(self) -> str:
        names = ["(time - opened)", "(opened - time)"] + ["quiet_for"] * self.features
        by = self._one("", *(f', "{calendar}"' for calendar in CALENDARS))
        names += [f"time_of_day(opened{by})", "choose(flag, time - opened, minutes(10))"]
        return self._one(*names, "minutes(10)", "days(2)", "hours(pieces)", "(time - opened + seconds(5))", "90")

    def _time(self) -> str:
        return self._one(
            "time", "opened", "(opened + days(1))", "(hours(2) + time)", "(time - minutes(5))", *self._dates()
        )

    def _dates(self) -> tuple[str, ...]:
        by = self._one("", *(f', "{calendar}"' for calendar in CALENDARS))
        return f"date(opened{by})", f"choose({self._small()}, time, opened)"

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
            self._about(),
            f"{self._about()} {equal} {self._one('true', 'false')}",
            f"lower({self._word()}) {no}in [{self._several(SMALL)}]",
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
