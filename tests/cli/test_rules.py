"""`rules check` says everything that is wrong, where, and what a good folder holds."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Ask


def test_a_good_folder_is_counted(ask: Ask, rules: Path) -> None:
    """Rules, files, modes, features and the plan's version."""
    answer = ask("rules", "check", rules)
    assert answer.code == 0
    assert "ok 2 rules in 1 file" in answer.out
    assert "1 shadow" in answer.out
    assert "1 windowed feature" in answer.out


def test_every_problem_is_said_at_once_with_its_place(ask: Ask, rules: Path) -> None:
    """file:line:column for each, the count on stderr, exit code 1."""
    path = rules / "transfers.yaml"
    path.write_text(path.read_text().replace("amount >=", "amuont >=").replace("severity: high", "severity: hihg"))
    answer = ask("rules", "check", rules)
    assert answer.code == 1
    said = answer.out.strip().splitlines()
    assert len(said) == 2
    assert all(line.startswith(f"{path}:") for line in said)
    assert f"{path}:14:11: " in answer.out
    assert "did you mean" in answer.out
    assert "2 problems in 1 file" in answer.err


def test_problems_are_data_too(ask: Ask, rules: Path) -> None:
    """For editors and merge checks."""
    path = rules / "transfers.yaml"
    path.write_text(path.read_text().replace("amount >=", "amuont >="))
    answer = ask("rules", "check", rules, "--format", "json")
    assert answer.code == 1
    assert answer.json["ok"] is False
    (problem,) = answer.json["problems"]
    assert (problem["file"], problem["line"], problem["rule"]) == (str(path), 14, "large-transfer")
    assert answer.err == ""


def test_a_good_folder_is_data_too(ask: Ask, rules: Path) -> None:
    """With the counts."""
    said = ask("rules", "check", rules, "--format", "json").json
    assert (said["ok"], said["rules"], said["files"], said["modes"]) == (True, 2, 1, {"live": 1, "shadow": 1})


def with_test(rules: Path, then: str) -> Path:
    """The folder, with a test of the rule `busy-account`."""
    path = rules / "transfers.yaml"
    given = "".join(f"          - {{after: {i}m, transfer: {{direction: out, amount: 5}}}}\n" for i in (1, 2, 3))
    test = f"    tests:\n      - name: the third within an hour\n        given:\n{given}        then: {then}\n"
    path.write_text(path.read_text().replace("  - id: large-transfer", f"{test}  - id: large-transfer"))
    return path


def test_the_tests_in_a_rule_file_are_run(ask: Ask, rules: Path) -> None:
    """Through the engine; rules without a test are counted."""
    with_test(rules, "fires")
    answer = ask("rules", "test", rules)
    assert answer.code == 0, answer.out
    assert "ok 1 tests; 1 of 2 rules have none" in answer.err


def test_a_failing_test_says_where_and_what_it_saw(ask: Ask, rules: Path) -> None:
    """file:line, the rule, the test, the values."""
    path = with_test(rules, "quiet")
    answer = ask("rules", "test", rules)
    assert answer.code == 1
    assert answer.out.startswith(f"{path}:")
    assert "busy-account: the third within an hour: " in answer.out
    assert "sent_1h is 3" in answer.out
    assert answer.out.count('"type":"transfer"') == 3, "the events as they were judged"
    assert "yes sent_1h >= 3   [sent_1h is 3]" in answer.out
    said = ask("rules", "test", rules, "--format", "json", "--rule", "busy-account").json
    assert (said["ok"], said["tests"][0]["passed"]) == (False, False)


def test_an_unknown_rule_is_said(ask: Ask, rules: Path) -> None:
    """Instead of running nothing."""
    assert "no rule 'bussy-account'" in ask("rules", "test", rules, "--rule", "bussy-account").err


def test_an_empty_folder_is_said(ask: Ask, tmp_path: Path) -> None:
    """No rules is hardly what was meant."""
    (tmp_path / "empty").mkdir()
    answer = ask("rules", "check", tmp_path / "empty")
    assert answer.code == 1
    assert "empty" in answer.out + answer.err


def test_the_folder_of_the_settings_is_checked_without_an_argument(ask: Ask, rules: Path) -> None:
    """The same as the worker reads."""
    assert ask("rules", "check", rules=f'["{rules}"]').code == 0


def test_what_ci_reads_is_there_for_good_files_and_bad_ones(ask: Ask, rules: Path) -> None:
    path = with_test(rules, "quiet")
    answer = ask("rules", "test", rules, "--format", "github")
    assert answer.code == 1
    assert answer.out.startswith(f"::error file={path},line=")
    assert 'failures="1"' in ask("rules", "test", rules, "--format", "junit").out
    assert 'tests="2" failures="0"' in ask("rules", "check", rules, "--format", "junit").out
    path.write_text(path.read_text().replace("severity: high", "severity: hihg"))
    answer = ask("rules", "check", rules, "--format", "github")
    assert answer.code == 1
    assert ",title=busy-account%3A check::" in answer.out


def test_a_new_rule_is_a_file_that_passes_its_own_tests(ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "logins.yaml"
    file.write_text(ask("rules", "new", "many-logins", "--on", "login").out)
    assert ask("rules", "test", file).code == 0
    assert 'did you mean "login"' in ask("rules", "new", "many-logins", "--on", "logn").err
    assert "'Many Logins' cannot be a rule's id" in ask("rules", "new", "Many Logins").err


def test_rules_are_chosen_by_group_tag_stage_and_owner(ask: Ask, rules: Path) -> None:
    """Each option narrows; a word that no rule has is said with what was meant."""
    path = with_test(rules, "fires")
    text = path.read_text().replace("  - id: busy-account", "  - id: busy-account\n    group: burst\n    tags: [pace]")
    path.write_text(text)
    assert ask("rules", "test", rules, "--group", "burst", "--tag", "pace", "--format", "json").json["tests"]
    said = ask("rules", "explain", "--rules", rules, "--group", "burst", "--format", "json").json
    assert [(one["rule"], one["group"]) for one in said["rules"]] == [("busy-account", "burst")]
    answer = ask("rules", "test", rules, "--group", "bursts")
    assert answer.code == 1
    assert "No rule of these files has the group 'bursts'" in answer.err
    assert "burst" in answer.err


def test_a_rule_that_is_long_over_is_a_warning(ask: Ask, rules: Path) -> None:
    """By the wall clock, of which only the command knows."""
    path = rules / "transfers.yaml"
    path.write_text(path.read_text().replace("  - id: busy-account", "  - id: busy-account\n    until: 2020-01-31"))
    assert "busy-account judged until 2020-01-31" in ask("rules", "check", rules).out.replace("\n", " ")
