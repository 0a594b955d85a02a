"""What an arrears feature of a rule file sets against each other: instalments, payments, and what was returned."""

from __future__ import annotations

from dataclasses import dataclass

from risk_stream.catalogue import EventType, Field, FieldType, Node
from risk_stream.features import Bit
from risk_stream.rules.language.events import Reading, Step, events_named, shared_field
from risk_stream.rules.language.expression import ExpressionError
from risk_stream.rules.limits import MAX_LOAN_MS
from risk_stream.rules.words import Report, length_ms, written

__all__ = ["ACCOUNT_PARTS", "DUE_DATE", "Account", "read_account"]

#: The parts of an arrears feature beside those that every aggregate has.
ACCOUNT_PARTS = ("paid", "returned", "due", "before")
#: The field that says when an instalment is due where a file names none, if the instalments have it.
DUE_DATE = "due_date"


@dataclass(frozen=True, slots=True)
class Account:
    """Events of a loan's account: what falls due, what is paid, what of it was returned."""

    due: Step
    paid: Step
    returned: Step | None
    when: str | None  # the field that says when something falls due; its own time if there is none
    window_ms: int
    before: bool  # as the account was before the present event

    @property
    def steps(self) -> tuple[Step, ...]:
        """The events that there are."""
        return (self.due, self.paid) if self.returned is None else (self.due, self.paid, self.returned)

    @property
    def bits(self) -> tuple[tuple[Bit, ...], ...]:
        """How rows say which of the three they are."""
        return self.due.bits, self.paid.bits, () if self.returned is None else self.returned.bits


def read_account(reading: Reading, node: Node) -> Account | None:
    """The parts of an arrears feature that are its own, or None with everything wrong in them reported."""
    good = True
    if "where" in node:
        reading.report(
            node.key("where"),
            "'where' is no part of an arrears: give of, paid or returned the name of a pattern, which has a condition",
        )
        good = False
    if "paid" not in node:
        reading.report(node, "'paid' is missing: which events pay the instalments? write paid: repayment")
        good = False
    steps = {part: _step(reading, node.get(part)) for part in ("of", "paid", "returned")}
    due, paid, returned = steps.values()
    wanted = [part for part in steps if part in node]
    when = _when(node.get("due"), due.types, reading.report) if due is not None else None
    window_ms = _window(node, reading.report)
    before = _before(node.get("before"), reading.report)
    if not good or any(steps[part] is None for part in wanted) or (when is None and "due" in node):
        return None
    if due is None or paid is None or window_ms is None or before is None:
        return None
    return Account(due, paid, returned, None if when is None else when.name, window_ms, before)


def _step(reading: Reading, node: Node | None) -> Step | None:
    """The events that a part names; None with what is wrong reported."""
    pattern = events_named(reading, node)
    if pattern is None or node is None:
        return None
    if pattern.within_ms:
        reading.report(node, f"'{node.value}' is a sequence, and what is due or paid is one event: name its type")
        return None
    return pattern.steps[0]


def _when(named: Node | None, types: tuple[EventType, ...], report: Report) -> Field | None:
    """The field that says when instalments are due; None where there is none, or with what is wrong reported."""
    if named is None:
        fields = [t.field(DUE_DATE) for t in types]
        return fields[0] if all(f is not None and f.type is FieldType.TIMESTAMP for f in fields) else None
    try:
        field = shared_field(types, str(named.plain()))
    except ExpressionError as error:
        report(named, error.message)
        return None
    if field.type is not FieldType.TIMESTAMP:
        report(named, f"due names the time at which an instalment is due, and '{field.name}' is {field.type.value}")
        return None
    return field


def _window(node: Node, report: Report) -> int | None:
    """The ms that an arrears looks back; None with what is wrong reported."""
    window = node.get("window")
    if window is None:
        report(node, "'window' is missing: say how far back it reaches, as far as loans last, such as window: 3650d")
        return None
    ms = length_ms(window.value)
    if ms is None or not 0 < ms <= MAX_LOAN_MS:
        most = f"{MAX_LOAN_MS // 86_400_000}d"
        report(
            window,
            f"{written(window)} is no window of arrears: write how long loans last, such as 3650d, up to {most}",
        )
        return None
    return ms


def _before(node: Node | None, report: Report) -> bool | None:
    """Whether the present event is left out; None with what is wrong reported."""
    if node is None:
        return False
    if not isinstance(node.value, bool):
        report(node, "before is true, for the arrears as they were just before the event, or left out")
        return None
    return node.value
