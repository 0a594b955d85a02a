"""A mutant is one small fault, is planted where functions are loaded already, and what is said of it stays true."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutants.__main__ import ROOT, explained, is_kernel
from tests.mutants.places import Mutant, NotPlantedError, living, mutants_of, plant

TEXT = """
LIMIT = 3

def within(value: "int | None", factor: int = 2) -> bool:
    assert value != 7
    if value is None:
        return False
    return not value * factor > LIMIT

class Sum:
    total = 0
    def add(self, *more):
        for each in more:
            if each < 0:
                continue
            self.total += each
        return [each for each in more if each]
"""


def test_a_mutant_of_an_edited_module_is_another(tmp_path: Path) -> None:
    """What became of it is not known any more, though it stands in the same place."""
    path = tmp_path / "edited.py"
    path.write_text("def f(x):\n    return x + 1\n")
    before = mutants_of(path, tmp_path)
    assert mutants_of(path, tmp_path) == before
    path.write_text("def f(x):\n    return x + 2\n")
    assert not {m.place for m in before} & {m.place for m in mutants_of(path, tmp_path)}


@pytest.fixture
def module(tmp_path: Path) -> ModuleType:
    """A module with something of everything."""
    path = tmp_path / "mutated_here.py"
    path.write_text(TEXT)
    spec = importlib.util.spec_from_file_location("mutated_here", path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def of(module: ModuleType) -> list[Mutant]:
    path = Path(str(module.__file__))
    return mutants_of(path, path.parent)


def test_every_fault_is_of_something_that_runs_when_a_function_is_called(module: ModuleType) -> None:
    """No constants of modules and classes, no defaults, annotations or asserts."""
    assert [(m.line, m.was, m.now) for m in of(module)] == [
        (6, "if value is None", "if False"),
        (6, "if value is None", "if True"),
        (6, "value is None", "value is not None"),
        (7, "return False", "return None"),
        (7, "False", "True"),
        (8, "return not value * factor > LIMIT", "return None"),
        (8, "not value * factor > LIMIT", "value * factor > LIMIT"),
        (8, "value * factor > LIMIT", "value * factor >= LIMIT"),
        (8, "value * factor > LIMIT", "value * factor <= LIMIT"),
        (8, "value * factor", "value + factor"),
        (13, "for each in more", "for each in ()"),
        (14, "if each < 0", "if False"),
        (14, "if each < 0", "if True"),
        (14, "each < 0", "each <= 0"),
        (14, "each < 0", "each >= 0"),
        (14, "0", "1"),
        (14, "0", "-1"),
        (15, "continue", "break"),
        (16, "self.total += each", "self.total -= each"),
        (16, "self.total += each", "pass"),
        (17, "return [each for each in more if each]", "return None"),
        (17, "for each in more if each", "for each in more"),
    ]


def test_a_function_that_is_loaded_has_the_fault(module: ModuleType) -> None:
    """Whoever holds it already calls the changed one."""
    held, folder = module.within, Path(str(module.__file__)).parent
    (mutant,) = [m for m in of(module) if m.now == "value + factor"]
    assert held(1)
    plant(mutant, folder, living(folder))
    assert held(1)
    assert not held(2)
    (mutant,) = [m for m in of(module) if m.now == "self.total -= each"]
    plant(mutant, folder, living(folder))
    summed = module.Sum()
    summed.add(4)
    assert summed.total == -4


def test_a_module_that_is_not_loaded_can_have_none(tmp_path: Path) -> None:
    """A mutant that would change nothing is not taken for one that survived."""
    path = tmp_path / "nobody_loads_this.py"
    path.write_text("def f(): return 1\n")
    with pytest.raises(NotPlantedError):
        plant(mutants_of(path, tmp_path)[0], tmp_path, living(tmp_path))


def test_those_explained_are_mutants_still() -> None:
    """An entry whose line was edited away explains nothing."""
    known = {m.name for path in {each["path"] for each in explained()} for m in mutants_of(ROOT / path, ROOT)}
    assert [
        each for each in explained() if (each["path"], each["function"], each["was"], each["now"]) not in known
    ] == []


def test_what_is_compiled_is_mutated_where_nothing_is_compiled() -> None:
    """Machine code in numba's cache would hide the fault."""
    assert is_kernel("risk_stream/features/_kernel_scan.py")
    assert is_kernel("risk_stream/engine/_ring_kernel.py")
    assert is_kernel("risk_stream/rules/evaluation/_masks.py")
    assert not is_kernel("risk_stream/features/state.py")


SUITE = """
import sys
from pathlib import Path

import pytest

from tests.mutants import plugin
from tests.mutants.places import mutants_of

here = Path(sys.argv[1])
plugin.ROOT = here
sys.path.insert(0, str(here))
reached = {("judged.py", line): ["test_judged.py::test_it"] for line in (2, 4)}
runner = plugin.Runner(mutants_of(here / "judged.py", here), reached, {}, here / "told", 5, dict)
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", str(here), str(here)], plugins=[runner]))
"""


def test_each_mutant_is_told_with_what_became_of_it(tmp_path: Path) -> None:
    """Seen by a failing test, by an end that is none of a test's, not seen, or reached by no test."""
    (tmp_path / "judged.py").write_text("def f(x):\n    return x + 1\ndef g():\n    return 1 if f(1) > 1 else 2\n")
    (tmp_path / "judged.py").write_text((tmp_path / "judged.py").read_text() + "def h():\n    return 3\n")
    test = "from judged import f, g\ndef test_it():\n    assert f(1) == 2\n    assert g()\n"
    (tmp_path / "test_judged.py").write_text(test)
    subprocess.run([sys.executable, "-c", SUITE, str(tmp_path)], check=True, cwd=ROOT, capture_output=True, timeout=60)
    told = [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]
    became = {each["mutant"].partition(" ")[2]: each["outcome"] for each in told}
    assert became["f: x + 1 -> x - 1"] == "failed"
    assert became["g: f(1) > 1 -> f(1) >= 1"] == "survived"
    assert became["g: return 1 if f(1) > 1 else 2 -> return None"] == "failed"
    assert became["h: return 3 -> return None"] == "unreached"
