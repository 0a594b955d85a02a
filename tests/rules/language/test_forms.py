"""Whoever looks a function up finds each that there is, as it is called."""

from __future__ import annotations

import pytest

from risk_stream.rules.language.forms import FORMS
from risk_stream.rules.language.functions import FUNCTIONS


def test_every_function_has_its_line_and_no_other_has() -> None:
    assert tuple(FORMS) == FUNCTIONS


@pytest.mark.parametrize("name", FORMS)
def test_a_form_is_a_call_of_the_function(name: str) -> None:
    form, gives = FORMS[name]
    assert form.startswith(f"{name}(")
    assert form.endswith(")")
    assert gives
