"""Templates of notices to customers: texts with names in braces, in every language that a receiver may have."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from risk_stream.alerts import Life
from risk_stream.notices.receivers import at_local

__all__ = ["NAMES", "Template", "names_in"]

#: What a template may name. None of it is personal data: who is meant, the receiver knows by the key.
NAMES: Mapping[str, str] = {
    "customer": "the customer's key",
    "account": "the account's",
    "loan": "the loan's",
    "entity": "the legal entity",
    "rule": "the rule",
    "time": "the event's time, on the receiver's clock",
    "date": "its date",
    "reference": "the notice's id, the same however often it is sent",
}

_NAME = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Template:
    """A notice to a customer: of which alerts, at which moment, through which receiver."""

    name: str
    to: str
    when: str  # raised: when an alert is; confirmed: when somebody closes it as that
    rules: frozenset[str]
    titles: Mapping[str, str]  # by language
    texts: Mapping[str, str]

    def said(self, language: str, life: Life, reference: str, zone: str) -> tuple[str, str]:
        """Title and text of one alert."""
        at = at_local(life.time, zone)
        values = {kind: life.keys.get(kind, "") for kind in ("customer", "account", "loan")}
        values |= {"entity": life.entity, "rule": life.rule, "reference": reference}
        values |= {"time": f"{at:%Y-%m-%d %H:%M}", "date": f"{at:%Y-%m-%d}"}
        return _filled(self.titles[language], values), _filled(self.texts[language], values)


def names_in(text: str) -> Iterator[tuple[str, int]]:
    """The names in braces of a text, and where they stand in it."""
    for found in _NAME.finditer(text):
        yield found[1].strip(), found.start()


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _NAME.sub(lambda found: values[found[1].strip()], text)
