"""Changes of model files that commands make: a key is set or taken out, comments and all else stay as they are."""

from __future__ import annotations

import re

from risk_stream.rules import Scored

__all__ = ["begun_anew", "promoted"]

#: A key at the top of a file, and a line that still belongs to the one before it.
_KEY = re.compile(r"([a-z_]+):")
_GOES_ON = re.compile(r"[ \t]+\S|- |[}\]]")


def begun_anew(text: str, model: Scored) -> str:
    """The text of a model's file with the next generation: the model forgets what it has learnt."""
    return _with(text, "generation", f"generation: {model.generation + 1}\n")


def promoted(champion_text: str, challenger_text: str, champion: Scored, challenger: Scored) -> tuple[str, str]:
    """(the champion's file, the challenger's) with their roles exchanged; the rule of promotion goes along."""
    rule = _block(challenger_text, "promote")
    new = challenger_text
    for key in ("challenges", "role", "promote"):
        new = _with(new, key, "")
    old = _with(champion_text, "role", "")
    old = _with(old, "challenges", f"challenges: {challenger.id}\n")
    if rule and champion.labels is not None:
        old = _with(old, "promote", rule)
    return old, new


def _span(lines: list[str], key: str) -> tuple[int, int] | None:
    """The lines of a key at the top of a file: [first, end)."""
    for first, line in enumerate(lines):
        found = _KEY.match(line)
        if found and found[1] == key:
            end = first + 1
            while end < len(lines) and _GOES_ON.match(lines[end]):
                end += 1
            return first, end
    return None


def _block(text: str, key: str) -> str:
    lines = text.splitlines(keepends=True)
    span = _span(lines, key)
    return "" if span is None else "".join(lines[slice(*span)])


def _with(text: str, key: str, block: str) -> str:
    """The text with a block in the place of a key's, or at its end where it had none; an empty one takes it out."""
    lines = text.splitlines(keepends=True)
    span = _span(lines, key)
    if span is not None:
        return "".join([*lines[: span[0]], block, *lines[span[1] :]])
    if not block:
        return text
    return (text if text.endswith("\n") else text + "\n") + block
