"""The folder of data that benchmarks read and that is no part of this repository: `RISK_STREAM_DATA` names it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

__all__ = ["data_folder"]


def data_folder(files: Sequence[str]) -> Path:
    """The folder that holds all of `files`; raises SystemExit with a sentence where it does not."""
    folder = Path(os.environ.get("RISK_STREAM_DATA", "../shared/data"))
    absent = [name for name in files if not (folder / name).exists()]
    if absent:
        raise SystemExit(f"bench: no {absent[0]} in {folder}; set RISK_STREAM_DATA to the folder that holds it")
    return folder
