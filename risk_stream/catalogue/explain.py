"""What is wrong with one record, in a sentence to act on; slow and careful, for the few that the fast path left."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import msgspec

from risk_stream.catalogue._fixed import limit_of
from risk_stream.catalogue.problems import did_you_mean, suggest
from risk_stream.catalogue.types import Catalogue, EventType, Field, FieldType

__all__ = ["REASONS", "Limits", "Refusal", "parse_time", "read_record"]

#: Why a record can be refused.
REASONS = (
    "json",  # not a JSON object
    "type",  # an event type nobody declared
    "field",  # a value of the wrong kind
    "missing",  # a required field is not there
    "key",  # a required key is not there
    "range",  # a number outside its bounds
    "precision",  # more decimals than the field has
    "time",  # a time that cannot be
    "size",  # too many bytes
    "depth",  # too deeply nested
    "encoding",  # not UTF-8
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_DAY_MS = 86_400_000
#: Dates other than the event's time may be births and far maturities: 1800 to 2300.
_FIELD_EARLIEST, _FIELD_LATEST = -62_091 * _DAY_MS, 120_531 * _DAY_MS

#: A record's fields as a batch stores them: fixed-point numbers and text, absent fields left out; `type` is its name.
Stored: TypeAlias = dict[str, int | str]


@dataclass(frozen=True, slots=True)
class Limits:
    """What no record may exceed. Times in ms since 1970 UTC."""

    earliest: int = 7_305 * _DAY_MS  # 1990
    latest: int = 47_482 * _DAY_MS  # 2100
    max_bytes: int = 1_000_000
    key_bytes: int = 256  # of ids and keys
    text_bytes: int = 8_192  # of any other text

    def text_of(self, field: Field) -> int:
        """The most bytes a text field's value has."""
        return self.key_bytes if field.key is not None or field.name == "id" else self.text_bytes

    def times_of(self, field: Field) -> tuple[int, int]:
        """The earliest and latest value of a timestamp field."""
        return (self.earliest, self.latest) if field.name == "time" else (_FIELD_EARLIEST, _FIELD_LATEST)


class Refusal(Exception):  # noqa: N818  it is an answer, not a fault of the program
    """Raised to refuse a record: `reason` is one of REASONS, `message` says what was found and what is expected."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


def read_record(catalogue: Catalogue, limits: Limits, value: bytes | None) -> Stored:
    """A record's fields as they are stored. Raises Refusal with the first thing wrong."""
    record = _parse(limits, value)
    event_type = _type_of(catalogue, record)
    stored: Stored = {"type": event_type.name}
    for field in event_type.all_fields:
        if field.name == "type":
            continue
        found = record.get(field.name)
        if found is None or (found == "" and field.type.is_text):
            if field.required:
                raise _missing(field, event_type, record)
            continue
        stored[field.name] = _READERS[field.type](field, found, limits)
    if event_type.any_key and not any(name in stored for name in event_type.keys.values()):
        keys = ", ".join(event_type.keys.values())
        raise Refusal("key", f'this "{event_type.name}" has no key; send at least one of {keys}')
    return stored


def parse_time(text: str) -> int:
    """ms since 1970 UTC of ISO 8601 text; UTC where it names no zone. Raises ValueError, also for ms in quotes."""
    if text.isdigit() and len(text) != len("20260301"):  # Python would read 1801012800000 as a day of 1801
        raise ValueError(text)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MS


# The record as a whole.


def _parse(limits: Limits, value: bytes | None) -> Mapping[str, Any]:
    if not value:
        raise Refusal("json", "the record is empty; send an event as a JSON object, and no tombstones")
    if len(value) > limits.max_bytes:
        most = f"at most {limits.max_bytes:,} are read"
        raise Refusal("size", f"the record has {len(value):,} bytes and {most}; leave out what is not declared")
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        said = f"byte {error.start + 1} (0x{value[error.start]:02x}) is not UTF-8; encode the record as UTF-8"
        raise Refusal("encoding", said) from None
    try:
        record = msgspec.json.decode(value)
    except RecursionError:
        raise Refusal("depth", "the record is nested too deeply; send the fields of an event side by side") from None
    except (msgspec.DecodeError, ValueError):
        raise _not_json(text) from None
    if not isinstance(record, dict):
        raise Refusal("json", f"the record is {_kind(record)}; an event is a JSON object, {{…}}")
    return record


