"""What docs/architecture.md shows of the imports: the rooms from the top floor down, and the arrows between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from docs.house import CORE, FLOORS, Room, nearest
from docs.tables import rows

__all__ = ["rooms_svg", "rooms_table"]

#: Lines that make a difference to a reader: sizes are said in so many, so that the page does not change with each edit.
STEP = 500

#: Of the drawing: a box, and the room that it has; how often the rooms of floors are put in order.
WIDE, TALL, ACROSS, DOWN, SWEEPS = 104, 34, 124, 92, 8
#: The head of an arrow.
_HEAD = (
    '<marker id="to" markerWidth="8" markerHeight="8" refX="7" refY="3" orient="auto">'
    '<path d="M0,0 L7,3 L0,6 z" fill="#777"/></marker>'
)


def rooms_svg(rooms: Sequence[Room]) -> str:
    """The same as a picture: floors as rows, the core's rooms round, from each an arrow to what it imports."""
    known = {room.name: room.imports for room in rooms}
    floors = [[r.name for r in rooms if r.floor == f] for f in sorted({r.floor for r in rooms}, reverse=True)]
    at = _places(floors, known)
    width, height = max(len(floor) for floor in floors) * ACROSS, len(floors) * DOWN
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        "<title>The rooms of risk_stream and what each imports</title>",
        f"<defs>{_HEAD}</defs>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    lines += [_arrow(at[one], at[other]) for one, other in nearest(known)]
    lines += [_box(name, *at[name]) for floor in floors for name in floor]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _places(floors: Sequence[list[str]], known: Mapping[str, frozenset[str]]) -> dict[str, tuple[float, float]]:
    """The middle of each room's box; on its floor a room stands near those it has to do with."""
    width = max(len(floor) for floor in floors) * ACROSS
    beside: dict[str, set[str]] = {name: set() for floor in floors for name in floor}
    for one, other in nearest(known):
        beside[one].add(other)
        beside[other].add(one)
    at: dict[str, tuple[float, float]] = {}
    for sweep in range(SWEEPS):
        for depth, floor in enumerate(floors):
            if sweep:
                floor.sort(key=lambda name: sum(at[n][0] for n in beside[name]) / max(1, len(beside[name])))
            step = width / len(floor)
            at |= {name: ((n + 0.5) * step, (depth + 0.5) * DOWN) for n, name in enumerate(floor)}
    return at


def _arrow(one: tuple[float, float], other: tuple[float, float]) -> str:
    (x1, y1), (x2, y2) = one, other
    if y1 == y2:  # neighbours of a floor
        side = TALL / 2
        path = f"M{x1:g},{y1 + side:g} C{x1:g},{y1 + side + 22:g} {x2:g},{y1 + side + 22:g} {x2:g},{y2 + side:g}"
    else:
        y1, y2 = y1 + TALL / 2, y2 - TALL / 2
        path = f"M{x1:g},{y1:g} C{x1:g},{y1 + 30:g} {x2:g},{y2 - 30:g} {x2:g},{y2:g}"
    return f'<path d="{path}" fill="none" stroke="#777" marker-end="url(#to)"/>'


def _box(name: str, x: float, y: float) -> str:
    fill, round_by = ("#cdebdf", TALL / 2) if name in CORE else ("#cfe8f7", 4)
    return (
        f'<rect x="{x - WIDE / 2:g}" y="{y - TALL / 2:g}" width="{WIDE}" height="{TALL}" rx="{round_by:g}"'
        f' fill="{fill}" stroke="#555"/><text x="{x:g}" y="{y + 5:g}" text-anchor="middle" fill="#111">{name}</text>'
    )


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
