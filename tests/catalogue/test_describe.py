"""What people see: every field in words, and no personal data."""

from __future__ import annotations

from risk_stream.catalogue import MASK, Catalogue, describe, mask_personal


def test_every_field_of_every_type_has_a_row(core: Catalogue) -> None:
    """Type with choices or decimals, unit, key, marks, meaning."""
    rows = describe(core)
    assert len(rows) == sum(len(t.all_fields) for t in core.types)
    row = next(r for r in rows if (r.event, r.field) == ("transfer", "direction"))
    assert (row.type, row.marks, row.key) == ("choice: in | out", "required", "")
    row = next(r for r in rows if (r.event, r.field) == ("application", "id_number"))
    assert (row.type, row.marks, row.key) == ("string", "personal", "id_number")
    row = next(r for r in rows if (r.event, r.field) == ("price", "price"))
    assert (row.type, row.unit) == ("number (8 decimals)", "major units of currency")


def test_personal_values_are_masked(core: Catalogue) -> None:
    """Those that are there; the row given is left alone."""
    row = {"customer": "C1", "name": "Li Wei", "phone": None, "made_up": 1}
    assert mask_personal(core, row) == {"customer": "C1", "name": MASK, "phone": None, "made_up": 1}
    assert row["name"] == "Li Wei"
