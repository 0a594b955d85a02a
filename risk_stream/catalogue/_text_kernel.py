"""Kernels over the bytes of texts: hashes, and keys packed into three words."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

from risk_stream.catalogue.kernel import njit
from risk_stream.catalogue.types import KEY_BYTES

__all__ = ["hash_all", "pack_all", "sizes"]

_SEED, _SEED_2 = np.uint64(0x51ED270B7A3B11C5), np.uint64(0xA0761D6478BD642F)
_MULTIPLY, _MIX_1, _MIX_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)
_32, _33, _8, _56 = np.uint64(32), np.uint64(33), np.uint64(8), np.uint64(56)
_ALL, _ZERO, _ONE, _LONG = np.uint64(2**64 - 1), np.uint64(0), np.uint64(1), np.uint64(0xFF)
_TOP = np.uint64(2**63)


def _load_eight(_: Any, data: Any, at: Any) -> Any:
    """The eight bytes of `data` that begin at `at`, which need not be aligned."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        word = ir.IntType(64)
        place = builder.bitcast(builder.gep(array.data, [arguments[1]]), word.as_pointer())
        loaded = builder.load(place)
        loaded.align = 1
        return loaded

    return types.uint64(data, at), generate


_load: Any = intrinsic(_load_eight)


@njit(nogil=True, cache=True)
def _word(data: Any, at: Any, left: Any) -> Any:
    """Up to eight bytes from `at`, the rest zero; never reads behind the end of `data`."""
    if at + 8 <= data.size:
        word = _load(data, np.int64(at))
        if left < 8:
            word &= _ALL >> (_8 * np.uint64(8 - left))
        return word
    word = _ZERO
    for i in range(min(left, 8)):
        word |= np.uint64(data[at + i]) << (_8 * np.uint64(i))
    return word


@njit(nogil=True, cache=True)
def _hash(data: Any, start: Any, end: Any, seed: Any) -> Any:
    """The 64-bit hash of data[start:end]."""
    h = seed ^ (np.uint64(end - start) * _MIX_1)
    at = start
    while at < end:
        h = (h ^ _word(data, at, end - at)) * _MULTIPLY
        h ^= h >> _32
        at += 8
    h = (h ^ (h >> _33)) * _MIX_1
    h = (h ^ (h >> _33)) * _MIX_2
    return h ^ (h >> _33)


@njit(nogil=True, cache=True)
def hash_all(offsets: Any, valid: Any, first: int, data: Any, out: Any) -> None:
    for i in range(out.size):
        start, end = np.int64(offsets[i]), np.int64(offsets[i + 1])
        there = valid.size == 0 or (valid[(first + i) >> 3] >> ((first + i) & 7)) & 1
        if not there or end == start:
            out[i] = 0
            continue
        h = _hash(data, start, end, _SEED)
        # 0 and -2**63 both mean missing somewhere.
        out[i] = np.int64(_ONE) if h in (_ZERO, _TOP) else np.int64(h)


@njit(nogil=True, cache=True)
def pack_all(offsets: Any, valid: Any, first: int, data: Any, out: Any, present: Any) -> None:
    for i in range(present.size):
        start, end = np.int64(offsets[i]), np.int64(offsets[i + 1])
        there = valid.size == 0 or (valid[(first + i) >> 3] >> ((first + i) & 7)) & 1
        size = end - start
        if not there or size == 0:
            out[i, 0] = out[i, 1] = out[i, 2] = 0
            present[i] = False
            continue
        present[i] = True
        if size > KEY_BYTES:
            out[i, 0] = np.int64(_hash(data, start, end, _SEED))
            out[i, 1] = np.int64(_hash(data, start, end, _SEED_2))
            out[i, 2] = np.int64((_LONG << _56) | np.uint64(size))
            continue
        out[i, 0] = np.int64(_word(data, start, size))
        out[i, 1] = np.int64(_word(data, start + 8, size - 8)) if size > 8 else 0
        last = _word(data, start + 16, size - 16) if size > 16 else _ZERO
        out[i, 2] = np.int64(last | (np.uint64(size) << _56))


@njit(nogil=True, cache=True)
def sizes(offsets: Any) -> Any:
    longest, empty = np.int64(0), 0
    for i in range(offsets.size - 1):
        size = np.int64(offsets[i + 1]) - np.int64(offsets[i])
        if size > longest:  # noqa: PLR1730  numba has no max of what mypy calls these
            longest = size
        empty += size == 0
    return longest, empty
