"""Finds every sentence that the program can say of what is wrong, in the source as it is: a template for each.

Where something is wrong the source raises an error of ours, makes a `Problem`, answers over HTTP, refuses a record or
an act, tells whoever started it, or writes into the log. Functions that only hand a sentence on are followed: what they
are given is a sentence too.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Message", "messages"]

PACKAGE = Path(__file__).parents[1] / "risk_stream"

#: Calls that say a sentence, by name, and which argument it is.
CALLS = {"Problem": 3, "problem": 0, "report": 1}  # in files
CALLS |= {"bad": 0, "_refused": 2}  # over HTTP
CALLS |= {"BadParameter": 0, "Finding": 3}  # on the command line
CALLS |= {"_refuse": 4, "Reject": 2}  # of records
CALLS |= {"told": 0, "_told": 0, "_say": 0}  # to whoever started a process
#: Modules in which a function returns what is wrong: a person's act, a setting, who is away. By what it is said then.
RETURNS = {
    **dict.fromkeys(("alerts/desk.py", "alerts/standing.py", "alerts/silences.py", "alerts/approvals.py"), "act"),
    "settings/settings.py": "SettingsError",
    "settings/connect.py": "BrokerError",
    "sinks/redis.py": "RedisError",
    "cli/app.py": "CommandError",
}
#: Rooms whose `_say` prints what was asked for, and says nothing that is wrong.
PRINTS = {"cli"}
LEVELS = {"warning", "error", "critical", "exception"}
#: Errors whose first argument is no sentence but what kind it is.
AT = {"Refusal": 1}
#: Errors that say nothing to a user: what catches them is in the same room, and says its own sentence.
INNER = {
    *("TimeoutError", "StopAsyncIteration", "KeyError", "IndexError", "TypeError", "AssertionError", "RuntimeError"),
    *("KeyboardInterrupt", "Exit", "CancelledError", "LookupError"),
}


@dataclass(frozen=True, order=True)
class Message:
    """One sentence: the room and module it is said in, the error, call or level that carries it, and its template."""

    module: str
    carrier: str
    text: str

    @property
    def room(self) -> str:
        """The package it is said in."""
        return self.module.partition("/")[0].removesuffix(".py")


@cache
def messages() -> tuple[Message, ...]:
    """Every sentence, each once in a module, in the order of the modules."""
    found: set[Message] = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        module = path.relative_to(PACKAGE).as_posix()
        tree = ast.parse(path.read_text())
        found |= {
            Message(module, carrier, text)
            for carrier, text in _said(tree)
            if not (carrier == "_say" and module.partition("/")[0] in PRINTS)
        }
        if module in RETURNS:
            found |= {Message(module, RETURNS[module], text) for text in _returned(tree, RETURNS[module] == "act")}
    return tuple(sorted(found))


def _said(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """(carrier, template) of a module."""
    handing = _handing_on(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name, at = _carrier(node, handing)
        if name and at < len(node.args):
            for text in _templates(node.args[at]):
                filled = _filled(text, node.args[at + 1 :]) if name.startswith("log ") else text
                if any(letter.isalpha() for letter in _without_holders(filled)):
                    yield name, filled


def _returned(tree: ast.Module, why: bool) -> Iterator[str]:
    """The sentences that functions return, texts of some words; with `why` also those they first call that."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and not (why and ast.unparse(node.targets[0]) == "why"):
            continue
        if isinstance(node, ast.Return | ast.Assign) and node.value is not None:
            yield from (text for text in _templates(node.value) if len(_without_holders(text).split()) > 2)


def _filled(text: str, arguments: list[ast.expr]) -> str:
    """A line of the log with {…} where it has %s."""
    for holder in map(_holder, arguments):
        before, _, after = re.sub(r"%[-.0-9,]*[a-z]", "%", text, count=1).partition("%")
        text = f"{before}{{{holder}}}{after}"
    return re.sub(r"%[a-z]", "{…}", text)  # given by an argument that stands for several


def _carrier(node: ast.Call, handing: dict[str, tuple[str, int]]) -> tuple[str, int]:
    """What a call says a sentence by, and which argument that is; "" where it says none."""
    name = _called(node)
    if name in handing:
        return handing[name]
    if name in CALLS:
        return name, CALLS[name]
    if name in LEVELS and isinstance(node.func, ast.Attribute) and "log" in ast.unparse(node.func.value).lower():
        return f"log {name}", 0
    if name in AT:
        return name, AT[name]
    if name.endswith("Error") and name[0].isupper() and name not in INNER:
        return name, 0
    return "", 0


def _called(node: ast.Call) -> str:
    """The name of what is called, without what it is an attribute of."""
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _handing_on(tree: ast.Module) -> dict[str, tuple[str, int]]:
    """Functions of a module that hand an argument on as a sentence: by name, what they say it by and which it is."""
    found: dict[str, tuple[str, int]] = {}
    functions = [
        (function, [node for node in ast.walk(function) if isinstance(node, ast.Call)])
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    while True:
        before = len(found)
        for function, calls in functions:
            names = [arg.arg for arg in function.args.args if arg.arg not in {"self", "cls"}]
            for node in calls:
                carrier, at = _carrier(node, found)
                if not carrier or at >= len(node.args):
                    continue
                for name in _names(node.args[at]):
                    if name in names and function.name not in found:
                        found[function.name] = carrier, names.index(name)
        if len(found) == before:
            return found


def _names(node: ast.expr) -> Iterator[str]:
    """The variables that a sentence is, or begins with nothing but a place before."""
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.JoinedStr) and not any(_letters(part) for part in node.values):
        for part in node.values:
            if isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name):
                yield part.value.id


def _letters(part: ast.expr) -> bool:
    return isinstance(part, ast.Constant) and any(letter.isalpha() for letter in str(part.value))


def _templates(node: ast.expr) -> Iterator[str]:
    """The sentences that an argument can be, with {…} for what is filled in; none where it comes from elsewhere."""
    if isinstance(node, ast.IfExp):
        yield from _templates(node.body)
        yield from _templates(node.orelse)
        return
    text = _text(node)
    if any(letter.isalpha() for letter in _without_holders(text)):
        yield " ".join(text.split())


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value) if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.FormattedValue):
        return f"{{{_holder(node.value)}}}"
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _text(node.left) + _text(node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        return _text(node.left)
    if isinstance(node, ast.Name | ast.Attribute | ast.Call | ast.Subscript):
        return f"{{{_holder(node)}}}"
    return ""


def _holder(node: ast.expr) -> str:
    """What is filled in, in a word: the last name of the expression."""
    if isinstance(node, ast.IfExp):
        return "…"
    if isinstance(node, ast.Constant):
        return str(node.value)
    names = [
        part.attr if isinstance(part, ast.Attribute) else part.id
        for part in ast.walk(node)
        if isinstance(part, ast.Name | ast.Attribute)
    ]
    return names[0].strip("_").replace("_", " ") if names else "…"


def _without_holders(text: str) -> str:
    kept, depth = [], 0
    for letter in text:
        depth += (letter == "{") - (letter == "}")
        if depth == 0 and letter != "}":
            kept.append(letter)
    return "".join(kept)
