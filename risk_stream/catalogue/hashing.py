"""Hashes of text and packed keys, straight from Arrow's buffers; the same values in every process and release.

Kernels are imported by the first call: who only names event types and topics needs no compiler, nor waits for one.

The hash decides which partition a key lives on and is stored in windows, so its values are part of the format: a test
holds literal ones. Text is hashed as UTF-8, eight bytes at a time, read little-endian.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from risk_stream.catalogue.types import KEY_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KEY_BYTES", "hash_column", "pack_column", "text_hash", "text_sizes"]

_NO_BYTES = np.zeros(0, np.uint8)


def _buffers(column: pa.Array) -> tuple[NDArray[np.int32], NDArray[np.uint8], int, NDArray[np.uint8]]:
    """(offsets[n + 1], validity bits or none, first bit, bytes) of a utf8 column, without a copy."""
    validity, offsets, data = column.buffers()
    first, n = column.offset, len(column)
    starts = np.frombuffer(offsets, np.int32, n + 1, first * 4) if n else np.zeros(1, np.int32)
    bits = np.frombuffer(validity, np.uint8) if validity is not None and column.null_count else _NO_BYTES
    return starts, bits, first, _NO_BYTES if data is None else np.frombuffer(data, np.uint8)


def hash_column(column: pa.Array) -> NDArray[np.int64]:
    """int64[n]: the hash of each text of a utf8 column, 0 for null and for empty text."""
    from risk_stream.catalogue import _text_kernel

    starts, bits, first, data = _buffers(column)
    out = np.empty(len(column), np.int64)
    _text_kernel.hash_all(starts, bits, first, data, out)
    return out


def pack_column(column: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """(int64[n, 3], bool[n]): each key as three words, and whether it is there.

    The words hold up to 23 bytes and their number in the top byte; or a 128-bit hash, 0xFF and the number of bytes.
    """
    from risk_stream.catalogue import _text_kernel

    starts, bits, first, data = _buffers(column)
    out, present = np.empty((len(column), 3), np.int64), np.empty(len(column), np.bool_)
    _text_kernel.pack_all(starts, bits, first, data, out, present)
    return out, present


def text_sizes(column: pa.Array) -> tuple[int, int]:
    """(bytes of the longest text, how many are empty or null) of a utf8 column."""
    from risk_stream.catalogue import _text_kernel

    starts, _, _, _ = _buffers(column)
    longest, empty = _text_kernel.sizes(starts)
    return int(longest), int(empty)


def text_hash(text: str) -> int:
    """The hash of one text, as `hash_column` has it; 0 for empty text only."""
    return int(hash_column(pa.array([text], pa.utf8()))[0])
