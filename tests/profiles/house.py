"""A small house's policy, as file and as it is in force, and contributions to try it on."""

from __future__ import annotations

from typing import Any

from risk_stream.catalogue import load_catalogue
from risk_stream.profiles import Contribution, Resolved, resolve
from risk_stream.rules import plan_of_texts

DAY = 86_400_000

POLICY = """\
profile: small
owner: me
points: {low: 2, medium: 8, high: 20, critical: 45}
most: 60
stages:
  pre_loan: {half_life: 90d}
  mid_loan: {half_life: 180d}
  trading:  {weight: 0.5, half_life: 30d}
rules:
  storm: {most: 10}
grades: {A: 0, B: 8, C: 25, D: 60, E: 120}
labels:
  suspect: {rules: [fraud], for: 90d}
at_once:
  - {grade: D, rules: [fraud], for: 360d, why: a fraud}
"""

#: The rules of the house, id -> tags.
RULES: dict[str, tuple[str, ...]] = {"storm": (), "fraud": (), "other": ()}


def policy(text: str = POLICY, rules: dict[str, tuple[str, ...]] | None = None) -> Resolved:
    """A policy in force over some rules."""
    in_force = plan_of_texts({"profile.yaml": text}, load_catalogue()).profiles
    assert in_force is not None
    return resolve(in_force.policy, RULES if rules is None else rules)


def said(n: int, **more: Any) -> Contribution:
    """The contribution of an alert of its own, 20 points of the stage pre_loan on day n."""
    given = {"id": f"a{n}", "revision": 0, "stands": True, "customer": "C1", "rule": "other", "stage": "pre_loan"}
    given |= {"severity": "high", "score": 0.0, "time": n * DAY, "entity": "Alpha", "summary": f"alert {n}"}
    return Contribution(**given | more)
