"""The catalogue answers by name, and its version is its content."""

from __future__ import annotations

import pytest

from risk_stream.catalogue import Catalogue, Field, FieldType, load_catalogue


def test_a_code_is_a_types_place(core: Catalogue) -> None:
    """Sorted by name."""
    assert [core.code(t.name) for t in core] == list(range(len(core)))
    assert [t.name for t in core.types] == sorted(t.name for t in core.types)


def test_unknown_names_are_key_errors(core: Catalogue) -> None:
    """But a field that no type has is None."""
    for ask in (core.type, core.code, core.kind):
        with pytest.raises(KeyError):
            ask("transfr")
    assert core.field("transfr") is None
    assert core.suggest("transfr") == "transfer"


def test_every_event_has_the_envelope(core: Catalogue) -> None:
    """In its type and in the catalogue."""
    for name in ("id", "type", "time", "entity", "channel"):
        assert core.field(name) == core.type("login").field(name)


def test_equal_catalogues_have_equal_versions(core: Catalogue, house: Catalogue) -> None:
    """And others have others."""
    assert load_catalogue().version == core.version
    assert house.version != core.version
    assert len(core.version) == 12


def test_text_is_string_and_choice() -> None:
    """All else is a number."""
    assert [t for t in FieldType if t.is_text] == [FieldType.STRING, FieldType.CHOICE]


def test_a_field_cannot_be_changed() -> None:
    """Batches and plans share it."""
    with pytest.raises(AttributeError):
        Field("a", FieldType.STRING, "x").name = "b"  # type: ignore[misc]
