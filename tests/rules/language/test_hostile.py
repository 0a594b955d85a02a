"""A rule file is data from outside: whatever stands in it, it is refused in a sentence, and costs little until then."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from risk_stream.rules import PlanError, plan_of_texts
from risk_stream.rules.limits import MAX_PROBLEMS
from tests.rules.fuzz import ROOT
from tests.rules.house import catalogue, plan_of, rule_file

#: Expressions that would do more than judge an event, or cost more than one.
EXPRESSIONS = {
    # files, imports, programs
    "open('/etc/passwd')": "there is no function 'open'",
    "open('/etc/passwd') == 'root'": "there is no function 'open'",
    "__import__('os').system('id')": "a dot cannot follow a name",
    "import os": "cannot be read",
    "coalesce(__import__('os'), 1) > 1": "there is no function '__import__'",
    "eval('paid') > 1": "there is no function 'eval'",
    "exec('1') > 1": "there is no function 'exec'",
    "compile('1', '', 'eval') > 1": "there is no function 'compile'",
    "breakpoint() > 1": "there is no function 'breakpoint'",
    "input() > 1": "there is no function 'input'",
    # walks from a value to its class and on
    "paid.__class__.__bases__[0].__subclasses__() > 1": "a dot cannot follow a name",
    "().__class__.__mro__ > 1": "a dot cannot follow a name",
    "''.__class__ == 'str'": "a dot cannot follow a name",
    "word.format(paid) == 'x'": "a dot cannot follow a name",
    "hour(time).real > 1": "a dot cannot follow a name",
    "getattr(paid, '__class__') > 1": "there is no function 'getattr'",
    "vars() > 1": "there is no function 'vars'",
    "globals() > 1": "there is no function 'globals'",
    "type(paid) == 'x'": "there is no function 'type'",
    "__builtins__ == 'x'": "there is no feature, constant or field '__builtins__'",
    "word[0] == 'x'": "square brackets cannot follow a value",
    # statements and the rest of Python
    "paid; paid": "';' is not part of the language",
    "del paid": "cannot be read",
    "assert paid": "cannot be read",
    "while True: paid": "cannot be read",
    "for x in word: paid": "cannot be read",
    "[x for x in word] == 1": "a comprehension is not part of the language",
    "{x for x in word} == 1": "a comprehension is not part of the language",
    "max(x for x in word) > 1": "a comprehension is not part of the language",
    "(lambda: paid)() > 1": "'lambda' is not part of the language",
    "(paid := 1) > 0": "':=' is not part of the language",
    "f'{paid}' == word": "an f-string is not part of the language",
    "f'{paid.__class__}' == word": "an f-string is not part of the language",
    "'%s' % word == 'x'": "text cannot be divided",
    "(yield paid) > 1": "'yield' is not part of the language",
    "await paid > 1": "'await' is not part of the language",
    "max(*word) > 1": "'*' before a value is not part of the language",
    "max(**word) > 1": "arguments have no names",
    # large and deep
    "9 ** 9 ** 9 > paid": "there is no power",
    "paid > 1 << 99999999": "'<<' is not part of the language",
    "'a' * 999999999 == word": "text cannot be multiplied",
    "paid > " + "9" * 3_900: "the number is too large",
    "paid > 1e400": "the number is too large",
    "paid > 0x" + "f" * 3_900: "the number is too large",
    "not " * 900 + "flag": "nested more than 50 deep",
    "-" * 3_000 + "paid > 1": "nested",
    "(" * 1_900 + "paid" + ")" * 1_900 + " > 1": "nested too deeply",
    "paid" + " + paid" * 500 + " > 1": "nested more than 50 deep",
    "paid" + " + paid" * 900 + " > 1": "at most 4,000 are allowed",
    "word in [" + ", ".join(f"'{i}'" for i in range(501)) + "]": "at most 500 are allowed",
    "days(9007199254740993) > time - time": "the number is too large",
    # another text than the one that is read
    "word == '\\u202eabc'": "U+202E",
    "word == '\\x1b[31m'": "U+001B",
    "word == 'a\\x00'": "U+0000",
    "word == '\\ud800'": "half a character",
    "word == 'a' 'b'": "one pair of quotation marks",
    "word in ['a' 'b']": "one pair of quotation marks",
    "word == '''a'''": "one pair of quotation marks",
    "word == r'a'": "one pair of quotation marks",
    "\uff50\uff41\uff49\uff44 > 1": "a name is written in the letters",
    "p\u0430id > 1": "a name is written in the letters",
    "paid > 1 # and flag": "'#' cannot stand in an expression",
    "paid > \u0661": "cannot be read",
}

#: Characters from which on a file is tried in a process of its own alone, for that takes its time.
LARGE = 15_000
ONE = rule_file("paid > 1")


def with_line(line: str, text: str = ONE) -> str:
    """A sound file with one more line at the top."""
    return f"{line}\n{text}"


def with_summary(summary: str) -> str:
    """A sound file with another summary."""
    return ONE.replace("summary: said", f"summary: {summary}")


def with_test(test: str) -> str:
    """A sound file whose rule has a test."""
    return f"{ONE}    tests: [{{name: n, then: quiet, {test}}}]\n"


def with_window(window: str) -> str:
    """A sound file but for the window of its feature."""
    return rule_file("times > 1", features=f"  times: {{count: probe, by: customer, window: {window}}}\n")


#: Rule files that would reach out of themselves, hide something, or grow.
FILES = {
    "aliases": ("a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n" + ONE, "anchors (&) and aliases (*) are not used"),
    "merge key": (with_line("<<: {stage: trading}"), "'<<' is no part of a rule file"),
    "object tag": (with_line("tags: !!python/object/apply:os.system [id]"), "tags such as"),
    "name tag": (with_line("tags: !!python/name:os.system"), "tags such as"),
    "tag by a directive": ("%TAG ! tag:yaml.org,2002:python/\n---\n" + with_line("tags: !name:os.system"), "tags such"),
    "binary tag": (with_line("tags: !!binary aGk="), "tags such as"),
    "key twice": (with_line("stage: portfolio"), '"stage" is given twice'),
    "a second document": (ONE + "---\n" + ONE, "a second document begins here"),
    "a key that is a list": ("? [a, b]\n: c\n", "a key must be plain text"),
    "NUL": (with_summary("'a\x00b'"), "U+0000 is not allowed"),
    "NUL by an escape": (with_summary('"a\\0b"'), "U+0000 in this text does not show"),
    "a terminal's command": (with_summary('"\\e]0;owned\\a"'), "U+001B in this text does not show"),
    "text turned around": (with_summary("'\u202eabc'"), "U+202E does not show"),
    "text turned around by an escape": (with_summary('"\\u202eabc"'), "U+202E in this text does not show"),
    "a comment turned around": (with_line("# \u2066 reviewed \u2069"), "U+2066 does not show"),
    "a line end that editors do not show": (with_line("# a\u2028tags: [b]"), "U+2028 does not show"),
    "a character of no width": (with_line("owner\u200b: desk"), "U+200B does not show"),
    "a surrogate": (with_summary("'\ud800'"), "surrogate"),
    "a surrogate by an escape": (with_summary('"\\ud800"'), "this is not YAML"),
    "import upwards": (with_line("import: ../../../../etc/passwd"), "there is no file '../../../../etc/passwd'"),
    "import of an absolute path": (with_line("import: /etc/passwd"), "there is no file '/etc/passwd' to import"),
    "import of an address": (with_line("import: https://example.com/a.yaml"), "to import"),
    "import of itself": (with_line("import: f0.yaml"), "there is no file 'f0.yaml' to import"),
    "calendar by a path": (with_window("today, calendar: ../../etc/passwd"), "is no calendar"),
    "a summary that asks for a class": (with_summary('"{word.__class__}"'), "a brace holds the name"),
    "a summary with a width": (with_summary('"{word:>1000000000}"'), "a brace holds the name"),
    "a summary with a conversion": (with_summary('"{word!r}"'), "a brace holds the name"),
    "a summary with an index": (with_summary('"{word[0]}"'), "a brace holds the name"),
    "a summary with a number": (with_summary('"{0}"'), "a brace holds the name"),
    "a window of 19 million years": (with_window("999999999w"), "is no window"),
    "a window of a long number": (with_window("9" * 5_000 + "d"), "is no window"),
    "a window in other digits": (with_window("\u0663d"), "is no window"),
    "a score of no size": (ONE + "    score: 1e308\n", "score is too large a number"),
    "a constant of no size": (with_line("constants: {big: 1e300}"), "is a number, a text"),
    "a long summary by constants": (
        with_line(f"constants: {{c: {'x' * 1_990}}}", with_summary("'" + "{c}" * 600 + "'")),
        "with its constants, at most 2,000",
    ),
    "a long test by times": (with_test("given: [" + "{times: 1000, probe: {}}, " * 10_000 + "]"), "at most 1,000"),
    "times of no size": (with_test("given: [{times: 99999999999999999999, probe: {}}]"), "times is a whole number"),
    "a test for ages": (with_test("given: [{after: 999999999w, probe: {}}]"), "after is a length of time"),
    "a test of a long text": (with_test(f"given: [{{probe: {{word: {'n' * 201}}}}}]"), "at most 200 are allowed"),
    "many tests": (
        ONE + "    tests: [" + "{name: n, given: [{times: 1000, probe: {}}], then: quiet}, " * 5_000 + "]\n",
        "at most 200 are allowed",
    ),
    "tests that together give too much": (
        rule_file(*["paid > 1"] * 40, more=["tests: [{name: n, given: [{times: 1000, probe: {}}], then: quiet}]"]),
        "give more than 30,000 events",
    ),
    "many tags": (with_line(f"tags: [{'x, ' * 10_000}x]"), "at most 50 are allowed"),
    "lists in lists": ("[" * 100_000, "exceeded maximum nesting depth"),
    "mappings in mappings": ("{a: " * 100_000, "more than 40 deep"),
    "lists in lists by lines": ("- " * 100_000 + "x", "more than 40 deep"),
    "many values": ("[" + "a," * 610_000 + "]", "more than 600,000 values"),
    "many keys": ("{" + ",".join(f"a{i}" for i in range(250_000)) + "}", "is of no kind that is known"),
    "many unknown keys": (
        ONE.replace("- id", "- {" + ", ".join(f"summary{i}: 1" for i in range(90_000)) + "}\n  - id"),
        "did you mean 'summary'?",
    ),
    "many unknown types": (ONE.replace("on: probe", f"on: [{'prboe, ' * 20_000}probe]"), "is no event type"),
    "many unknown names": (
        rule_file("paid > 1", features="".join(f"  feature{i}: piad{i}\n" for i in range(2_000))),
        "did you mean 'paid'",
    ),
    "a long line": (with_line("owner2: " + "x" * 1_900_000), "'owner2' is no part"),
    "a long key": (with_line("x" * 1_000 + ": 1"), "is no part of a rule file"),
    "a long word": (ONE.replace("low", "l" * 1_900_000), "severity cannot be"),
    "an open quote": ('"' + "x\n" * 900_000, "unexpected end of stream"),
    "many quotes": ("'" * 1_900_001, "unexpected end of stream"),
    "colons": (":" * 1_900_000, "this is not YAML"),
    "commas": ("[" + "," * 1_900_000, "this is not YAML"),
    "a number of many digits": (ONE.replace("low", "9" * 1_900_000), "severity cannot be"),
    "features that stand for features": (
        rule_file(
            *["f1999 > 1"] * 300,
            features="  f0: paid\n" + "".join(f"  f{i}: f{i - 1}\n" for i in range(1, 2_000)),
        ),
        "more than 500,000 operations",
    ),
    "conditions that are turned around again and again": (
        rule_file(*["not big"] * 1_100, features=f"  big: {' or '.join(f'paid > {i}' for i in range(250))}\n"),
        "more than 500,000 operations",
    ),
}


def refusal(text: str) -> list[str]:
    """What is said of a file that must be refused: each a short sentence in one line, with its place."""
    with pytest.raises(PlanError) as caught:
        plan_of(text)
    problems = caught.value.problems
    assert all(p.file == "f0.yaml" for p in problems)
    assert all(8 < len(p.message) < 1_100 and p.message.isprintable() for p in problems)
    assert any(p.line and p.column for p in problems)
    assert len(problems) <= MAX_PROBLEMS + 1
    return [p.message for p in problems]


@pytest.mark.parametrize("when", EXPRESSIONS, ids=lambda when: ascii(when)[:40])
def test_an_expression_that_is_more_than_a_condition_is_refused_with_its_place(when: str) -> None:
    """In `when`, in a feature, in a feature's `where`, in a score and in a level of severity."""
    said = EXPRESSIONS[when]
    assert any(said in message for message in refusal(rule_file(when)))
    quoted = "'" + when.replace("'", "''") + "'"
    refusal(rule_file("f > 1", features=f"  f: {quoted}\n"))
    where = f"{{count: probe, by: customer, window: 1h, where: {quoted}}}"
    refusal(rule_file("f > 1", features=f"  f: {where}\n"))
    refusal(rule_file("paid > 1", more=[f"score: {quoted}"]))
    refusal(rule_file("paid > 1").replace("low", f"{{high: {quoted}, low: otherwise}}"))


