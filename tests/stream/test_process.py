"""The process that a worker's supervisor starts: it never outlives it."""

from __future__ import annotations

import subprocess
import sys

from risk_stream.stream.supervised import AGAIN

#: A process that has the supervisor's pipe for its input, is deaf to being told to stop, and would go on for ever.
DEAF = """
import signal, threading
from risk_stream.stream import process
signal.signal(signal.SIGTERM, lambda *_: None)
process._end_with_parent(patience=0.2)
print("ready", flush=True)
while True:
    threading.Event().wait(60)
"""


def test_it_ends_soon_after_its_supervisor_though_it_cannot_stop() -> None:
    """As where the broker is gone too, and a stop waits for it: nobody is left to end it then."""
    with subprocess.Popen([sys.executable, "-c", DEAF], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert process.poll() is None
        process.stdin.close()
        assert process.wait(30) == AGAIN
