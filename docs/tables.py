"""Markdown tables, as the pages that `make docs` writes have them."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["cell", "rows"]


def cell(text: object) -> str:
    """Text that does not end a table's cell."""
    return str(text).replace("|", "\\|").replace("\n", " ")


def rows(header: tuple[str, ...], lines: Iterator[tuple[object, ...]]) -> str:
    """A Markdown table."""
    table = [header, tuple("---" for _ in header), *lines]
    return "\n".join("| " + " | ".join(cell(c) for c in line) + " |" for line in table)
