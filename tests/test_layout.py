"""The house as it is drawn: imports point one way, every module says what it is for, none is too long to read."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from docs.house import CORE, FLOORS, FRIENDS, MODULES, PACKAGE, ROOT, imports, own_room, parsed, room

#: What talks to the world: the core is a function of its input and imports none of it.
SHELL = {
    *("faust", "mode", "aiokafka", "kafka", "redis", "prometheus_client", "asyncio", "aiohttp", "typer", "rich"),
    *("socket", "subprocess", "threading", "multiprocessing", "psutil", "watchfiles", "pydantic_settings", "random"),
}
MAX_LINES, MAX_FUNCTION_LINES = 600, 90


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


#: What connects to Kafka or Redis, by the name it is called by.
CLIENTS = {
    *("AIOKafkaConsumer", "AIOKafkaProducer", "AIOKafkaAdminClient", "KafkaAdminClient", "KafkaConsumer"),
    *("KafkaProducer", "ConsumerClient", "ProducerClient", "from_url"),
}
CLOCKS = {"time.time", "time.monotonic", "time.time_ns", "datetime.now", "datetime.utcnow"}


@dataclass
class Look:
    """What one reading of a module finds; places are texts, for people."""

    sentence: str
    lines: int
    taken: list[str] = field(default_factory=list)  # modules that names are imported from at its top
    code: list[str] = field(default_factory=list)  # what is neither docstring nor import nor name
    long: list[str] = field(default_factory=list)
    clocks: list[str] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)  # clients made without what says who we are
    missing: list[str] = field(default_factory=list)  # names it offers and does not have


@cache
def look(path: Path) -> Look:
    """Read a module once for all tests here."""
    text = path.read_text()
    tree = parsed(text)
    found = Look((ast.get_docstring(tree) or "").partition("\n")[0], len(text.splitlines()))
    for node in tree.body[1:]:
        if isinstance(node, ast.ImportFrom):
            found.taken.append(node.module or "")
        elif not isinstance(node, ast.Import | ast.Assign | ast.AnnAssign):
            found.code.append(f"{name(path)}:{node.lineno}")
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            found.long += [f"{name(path)}:{node.lineno} {node.name}: {length} lines"] * (length >= MAX_FUNCTION_LINES)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.clocks += [f"{name(path)}:{node.lineno}"] * (f"{node.value.id}.{node.attr}" in CLOCKS)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in CLIENTS:
            spread = [ast.unparse(one.value) for one in node.keywords if one.arg is None]
            proven = any(said == "options" or "_options(" in said for said in spread)
            found.unproven += [f"{name(path)}:{node.lineno}"] * (not proven)
    found.missing = lacking(tree)
    return found


def lacking(tree: ast.Module) -> list[str]:
    """What a module offers in `__all__` and neither imports nor makes; none of one that answers for any name."""
    has, offered = set(), list[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            has |= {(one.asname or one.name).partition(".")[0] for one in node.names}
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            has.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            has.add(node.id)
        if isinstance(node, ast.Assign) and "__all__" in map(ast.unparse, node.targets):
            offered = [one.value for one in ast.walk(node.value) if isinstance(one, ast.Constant)]
    return [] if "__getattr__" in has else sorted(set(offered) - has)


def across(*, bench: bool = False) -> Iterator[tuple[Path, str, str, str]]:
    """(file, its room, module, that module's room) of every import of another room of ours."""
    for path in MODULES:
        here = own_room(path) or ("bench" if bench and PACKAGE not in path.parents else "")
        for module in imports(path):
            there = room(module)
            if here and there not in {None, here, "__version__"}:
                yield path, here, module, there or ""


def test_there_is_something_to_look_at() -> None:
    """A moved folder must not make the other tests here say yes to nothing."""
    rooms = {own_room(path) for path in MODULES}
    assert {"catalogue", "features", "rules", "engine", "stream", "sinks", "embedded", "simulate", "cli"} <= rooms


def test_every_room_has_its_floor() -> None:
    """A new room says where it stands."""
    assert {own_room(path) for path in MODULES} - {None} <= set(FLOORS)


def test_imports_point_down() -> None:
    """cli -> stream, console -> sinks, embedded, simulate -> engine -> rules -> features -> catalogue."""
    up = [
        f"{name(path)} imports {module}"
        for path, here, module, there in across()
        if FLOORS[there] >= FLOORS[here] and (here, there) not in FRIENDS
    ]
    assert up == []


#: The console's pages: modules that a browser reads as they are.
STATIC = PACKAGE / "console" / "static"
#: What a module of the pages imports at its top, or when it is needed.
AT_TOP = re.compile(r"""^(?:import|export|\})[^;"()]*"(\.{1,2}/[^"]+\.js)";""", re.MULTILINE)
WHEN_NEEDED = re.compile(r"""\bimport\("(\.{1,2}/[^"]+\.js)"\)""")
#: Which folders of the pages may import which; "" is the top, that nothing imports.
BELOW = {
    "": {"", "pages", "lib", "words"},
    "pages": {"pages", "lib", "words"},
    "lib": {"lib", "words"},
    "words": {"lib"},
}


@cache
def scripts(found: re.Pattern[str]) -> dict[Path, set[Path]]:
    """Which modules of the console's pages import which, by one of the two ways."""
    files = [path for path in STATIC.rglob("*.js") if "vendor" not in path.parts]
    return {path: {(path.parent / other).resolve() for other in found.findall(path.read_text())} for path in files}


def test_pages_import_one_way() -> None:
    """The console's JavaScript: app.js is the top and nothing imports it, lib knows no page, and nothing goes round."""
    known = {path: at_top | scripts(WHEN_NEEDED)[path] for path, at_top in scripts(AT_TOP).items()}
    assert sum(map(len, known.values())) > 200  # else nothing was read
    assert {other for others in known.values() for other in others} == set(known) - {
        STATIC / "app.js",
        STATIC / "theme.js",
    }
    folder = {path: path.relative_to(STATIC).parts[0] if path.parent != STATIC else "" for path in known}
    wrong = [
        f"{name(path)} imports {name(other)}"
        for path, others in known.items()
        for other in others
        if folder[other] not in BELOW[folder[path]]
    ]
    assert wrong == []
    TopologicalSorter(known).prepare()


def test_the_first_page_is_fetched_at_once() -> None:
    """index.html names all that app.js imports, theirs too, so that the browser does not find them one by one."""
    wanted, found = [STATIC / "app.js"], set[Path]()
    while wanted:
        path = wanted.pop()
        wanted += scripts(AT_TOP)[path] - found
        found |= scripts(AT_TOP)[path]
    said = re.findall(r'modulepreload" href="/static/([^"]+)"', (STATIC / "index.html").read_text())
    assert sorted(said) == sorted(str(path.relative_to(STATIC)) for path in found)


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Nor for its types alone: of two modules one can be read without the other."""
    dotted = {path: path.relative_to(ROOT).with_suffix("").parts for path in MODULES}
    known = {".".join(parts[:-1] if parts[-1] == "__init__" else parts): path for path, parts in dotted.items()}
    TopologicalSorter({one: imports(path) & set(known) for one, path in known.items()}).prepare()


#: A room's own ways, shown to one other: kernels of models are compiled as those of features are.
SHOWN = {("models", "risk_stream.features._jit")}


def test_rooms_are_entered_by_their_doors() -> None:
    """What a package's `__init__` has read is imported from the package; modules beginning with `_` are its own.

    A module that it has not read may be imported by its own name: not everybody pays for it.
    """
    exported = {
        module: ".".join(path.parent.relative_to(ROOT).parts)
        for path in MODULES
        if path.name == "__init__.py" and PACKAGE in path.parents
        for module in look(path).taken
    }
    wrong = [
        f"{name(path)} imports {module}" + (f": take it from {exported[module]}" if module in exported else "")
        for path, here, module, _ in across(bench=True)
        if (module in exported or re.search(r"\._[a-z]", module)) and (here, module) not in SHOWN
    ]
    assert wrong == []


def test_the_core_does_no_io() -> None:
    """No broker, no terminal, no thread, no chance: the same input gives the same judgements."""
    seeded = {("risk_stream/models/trees.py", "random")}  # a forest is drawn from its seed
    found = {
        (name(path), module.split(".")[0]) for path in MODULES if own_room(path) in CORE for module in imports(path)
    }
    assert {(path, module) for path, module in found if module in SHELL} <= seeded


def test_the_core_reads_no_clock() -> None:
    """Time is the event's time: nothing in the core asks what time it is."""
    assert [where for path in MODULES if own_room(path) in CORE for where in look(path).clocks] == []


def test_a_module_says_what_it_is_for_and_can_be_read() -> None:
    """One sentence first, under 600 lines, no function over 90."""
    mute = [name(path) for path in MODULES if not look(path).sentence.endswith((".", ":", "?"))]
    long = [name(path) for path in MODULES if look(path).lines >= MAX_LINES]
    assert (mute, long, [where for path in MODULES for where in look(path).long]) == ([], [], [])


def test_a_package_only_exports() -> None:
    """`__init__.py` holds a docstring, imports and names, no code."""
    assert [where for path in MODULES if path.name == "__init__.py" for where in look(path).code] == []


def test_all_that_a_module_offers_is_there() -> None:
    """`from module import *` takes every name of its `__all__`."""
    missing = [f"{name(path)} has no {lost}" for path in MODULES for lost in look(path).missing]
    assert missing == []


def test_every_client_proves_who_it_is() -> None:
    """TLS and passwords are set in one place: clients get **kafka_options(…) or **redis_options(…)."""
    assert [where for path in MODULES if PACKAGE in path.parents for where in look(path).unproven] == []


def test_nothing_is_left_for_later() -> None:
    """No stub, no reminder, no disabled code."""
    words = ["TO" + "DO", "FIX" + "ME", "X" * 3, "NotImplemented" + "Error"]
    left = [f"{name(p)}: {word}" for p in MODULES for word in words if word in p.read_text()]
    assert left == []


def declared(*lists: list[str]) -> set[str]:
    """The distributions that requirement lines name, as pip normalises them."""
    found = [re.match(r"[A-Za-z0-9._-]+", line) for lines in lists for line in lines]
    return {re.sub(r"[-_.]+", "-", match[0]).lower() for match in found if match}


@pytest.mark.parametrize("folder", ["risk_stream", "tests", "bench", "docs"])
def test_what_is_imported_is_declared(folder: str) -> None:
    """A package that is only there because another brought it is missing on the next machine."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extra = project["optional-dependencies"]
    run = extra.keys() - {"dev", "site"}  # where the package may import what is an extra's: tests/cli/test_extras.py
    known = declared(project["dependencies"], *(extra[e] for e in (run if folder == "risk_stream" else extra)))
    rivals = ROOT / "bench" / "rivals"  # they run in an environment of their own, by their own requirements
    files = [path for path in (ROOT / folder).rglob("*.py") if rivals not in path.parents]
    modules = {module.split(".")[0] for path in files for module in imports(path)}
    third = modules - set(sys.stdlib_module_names) - {"risk_stream", "tests", "bench", "docs", "__future__"}
    providers = packages_distributions()
    for module in third - {"llvmlite", "mode"}:  # numba's and faust's other halves
        assert module in providers, f"{module} is not installed"
        names = {re.sub(r"[-_.]+", "-", name).lower() for name in providers[module]}
        assert names & (known | {"pytest"}), f"{folder} imports {module}, which no dependency declares"


def test_the_version_is_said_once() -> None:
    """pyproject and the package agree."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f'__version__ = "{declared}"' in (PACKAGE / "__init__.py").read_text()
