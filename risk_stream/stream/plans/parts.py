"""A plan as records of the log of plans: each of its files a part by the hash of its text, and a manifest naming them.

A value is zlib-compressed: a part is a text, the manifest JSON under the plan's version. A change of one file among
hundreds is two records, and a house's rules may be larger than a message. Records of format 1 held all in one, and
are read too.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import orjson

from risk_stream.calendars import load_calendars
from risk_stream.catalogue import Catalogue, ProblemsError, load_catalogue
from risk_stream.catalogue.formats import PLANS, LaterFormatError
from risk_stream.kafka import MAX_MESSAGE_BYTES
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.rules.kept import KeptFiles

__all__ = [
    "Manifest",
    "UnknownPlanError",
    "is_part",
    "pack_plan",
    "part_key",
    "read_manifest",
    "text_of",
    "unpack_plan",
]

#: Before the hash in a part's key; no plan's version has a slash.
PART = "file/"

#: The format of a record that holds all texts itself; since then a manifest names parts.
WHOLE = 1


class UnknownPlanError(Exception):
    """Raised when a plan is not to be had; the text is one sentence."""


class LaterPlanError(UnknownPlanError, LaterFormatError):
    """Raised where a later release wrote a plan."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a plan is made of: the keys of texts by the names of files, and the texts that are known already."""

    version: str
    catalogue: str  # the version of that which it was made over
    rules: Mapping[str, str]
    events: Mapping[str, str]
    calendars: Mapping[str, str]
    texts: Mapping[str, str]
    fields: Mapping[str, Sequence[Any]] = field(default_factory=dict)  # see `_fields`; none where nothing was said

    def missing(self, texts: Mapping[str, str]) -> dict[str, str]:
        """The keys that neither it nor `texts` knows, each with the name of a file."""
        named = {key: name for files in (self.rules, self.events, self.calendars) for name, key in files.items()}
        return {key: name for key, name in named.items() if key not in self.texts and key not in texts}


def part_key(text: str) -> str:
    """The key of a text: equal texts of any files are one part."""
    return PART + blake2b(text.encode(), digest_size=16).hexdigest()


def is_part(key: str) -> bool:
    """Whether a key is that of a part."""
    return key.startswith(PART)


def pack_plan(
    plan: Plan, events: Mapping[str, str], stored: Callable[[str], bool] = lambda _: False
) -> dict[str, bytes]:
    """The records that say how to make a plan again, by key: parts that are not `stored`, and last the manifest.

    `events` are the house's own event types. Raises `UnknownPlanError` for a file that no message can hold.
    """
    calendars = {name: calendar.text for name, calendar in plan.calendars.items()}
    records: dict[str, bytes] = {}
    said: dict[str, Any] = {"v": PLANS.newest, "version": plan.version, "catalogue": plan.catalogue.version}
    said["fields"] = _fields(plan)
    for what, files in (("rules", plan.texts), ("events", events), ("calendars", calendars)):
        keys = said[what] = {name: part_key(text) for name, text in files.items()}
        for name, key in keys.items():
            if key not in records and not stored(key):
                records[key] = _compressed(files[name].encode(), f"the file {name}", "split it into several")
    records[plan.version] = _compressed(orjson.dumps(said), f"plan {plan.version}", "have fewer files")
    return records


def _compressed(content: bytes, what: str, advice: str) -> bytes:
    value = zlib.compress(content, 6)
    if len(value) > MAX_MESSAGE_BYTES:
        raise UnknownPlanError(
            f"{what} has {len(value):,} bytes when compressed, more than the {MAX_MESSAGE_BYTES:,} of a message:"
            f" {advice}"
        )
    return value


