"""The house as it stands: its rooms, on which floor each is, and which imports which, read from the code itself.

`tests/test_layout.py` holds the code to the floors, and docs/architecture.md draws them: both are made of this.
"""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = [
    "ALONE",
    "CORE",
    "FLOORS",
    "FRIENDS",
    "MODULES",
    "PACKAGE",
    "ROOT",
    "Room",
    "imports",
    "nearest",
    "own_room",
    "parsed",
    "room",
    "rooms",
]

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "risk_stream"
MODULES = sorted(path for folder in (PACKAGE, ROOT / "bench") for path in folder.rglob("*.py"))

#: Lower rooms know nothing of higher ones. Rooms on one floor may know their neighbours only where FRIENDS says so.
FLOORS = {
    "catalogue": 0,
    "settings": 0,
    "garbage": 0,
    "calendars": 1,
    "features": 1,
    "models": 1,
    "screening": 1,
    "profiles": 1,
    "rules": 2,
    "lending": 2,
    "engine": 3,
    "kafka": 4,
    "sinks": 4,
    "embedded": 4,
    "decisions": 4,
    "alerts": 4,
    "access": 4,
    "workbench": 4,
    "simulate": 4,
    "notices": 5,
    "stream": 5,
    "service": 6,
    "desk": 6,
    "post": 6,
    "console": 6,
    "watch": 6,
    "cli": 7,
    "__main__": 8,
}
FRIENDS = {
    ("models", "features"),
    ("rules", "lending"),
    ("access", "alerts"),
    ("sinks", "alerts"),
}
#: Modules beside the rooms: the way in, and what each process of ours says before it imports anything.
ALONE = {"__main__", "garbage"}
#: Rooms without I/O, clock and chance: functions of their input.
CORE = {
    "catalogue",
    "calendars",
    "features",
    "models",
    "screening",
    "profiles",
    "rules",
    "lending",
    "engine",
    "decisions",
    "alerts",
    "notices",
}


@dataclass(frozen=True, slots=True)
class Room:
    """A package of `risk_stream`: the sentence it begins with, its size, and the rooms that it imports."""

    name: str
    sentence: str
    floor: int
    lines: int
    imports: frozenset[str]


def room(module: str) -> str | None:
    """The room of a dotted module name of ours; None for the package itself and for others' modules."""
    parts = module.split(".")
    return parts[1] if parts[0] == "risk_stream" and len(parts) > 1 else None


def own_room(path: Path) -> str | None:
    """The room that a file of ours stands in; None for the package itself and for benchmarks."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[1] if parts[0] == "risk_stream" and parts[1] != "__init__" else None


def parsed(text: str) -> ast.Module:
    """A module's tree.

    Nothing is collected meanwhile: what asyncio complains of as an old future goes is a traceback, which Python 3.11
    parses again to underline it, and the parser does not bear that inside itself.
    """
    gc.disable()
    try:
        return ast.parse(text)
    finally:
        gc.enable()


@cache
def imports(path: Path) -> frozenset[str]:
    """Every module that a file imports, wherever in it the import stands."""
    found: set[str] = set()
    for node in ast.walk(parsed(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute here"
            names = {(node.module or "", alias.name) for alias in node.names}
            found |= {f"{module}.{one}" if _is_module(module, one) else module for module, one in names}
    return frozenset(found)


def _is_module(package: str, name: str) -> bool:
    """Whether what is imported from a package of ours is a module in it, and nothing that it exports by that name."""
    place = ROOT.joinpath(*package.split("."))
    there = (place / f"{name}.py").is_file() or (place / name / "__init__.py").is_file()
    return there and name not in _exported(place / "__init__.py")


@cache
def _exported(path: Path) -> frozenset[str]:
    """The names that a package has from its modules."""
    froms = (node for node in parsed(path.read_text()).body if isinstance(node, ast.ImportFrom))
    return frozenset(alias.asname or alias.name for node in froms for alias in node.names)


def rooms() -> list[Room]:
    """Every room, the highest floor first, by name on each."""
    return sorted(_rooms(), key=lambda one: (-one.floor, one.name))


def _rooms() -> Iterator[Room]:
    for folder in PACKAGE.iterdir():
        if not (folder / "__init__.py").is_file():
            continue
        files = sorted(folder.rglob("*.py"))
        seen = {room(module) for path in files for module in imports(path)} & set(FLOORS) - ALONE - {folder.name}
        sentence = (ast.get_docstring(parsed((folder / "__init__.py").read_text())) or "").splitlines()[0]
        lines = sum(len(path.read_text().splitlines()) for path in files)
        yield Room(folder.name, sentence, FLOORS[folder.name], lines, frozenset(filter(None, seen)))


def nearest(known: Mapping[str, frozenset[str]]) -> Iterator[tuple[str, str]]:
    """The arrows of a house without those that only say again what others say: a room imports what its rooms import."""

    @cache
    def below(one: str) -> frozenset[str]:
        return frozenset().union(*({other} | below(other) for other in known[one]))

    for one, others in sorted(known.items()):
        for other in sorted(others):
            if not any(other in below(between) for between in others - {other}):
                yield one, other
