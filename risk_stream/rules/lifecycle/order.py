"""Whether the steps of a life cycle can be gone through: each is reached from a beginning, none waits for itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from risk_stream.rules.lifecycle.model import Step

__all__ = ["impossible"]


def impossible(steps: Sequence[Step]) -> Iterator[tuple[str, str]]:
    """(id of a step, or nothing for the whole, why no loan can ever come to it); nothing where all is well.

    A circle is said once, at the first of its steps. What only waits for it is not said: it is well once that is.
    """
    if all(step.before for step in steps):
        yield "", "no step begins it: one that needs no other, such as the loan's application, is its beginning"
        return
    known = {step.id: step for step in steps}
    reached = _reached(steps)
    said: set[str] = set()
    for step in steps:
        if step.id not in reached:
            circle = _circle(step.id, known, reached)
            if not said & set(circle):
                said |= set(circle)
                way = " which needs ".join(f"'{id}'" for id in [*circle[1:], circle[0]])
                yield circle[0], f"the step '{circle[0]}' needs itself: it needs {way}"
    for step in steps:
        ended = [need for need in step.needs if known[need].ends]
        if step.needs_one and all(known[need].ends for need in step.needs_one):
            ended += step.needs_one
        if ended:
            yield step.id, f"no loan ever comes to '{step.id}': it needs '{ended[0]}', which ends the life cycle"


def _reached(steps: Sequence[Step]) -> set[str]:
    """The steps that some loan can come to."""
    reached: set[str] = set()
    while True:
        more = {
            step.id
            for step in steps
            if reached.issuperset(step.needs) and (not step.needs_one or reached & set(step.needs_one))
        }
        if more <= reached:
            return reached
        reached |= more


def _circle(start: str, known: Mapping[str, Step], reached: set[str]) -> list[str]:
    """The circle for which a step waits that is never reached, begun with its step that stands first in the file."""
    path = [start]
    while True:
        waits = next(need for need in known[path[-1]].before if need not in reached)
        if waits in path:
            circle = path[path.index(waits) :]
            first = circle.index(min(circle, key=list(known).index))
            return circle[first:] + circle[:first]
        path.append(waits)
