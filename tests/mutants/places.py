"""What can be changed in a module, one small fault each, and how a fault is planted in functions that are loaded."""

from __future__ import annotations

import ast
import copy
import gc
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType
from typing import TypeAlias

__all__ = ["Mutant", "NotPlantedError", "living", "mutants_of", "plant"]

#: Which operators stand for one that was mistyped or misthought.
COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
REPLACED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Add,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitOr,
}


#: What no call of a function runs.
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
NOT_RUN: dict[type[ast.AST], tuple[str, ...]] = {
    ast.FunctionDef: ("args", "returns", "decorator_list"),
    ast.AsyncFunctionDef: ("args", "returns", "decorator_list"),
    ast.ClassDef: ("bases", "keywords", "decorator_list"),
    ast.AnnAssign: ("annotation",),
    ast.Lambda: ("args",),
}


class NotPlantedError(Exception):
    """The fault cannot be put into functions that are loaded: none is alive, or it closes over other names."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault: where it and its statement begin, what stood there and stands there now, its number in which text."""

    path: str
    line: int
    statement: int
    function: str
    was: str
    now: str
    number: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.function}: {self.was} -> {self.now}"

    @property
    def place(self) -> tuple[str, str, int]:
        """What it is known by as long as its module is not edited."""
        return self.path, self.text, self.number

    @property
    def name(self) -> tuple[str, str, str, str]:
        """What it is known by after the module was edited elsewhere."""
        return self.path, self.function, self.was, self.now


def _said(node: ast.AST) -> str:
    """A node as one line of Python."""
    return " ".join(ast.unparse(node).split())


Fault: TypeAlias = tuple[ast.AST, ast.AST]


def _changed(node: ast.AST, **fields: object) -> ast.AST:
    other = copy.copy(node)
    for field, value in fields.items():
        setattr(other, field, value)
    return other


def _faults(node: ast.AST) -> Iterator[Fault]:
    """Each fault of a node itself: the node and what stands in its place."""
    match node:
        case ast.Compare():
            for i, op in enumerate(node.ops):
                for new in COMPARED[type(op)]:
                    yield node, _changed(node, ops=[*node.ops[:i], new(), *node.ops[i + 1 :]])
        case ast.BoolOp():
            yield node, _changed(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
        case ast.BinOp() if type(node.op) in REPLACED and not isinstance(node.left, ast.JoinedStr):
            yield node, _changed(node, op=REPLACED[type(node.op)]())
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()) if not isinstance(node.operand, ast.Constant):
            yield node, node.operand
        case ast.Constant(value=bool()):
            yield node, _changed(node, value=not node.value)
        case ast.Constant(value=int() | float()):
            yield node, _changed(node, value=node.value + 1)
            yield node, _changed(node, value=node.value - 1)
        case ast.comprehension() if node.ifs:
            yield node, _changed(node, ifs=[])
        case ast.stmt() | ast.IfExp():
            yield from _faults_of_statement(node)


