"""`decisions serve` where it cannot serve: one sentence, and the exit code 1."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from risk_stream.embedded import EmbeddedBroker, free_port


def serve(*given: str) -> tuple[int, str]:
    """(exit code, what it said) of the command as a process: a server sets up logging for the whole of it."""
    command = [sys.executable, "-m", "risk_stream", "decisions", "serve", *given]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RISK_STREAM_")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_without_a_port_it_says_how_to_give_one() -> None:
    """By the option or the setting."""
    code, said = serve()
    assert (code, "--port 8500, or RISK_STREAM_DECISIONS_PORT" in said) == (1, True), said


def test_without_a_broker_or_its_topics_it_says_so() -> None:
    """Which address, and which topics are missing."""
    code, said = serve("--port", str(free_port()), "--broker", f"127.0.0.1:{free_port()}")
    assert (code, "does not answer" in said, "Traceback" in said) == (1, True, False), said
    with EmbeddedBroker() as broker:
        code, said = serve("--port", str(free_port()), "--broker", broker.address)
        assert (code, "risk-stream topics create" in said, "risk.decisions" in said) == (1, True, True), said


def test_a_port_that_is_taken_is_named() -> None:
    """Another server on this machine has it."""
    with socket.create_server(("127.0.0.1", 0)) as taken, EmbeddedBroker() as broker:
        made = [sys.executable, "-m", "risk_stream", "topics", "create", "--broker", broker.address]
        subprocess.run(made, check=True, capture_output=True, timeout=60)
        port = taken.getsockname()[1]
        code, said = serve("--port", str(port), "--broker", broker.address)
        assert (code, f"Cannot listen at 127.0.0.1:{port} (" in said, "Traceback" in said) == (
            1,
            True,
            False,
        ), said
