"""How many examples Hypothesis draws for a property: as many as its test names, a share of them, or a multiple."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from hypothesis import settings

__all__ = ["draw", "is_property"]

#: Where Hypothesis keeps how a test is drawn; what has none is no property.
_DRAWN = "_hypothesis_internal_use_settings"


def is_property(item: pytest.Item) -> bool:
    """Whether Hypothesis draws what the test is given."""
    return hasattr(_function_of(item), _DRAWN)


def draw(items: Iterable[pytest.Item], examples: Callable[[int], int], **more: Any) -> None:
    """Have each property draw `examples` of what it names, and otherwise as it says, but for `more` settings."""
    for function in {id(function): function for function in map(_function_of, filter(is_property, items))}.values():
        named: settings = getattr(function, _DRAWN)
        setattr(function, _DRAWN, settings(named, max_examples=examples(named.max_examples), **more))


def _function_of(item: pytest.Item) -> Any:
    function = getattr(item, "obj", None)
    return getattr(function, "__func__", function)
