"""What is raised when the figures of a loan cannot be."""

from __future__ import annotations

__all__ = ["LendingError"]


class LendingError(ValueError):
    """Raised when figures contradict each other or what money, time and a contract can be; one sentence says which."""
