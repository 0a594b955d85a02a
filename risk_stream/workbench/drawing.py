"""Life cycles as pictures: an SVG in layers, a Mermaid flowchart, and text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape

from risk_stream.rules import Lifecycle, LifecycleStep

__all__ = ["as_mermaid", "as_svg", "as_text", "layers"]

_WIDTH, _HEIGHT, _GAP, _FLOOR, _EDGE = 200, 50, 24, 46, 30
#: Of a step's box, by stage: Okabe and Ito's palette, which the colour-blind tell apart, made pale.
_COLOURS = {"pre_loan": "#cfe8f7", "mid_loan": "#ffe8bd", "post_loan": "#cdebdf", "trading": "#f5dcea"}
_OTHER = "#eeeeee"
#: Sweeps over the layers, after which crossings hardly become fewer.
_SWEEPS = 6
_LETTERS = 30  # of a name in a box


def layers(cycle: Lifecycle) -> list[list[LifecycleStep]]:
    """The steps in rows: each below all that it needs, and below the first of those of which it needs one."""
    depth: dict[str, int] = {}
    while len(depth) < len(cycle.steps):
        for step in cycle.steps:
            known = [depth[need] for need in step.needs_one if need in depth]
            if step.id in depth or any(need not in depth for need in step.needs) or (step.needs_one and not known):
                continue
            depth[step.id] = max([-1, *(depth[need] for need in step.needs), *([min(known)] if known else [])]) + 1
    rows: list[list[LifecycleStep]] = [[] for _ in range(max(depth.values()) + 1)]
    for step in cycle.steps:
        rows[depth[step.id]].append(step)
    return _untangled(rows)


def _untangled(rows: list[list[LifecycleStep]]) -> list[list[LifecycleStep]]:
    """The rows, each ordered by where stands what its steps need, and then by where stands what needs them."""
    needed_by: dict[str, list[str]] = {}
    for row in rows:
        for step in row:
            for need in step.before:
                needed_by.setdefault(need, []).append(step.id)
    for sweep in range(_SWEEPS):
        place = {step.id: (at + 0.5) / len(row) for row in rows for at, step in enumerate(row)}
        for row in rows if sweep % 2 == 0 else reversed(rows):
            beside = {s.id: s.before if sweep % 2 == 0 else needed_by.get(s.id, []) for s in row}
            row.sort(key=lambda step: _middle(beside[step.id], place, place[step.id]))
            place |= {step.id: (at + 0.5) / len(row) for at, step in enumerate(row)}
    return rows


def _middle(ids: Sequence[str], place: Mapping[str, float], otherwise: float) -> float:
    return sum(place[id] for id in ids) / len(ids) if ids else otherwise


def as_text(cycle: Lifecycle) -> Iterator[str]:
    """A line for each step, in layers."""
    of = f", of loans where {cycle.where}" if cycle.where else ""
    yield f"{cycle.name} ({cycle.id}): {len(cycle.steps)} steps{of}"
    for depth, row in enumerate(layers(cycle)):
        for step in row:
            yield f"{depth:>3}  {step.id:<30}  {step.name} ({step.stage}, {step.owner}){_said(step)}"


def _said(step: LifecycleStep) -> str:
    """What a step needs, its limit and what else there is to say of it, behind its name."""
    parts = []
    if step.needs:
        parts.append(f"needs {', '.join(step.needs)}")
    if step.needs_one:
        parts.append(f"needs one of {', '.join(step.needs_one)}")
    if step.limit is not None:
        word = "every" if step.limit.every else "within"
        parts.append(f"{word} {step.limit.written} after {step.limit.after}")
    parts += ["once"] * step.once + ["ends the life cycle"] * step.ends
    return f": {'; '.join(parts)}" if parts else ""


def as_mermaid(cycle: Lifecycle) -> Iterator[str]:
    """A flowchart for whatever shows Mermaid, such as Markdown on GitHub; a dashed arrow is one of several ways."""
    yield "flowchart TD"
    names = {step.id: f"s{n}" for n, step in enumerate(cycle.steps)}
    for step in cycle.steps:
        label = step.name.replace("#", "#35;").replace('"', "#quot;")
        ends = ("([", "])") if step.ends or not step.before else ("[", "]")
        yield f'  {names[step.id]}{ends[0]}"{label}"{ends[1]}:::{step.stage}'
    for step in cycle.steps:
        yield from (f"  {names[need]} --> {names[step.id]}" for need in step.needs)
        yield from (f"  {names[need]} -.-> {names[step.id]}" for need in step.needs_one)
    for stage in dict.fromkeys(step.stage for step in cycle.steps):
        yield f"  classDef {stage} fill:{_COLOURS.get(stage, _OTHER)},stroke:#555,color:#111"


def as_svg(cycle: Lifecycle) -> str:
    """A picture by itself: steps in layers, what they need above them; a dashed line is one of several ways."""
    rows = layers(cycle)
    widest = max(len(row) for row in rows)
    width = widest * (_WIDTH + _GAP) - _GAP + 2 * _EDGE
    height = len(rows) * (_HEIGHT + _FLOOR) - _FLOOR + 2 * _EDGE + 30
    at = {}
    for depth, row in enumerate(rows):
        left = (width - len(row) * (_WIDTH + _GAP) + _GAP) / 2
        for n, step in enumerate(row):
            at[step.id] = (left + n * (_WIDTH + _GAP), _EDGE + 30 + depth * (_HEIGHT + _FLOOR))
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    marker = '<marker id="arrow" markerWidth="8" markerHeight="8" refX="7" refY="3" orient="auto">'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">',
        f"<title>{escape(cycle.name)}</title>",
        f'<defs>{marker}<path d="M0,0 L7,3 L0,6 z" fill="#666"/></marker></defs>',
        f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>',
        f'<text x="{_EDGE}" y="{_EDGE}" font-size="18" fill="#111">{escape(cycle.name)}</text>',
    ]
    for step in cycle.steps:
        lines += [_line(at[need], at[step.id], dashed=False) for need in step.needs]
        lines += [_line(at[need], at[step.id], dashed=True) for need in step.needs_one]
    lines += [_box(step, *at[step.id]) for step in cycle.steps]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _line(above: tuple[float, float], below: tuple[float, float], *, dashed: bool) -> str:
    x1, y1, x2, y2 = above[0] + _WIDTH / 2, above[1] + _HEIGHT, below[0] + _WIDTH / 2, below[1]
    bend = max(_FLOOR, abs(y2 - y1)) / 2
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    return (
        f'<path d="M{x1:g},{y1:g} C{x1:g},{y1 + bend:g} {x2:g},{y2 - bend:g} {x2:g},{y2:g}" fill="none"'
        f' stroke="#888"{dash} marker-end="url(#arrow)"/>'
    )


def _box(step: LifecycleStep, x: float, y: float) -> str:
    limit = step.limit
    below = f"{step.stage}, {step.owner}"
    if limit is not None:
        below = f"{'every' if limit.every else 'within'} {limit.written} after {limit.after}"
    thick = 2.5 if step.ends or not step.before else 1
    return (
        f'<g><title>{escape(step.name)}{escape(_said(step))}</title><rect x="{x:g}" y="{y:g}" width="{_WIDTH}"'
        f' height="{_HEIGHT}" rx="6" fill="{_COLOURS.get(step.stage, _OTHER)}" stroke="#555" stroke-width="{thick:g}"/>'
        f'<text x="{x + 10:g}" y="{y + 21:g}" fill="#111">{escape(_short(step.name, _LETTERS))}</text>'
        f'<text x="{x + 10:g}" y="{y + 39:g}" font-size="10" fill="#555">{escape(_short(below, 38))}</text></g>'
    )


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