def _not_json(text: str) -> Refusal:
    """Why text is not JSON, by the patient parser of the standard library."""
    constants: list[str] = []
    numbers: list[str] = []
    try:
        json.loads(text, parse_constant=constants.append, parse_float=numbers.append)
    except json.JSONDecodeError as error:
        # Where, but not what stands there: it may be personal, and the whole record is kept with the reject.
        where = f"character {error.pos + 1} of {len(text)}" if error.pos < len(text) else "its end"
        return Refusal("json", f"not JSON at {where}: {error.msg[:1].lower()}{error.msg[1:]}; send one JSON object")
    except RecursionError:
        return Refusal("depth", "the record is nested too deeply; send the fields of an event side by side")
    except ValueError as error:
        return Refusal("json", f"not JSON: {error}; send one JSON object")
    if constants:
        return Refusal("json", f"{constants[0]} is not JSON; leave a number out, or send null, where there is none")
    if any(math.isinf(float(number)) for number in numbers):
        return Refusal("range", "a number in the record is larger than any computer's; correct it where it is made")
    return Refusal("encoding", r"the record holds half a surrogate pair (\ud800 to \udfff); encode its text as UTF-8")


def _type_of(catalogue: Catalogue, record: Mapping[str, Any]) -> EventType:
    found = record.get("type")
    if found is None or found == "":
        raise Refusal("missing", f'the field "type" is missing; it names the event type, one of {_some(catalogue)}')
    if not isinstance(found, str):
        raise Refusal("type", f'"type" is {_found(found)}; it must be text, one of {_some(catalogue)}')
    if found not in catalogue:
        names = [t.name for t in catalogue.types]
        known = did_you_mean(found, names) or f"; known are {_some(catalogue)}"
        raise Refusal("type", f'event type "{_clip(found)}" is not in the catalogue{known}')
    return catalogue.type(found)


def _missing(field: Field, event_type: EventType, record: Mapping[str, Any]) -> Refusal:
    reason, what = ("key", "key") if field.key is not None else ("missing", "field")
    near = suggest(field.name, [key for key in record if event_type.field(key) is None])
    advice = f'is it what is called "{_clip(near)}" here? Rename that' if near else f"send it ({field.meaning})"
    return Refusal(reason, f'"{event_type.name}" needs the {what} "{field.name}"; {advice}')


# One field.


def _wrong(field: Field, found: Any, expected: str) -> Refusal:
    return Refusal("field", f'"{field.name}" is {_shown(field, found)}; expected {expected}')


def _read_text(field: Field, found: Any, limits: Limits) -> str:
    if not isinstance(found, str):
        raise _wrong(field, found, "text, in quotes")
    try:
        size = len(found.encode())
    except UnicodeEncodeError:
        raise Refusal("encoding", f'"{field.name}" holds half a surrogate pair; encode the record as UTF-8') from None
    most = limits.text_of(field)
    if size > most:
        raise Refusal("size", f'"{field.name}" has {size:,} bytes; at most {most:,} are allowed, so shorten it')
    return found


def _read_choice(field: Field, found: Any, limits: Limits) -> str:
    text = _read_text(field, found, limits)
    if text not in field.choices:
        raise _wrong(field, found, f"one of {', '.join(field.choices)}{did_you_mean(text, field.choices)}")
    return text


def _read_boolean(field: Field, found: Any, _: Limits) -> int:
    if not isinstance(found, bool):
        raise _wrong(field, found, "true or false")
    return int(found)


