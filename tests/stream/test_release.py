"""What a backlog's batches took is given back to the system when it is over, and not before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from risk_stream.stream.release import Release

MIB = 1 << 20


class Counted:
    """A pool that counts how often it gives back."""

    def __init__(self) -> None:
        self.taken = self.released = 0

    def bytes_allocated(self) -> int:
        return self.taken

    def release_unused(self) -> None:
        self.released += 1


def test_it_is_given_back_once_when_batches_have_become_far_fewer() -> None:
    """Not while a backlog lasts, whose batches come and go; and not for a little."""
    pool = Counted()
    release = Release(pool)
    for taken, released in ((300, 0), (170, 0), (250, 0), (140, 1), (140, 1), (40, 2), (10, 2), (5, 2)):
        pool.taken = taken * MIB
        release.look()
        assert pool.released == released, taken


def resident() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_memory_comes_back_to_the_system() -> None:
    """With Arrow's own pool."""
    pool = pa.default_memory_pool()
    release = Release(pool)
    held = [pa.array(np.arange(20_000)).take(pa.array(np.arange(20_000))) for _ in range(1500)]
    release.look()
    full = resident()
    del held
    release.look()
    assert full - resident() > 150 * MIB


def test_what_lies_between_blocks_in_use_comes_back_too() -> None:
    """A heap cannot shrink below its last block; its free pages can be given back all the same."""
    pool = Counted()
    release = Release(pool)
    pool.taken = 300 * MIB
    release.look()
    held = [np.ones(8_000) for _ in range(4_000)]
    full = resident()
    del held[1:-1]
    pool.taken = 0
    release.look()
    assert full - resident() > 150 * MIB
