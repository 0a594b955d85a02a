"""Reads how alerts are worked from people/alerts.yaml, and after how long they go to the next level from desk.yaml.

Every fault with its place, all at once. A change counts within a second; one that is wrong changes nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from risk_stream.alerts import KINDS, SEVERITIES, Inhibit, Policy, circle
from risk_stream.catalogue import Catalogue, FileReader, Node, Problem, ProblemsError, did_you_mean, read_yaml
from risk_stream.rules.words import length_ms
from risk_stream.settings import Watched

__all__ = ["ALERTS_FILE", "DESK_FILE", "PolicyError", "PolicySource", "read_policy"]

log = logging.getLogger(__name__)

ALERTS_FILE, DESK_FILE = "alerts.yaml", "desk.yaml"

_KEYS = ("cases", "longest", "inhibits", "outcomes")
_YEAR_MS = 366 * 86_400_000
#: What a confirmed alert cannot teach: these say that nothing was wrong.
_NOT_BAD = frozenset({"false_alarm", "good"})


class PolicyError(ProblemsError):
    """Raised when what the folder says of alerts cannot be used."""


def read_policy(folder: Path, catalogue: Catalogue, policy: Policy | None = None) -> Policy:
    """A policy with what a folder `people` says of it; a file that is not there says nothing. Raises `PolicyError`."""
    made, problems = policy or Policy(), list[Problem]()
    for file, read in ((ALERTS_FILE, _Reader.alerts), (DESK_FILE, _Reader.levels)):
        path = folder / file
        if not path.exists():
            continue
        try:
            reader = _Reader(read_yaml(path), catalogue)
        except ProblemsError as error:
            problems += error.problems
            continue
        if reader.root.value is not None:
            made = read(reader, made)
        problems += sorted(reader.problems, key=lambda one: (one.line, one.column))
    if problems:
        raise PolicyError(problems)
    return made


class PolicySource:
    """`changed()` is the policy where the files say another one now. Raises `PolicyError` at the start."""

    def __init__(
        self, folder: Path, catalogue: Catalogue, policy: Policy, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._folder, self._catalogue, self._plain = folder, catalogue, policy
        self._files = Watched(lambda: (folder / ALERTS_FILE, folder / DESK_FILE), clock=clock)
        self.policy = read_policy(folder, catalogue, policy)

    def changed(self) -> Policy | None:
        """The policy, once for each change that can be used."""
        if not self._files.changed():
            return None
        try:
            self.policy = read_policy(self._folder, self._catalogue, self._plain)
        except PolicyError as error:
            log.error("how alerts are worked was changed and is wrong; it stays as it was: %s", error.problems[0])
            return None
        log.info("how alerts are worked was changed")
        return self.policy


class _Reader(FileReader):
    """One file; `problems` holds what is wrong in it."""

    def __init__(self, root: Node, catalogue: Catalogue) -> None:
        super().__init__(root)
        self._catalogue = catalogue

    def alerts(self, policy: Policy) -> Policy:
        """alerts.yaml."""
        if not self.mapping(self.root, _KEYS, ALERTS_FILE):
            return policy
        cases, longest = self._part("cases", ("by", "quiet")), self._part("longest", ("snooze", "silence"))
        rules, stages = self._outcomes()
        return replace(
            policy,
            case_by=self._kinds(cases.get("by") if cases else None, "by") or policy.case_by,
            quiet_ms=self._length(cases, "quiet", policy.quiet_ms),
            longest_snooze_ms=self._length(longest, "snooze", policy.longest_snooze_ms),
            longest_silence_ms=self._length(longest, "silence", policy.longest_silence_ms),
            inhibits=self._inhibits(),
            outcome_of_rule=rules,
            outcome_of_stage=stages,
        )

    def levels(self, policy: Policy) -> Policy:
        """Of desk.yaml, which is about notices, what moves alerts: how many levels there are, and the minutes."""
        if not self.root.is_mapping:
            return policy  # who reads all of it says so
        levels, minutes = self.root.get("levels"), self.root.get("escalate_minutes")
        escalate: dict[str, int] = {}
        if minutes is not None and self.mapping(minutes, SEVERITIES, "escalate_minutes"):
            for severity, said in minutes.items():
                value = said.value
                if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10_080:
                    self.report(said, "minutes is a whole number from 1 to 10,080")
                else:
                    escalate[str(severity.value)] = value * 60_000
        many = len(levels.value) if levels is not None and levels.is_list else 1
        return replace(policy, levels=max(many, 1), escalate_ms=escalate)

    def _inhibits(self) -> tuple[Inhibit, ...]:
        found = []
        node = self.root.get("inhibits")
        for item in self.items(node, "inhibits"):
            if not self.mapping(item, ("cause", "effects", "same"), "an entry of inhibits"):
                continue
            causes, effects = (self._texts(item, key, "rules") for key in ("cause", "effects"))
            same = self._kinds(item.get("same"), "same")
            if not same:
                self.report(item.get("same") or item, "same says which keys cause and effect share: same: [customer]")
            if causes and effects and same:
                found.append(Inhibit(frozenset(causes), frozenset(effects), same))
        around = circle(found)
        if around and node is not None:
            self.report(node, f"{' inhibits '.join(around)}: nobody would be told of any of them")
        return tuple(found)

    def _outcomes(self) -> tuple[dict[str, str], dict[str, str]]:
        rules: dict[str, str] = {}
        stages: dict[str, str] = {}
        node = self.root.get("outcomes")
        if node is None or not self.mapping(node, self._labels(), "outcomes"):
            return rules, stages
        for label, of in node.items():
            if label.value not in self._labels() or not self.mapping(
                of, ("rules", "stages"), f"outcomes of {label.value}"
            ):
                continue
            for key, known in (("rules", rules), ("stages", stages)):
                for name in self._texts(of, key, key) if key in of else ():
                    if name in known:
                        self.report(of[key], f"{name} teaches {known[name]} already: one label for each")
                    known[name] = str(label.value)
        return rules, stages

    def _labels(self) -> tuple[str, ...]:
        """What an outcome may say that is bad."""
        field = self._catalogue.type("outcome").field("label") if "outcome" in self._catalogue else None
        return tuple(label for label in (field.choices if field else ()) if label not in _NOT_BAD)

    # Values

    def _part(self, key: str, keys: Iterable[str]) -> Node | None:
        node = self.root.get(key)
        return node if node is not None and self.mapping(node, keys, key) else None

    def _texts(self, node: Node, key: str, what: str) -> list[str]:
        """A list of names, which is not empty."""
        child = node.get(key)
        items = self.items(child, key)
        for item in items:
            if not (item.is_text and item.value):
                self.report(item, f"{key} is a list of {what} such as [a, b]")
        if not items and (child is None or child.is_list or child.value is None):
            self.report(child or node, f"{key} names {what}: {key}: [a, b]")
        return [str(item.value) for item in items if item.is_text and item.value]

    def _kinds(self, node: Node | None, what: str) -> tuple[str, ...]:
        """Kinds of key that lives have, each once."""
        found: list[str] = []
        for item in self.items(node, what):
            if item.value in KINDS and item.value not in found:
                found.append(str(item.value))
            elif item.value in found:
                self.report(item, f"'{item.value}' stands twice in {what}")
            else:
                advice = did_you_mean(str(item.plain()), KINDS) or f": there are {', '.join(KINDS)}"
                self.report(item, f"'{item.plain()}' is no kind of key that alerts are known by{advice}")
        return tuple(found)

    def _length(self, node: Node | None, key: str, default: int) -> int:
        child = node.get(key) if node is not None else None
        if child is None:
            return default
        ms = length_ms(child.value)
        if not ms or ms > _YEAR_MS:
            self.report(child, f"{key} is a length of time up to a year, such as 24h or 7d")
            return default
        return ms
