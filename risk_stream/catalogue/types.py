"""What an event is: its type, its fields, the kinds of key, and the catalogue that holds them all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from hashlib import blake2b
from types import MappingProxyType

from risk_stream.catalogue.problems import suggest

__all__ = ["DECIMALS", "ENVELOPE", "KEY_BYTES", "MISSING", "Catalogue", "EventType", "Field", "FieldType", "KeyKind"]

#: A number that is not there, in every int64 column.
MISSING: int = -(2**63)

#: Bytes of a key that fit into its three words beside the length; a longer key is known by a 128-bit hash.
KEY_BYTES = 23


class FieldType(str, Enum):
    """What values a field has."""

    STRING = "string"  # any text
    INTEGER = "integer"  # a whole number
    NUMBER = "number"  # a decimal number, kept to a declared number of decimals
    MONEY = "money"  # an amount in major units, kept in minor units
    BOOLEAN = "boolean"  # true or false
    TIMESTAMP = "timestamp"  # ms since 1970 UTC, or ISO 8601 text
    CHOICE = "choice"  # one of a few texts

    @property
    def is_text(self) -> bool:
        """Whether values are text; all others are int64 fixed-point numbers."""
        return self in {FieldType.STRING, FieldType.CHOICE}


#: Decimals of a type where the field declares none.
DECIMALS = {FieldType.NUMBER: 6, FieldType.MONEY: 2}


@dataclass(frozen=True, slots=True)
class Field:
    """One named value of an event. A name means the same thing in every event type that has it."""

    name: str
    type: FieldType
    meaning: str
    unit: str = ""
    decimals: int = 0  # a column holds value * 10**decimals
    key: str | None = None  # the kind of key this field is; it has the kind's name
    personal: bool = False  # personal data: masked wherever it is shown
    required: bool = False
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class EventType:
    """One kind of fact. `fields` are its own; the envelope comes on top."""

    name: str
    meaning: str
    topic: str  # trades, loans or reference
    fields: tuple[Field, ...]
    source: str = ""  # the file that declares it
    broadcast: bool = False  # said to every hop partition: reference data that belongs to no key
    passes_time: bool = False  # it only says that the house's time has come to here: it belongs to no key
    any_key: bool = False  # an event needs at least one of the type's keys, whichever
    _by_name: dict[str, Field] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {f.name: f for f in (*ENVELOPE, *self.fields)})

    def field(self, name: str) -> Field | None:
        """A field of this type, the envelope's included; None where it has none of that name."""
        return self._by_name.get(name)

    @property
    def all_fields(self) -> tuple[Field, ...]:
        """The envelope, then the type's own fields."""
        return (*ENVELOPE, *self.fields)

    @property
    def keys(self) -> dict[str, str]:
        """Kind of key -> the field that holds it, in the order declared."""
        return {f.key: f.name for f in self.fields if f.key is not None}


@dataclass(frozen=True, slots=True)
class KeyKind:
    """What state can be kept by."""

    name: str
    meaning: str
    belongs_to: str | None = None  # the kind of its owner, filled in where an event lacks it
    learnt_from: tuple[str, ...] = ()  # event types that say who the owner is
    many_rows: bool = False  # few keys with many events each, as instruments are: a higher cap on rows


#: What every event has. Only `type` and `time` must be there.
ENVELOPE: tuple[Field, ...] = (
    Field("id", FieldType.STRING, "The event's own id; where it has none, its place in the log is its id."),
    Field("type", FieldType.STRING, "Which type of event it is.", required=True),
    Field("time", FieldType.TIMESTAMP, "When it happened.", unit="ms", required=True),
    Field("entity", FieldType.STRING, "The legal entity of the house that it concerns."),
    Field("channel", FieldType.STRING, "How the business came in: branch, app, partner, …"),
)


class Catalogue:
    """All event types, sorted by name (a type's place is its code), and all kinds of key, in hop order."""

    def __init__(self, types: tuple[EventType, ...], kinds: tuple[KeyKind, ...]) -> None:
        self.types = tuple(sorted(types, key=lambda t: t.name))
        self.kinds = kinds
        self._codes = {t.name: i for i, t in enumerate(self.types)}
        self._kinds = {k.name: k for k in kinds}
        fields = {f.name: f for f in ENVELOPE}
        for event_type in self.types:
            for f in event_type.fields:
                fields.setdefault(f.name, f)
        self._fields = fields

    @property
    def fields(self) -> Mapping[str, Field]:
        """Every field of any type by name, the envelope first."""
        return MappingProxyType(self._fields)

    @cached_property
    def version(self) -> str:
        """A hash of the content, 12 hex digits; which files it came from does not matter."""
        flags = [(t.any_key, t.broadcast, t.passes_time) for t in self.types]
        types = [(t.name, t.meaning, t.topic, t.fields) for t in self.types]
        said = repr((types, flags, self.kinds))
        return blake2b(said.encode(), digest_size=6).hexdigest()

    def type(self, name: str) -> EventType:
        """The event type of that name; KeyError where there is none."""
        return self.types[self._codes[name]]

    def code(self, name: str) -> int:
        """The number of an event type in this catalogue; KeyError where there is none."""
        return self._codes[name]

    def kind(self, name: str) -> KeyKind:
        """The kind of key of that name; KeyError where there is none."""
        return self._kinds[name]

    def field(self, name: str) -> Field | None:
        """What a field name means, in whichever type; None where no type has it."""
        return self._fields.get(name)

    def suggest(self, name: str) -> str | None:
        """The field, event type or kind of key nearest to a name that is none of them."""
        return suggest(name, (*self._fields, *self._codes, *self._kinds))

    def __iter__(self) -> Iterator[EventType]:
        return iter(self.types)

    def __contains__(self, name: object) -> bool:
        return name in self._codes

    def __len__(self) -> int:
        return len(self.types)