def check(name: str) -> None:
    """Hold that a hostile file is refused for what it does."""
    text, said = FILES[name]
    assert any(said in message for message in refusal(text)), name


@pytest.mark.parametrize("name", [name for name, (text, _) in FILES.items() if len(text) < LARGE])
def test_a_hostile_file_is_refused_with_its_place(name: str) -> None:
    """In one sentence for each thing that is wrong, of which not more are named than anybody reads."""
    check(name)


def test_there_are_many_of_them() -> None:
    """And the file that they damage is sound."""
    assert len(EXPRESSIONS) + len(FILES) >= 100
    assert len(plan_of(ONE).rules) == 1


def test_nothing_is_imported_that_is_no_rule_file_of_the_same_plan(tmp_path: Path) -> None:
    """A path leads nowhere but to the texts that were loaded."""
    (tmp_path / "secret.yaml").write_text("constants: {secret: 7}\n")
    for path in (str(tmp_path / "secret.yaml"), "../secret.yaml", "./secret.yaml"):
        with pytest.raises(PlanError, match="there is no file"):
            plan_of_texts({str(tmp_path / "in" / "rules.yaml"): with_line(f"import: {path}")}, catalogue())


def test_texts_are_text_wherever_they_stand() -> None:
    """Markup, shell and format signs in a summary are letters like others."""
    for summary in ("<script>alert(1)</script>", "$(id) `id`", "%s %n", "[link=x]y[/link]", "{{word.__class__}}"):
        [rule] = plan_of(with_summary(f"'{summary}'")).rules
        assert rule.summary == summary


_COST = """
from tests.rules.fuzz import peak_mib
from tests.rules.house import plan_of, rule_file
from tests.rules.language.test_hostile import FILES, check
plan_of(rule_file("paid > 1"))
idle = peak_mib()
for name in FILES:
    check(name)
    assert peak_mib() - idle < 256, f"{name} takes {peak_mib() - idle:.0f} MiB"
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_no_hostile_file_large_ones_among_them_takes_more_than_256_mib() -> None:
    """Above the process that has loaded a small one, nor longer than all of them may take."""
    done = subprocess.run(
        [sys.executable, "-c", _COST], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
