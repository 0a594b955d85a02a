"""A life cycle's file as a part of the plan: read, its features and rules made, and checked as those of any file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from risk_stream.calendars import Calendar
from risk_stream.catalogue import Catalogue, Node
from risk_stream.rules.declared.declare import Declarations
from risk_stream.rules.declared.loaded import LoadedFile
from risk_stream.rules.declared.scope import Features
from risk_stream.rules.language.events import Pattern
from risk_stream.rules.language.expression import ExpressionError
from risk_stream.rules.language.functions import Vocabulary
from risk_stream.rules.lifecycle.compile import Compiler, pattern_name
from risk_stream.rules.lifecycle.model import Lifecycle, Step
from risk_stream.rules.lifecycle.nodes import made
from risk_stream.rules.lifecycle.proof import BY, NOT_REFUSED, PROCESS_STEP, Loans, Proof, equalities
from risk_stream.rules.lifecycle.read import Written, read_lifecycle
from risk_stream.rules.limits import MAX_EXPRESSION, MAX_TEXT
from risk_stream.rules.model import Rule
from risk_stream.rules.reading import Reader, kind_of
from risk_stream.rules.rule.rule import Rules, Shared

__all__ = ["Parts", "load_lifecycle"]


@dataclass(frozen=True, slots=True)
class Parts:
    """What reads a rule file, and what is known and loaded of it so far."""

    reader: Reader
    catalogue: Catalogue
    calendars: Mapping[str, Calendar]
    loaded: LoadedFile
    known: Features
    declarations: Declarations
    rules: Rules


def load_lifecycle(parts: Parts, root: Node) -> None:
    """Read a file into what is loaded; what is wrong is noted. Raises `EnoughError`."""
    written = read_lifecycle(parts.reader, parts.catalogue, parts.calendars, root)
    loans = _loans(parts, root)
    if written is None or loans is None:
        return
    proofs = _proofs(parts, written)
    if proofs is None:
        return
    compiler = Compiler(written, loans, proofs)
    rules = list(compiler.rules())
    if not _are_short(parts.reader, written, rules, compiler.named):
        return
    came = [(step, compiler.came(step)) for step in written.lifecycle.steps]
    parts.declarations.read(made({"features": compiler.features()}, root["steps"]))
    cycle = _with_proofs(written.lifecycle, proofs)
    before = len(parts.loaded.problems)
    for step, rule in rules:
        shared = Shared(step.stage, step.owner, cycle.id, tuple(dict.fromkeys(("lifecycle", *written.tags))))
        parts.rules.read(made(rule, written.nodes[step.id]), shared)
    if len(parts.loaded.problems) == before:
        parts.loaded.lifecycle = replace(cycle, came=_came(parts, written, came))


def _are_short(
    reader: Reader, written: Written, rules: Iterable[tuple[Step, dict[str, Any]]], named: Mapping[str, str]
) -> bool:
    """Whether what is made of a file is as short as what rules say and ask must be; if not, it is noted.

    `named` are the expressions by which sentences name one of several steps.
    """
    good = True
    for step, rule in rules:
        naming = [text for name, text in named.items() if f"{{{name}}}" in rule["summary"]]
        condition = max([rule["when"], *naming], key=len)
        for what, text, most in (("sentence", rule["summary"], MAX_TEXT), ("condition", condition, MAX_EXPRESSION)):
            if len(text) > most:
                said = f"the {what} of {rule['id']} has {len(text):,} characters, at most {most:,} are allowed"
                reader.report(
                    written.nodes[step.id], f"{said}: give steps shorter names and conditions, or fewer needs"
                )
                good = False
    return good


def _loans(parts: Parts, root: Node) -> Loans | None:
    """The loans that a file is of; None where its condition is wrong, which is noted."""
    where = root.get("where")
    if where is not None and not where.is_text:
        parts.reader.report(where, f'where is a condition, such as product == "consumer", and this is {kind_of(where)}')
        return None
    try:
        return Loans(parts.catalogue, Vocabulary(parts.calendars), "" if where is None else where.value.strip())
    except ExpressionError as error:
        assert where is not None
        parts.reader.report_in(where, error)
        return None


def _proofs(parts: Parts, written: Written) -> dict[str, Proof] | None:
    """What proves each step, and the patterns of these declared; None where something is wrong, which is noted."""
    patterns = {}
    for step in written.lifecycle.steps:
        node = written.nodes[step.id].get("proof")
        own = made({"of": PROCESS_STEP, "where": f'step == "{step.id}" and {NOT_REFUSED}'}, written.nodes[step.id])
        if node is not None and "sequence" in node:
            parts.reader.report(node, "a step is proven by one event: write proof: {of: TYPE, where: CONDITION}")
        patterns[pattern_name(step.id)] = own if node is None else node
    before = len(parts.loaded.problems)
    at = written.root["steps"]
    declared = Node(None, at.file, at.line, at.column)
    declared.fill(
        patterns, {name: Node(name, at.file, node.line, node.column, name) for name, node in patterns.items()}
    )
    parts.declarations.read(made({"patterns": declared}, at))
    found = {step.id: parts.known.patterns.get(pattern_name(step.id)) for step in written.lifecycle.steps}
    for id, pattern in found.items():
        types = pattern.steps[0].types if pattern is not None else ()
        for event_type in types:
            if BY not in event_type.keys:
                node = written.nodes[id]["proof"]["of"]
                parts.reader.report(node, f"{event_type.name} is of no {BY}, so it proves no step of one")
    if len(parts.loaded.problems) > before or not _are_different(parts.reader, written, found):
        return None
    return {step.id: _proof(step, written, found[step.id]) for step in written.lifecycle.steps}


def _are_different(reader: Reader, written: Written, patterns: Mapping[str, Pattern | None]) -> bool:
    """Whether no event proves two steps by one and the same condition; if not, it is noted."""
    first: dict[object, str] = {}
    good = True
    for id, pattern in patterns.items():
        assert pattern is not None
        bits = pattern.steps[0].bits
        other = first.setdefault(bits, id)
        if other != id:
            node = written.nodes[id]
            reader.report(
                node.get("proof") or node,
                f"'{id}' is proven by the same events as '{other}': say by a condition which of them prove which",
            )
            good = False
    return good


def _proof(step: Step, written: Written, pattern: Pattern | None) -> Proof:
    assert pattern is not None
    said = pattern.steps[0]
    node = written.nodes[step.id].get("proof")
    if node is None:
        return Proof(said.types, f'step == "{step.id}" and {NOT_REFUSED}', {"step": step.id}, by_id=True)
    where = node["where"].value.strip() if "where" in node else ""
    return Proof(said.types, where, {} if said.where is None else equalities(said.where), by_id=False)


def _with_proofs(cycle: Lifecycle, proofs: Mapping[str, Proof]) -> Lifecycle:
    """A life cycle whose steps say what proves them."""
    steps = tuple(
        replace(step, of=tuple(t.name for t in proofs[step.id].types), where=proofs[step.id].where)
        for step in cycle.steps
    )
    return replace(cycle, steps=steps)


def _came(parts: Parts, written: Written, came: list[tuple[Step, dict[str, object]]]) -> dict[str, Rule]:
    """The rules that say which step an event is."""
    apart = LoadedFile(problems=parts.loaded.problems)
    reading = Rules(parts.reader, parts.catalogue, parts.calendars, apart, parts.known)
    for step, rule in came:
        reading.read(made(rule, written.nodes[step.id]), Shared(step.stage, step.owner, written.lifecycle.id))
    return {step.id: rule for (step, _), rule in zip(came, apart.rules, strict=False)}