def _read_time(field: Field, found: Any, limits: Limits) -> int:
    expected = "ms since 1970 UTC, or ISO 8601 text such as 2026-03-01T09:30:00Z"
    if isinstance(found, str):
        try:
            ms = parse_time(found)
        except (ValueError, OverflowError):
            hint = "; write ms without quotes" if found.isdigit() else ""
            raise Refusal("time", f'"{field.name}" is {_shown(field, found)}; expected {expected}{hint}') from None
    elif isinstance(found, bool) or not isinstance(found, int | float):
        raise _wrong(field, found, expected)
    elif not abs(found) < 2**62:
        raise Refusal("time", f'"{field.name}" is {_shown(field, found)}, which is no time; expected {expected}')
    else:
        ms = round(found)
    earliest, latest = limits.times_of(field)
    if not earliest <= ms <= latest:
        seconds = "; it looks like seconds: multiply by 1,000" if earliest <= ms * 1000 <= latest and ms > 0 else ""
        span = f"between {_day(earliest)} and {_day(latest)}{seconds or f'; expected {expected}'}"
        raise Refusal("time", f'"{field.name}" is {_shown(field, found)}, which is not {span}')
    return ms


def _read_number(field: Field, found: Any, _: Limits) -> int:
    what = {"integer": "a whole number", "money": "an amount in major units", "number": "a number"}[field.type.value]
    if isinstance(found, bool) or not isinstance(found, int | float):
        hint = ", not in quotes" if isinstance(found, str) else ""
        raise _wrong(field, found, f"{what}{hint}")
    low, high = field.minimum, field.maximum
    if (low is not None and found < low) or (high is not None and found > high):
        bounds = f"from {low:,g} to {high:,g}" if low is not None and high is not None else None
        allowed = bounds or (f"at least {low:,g}" if low is not None else f"at most {high:,g}")
        raise Refusal("range", f'"{field.name}" is {_shown(field, found)}; expected {allowed}')
    limit = limit_of(field)
    if not abs(found) < limit:
        raise _out_of_range(field, found, what)
    scaled = float(found) * 10.0**field.decimals
    fixed = round(scaled)
    if not abs(fixed) < limit:
        raise _out_of_range(field, found, what)
    if field.type is not FieldType.NUMBER and abs(scaled - fixed) > 1e-3 + abs(scaled) * 2.0**-52:
        most = f"at most {field.decimals} decimals" if field.decimals else "a whole number"
        raise Refusal(
            "precision", f'"{field.name}" is {_shown(field, found)}; expected {most}, so round it where it is made'
        )
    return fixed


def _out_of_range(field: Field, found: float, what: str) -> Refusal:
    most = limit_of(field) / 10**field.decimals
    return Refusal(
        "range", f'"{field.name}" is {_shown(field, found)}; expected {what} of less than {most:.3g} in size'
    )


_READERS: dict[FieldType, Callable[[Field, Any, Limits], int | str]] = {
    FieldType.STRING: _read_text,
    FieldType.CHOICE: _read_choice,
    FieldType.BOOLEAN: _read_boolean,
    FieldType.TIMESTAMP: _read_time,
    FieldType.INTEGER: _read_number,
    FieldType.NUMBER: _read_number,
    FieldType.MONEY: _read_number,
}


# Words.


def _shown(field: Field, value: Any) -> str:
    """What was found. A personal value must not leak into logs by way of a message: only its kind is said."""
    return _kind(value) if field.personal else _found(value)


def _clip(text: str, most: int = 40) -> str:
    shown = text if len(text) <= most else text[:most] + "…"
    return shown if shown.isprintable() else shown.encode("unicode_escape").decode()


def _kind(value: object) -> str:
    if value is None:
        return "null"
    names = {bool: "true or false", str: "text", dict: "an object", list: "a list", int: "a number", float: "a number"}
    return names[type(value)]


def _found(value: Any) -> str:
    if isinstance(value, str):
        return f'the text "{_clip(value)}"'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, int):
        return _clip(str(value)) if abs(value) < 10**40 else "a number of more than 40 digits"
    return _kind(value)


def _day(ms: int) -> str:
    return (_EPOCH + ms * _MS).date().isoformat()


def _some(catalogue: Catalogue) -> str:
    names = [t.name for t in catalogue.types]
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