def _faults_of_statement(node: ast.AST) -> Iterator[Fault]:
    """The same, of what decides which way a program takes or does something."""
    match node:
        case ast.If() | ast.IfExp() if not isinstance(node.test, ast.Constant):
            yield node, _changed(node, test=ast.Constant(value=False))
            yield node, _changed(node, test=ast.Constant(value=True))
        case ast.While() if not isinstance(node.test, ast.Constant):
            yield node, _changed(node, test=ast.Constant(value=False))
        case ast.For():
            yield node, _changed(node, iter=ast.Tuple(elts=[], ctx=ast.Load()))
        case ast.Break():
            yield node, ast.Continue()
        case ast.Continue():
            yield node, ast.Break()
        case ast.Return(value=ast.expr() as value) if not (isinstance(value, ast.Constant) and value.value is None):
            yield node, _changed(node, value=ast.Constant(value=None))
        case ast.AugAssign():
            yield node, _changed(node, op=REPLACED[type(node.op)]())
            yield node, ast.Pass()
        case ast.Expr(value=ast.Call()) | ast.Raise():
            yield node, ast.Pass()


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a fault goes: a field of a node, or an element of a field that is a list."""

    function: str
    statement: ast.AST
    parent: ast.AST
    field: str
    at: int | None
    old: ast.AST
    new: ast.AST


def _places(tree: ast.Module) -> Iterator[_Place]:
    """Each fault that runs when a function is called, in the order of the text.

    Left out is what no call runs: annotations, defaults, decorators and the bodies of modules and classes; and asserts,
    which state what holds and never fail.
    """
    yield from _inside(tree, tree, "", "")


def _inside(parent: ast.AST, statement: ast.AST, function: str, name: str) -> Iterator[_Place]:
    for field, value in ast.iter_fields(parent):
        if field in NOT_RUN.get(type(parent), ()):
            continue
        many = isinstance(value, list)
        for i, node in enumerate(value if many else [value]):
            if not isinstance(node, ast.AST) or isinstance(node, ast.Assert | ast.JoinedStr):
                continue
            here = node if isinstance(node, ast.stmt) else statement
            if function:
                for old, new in _faults(node):
                    yield _Place(function, here, parent, field, i if many else None, old, new)
            inner = f"{name}.{node.name}".lstrip(".") if isinstance(node, SCOPES) else name
            yield from _inside(
                node, here, "" if isinstance(node, ast.ClassDef) else inner if inner != name else function, inner
            )


def _short(place: _Place) -> tuple[str, str]:
    """What stood there and what stands there now, a line each: of a statement with a body only its head."""
    old, new = place.old, place.new
    match old, new:
        case (ast.If(), ast.If()) | (ast.IfExp(), ast.IfExp()) | (ast.While(), ast.While()):
            return f"if {_said(old.test)}", f"if {_said(new.test)}"
        case ast.For(), ast.For():
            return f"for {_said(old.target)} in {_said(old.iter)}", f"for {_said(old.target)} in ()"
        case _:
            return _said(old), _said(new)


def mutants_of(path: Path, root: Path) -> list[Mutant]:
    """Every mutant of a module, in the order of its text."""
    name, text = str(path.relative_to(root)), path.read_bytes()
    digest = hashlib.blake2b(text, digest_size=8).hexdigest()
    return [
        Mutant(
            name, _line(place.old, place), _line(place.statement, place), place.function, *_short(place), number, digest
        )
        for number, place in enumerate(_places(ast.parse(text)))
    ]


def _line(node: ast.AST, place: _Place) -> int:
    """Where a node begins; a clause of a comprehension has no line of its own."""
    return int(getattr(node, "lineno", 0) or getattr(place.parent, "lineno", 0) or place.statement.lineno)  # type: ignore[attr-defined]


def mutated(text: str, number: int) -> ast.Module:
    """The tree of a text with its fault of that number."""
    tree = ast.parse(text)
    place = next(place for i, place in enumerate(_places(tree)) if i == number)
    ast.copy_location(place.new, place.old)
    if place.at is None:
        setattr(place.parent, place.field, place.new)
    else:
        getattr(place.parent, place.field)[place.at] = place.new
    return ast.fix_missing_locations(tree)


def living(root: Path) -> dict[str, list[FunctionType]]:
    """The functions that are loaded from under a folder, by file."""
    found: dict[str, list[FunctionType]] = {}
    for thing in gc.get_objects():
        if isinstance(thing, FunctionType) and thing.__code__.co_filename.startswith(str(root)):
            found.setdefault(thing.__code__.co_filename, []).append(thing)
    return found


def plant(mutant: Mutant, root: Path, loaded: Mapping[str, Sequence[FunctionType]]) -> None:
    """Put the fault into every function of its module that is loaded and has it.

    Raises NotPlantedError where none has: the module is not loaded, or the fault changes what a function closes over.
    """
    path = root / mutant.path
    text = path.read_text()
    before = _codes(ast.parse(text), path)
    after = _codes(mutated(text, mutant.number), path)
    planted = 0
    for function in loaded.get(str(path), ()):
        name = function.__code__.co_qualname, function.__code__.co_firstlineno
        if name in after and before.get(name) != after[name]:
            try:
                function.__code__ = after[name]
            except ValueError as exc:
                raise NotPlantedError(str(exc)) from exc
            planted += 1
    if not planted:
        raise NotPlantedError("no function of it is loaded")


def _codes(tree: ast.Module, path: Path) -> dict[tuple[str, int], CodeType]:
    """The code of each function of a module, by its name and line."""

    def inside(code: CodeType) -> Iterator[CodeType]:
        for const in code.co_consts:
            if isinstance(const, CodeType):
                yield const
                yield from inside(const)

    whole = compile(tree, str(path), "exec", dont_inherit=True)
    return {(code.co_qualname, code.co_firstlineno): code for code in inside(whole)}
