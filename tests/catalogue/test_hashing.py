"""Hashes and packed keys are the same in every process and release: partitions and stored windows hang on them."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.catalogue.hashing import KEY_BYTES, hash_column, pack_column, text_hash, text_sizes

#: Written down on the day the format was fixed. A change here loses every key's windows.
LITERAL = [
    ("a", 6661895640649669522, (97, 0, 1 << 56)),
    ("C000001", 4985199409093545363, (13845257383850051, 0, 7 << 56)),
    ("12345678", 8971047889573065969, (4050765991979987505, 0, 8 << 56)),
    ("客户一", 8272253372519066055, (-5123768677427925275, 128, 9 << 56)),
    ("x" * 23, 477992974467685708, (0x7878787878787878, 0x7878787878787878, (23 << 56) + 0x78787878787878)),
    ("x" * 24, -5731093572731928604, (-5731093572731928604, -4394989831702769588, (0xFF << 56) + 24 - 2**64)),
]

texts = st.lists(st.one_of(st.none(), st.text(max_size=60)), max_size=40)


def packed_key(text: str) -> tuple[int, ...]:
    words, _ = pack_column(pa.array([text]))
    return tuple(words[0].tolist())


def slow_hash(text: str, seed: int = 0x51ED270B7A3B11C5) -> int:
    """The hash by its definition, in plain Python."""
    data, m = text.encode(), 2**64
    h = seed ^ (len(data) * 0xFF51AFD7ED558CCD % m)
    for at in range(0, len(data), 8):
        h = (h ^ int.from_bytes(data[at : at + 8], "little")) * 0x9E3779B97F4A7C15 % m
        h ^= h >> 32
    h = (h ^ (h >> 33)) * 0xFF51AFD7ED558CCD % m
    h = (h ^ (h >> 33)) * 0xC4CEB9FE1A85EC53 % m
    return (h ^ (h >> 33)) - (m if (h ^ (h >> 33)) >= m // 2 else 0)


@pytest.mark.parametrize(("text", "hashed", "packed"), LITERAL, ids=[text for text, _, _ in LITERAL])
def test_values_are_those_of_the_format(text: str, hashed: int, packed: tuple[int, int, int]) -> None:
    """Literally."""
    assert text_hash(text) == hashed
    assert packed_key(text) == packed


@given(st.text(min_size=1, max_size=80))
def test_the_kernel_is_the_definition(text: str) -> None:
    """The fast kernel against plain Python."""
    assert text_hash(text) == slow_hash(text)


@given(texts, st.data())
def test_a_column_hashes_as_each_text_does(values: list[str | None], data: st.DataObject) -> None:
    """Also a slice of it, whose buffers begin elsewhere; null and empty are 0."""
    start = data.draw(st.integers(0, len(values)))
    column = pa.array(values, pa.utf8()).slice(start)
    expected = [text_hash(v) if v else 0 for v in values[start:]]
    assert hash_column(column).tolist() == expected
    words, present = pack_column(column)
    assert present.tolist() == [bool(v) for v in values[start:]]
    assert [tuple(w) for w in words.tolist()] == [packed_key(v) if v else (0, 0, 0) for v in values[start:]]


@given(st.sets(st.text(min_size=1, max_size=30), max_size=50))
def test_different_keys_pack_differently(keys: set[str]) -> None:
    """Up to 23 bytes exactly, beyond by 128 bits."""
    assert len({packed_key(k) for k in keys}) == len(keys)


@given(st.text(min_size=1).filter(lambda t: len(t.encode()) <= KEY_BYTES))
def test_a_short_key_can_be_read_back(key: str) -> None:
    """Its bytes are in the words."""
    raw = np.array(packed_key(key), np.int64).tobytes()
    assert raw[: raw[23]].decode() == key


def test_nothing_hashes_to_missing() -> None:
    """0 is for what is not there."""
    assert text_hash("") == 0
    assert packed_key("") == (0, 0, 0)
    assert 0 not in hash_column(pa.array([str(i) for i in range(100_000)])).tolist()


def test_hashes_spread_over_partitions() -> None:
    """Numbered keys, as houses have them, fill 12 partitions within 5 %."""
    hashes = hash_column(pa.array([f"C{i:06d}" for i in range(120_000)])).view(np.uint64)
    counts = np.bincount((hashes % np.uint64(12)).astype(np.int64), minlength=12)
    assert counts.min() > 9_500
    assert counts.max() < 10_500


def test_sizes_count_bytes_and_what_is_empty() -> None:
    """Null is as empty as empty."""
    assert text_sizes(pa.array(["ab", None, "", "客户"])) == (6, 2)
    assert text_sizes(pa.array([], pa.utf8())) == (0, 0)


_LOADED = """
import sys
import pyarrow as pa
from risk_stream.catalogue.hashing import hash_column
hash_column(pa.array(["C1"]))
assert "numba.np.arraymath" in sys.modules
print([name for name in sys.modules if name.startswith("scipy.linalg")])
import scipy.linalg.cython_blas
"""


def test_a_process_with_kernels_imports_no_linear_algebra() -> None:
    """Which numba would, where SciPy is installed; and whoever wants it may import it."""
    compiling = os.environ | {"NUMBA_DISABLE_JIT": "0"}
    done = subprocess.run([sys.executable, "-c", _LOADED], env=compiling, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("[]\n", "")
