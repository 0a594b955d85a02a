"""Makes docs/reference.md: every key of a rule file, every aggregate and function, from the code that checks them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from docs.tables import rows
from risk_stream.calendars import shipped
from risk_stream.catalogue import load_catalogue
from risk_stream.rules.language.forms import FORMS
from risk_stream.rules.schema import rule_schema

__all__ = ["reference_page"]

HEAD = """# Reference of rule files

<!-- made by `make docs` from risk_stream/rules; edit there -->

Every key, aggregate and function, in a line each. [Rules](rules.md) explains them with examples, and the
[guide](guide.md) is where to begin. An editor knows all but the functions by [the schema](rules.schema.json). *Must*
marks what cannot be left out.
"""
#: Sections: title, and where in the schema the keys are.
SECTIONS = (
    ("The file", ("$defs", "rules")),
    ("A rule", ("$defs", "rule")),
    ("A test of a rule", ("$defs", "test")),
    ("A decision table", ("$defs", "table")),
    ("A row of a decision table", ("$defs", "row")),
    ("A test of a decision table", ("$defs", "decision_test")),
    ("A scorecard", ("$defs", "scorecard")),
    ("A characteristic of a scorecard", ("$defs", "characteristic")),
    ("A model", ("$defs", "model")),
    ("The outcomes that teach a model", ("$defs", "labels")),
)
#: Definitions of the schema, in words.
WORDS = {
    "event_types": "an event type, or a list of them",
    "events": "an event type, a list of them, or a pattern",
    "kind": "a kind of [key](events.md#keys)",
    "calendar": "a [calendar](rules.md#calendars)",
    "text": "text",
    "tags": "a list of words",
    "given": "an event, or `{after: 1m, times: 9, EVENT TYPE: {…}}`",
    "rule": "a rule",
    "test": "a test",
    "row": "a row",
    "component_name": "a [component](models.md)",
    "component": "`Component: {parameter: …}`",
    "labels": "`{bad: …, good: …, within: 30d}`",
    "scores": "`{MODEL: 0.97}`, or `{MODEL: {score: 0.97, over: true}}`",
    "decision_test": "a test",
    "characteristic": "a characteristic",
    "aggregate": "an aggregate",
    "step": "a step",
}
OF_TIMES = (
    'Those of a time `t` go by UTC, or by a [calendar](rules.md#calendars) that is named behind it: `hour(t, "china")`.'
)
LENGTH = re.compile(r"smhdw")


def reference_page() -> str:
    """The whole page."""
    schema = rule_schema(load_catalogue(), shipped())
    parts = [HEAD]
    for title, path in SECTIONS:
        part = schema
        for key in path:
            part = part[key]
        parts.append(f"## {title}\n\n{keys_table(part)}")
    parts.append(f"## Aggregates\n\n{aggregates_table(schema['$defs']['aggregate']['oneOf'])}")
    parts.append(
        "## Functions\n\n" + rows(("function", "gives"), ((f"`{form}`", says) for form, says in FORMS.values()))
    )
    return "\n\n".join(parts) + "\n"


def keys_table(part: dict[str, Any]) -> str:
    """The keys of an object of the schema."""
    must = set(part.get("required", ()))
    lines = (
        (f"`{key}`", "must" if key in must else "", said["description"], takes(said))
        for key, said in part["properties"].items()
    )
    return rows(("key", "", "what", "it is"), lines)


def aggregates_table(forms: list[dict[str, Any]]) -> str:
    """The aggregates, each with the keys that go with it."""

    def lines() -> Iterator[tuple[str, ...]]:
        for form in forms:
            (op, said), *others = form["properties"].items()
            must = [f"`{key}`" for key, _ in others if key in form["required"]]
            may = [f"`{key}`" for key, _ in others if key not in form["required"]]
            of = "a field" if said.get("type") == "string" else takes(said)
            yield f"`{op}`", said["description"], of, ", ".join(must), ", ".join(may)

    return rows(("aggregate", "value", "of", "must", "may"), lines())


def takes(said: dict[str, Any]) -> str:
    """What may stand under a key, in words."""
    if "$ref" in said:
        return WORDS[said["$ref"].rsplit("/", 1)[1]]
    if "anyOf" in said:
        return ", or ".join(dict.fromkeys(takes(one) for one in said["anyOf"]))
    if "enum" in said or "const" in said:
        return ", ".join(f"`{one}`" for one in said.get("enum", [said.get("const")]))
    if "properties" in said and said["type"] == "object":
        return "`{" + ", ".join(f"{key}: …" for key in said["properties"]) + "}`"
    if "type" not in said:
        raise KeyError(f"a part of the schema that has no words here: {said}")
    kinds = said["type"] if isinstance(said["type"], list) else [said["type"]]
    if kinds == ["string"] and LENGTH.search(said.get("pattern", "")):
        return "a length of time: `45s`, `10m`, `1h`, `30d`, `2w`"
    kinds = [kind for kind in kinds if kind != "null"]
    if kinds == ["array"]:
        return f"a list; each is {takes(said['items'])}"
    words = {"string": "text", "number": "a number", "integer": "a whole number", "object": "names and what they are"}
    words["boolean"] = "true or false"
    return ", or ".join(words[kind] for kind in kinds) + limits(said)


def limits(said: dict[str, Any]) -> str:
    """The bounds of a number, in words."""
    low, high = said.get("minimum", said.get("exclusiveMinimum")), said.get("maximum")
    if low is None or high is None:
        return ""
    return f", {'above ' if 'exclusiveMinimum' in said else ''}{low:,} to {high:,}"
