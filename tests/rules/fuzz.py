"""Damaged rule files, from a seed: real ones with pieces changed and exchanged, and trees of the language's words."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random

from risk_stream.catalogue import Catalogue, load_catalogue
from risk_stream.rules import SEVERITIES, STAGES, Plan, PlanError, plan_of_texts
from risk_stream.rules.limits import MAX_FILE_BYTES
from risk_stream.rules.load import TOP_KEYS
from risk_stream.rules.rule.given import TEST_KEYS
from risk_stream.rules.rule.rule import RULE_KEYS

__all__ = ["ROOT", "damaged", "grown", "knot", "loaded_or_refused", "peak_mib", "real_files", "tree"]

ROOT = Path(__file__).parents[2]
#: Pieces that mean something to YAML, to the language, or to whoever shows a text.
PIECES = (
    *(
        "\n",
        "\t",
        " ",
        ":",
        ": ",
        "- ",
        "? ",
        "{",
        "}",
        "[",
        "]",
        ",",
        "#",
        "&a ",
        "*a",
        "!!python/object:x ",
        "%",
        "---\n",
    ),
    *(
        "'",
        '"',
        "|",
        ">",
        "\\",
        "\\u202e",
        "\\e[0m",
        "\x00",
        "\x1b",
        "\u202e",
        "\u2028",
        "\ud800",
        "\ufeff",
        "\U0010ffff",
    ),
    *(
        "(",
        ")",
        " and ",
        " or ",
        "not ",
        " in ",
        " is missing",
        "lambda: 0",
        ".__class__",
        "**",
        ":=",
        "f'{x}'",
        "1e999",
    ),
    *("9" * 50, "-1", "0", "0.0", "null", "true", "~", "{n}", "{{", "}}", "{x.y}", "999999999w", "3650d", "today"),
)
WORDS = (
    *(
        *TOP_KEYS,
        *RULE_KEYS,
        *TEST_KEYS,
        *SEVERITIES,
        *STAGES,
        "otherwise",
        "times",
        "calendar",
        "china",
        "business_days",
    ),
    *(
        "count",
        "sum",
        "mean",
        "first",
        "since",
        "of",
        "by",
        "where",
        "window",
        "transfer",
        "amount",
        "customer",
        "account",
    ),
    *("1h", "today", "amount > 1", "f > 1", "f", "g + f", "{amount}", "x", "live", "off", "fires", "quiet", "a\nb", ""),
)


@cache
def real_files() -> tuple[str, ...]:
    """The shipped rules, and the wrong files that tests hold."""
    paths = [*sorted((ROOT / "rules").rglob("*.yaml")), *sorted((ROOT / "tests/rules/bad").glob("*.yaml"))]
    return tuple(path.read_text(errors="replace") for path in paths)


@cache
def core() -> Catalogue:
    """The event types that the real files are about."""
    return load_catalogue()


def damaged(rng: Random) -> str:
    """A real file with one to eight changes."""
    files = real_files()
    text = rng.choice(files)
    for _ in range(rng.randint(1, 8)):
        at = rng.randrange(len(text) + 1)
        end = min(len(text), at + rng.choice((0, 1, 1, 3, 10, 40, 200)))
        other = rng.choice(files)
        start = rng.randrange(len(other) + 1)
        piece = rng.choice(("", rng.choice(PIECES), rng.choice(WORDS), text[at:end] * 2, other[start : start + 60]))
        text = text[:at] + piece + text[end:]
    return text


def grown(rng: Random) -> str:
    """A real file in which a piece, a line or several stand over and over, up to what a file may have."""
    text = rng.choice(real_files())
    lines = text.splitlines(keepends=True)
    if rng.random() < 0.5 and lines:
        first = rng.randrange(len(lines))
        piece = "".join(lines[first : first + rng.choice((1, 1, 2, 8, 30))])
        at = sum(map(len, lines[:first]))
    else:
        at = rng.randrange(len(text) + 1)
        piece = rng.choice((rng.choice(PIECES), text[at : at + rng.choice((1, 4, 20))])) or "x"
    room = MAX_FILE_BYTES - len(text.encode(errors="replace"))
    times = min(room // max(1, len(piece.encode(errors="replace"))), rng.choice((100, 10_000, 10_000_000)))
    return text[:at] + piece * max(0, times) + text[at:]


def tree(rng: Random, depth: int = 0) -> object:
    """Mappings, lists and values of the language's words, in any shape."""
    kind = rng.random()
    if depth == 0 or (depth < 7 and kind < 0.35):
        keys = (
            rng.sample(TOP_KEYS, rng.randint(1, len(TOP_KEYS))) if depth == 0 else rng.sample(WORDS, rng.randint(0, 6))
        )
        return {key: tree(rng, depth + 1) for key in keys}
    if depth < 7 and kind < 0.5:
        return [tree(rng, depth + 1) for _ in range(rng.randint(0, 4))]
    return rng.choice((rng.choice(WORDS), rng.choice(WORDS), rng.choice((0, 1, -3, 2.5, 1e300, 10**30, True, None))))


def knot(rng: Random) -> str:
    """A file whose constants and features name each other at random, in circles too."""
    names = rng.sample("abcdefgh", rng.randint(1, 8))

    def some() -> str:
        return rng.choice((*names, *names, "amount", "channel", "1", "'x'"))

    constants = {n: {"by": some(), "x": rng.choice(("x", 1)), "otherwise": rng.choice(("y", 2))} for n in names[::3]}
    constants |= {n: rng.choice(("x", 7)) for n in names[1::6]}
    features = {
        n: rng.choice(("{0} + {1}", "coalesce({0}, {1})", "{0}", "not {0}")) for n in names if n not in constants
    }
    features = {name: form.format(some(), some()) for name, form in features.items()}
    when = f"{some()} == {some()}"
    rule = {"id": "r", "on": "transfer", "when": when, "severity": "low", "summary": f"{{{some()}}}"}
    return json.dumps({"stage": "trading", "owner": "o", "constants": constants, "features": features, "rules": [rule]})


def loaded_or_refused(text: str) -> Plan | None:
    """The plan, or None where the text was refused as it should be: with places, in sentences of one line."""
    try:
        return plan_of_texts({"f.yaml": text}, core())
    except PlanError as error:
        problems = error.problems
    assert problems
    for problem in problems:
        assert problem.file == "f.yaml"
        assert 8 < len(problem.message) < 1_100
        assert "\n" not in problem.message
        assert "Traceback" not in problem.message
        assert "could not be checked" not in problem.message, problem.message
    return None


def peak_mib() -> float:
    """The most memory that this process had so far, MiB. What its parent had is not in it, as it is in ru_maxrss."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def texts(kind: str, seed: int, count: int) -> Iterator[str]:
    """So many texts of a kind."""
    make = {"damaged": damaged, "grown": grown, "knot": knot, "tree": lambda rng: json.dumps(tree(rng))}[kind]
    for number in range(seed, seed + count):
        yield make(Random(number))


def main(kind: str, seed: str, count: str) -> None:
    """Load texts one after another; the last line says what it cost: MiB above the idle process, and the slowest, s."""
    for text in real_files():
        loaded_or_refused(text)
    idle, slowest = peak_mib(), 0.0
    for number, text in enumerate(texts(kind, int(seed), int(count)), int(seed)):
        started = time.process_time()
        try:
            loaded_or_refused(text)
        except BaseException:
            sys.stderr.write(f"{kind} {number}\n")
            raise
        slowest = max(slowest, time.process_time() - started)
    sys.stdout.write(json.dumps({"mib": peak_mib() - idle, "slowest_s": slowest}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
