"""What is raised when the figures of a loan, or a table of lending, cannot be."""

from __future__ import annotations

from risk_stream.catalogue import ProblemsError

__all__ = ["LendingError", "TableError"]


class LendingError(ValueError):
    """Raised when figures contradict each other or what money, time and a contract can be; one sentence says which."""


class TableError(ProblemsError):
    """Raised when a table of lending as written cannot be used; it holds every fault with its line and column."""
