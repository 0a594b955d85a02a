"""JSON Schema for editors, of all files of rules: rules, tables, scorecards, models, profiles and life cycles."""

from __future__ import annotations

from risk_stream.rules.schema.schema import rule_schema

__all__ = ["rule_schema"]
