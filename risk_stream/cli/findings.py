"""What `rules check` and `rules test` find, for programs: GitHub's annotations and JUnit's XML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias
from xml.etree import ElementTree as ET

__all__ = ["Finding", "Format", "as_github", "as_junit"]

#: How a command may say what it found.
Format: TypeAlias = Literal["text", "json", "github", "junit"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that was looked at, and the sentence that says what is wrong with it; empty where nothing is."""

    file: str
    line: int
    column: int
    rule: str
    name: str  # of the test, or what was checked
    message: str
    level: Literal["error", "warning"] = "error"


def as_github(findings: Iterable[Finding]) -> Iterator[str]:
    """Workflow commands that show each sentence at its line of a pull request.

    The form: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
    """
    for found in findings:
        if found.message:
            title = ": ".join(part for part in (found.rule, found.name) if part)
            place = {"file": found.file, "line": found.line or 1, "col": found.column or 1, "title": title}
            said = ",".join(f"{key}={_property(str(value))}" for key, value in place.items() if value)
            yield f"::{found.level} {said}::{_escaped(found.message)}"


def as_junit(suite: str, findings: Sequence[Finding]) -> str:
    """One test case for each, those with a sentence failed; warnings are none.

    The form: https://github.com/testmoapp/junitxml
    """
    cases = [found for found in findings if found.level == "error"]
    failures = sum(bool(found.message) for found in cases)
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "skipped": "0"}
    root = ET.Element("testsuites", {"name": "risk-stream", **counts})
    inside = ET.SubElement(root, "testsuite", {"name": suite, **counts})
    for found in cases:
        named = {"classname": found.rule or found.file, "name": found.name, "file": found.file, "line": str(found.line)}
        case = ET.SubElement(inside, "testcase", named)
        if found.message:
            place = f"{found.file}:{found.line}" + (f":{found.column}" if found.column else "")
            failed = ET.SubElement(case, "failure", {"message": found.message.splitlines()[0]})
            failed.text = f"{place}: {found.message}"
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
