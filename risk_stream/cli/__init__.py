"""The command line, `risk-stream …`: one module per command; words for people, JSON for programs, never a traceback."""

from __future__ import annotations

from risk_stream.cli.app import app, main, run

__all__ = ["app", "main", "run"]
