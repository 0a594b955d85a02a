"""The drawn parts of docs/architecture.md: the rooms from the top floor down, and the arrows between them."""

from __future__ import annotations

from collections.abc import Sequence

from docs.house import CORE, FLOORS, Room, nearest
from docs.tables import rows

__all__ = ["rooms_drawing", "rooms_table"]

#: Lines that make a difference to a reader: sizes are said in so many, so that the page does not change with each edit.
STEP = 500


def rooms_drawing(rooms: Sequence[Room]) -> str:
    """Rooms by floor, an arrow to each that a room imports, but for those it reaches through another one it imports."""
    lines = ["```mermaid", "flowchart TB"]
    for floor in sorted({room.floor for room in rooms}, reverse=True):
        names = [room.name for room in rooms if room.floor == floor]
        lines += [f"  subgraph floor{floor}[floor {floor}]", *(f"    {_shape(name)}" for name in names), "  end"]
    lines += [f"  {one} --> {other}" for one, other in nearest({room.name: room.imports for room in rooms})]
    return "\n".join([*lines, "```"])


def _shape(name: str) -> str:
    """A room of the core is round."""
    return f"{name}([{name}])" if name in CORE else f"{name}[{name}]"


def rooms_table(rooms: Sequence[Room]) -> str:
    """Every room with its sentence, its size and all that it imports, the lowest last."""
    return rows(
        ("floor", "room", "what it is", "lines", "imports"),
        (
            (
                str(room.floor),
                f"[`{room.name}`](../risk_stream/{room.name}/__init__.py)",
                room.sentence,
                _size(room.lines),
                ", ".join(sorted(room.imports, key=lambda name: (-FLOORS[name], name))) or "nothing",
            )
            for room in rooms
        ),
    )


def _size(lines: int) -> str:
    return f"{max(1, round(lines / STEP)) * STEP:,}"
