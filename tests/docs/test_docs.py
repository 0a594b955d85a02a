"""The documents say what the program does: generated parts are current, examples load, links lead somewhere."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.generate import pages
from risk_stream.catalogue import load_catalogue
from risk_stream.features import Op
from risk_stream.rules import SEVERITIES, STAGES, load_plan
from risk_stream.rules.model import MODES
from risk_stream.settings import Settings
from risk_stream.sinks.prometheus import METRICS
from risk_stream.workbench import run_tests

ROOT = Path(__file__).parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "SECURITY.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "docs" / "tours").glob("*.md")),
]
EXAMPLES = [
    (path, text)
    for path in PAGES
    for text in re.findall(r"^```yaml\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)
]
RULE_EXAMPLES = [(path, text) for path, text in EXAMPLES if text.startswith(("stage:", "lifecycle:"))]

POLICY_EXAMPLES = [(path, text) for path, text in EXAMPLES if text.startswith("profile:")]

page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)


def test_generated_parts_are_current() -> None:
    """`make docs` would change nothing."""
    assert [path.name for path, text in pages().items() if path.read_text() != text] == []


def test_every_setting_is_in_the_operations_page() -> None:
    """With its meaning."""
    text = (ROOT / "docs" / "operations.md").read_text()
    for name, field in Settings.model_fields.items():
        assert f"`RISK_STREAM_{name.upper()}`" in text
        assert field.description


def test_every_metric_is_in_the_operations_page() -> None:
    """By its full name."""
    text = (ROOT / "docs" / "operations.md").read_text()
    assert len(METRICS) >= 10
    for metric in METRICS:
        assert f"`{metric.name}`" in text


def test_there_are_rule_examples() -> None:
    """One in the README, one in the reference, one of a life cycle."""
    assert {path.name for path, _ in RULE_EXAMPLES} >= {"README.md", "rules.md", "lifecycles.md"}


@pytest.mark.parametrize(("path", "text"), RULE_EXAMPLES, ids=[p.name for p, _ in RULE_EXAMPLES])
def test_a_rule_example_loads(path: Path, text: str, tmp_path: Path) -> None:
    """What a reader copies works."""
    for _, other in EXAMPLES:  # one that others import says its name in its first line
        name = re.match(r"# ([\w-]+\.yaml)\n(?:constants|features):", other)
        if name is not None:
            (tmp_path / name[1]).write_text(other)
        elif other.startswith("model: "):  # one that rules ask
            (tmp_path / f"{other.split()[1]}.yaml").write_text(other)
    (tmp_path / "example.yaml").write_text(text)
    plan = load_plan([tmp_path], load_catalogue())
    assert plan.rules
    assert [result.message for result in run_tests(plan) if not result.passed] == []


def test_the_files_of_the_page_on_decisions_make_a_house_that_passes_its_tests(tmp_path: Path) -> None:
    """Its table, its scorecard and the rule that the table asks, as they are shown."""
    shown = [text for path, text in EXAMPLES if path.name == "decisions.md"]
    assert {text.partition(":")[0] for text in shown} >= {"table", "scorecard", "stage"}
    for place, text in enumerate(shown):
        (tmp_path / f"{place}.yaml").write_text(text)
    plan = load_plan([tmp_path], load_catalogue())
    assert plan.warnings == []
    results = run_tests(plan)
    assert results
    assert [result.message for result in results if not result.passed] == []


@pytest.mark.parametrize(("path", "text"), POLICY_EXAMPLES, ids=[p.name for p, _ in POLICY_EXAMPLES])
def test_an_example_of_a_policy_names_rules_that_are_shipped(path: Path, text: str, tmp_path: Path) -> None:
    """It loads beside them in the place of the shipped one."""
    (tmp_path / "profile.yaml").write_text(text)
    folders = [folder for folder in sorted((ROOT / "rules").iterdir()) if folder.is_dir()]
    plan = load_plan([*folders, tmp_path], load_catalogue())
    assert plan.profiles is not None
    assert [str(warning) for warning in plan.warnings if str(tmp_path) in warning.file] == []


def test_every_word_of_the_language_is_in_its_reference() -> None:
    """Operations, stages, severities and modes, as the code has them."""
    text = (ROOT / "docs" / "rules.md").read_text()
    for word in (*STAGES, *SEVERITIES, *MODES, *(op.value for op in Op)):
        assert re.search(rf"\b{word}\b", text), word


@pytest.mark.parametrize(("path", "text"), EXAMPLES, ids=[p.name for p, _ in EXAMPLES])
def test_a_yaml_example_is_yaml(path: Path, text: str) -> None:
    """No tab, no missing quote."""
    assert yaml.safe_load(text)


@page
def test_links_lead_somewhere(path: Path) -> None:
    """To files of the repository that exist, and to headings they have."""
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if target.startswith(("http:", "https:")):
            continue
        name, _, heading = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        assert file.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.+)$", file.read_text(), re.MULTILINE)
            assert heading in {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}, target


@cache
def _commands() -> Any:
    """All that `risk-stream` can be told."""
    from typer.main import get_command

    from risk_stream.cli import app

    return get_command(app)


@page
def test_the_commands_it_shows_exist(path: Path) -> None:
    """`risk-stream …` in a console block is a command of ours with options it has; `make …` a target."""
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for block in re.findall(r"^```console\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL):
        for line in re.findall(r"^\$ (.*)$", block, re.MULTILINE):
            words = [w for w in re.split(r"\s*[|>]\s*", line)[0].split() if not re.match(r"[A-Z_]+=", w)]
            if words[:1] == ["make"] and len(words) > 1:
                assert words[1] in targets, line
            if words[:1] != ["risk-stream"] or len(words) < 2:
                continue
            command, rest = _commands(), words[1:]
            while rest and hasattr(command, "commands"):
                assert rest[0] in command.commands, line
                command = command.commands[rest.pop(0)]
            known = {option for parameter in command.params for option in parameter.opts}
            assert {word for word in rest if re.match(r"--?[a-z]", word)} <= known | {"--help"}, line
