"""What a worker's supervisor and the process that it starts say to each other.

The settings come as JSON in `RISK_STREAM_CHILD`. The process ends when its standard input closes, so that it never
outlives the supervisor; with `--spare` it gets ready and waits for a line there. Exit codes: 0 told to stop, `WRONG` a
restart would not help, `UNSOUND` it would once the files are mended, `AGAIN` start me again.
"""

from __future__ import annotations

__all__ = ["AGAIN", "GO", "SPARE", "UNSOUND", "VARIABLE", "WRONG"]

#: The environment variable that carries the settings.
VARIABLE = "RISK_STREAM_CHILD"

#: The argument that says that this process is a spare, and the line that sends it to work.
SPARE, GO = "--spare", b"go\n"

AGAIN, WRONG, UNSOUND = 75, 78, 79