def read_manifest(content: bytes) -> Manifest:
    """What the record of a plan says. Raises `UnknownPlanError`; of a later release it is `LaterPlanError`."""
    try:
        said: dict[str, Any] = orjson.loads(zlib.decompress(content))
        version, catalogue, rules, events = said["version"], said["catalogue"], said["rules"], said["events"]
        form, calendars = said["v"], said.get("calendars", {})
    except (zlib.error, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise UnknownPlanError(f"this is no plan ({error!r}): only risk-stream may write to its topics") from None
    try:
        PLANS.check(form)
    except LaterFormatError as error:
        raise LaterPlanError(*error.args) from None
    if form != WHOLE:
        return Manifest(version, catalogue, rules, events, calendars, {}, said.get("fields", {}))
    texts = {part_key(text): text for files in (rules, events, calendars) for text in files.values()}
    by_name = ({name: part_key(text) for name, text in files.items()} for files in (rules, events, calendars))
    rules, events, calendars = by_name
    return Manifest(version, catalogue, rules, events, calendars, texts)


def text_of(key: str, value: bytes) -> str:
    """The text of a part. Raises `UnknownPlanError` where it is not the one of its key."""
    try:
        text = zlib.decompress(value).decode()
    except (zlib.error, UnicodeDecodeError):
        text = None
    if text is None or part_key(text) != key:
        raise UnknownPlanError(f"{key} is no part of a plan: only risk-stream may write to its topics")
    return text


def unpack_plan(
    manifest: Manifest, texts: Mapping[str, str], catalogue: Catalogue, kept: KeptFiles | None = None
) -> Plan:
    """The plan of a manifest, with the texts of its parts by key; over `catalogue` where that is the one it was over.

    Files that are `kept` are not read again. Raises `UnknownPlanError`.
    """
    version = manifest.version
    if missing := manifest.missing(texts):
        key, name = next(iter(missing.items()))
        raise UnknownPlanError(
            f"plan {version} is not whole in the log of plans, {name} is missing ({key}): publish it again, risk-stream"
            " rules publish"
        )
    texts_of = {**texts, **manifest.texts}
    rules, events, calendars = (
        {name: texts_of[key] for name, key in files.items()}
        for files in (manifest.rules, manifest.events, manifest.calendars)
    )
    try:
        if manifest.catalogue != catalogue.version:
            theirs = _catalogue_of(events)
            catalogue = catalogue if theirs.version == catalogue.version else theirs
        plan = plan_of_texts(rules, catalogue, calendars=load_calendars(texts=calendars), kept=kept)
    except ProblemsError as error:
        raise UnknownPlanError(
            f"plan {version} cannot be made again by this release: {next(iter(error.problems))}"
        ) from None
    if plan.version == version:
        return plan
    # Another release has other types beside the house's. What rules mean is in the rest of the hash, and what numbers
    # in windows and messages mean is said beside it.
    if plan.version_over(manifest.catalogue) != version:
        raise UnknownPlanError(
            f"plan {version} has another meaning by this release, so what was judged by it cannot be gone on with: run"
            " the release that wrote it, or begin anew with another prefix"
        )
    for name, meant in manifest.fields.items():
        known = _meant(catalogue, name)
        if list(meant) != known:
            raise UnknownPlanError(
                f"plan {version} reads the field {name} as {meant}, and this release has {known}: run the release that"
                " wrote it, or begin anew with another prefix"
            )
    return plan.named(version)


def _fields(plan: Plan) -> dict[str, list[Any]]:
    """What the numbers mean that are kept of events: of each field that is looked at, or is a key."""
    keys = {name for event_type in plan.catalogue.types for name in event_type.keys.values()}
    return {name: _meant(plan.catalogue, name) for name in sorted(plan.columns | keys)}


def _meant(catalogue: Catalogue, name: str) -> list[Any]:
    """The type of a field, its decimals and the kind of key that it is; nothing where there is no such field."""
    known = catalogue.field(name)
    return [] if known is None else [known.type.value, known.decimals, known.key]


def _catalogue_of(texts: Mapping[str, str]) -> Catalogue:
    """The catalogue of the house's event type files, given as texts."""
    with tempfile.TemporaryDirectory(prefix="risk-stream-events-") as folder:
        paths = []
        for i, (name, text) in enumerate(texts.items()):
            path = Path(folder) / f"{i:04d}-{Path(name).name}"
            path.write_text(text, encoding="utf-8")
            paths.append(path)
        return load_catalogue(*paths)
