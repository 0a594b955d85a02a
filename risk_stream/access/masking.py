"""Personal data, masked: in alerts, events, profiles and whatever else is shown, by what the catalogue marks personal.

Everything is masked for everybody. Who has the permission `reveal` may ask for one thing at a time as it is, and each
time is an act, `reveal`, in the log. So lists, searches and updates hold nothing personal, whoever looks at them, and a
search for a masked value finds nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import msgspec

from risk_stream.alerts import Act
from risk_stream.catalogue import MASK, Catalogue, mask_personal

__all__ = ["Masking", "reveal_act"]

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (UTC, written without its offset)

#: Members of an alert whose text a rule's author composed, from anything.
_SENTENCES = ("summary", "why")

#: How names of features end that are a model's reasons, `trade-novelty.moved`; nothing of an author's is called so.
_REASON = ".moved"


class Masking:
    """What of a catalogue's data is personal, and the masked copy of things that hold such data."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        fields = catalogue.fields
        self._personal = frozenset(name for name, field in fields.items() if field.personal)
        self._plain = frozenset(name for name, field in fields.items() if not field.personal)
        #: kinds of key that are personal data themselves: no link, filter or search may hold one
        self.kinds = frozenset(field.key for field in fields.values() if field.key is not None and field.personal)

    def key(self, kind: str, key: str) -> str:
        """A key as it may be shown."""
        return MASK if kind in self.kinds else key

    def alert(self, alert: Mapping[str, Any]) -> dict[str, Any]:
        """A masked copy of an alert as it stands in risk.alerts.

        A text among the features stays only where it is a field that is not personal, one of the alert's own keys, or
        what moved a model's score, which is made of the words that the model's author has for its inputs: what else it
        may be (the name on a list that an applicant resembles) is not known, so it is masked.
        """
        keys = {kind: self.key(kind, key) for kind, key in alert.get("keys", {}).items()}
        open_keys = frozenset(key for key in keys.values() if key != MASK)
        masked = {**alert, "keys": keys}
        hidden = {str(key) for kind, key in alert.get("keys", {}).items() if kind in self.kinds}
        for part in ("features", "was"):
            values = alert.get(part)
            if values is not None:
                reasons = {value for name, value in values.items() if name.endswith(_REASON) and isinstance(value, str)}
                seen = open_keys | reasons
                masked[part] = {name: self._feature(name, value, seen) for name, value in values.items()}
                for name in values:
                    if masked[part][name] != values[name]:
                        hidden |= _forms(values[name])
        return {**masked, **self._sentences(alert, hidden)}

    def event(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """A masked copy of an event, or of any values by the names of fields; inside lists and mappings too."""
        return mask_personal(self._catalogue, {name: self._inside(value) for name, value in event.items()})

    def record(self, value: bytes) -> dict[str, Any] | str:
        """A record that was refused: what is known to be no personal data of a JSON object, else how long it is.

        A field that the catalogue does not know may be a misspelt one that is personal, so it is masked too.
        """
        try:
            said = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            said = None
        if not isinstance(said, dict):
            return f"{len(value):,} bytes that are no JSON object"
        return {
            name: field if name in self._plain and not isinstance(field, dict | list) else MASK
            for name, field in said.items()
        }

    def words(self, text: str, event: Mapping[str, Any]) -> str:
        """A sentence made of an event, without its personal values."""
        personal = (event[name] for name in event if name in self._personal and event[name] is not None)
        return hide(text, (form for value in personal for form in _forms(value)))

    def _sentences(self, alert: Mapping[str, Any], hidden: Iterable[str]) -> dict[str, str]:
        values = [*hidden]
        return {name: hide(alert[name], values) for name in _SENTENCES if isinstance(alert.get(name), str)}

    def _feature(self, name: str, value: object, open_keys: frozenset[str]) -> object:
        if value is None or (name not in self._personal and not isinstance(value, str)):
            return value
        return value if name in self._plain or value in open_keys else MASK

    def _inside(self, value: object) -> object:
        if isinstance(value, Mapping):
            return self.event(value)
        return [self._inside(item) for item in value] if isinstance(value, list) else value


def _forms(value: object) -> set[str]:
    """A value as sentences may have it: a number grouped or rounded, a time, ms, as ISO 8601."""
    forms = {str(value)}
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return forms
    forms |= {f"{value:,}", f"{value:,.2f}", *({f"{int(value)}", f"{int(value):,}"} if value == int(value) else ())}
    with suppress(OverflowError):
        moment = _EPOCH + timedelta(milliseconds=value)
        forms |= {f"{moment.isoformat(timespec=unit)}Z" for unit in ("seconds", "milliseconds")}
        forms.add(moment.date().isoformat())
    return forms


def hide(text: str, values: Iterable[str]) -> str:
    """A text with MASK for each of the values in it; not inside a longer word or number."""
    found = sorted({value for value in values if value}, key=len, reverse=True)
    if not found:
        return text
    return re.sub("|".join(f"{_edge(v[0], '<!')}{re.escape(v)}{_edge(v[-1], '!')}" for v in found), MASK, text)


def _edge(character: str, look: str) -> str:
    """Chinese has no spaces between words: there a value is hidden wherever it stands."""
    return rf"(?{look}[A-Za-z0-9_])" if character.isascii() and character.isalnum() else ""


def reveal_act(act_id: str, person: str, subject: str, now: int, *, comment: str = "") -> Act:
    """The record that personal data of a subject (`alert/ID`, `customer/ID`) were shown to a person at a time, ms."""
    return Act(id=act_id, act="reveal", by=person, at=now, subject=subject, comment=comment)
