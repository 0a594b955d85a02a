"""What people see of an event: no personal data."""

from __future__ import annotations

from risk_stream.catalogue import MASK, Catalogue, mask_personal


def test_personal_values_are_masked(core: Catalogue) -> None:
    """Those that are there; the row given is left alone."""
    row = {"customer": "C1", "name": "Li Wei", "phone": None, "made_up": 1}
    assert mask_personal(core, row) == {"customer": "C1", "name": MASK, "phone": None, "made_up": 1}
    assert row["name"] == "Li Wei"
