"""An image of what an earlier release kept, as `write_image.py` wrote it in a checkout of that release."""

from __future__ import annotations

import lzma
from pathlib import Path

import msgspec

__all__ = ["IMAGES", "Image", "read_image"]

IMAGES = sorted((Path(__file__).parent / "images").glob("*.xz"))


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """Two workers of an earlier release were stopped in the middle of a stream: what stood in each topic then."""

    written_by: str  # commit and day
    texts: dict[str, str]  # the rule files
    plan: str  # the version that the release gave them
    plans: dict[str, bytes]  # records of risk.plans
    events: list[bytes]  # all of the stream
    state: dict[str, list[tuple[int, bytes, bytes]]]  # of each lane: offset, key, value
    ends: dict[str, int]
    hops: dict[str, list[bytes]]  # by topic/partition
    rest: list[tuple[str, int, bytes]]  # messages that came after: topic, partition, value
    alerts: list[bytes]  # that were said
    commits: list[str]  # the texts beside offsets 17 and 3


def read_image(path: Path) -> Image:
    """One of them."""
    return msgspec.msgpack.decode(lzma.decompress(path.read_bytes()), type=Image)
