"""How this room's kernels are compiled: as those of the features are, and anew when one of its own changes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from risk_stream.features._jit import Bools, Floats, Ints, Word, entry, inner

__all__ = ["SOURCES", "Bools", "Floats", "Ints", "Word", "entry", "inner"]


def _fingerprint() -> int:
    digest = hashlib.blake2b(digest_size=4)
    for path in sorted(Path(__file__).parent.glob("_*.py")):
        digest.update(path.read_bytes())
    return int.from_bytes(digest.digest(), "big")


#: A hash over the source text of every kernel module of this room.
SOURCES = _fingerprint()
