"""The house as it is drawn: imports point one way, every module says what it is for, none is too long to read."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from functools import cache
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


def test_there_is_something_to_look_at() -> None:
    """A moved folder must not make the other tests here say yes to nothing."""
    rooms = {own_room(path) for path in MODULES}
    assert {"catalogue", "features", "rules", "engine", "stream", "sinks", "embedded", "simulate", "cli"} <= rooms


def test_every_room_has_its_floor() -> None:
    """A new room says where it stands."""
    assert {own_room(path) for path in MODULES} - {None} <= set(FLOORS)


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_imports_point_down(path: Path) -> None:
    """cli -> stream, console -> sinks, embedded, simulate -> engine -> rules -> features -> catalogue."""
    here = own_room(path)
    if here is None:
        return
    for module in imports(path):
        there = room(module)
        if there is None or there in {here, "__version__"}:
            continue
        assert FLOORS[there] < FLOORS[here] or (here, there) in FRIENDS, f"{name(path)} imports {module}"


#: A room's own ways, shown to one other: kernels of models are compiled as those of features are.
SHOWN = {("models", "risk_stream.features._jit")}


@cache
def faces() -> dict[str, frozenset[str]]:
    """What each package exports, and the modules that it loads for that."""
    found = {}
    for path in (path for path in MODULES if path.name == "__init__.py" and PACKAGE in path.parents):
        package = ".".join(path.parent.relative_to(ROOT).parts)
        taken = [node for node in parsed(path.read_text()).body if isinstance(node, ast.ImportFrom)]
        found[package] = frozenset(node.module or "" for node in taken)
    return found


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_rooms_are_entered_by_their_doors(path: Path) -> None:
    """What a package's `__init__` has read is imported from the package; modules beginning with `_` are its own.

    A module that it has not read may be imported by its own name: not everybody pays for it.
    """
    here = own_room(path)
    for module in imports(path):
        there = room(module)
        if there is None or there == here or (here, module) in SHOWN:
            continue
        assert not re.search(r"\._[a-z]", module), f"{name(path)} imports {module}, which is another room's own"
        packages = [package for package, read in faces().items() if module in read]
        assert packages == [], f"{name(path)} imports {module}: import it from {packages[0]}, which exports it"


@pytest.mark.parametrize("path", [path for path in MODULES if own_room(path) in CORE], ids=name)
def test_the_core_does_no_io(path: Path) -> None:
    """No broker, no terminal, no thread, no chance: the same input gives the same judgements."""
    seeded = {"random"} if name(path) == "risk_stream/models/trees.py" else set()  # a forest is drawn from its seed
    assert {module.split(".")[0] for module in imports(path)} & (SHELL - seeded) == set()


@pytest.mark.parametrize("path", [path for path in MODULES if own_room(path) in CORE], ids=name)
def test_the_core_reads_no_clock(path: Path) -> None:
    """Time is the event's time: nothing in the core asks what time it is."""
    for node in ast.walk(parsed(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            asked = f"{node.value.id}.{node.attr}"
            assert asked not in {"time.time", "time.monotonic", "time.time_ns", "datetime.now", "datetime.utcnow"}, (
                f"{name(path)}:{node.lineno} reads the clock"
            )


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_says_what_it_is_for_and_can_be_read(path: Path) -> None:
    """One sentence first, under 600 lines, no function over 90."""
    text = path.read_text()
    tree = parsed(text)
    docstring = ast.get_docstring(tree)
    assert docstring, f"{name(path)} has no docstring"
    assert docstring.splitlines()[0].endswith((".", ":", "?")), f"{name(path)} does not begin with a sentence"
    assert len(text.splitlines()) < MAX_LINES
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length < MAX_FUNCTION_LINES, f"{name(path)}:{node.lineno} {node.name} has {length} lines"


@pytest.mark.parametrize("path", [path for path in MODULES if path.name == "__init__.py"], ids=name)
def test_a_package_only_exports(path: Path) -> None:
    """`__init__.py` holds a docstring, imports and names, no code."""
    for node in parsed(path.read_text()).body[1:]:
        assert isinstance(node, ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign), f"{name(path)}:{node.lineno}"


#: What connects to Kafka or Redis, by the name it is called by.
CLIENTS = {
    *("AIOKafkaConsumer", "AIOKafkaProducer", "AIOKafkaAdminClient", "KafkaAdminClient", "KafkaConsumer"),
    *("KafkaProducer", "from_url"),
}


@pytest.mark.parametrize("path", [path for path in MODULES if PACKAGE in path.parents], ids=name)
def test_every_client_proves_who_it_is(path: Path) -> None:
    """TLS and passwords are set in one place, and every client of Kafka or Redis is made with what that says."""
    for node in ast.walk(parsed(path.read_text())):
        if not isinstance(node, ast.Call) or ast.unparse(node.func).rpartition(".")[2] not in CLIENTS:
            continue
        spread = [ast.unparse(one.value) for one in node.keywords if one.arg is None]
        assert any(said == "options" or "_options(" in said for said in spread), (
            f"{name(path)}:{node.lineno} connects without **kafka_options(broker) or **redis_options(url)"
        )


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
    for module in third - {"compose_spec", "llvmlite", "mode"}:  # not needed: a skip; numba's and faust's other halves
        assert module in providers, f"{module} is not installed"
        names = {re.sub(r"[-_.]+", "-", name).lower() for name in providers[module]}
        assert names & (known | {"pytest"}), f"{folder} imports {module}, which no dependency declares"


def test_the_version_is_said_once() -> None:
    """pyproject and the package agree."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f'__version__ = "{declared}"' in (PACKAGE / "__init__.py").read_text()
