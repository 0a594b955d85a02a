"""What a life cycle is: the steps of a product, what each needs before it, its time limit, and what proves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from risk_stream.rules.model import Rule
from risk_stream.rules.rule.delay import Delay

__all__ = ["JUDGEMENTS", "Lifecycle", "Limit", "Step"]

#: What is judged of a step, in the order in which it is said.
JUDGEMENTS = ("skipped", "repeated", "out-of-order", "overdue")


@dataclass(frozen=True, slots=True)
class Limit:
    """A time limit: so long after the step `after` came, and with `every` after each time that the step came itself."""

    after: str
    delay: Delay
    written: str  # as a person reads it: 2d, 3 business days
    every: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One step. It may come once all of `needs` have been, and one of each of `needs_one`."""

    id: str
    name: str
    stage: str
    owner: str
    line: int
    needs: tuple[str, ...] = ()
    needs_one: tuple[str, ...] = ()
    limit: Limit | None = None
    once: bool = False
    ends: bool = False  # nothing is overdue behind it
    of: tuple[str, ...] = ()  # the event types that prove it
    where: str = ""  # which of them, as written; those of its id where nothing is

    @property
    def before(self) -> tuple[str, ...]:
        """Every step that it names as one before it."""
        return tuple(dict.fromkeys((*self.needs, *self.needs_one)))


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """The steps of a product in the order of the file, and the rules that follow a loan through them."""

    id: str
    name: str
    owner: str
    file: str
    line: int
    where: str  # the loans it is of, as written; all where nothing is
    window_ms: int
    steps: tuple[Step, ...]
    came: Mapping[str, Rule] = field(default_factory=dict, compare=False)  # by step: it fires where the step comes

    def step(self, id: str) -> Step:
        """The step of that id. Raises `KeyError`."""
        for step in self.steps:
            if step.id == id:
                return step
        raise KeyError(id)

    def later(self, id: str) -> tuple[str, ...]:
        """The steps that must come later than one, whatever way the loan takes: in the order of the file."""
        needed_by: dict[str, list[str]] = {}
        for step in self.steps:
            for need in step.needs:
                needed_by.setdefault(need, []).append(step.id)
        found, pending = set[str](), [id]
        while pending:
            more = [later for later in needed_by.get(pending.pop(), ()) if later not in found]
            found.update(more)
            pending += more
        return tuple(step.id for step in self.steps if step.id in found)

    @property
    def begins(self) -> tuple[Step, ...]:
        """The steps that need none."""
        return tuple(step for step in self.steps if not step.before)

    @property
    def ends(self) -> tuple[str, ...]:
        """The steps behind which nothing is overdue."""
        return tuple(step.id for step in self.steps if step.ends)
