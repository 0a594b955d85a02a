"""Files that people edit are noticed when they change, and not looked at more often than is said."""

from __future__ import annotations

import os
from pathlib import Path

from risk_stream.settings import LOOK, Watched


def test_what_comes_goes_or_is_written_is_a_change_once(tmp_path: Path) -> None:
    """Each at the next look, and no other."""
    now = [0.0]
    files = Watched(lambda: sorted(tmp_path.glob("*.yaml")), clock=lambda: now[0])

    def looked() -> list[bool]:
        found = []
        for _ in range(2):
            now[0] += LOOK
            found.append(files.changed())
        return found

    assert looked() == [False, False]
    (tmp_path / "a.yaml").write_text("a: 1")
    assert looked() == [True, False]
    os.utime(tmp_path / "a.yaml", (1, 1))
    assert looked() == [True, False]
    (tmp_path / "a.yaml").unlink()
    assert looked() == [True, False]


def test_a_change_waits_for_the_next_look(tmp_path: Path) -> None:
    """However often it is asked before."""
    now = [0.0]
    file = tmp_path / "a.yaml"
    files = Watched(lambda: [file], clock=lambda: now[0])
    file.write_text("a: 1")
    assert [files.changed() for _ in range(3)] == [False] * 3
    now[0] = LOOK
    assert files.changed()
