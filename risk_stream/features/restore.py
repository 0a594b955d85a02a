"""A state put where another was: its schema, then the images of its chunks, then the rows that came after these."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from risk_stream.catalogue.formats import WINDOWS
from risk_stream.features._jit import Ints
from risk_stream.features._kernel import forget_bits
from risk_stream.features._kernel_image import replay_rows
from risk_stream.features._parts import IMAGE, JOURNAL, PartError, head_of, sections
from risk_stream.features._words import (
    NEVER,
    P_BLOCK,
    P_CLOCK,
    P_COLUMNS,
    P_KEEP,
    P_LONGEST,
    P_ROW,
    P_SHIFT,
    P_SLOTS,
    P_SOURCES,
    P_TEXTS,
)
from risk_stream.features.images import load_image, serial_of
from risk_stream.features.journal import FORGET, PLAN, ROWS, read_rows
from risk_stream.features.schema import Schema, first_class
from risk_stream.features.store import Store

__all__ = ["base_plan", "in_order", "load", "replay", "schema_from"]


def schema_from(said: dict[str, Any], kind: str) -> Schema:
    """The schema of another state. Raises `PartError` where it is of another kind of key, and `LaterFormatError`."""
    WINDOWS.check(said["format"])
    if said["kind"] != kind:
        raise PartError(f'a state of "{kind}" cannot be put where one of "{said["kind"]}" was')
    return Schema.from_json(said["schema"])


def in_order(kind: str, parts: Iterable[bytes]) -> tuple[list[bytes], list[bytes]]:
    """(images, the newest first, journals, the oldest first) out of parts in any order, each once.

    Raises `PartError` where a part is of another kind of key, or an image is not whole.
    """
    images: dict[int, dict[int, bytes]] = {}
    whole: dict[int, int] = {}
    journals: list[tuple[int, int, bytes]] = []
    for part in parts:
        head = head_of(part)
        if head.kind != kind:
            raise PartError(f'a state of "{kind}" was given a part of one of "{head.kind}"')
        if head.what == IMAGE:
            serial, index, count = serial_of(part)
            images.setdefault(serial, {})[index] = part
            whole[serial] = count
        else:
            journals.append((head.start, len(journals), part))
    for serial, found in images.items():
        if len(found) != whole[serial]:
            raise PartError(f"of an image of the windows' state {whole[serial] - len(found)} parts are missing")
    newest_first = [
        images[serial][index] for serial in sorted(images, reverse=True) for index in sorted(images[serial])
    ]
    return newest_first, [part for _, _, part in sorted(journals, key=lambda j: j[:2])]


def base_plan(plan: Ints, schema: Schema, store: Store, columns_at: Ints | None = None) -> Ints:
    """A plan by which rows of the schema's width are put in, taken from columns that stand for those `columns_at`."""
    sources = np.full(len(schema.columns), -1, np.int64)
    if columns_at is not None:
        sources[columns_at] = np.arange(len(columns_at))
    texts = np.array([text for _, _, text in schema.columns], np.int64)
    based = np.concatenate([plan, sources, texts])
    based[[P_SOURCES, P_TEXTS]] = len(plan), len(plan) + len(sources)
    based[[P_ROW, P_COLUMNS]] = schema.row_words, len(schema.columns)
    based[P_SLOTS] = max(based[P_SLOTS], len(schema.stays()))
    based[[P_BLOCK, P_SHIFT]] = first_class(schema.row_words), store.shift
    store.place_scratch(based, schema.most_cap)
    based[[P_KEEP, P_CLOCK]] = 0, _gone(plan, schema, store)
    return based


def _gone(plan: Ints, schema: Schema, store: Store) -> int:
    """No window reaches a row of this time or earlier: not by the plan that wrote the row, but by what is in force.

    A row is put in again when the clock is further on than it was; a shorter layout of then would let go of too much.
    """
    if store.swept == NEVER:
        return schema.gone_until
    return max(schema.gone_until, store.swept - schema.longest_ms - int(plan[P_KEEP] - plan[P_LONGEST]))


def load(store: Store, plan: Ints, part: bytes) -> tuple[int, int]:
    """Put an image's part in; -> its position and serial."""
    return load_image(store.heap, store.chunks, plan, part)


def replay(store: Store, plan: Ints, schema: Schema, part: bytes) -> tuple[int, int]:
    """Do again what a journal's part says, where chunks have no newer image; -> (its last position, rows put in)."""
    head = head_of(part)
    if head.what != JOURNAL:
        raise PartError("this part of the windows' state is no journal")
    done = 0
    for tag, body in sections(part):
        if tag == PLAN:
            plan = body.plane()
        elif tag == FORGET:
            bits, position = body.plane().tolist()
            forget_bits(store.heap, store.chunks, position, bits, body.plane() != 0)
        elif tag == ROWS:
            columns_at, keys, (positions, times, masks, ids), columns = read_rows(body)
            by = base_plan(plan, schema, store, columns_at)
            done += replay_rows(store.heap, store.chunks, by, keys, positions, times, masks, ids, columns)
    return head.stop, done
