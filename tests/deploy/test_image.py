"""The image, read: what it is made of exists, runs without rights, and answers to its health check.

No Docker builds it here: the file is parsed, and what it names is looked for.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from risk_stream.settings import Settings, load_settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def instructions() -> list[tuple[str, str]]:
    """(word, the rest) of each instruction, its lines joined, comments left out."""
    lines = [line for line in TEXT.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(word, rest) for line in joined.splitlines() if line.strip() for word, _, rest in [line.partition(" ")]]


def stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage, each beginning with its FROM."""
    found: list[list[tuple[str, str]]] = []
    for one in instructions():
        if one[0] == "FROM":
            found.append([])
        found[-1].append(one)
    return found


BUILD, IMAGE = stages()


def said(stage: list[tuple[str, str]], word: str) -> list[str]:
    """What a stage says by a word."""
    return [rest for name, rest in stage if name == word]


def environment() -> dict[str, str]:
    """The variables of the image."""
    return dict(pair.split("=", 1) for line in said(IMAGE, "ENV") for pair in shlex.split(line))


def test_both_stages_begin_with_one_pinned_python() -> None:
    """Of a version, a system and a size that are said."""
    bases = {rest.split(" AS ")[0] for _, rest in (BUILD[0], IMAGE[0])}
    [base] = bases
    version = re.fullmatch(r"python:(\d+\.\d+\.\d+)-slim-[a-z]+", base)
    assert version is not None
    assert f">={'.'.join(version[1].split('.')[:2])}" == PROJECT["requires-python"]


def test_what_it_copies_is_in_the_repository_and_let_through() -> None:
    """A folder that .dockerignore holds back would be missing in the image."""
    through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = [line for stage in (BUILD, IMAGE) for line in said(stage, "COPY")]
    assert copied
    for line in copied:
        if line.startswith("--from="):
            assert line.split()[0].removeprefix("--from=") == BUILD[0][1].split(" AS ")[1]
            continue
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert source in through, source
    # What the wheel is made of is there when it is made.
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    inside = {source for line in said(BUILD, "COPY") for source in line.split()[:-1]}
    assert {*wheel["packages"], *wheel["shared-data"], *PROJECT["license-files"], PROJECT["readme"]} <= inside


def test_only_what_was_built_and_locked_goes_into_the_image() -> None:
    """Hashes are checked, nothing is fetched after that, and the tools that built it stay behind."""
    runs = " && ".join(said(BUILD, "RUN"))
    assert "--require-hashes" in runs
    assert re.search(r"pip install --no-index --find-links /wheels", runs)
    assert not re.search(r"\b(pip|apt-get|curl|wget)\b", " ".join(said(IMAGE, "RUN")))
    assert said(IMAGE, "ADD") == []


def test_it_holds_the_extras_that_a_house_runs() -> None:
    """By the name of an extra that there is; a smaller image is asked for by --build-arg."""
    [argument] = said(BUILD, "ARG")
    name, _, extras = argument.partition("=")
    assert f"risk-stream${{{name}}}" in " ".join(said(BUILD, "RUN"))
    assert Requirement(f"risk-stream{extras}").extras <= set(PROJECT["optional-dependencies"])


def test_it_runs_as_a_user_without_rights() -> None:
    """Said by number, so that a cluster sees that it is not root; after that nothing is run or copied."""
    words = [word for word, _ in IMAGE]
    [user] = said(IMAGE, "USER")
    assert int(user) >= 10_000
    assert f"--uid {user} " in " ".join(said(IMAGE, "RUN"))
    assert "--shell /usr/sbin/nologin" in " ".join(said(IMAGE, "RUN"))
    assert not {"RUN", "COPY"} & set(words[words.index("USER") :])
    assert re.findall(r"chmod|sudo|chown", TEXT) == []


def test_its_health_check_asks_what_the_worker_answers() -> None:
    """At the port that is its setting and that is exposed; with what the image has."""
    [check] = said(IMAGE, "HEALTHCHECK")
    command = json.loads(check[check.index("CMD [") + 4 :])
    port = Settings.model_fields["metrics_port"].default
    assert f"http://127.0.0.1:{port}/metrics" in command[-1]
    assert command[0] == "python"
    assert said(IMAGE, "EXPOSE") == [str(port)]
    compile(command[-1], "HEALTHCHECK", "exec")
    assert "--start-period=" in check


def test_it_starts_a_worker_with_settings_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules, models and people lie where its settings look for them."""
    [entry], [command] = said(IMAGE, "ENTRYPOINT"), said(IMAGE, "CMD")
    assert [*json.loads(entry), *json.loads(command)] == ["risk-stream", "worker"]
    ours = {name: value for name, value in environment().items() if name.startswith("RISK_STREAM_")}
    assert {name.removeprefix("RISK_STREAM_").lower() for name in ours} <= set(Settings.model_fields)
    for name, value in ours.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    copied = {line.split()[-1] for line in said(IMAGE, "COPY")}
    [rules] = settings.rules
    beside = {
        str(rules.parent / "models"),
        str(rules.parent / "people"),
    }  # looked for there
    assert {str(rules), *beside, "/opt/risk-stream"} <= copied
