"""A first rule file for an author: it loads, its tests pass, and its comments say what to change."""

from __future__ import annotations

from risk_stream.catalogue import Catalogue, EventType

__all__ = ["template"]

_STAGES = {"trades": "trading", "loans": "mid_loan", "reference": "pre_loan"}

_TEXT = """\
# yaml-language-server: $schema=rules.schema.json
# The schema: risk-stream rules schema > rules.schema.json      All there is to say: docs/rules.md
stage: {stage}  # pre_loan | mid_loan | post_loan | trading | portfolio
owner: your-team  # who answers for the rules below
constants:
  most: 3  # a number with a name, used below
features:
  # What a rule counts: an operation, of which events, by which key, how far back from each event.
  {feature}: {{count: {type}, by: {key}, window: 1h}}
rules:
  - id: {id}
    on: {type}  # the events that are judged; fields: risk-stream events {type}
    when: {feature} >= most
    severity: medium  # or by value: {{high: {feature} >= 10, medium: otherwise}}
    mode: shadow  # judged and counted, never shown; live once you trust it
    summary: "{{{key}}}: {{{feature}}} times {type} within an hour"
    why: Say what it may mean, and where the number comes from.
    tests:
      - name: the third within an hour fires
        given:
          - {type}:
          - {{after: 10m, {type}: }}
          - {{after: 10m, {type}: }}
        then: fires
      - name: the third in two hours does not
        given:
          - {type}:
          - {{after: 1h, {type}: }}
          - {{after: 10m, {type}: }}
        then: quiet
"""


def template(catalogue: Catalogue, id: str, type_name: str) -> str:
    """A rule file with one rule of this id on events of a type, over the first of its keys.

    Raises:
        KeyError: there is no such type.
        ValueError: the type belongs to no key, so no rule can judge it.
    """
    event_type: EventType = catalogue.type(type_name)
    key = next((kind.name for kind in catalogue.kinds if kind.name in event_type.keys), None)
    if key is None:
        raise ValueError(f"{type_name} has no key, so no rule can judge it")
    given = {"stage": _STAGES[event_type.topic], "type": type_name, "key": key, "feature": f"{type_name}_1h", "id": id}
    return _TEXT.format(**given)
