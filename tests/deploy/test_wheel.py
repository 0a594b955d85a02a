"""The wheel holds all that a house needs, and works outside of the checkout: rules, models and people come with it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from docs.licences import locked

ROOT = Path(__file__).parents[2]


def ran(*command: object, folder: Path, seconds: float = 100, **settings: str) -> subprocess.CompletedProcess[str]:
    """A command in a folder that is no checkout, with no setting but these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RISK_STREAM_", "PYTHON"))}
    words = [str(word) for word in command]
    return subprocess.run(words, cwd=folder, env={**kept, **settings}, capture_output=True, text=True, timeout=seconds)


def pip(*arguments: object, folder: Path, seconds: float = 100) -> None:
    """pip of this environment, which asks no index where it is told so."""
    done = ran(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, folder=folder, seconds=seconds)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout by what is installed here."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT, folder=folder)
    [built] = folder.glob("*.whl")
    return built


def test_it_holds_the_package_and_what_comes_with_it(wheel: Path) -> None:
    """Every file that is not Python's own beside it; no test, no token, no cache."""
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "risk_stream", "rules", "models", "people"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    shared = f"{wheel.name.rsplit('-', 3)[0]}.data/data/share/risk-stream/"
    wanted = {name if name.startswith("risk_stream/") else f"{shared}{name}" for name in tracked}
    assert wanted
    assert wanted - names == set()
    rest = {name for name in names - wanted if ".dist-info/" not in name}
    assert {name for name in rest if re.search(r"tokens|__pycache__|(^|/)tests/", name)} == set()
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


@pytest.fixture(scope="module")
def beside(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, which has its dependencies from this one; returns its `risk-stream`."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    pip("--python", folder / "bin/python", "install", "--quiet", "--no-deps", "--no-index", wheel, folder=folder)
    [packages] = folder.glob("lib/python3*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"))  # which is not read for .pth files
    return folder / "bin" / "risk-stream"


def test_its_rules_models_and_people_are_found_where_no_checkout_is(beside: Path, tmp_path: Path) -> None:
    """And pass their checks, in an empty folder: those of the wheel, not of a checkout."""
    asked = (
        "import risk_stream.cli as c, risk_stream.settings as s; print(s.shipped('rules'));"
        "print(c.run(['rules', 'check']), c.run(['notices', 'check']))"
    )
    done = ran(beside.with_name("python"), "-c", asked, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    where, *said, codes = done.stdout.splitlines()
    assert Path(where) == beside.parents[1] / "share/risk-stream/rules"
    assert re.search(r"^ok \d{3} rules and 5 models in \d+ files", "\n".join(said), re.MULTILINE)
    assert "ok 0 receivers" in "\n".join(said)
    assert codes == "0 0"


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_the_demo_runs_from_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    """`pip install "risk-stream[demo]"`, and alerts appear: no River, no checkout, nothing but what pip brought."""
    environment, empty = tmp_path / "environment", tmp_path / "empty"
    empty.mkdir()
    pins = tmp_path / "constraints.txt"
    pins.write_text("".join(f"{name}=={versions[0]}\n" for name, versions in locked().items()))
    venv.create(environment, with_pip=True)
    python = environment / "bin/python"
    done = ran(python, "-m", "pip", "install", "--quiet", "-c", pins, f"{wheel}[demo]", folder=empty, seconds=600)
    assert done.returncode == 0, done.stderr
    assert ran(python, "-c", "import river", folder=empty).returncode == 1
    command = python.with_name("risk-stream")
    assert ran(command, "warm", folder=empty, seconds=1200).returncode == 0  # else three processes compile the same
    shown = ran(command, "demo", "--for", "30s", folder=empty, seconds=500)
    assert shown.returncode == 0, shown.stderr
    found = json.loads(shown.stdout.splitlines()[-1])
    assert found["alerts"] > 0
    assert found["found"] > 0
    assert list(empty.iterdir()) == []
