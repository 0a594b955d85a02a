"""A log that cannot be written is no reason to stop, and an outage is said once."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from risk_stream.kafka.logs import BrokerWatch, SafeHandler

FULL = """
import logging
from pathlib import Path
from risk_stream.kafka.logs import set_up_logging
lost = []
set_up_logging("info", Path("/dev/full"), "kafka:9092", lambda: lost.append(1))
for i in range(3):
    logging.getLogger("risk_stream.x").warning("line %d", i)
print(len(lost))
"""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_counted_and_nothing_else() -> None:
    """Three lines to a full disk and to standard error: three lost, three there, no traceback."""
    ran = subprocess.run([sys.executable, "-c", FULL], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0
    assert ran.stdout == "3\n"
    assert [line.rsplit("WARNING ")[1] for line in ran.stderr.splitlines()] == ["line 0", "line 1", "line 2"]


def test_a_log_file_that_cannot_be_opened_is_said() -> None:
    """In one line; the log then goes to standard error only."""
    text = FULL.replace("/dev/full", "/proc/none/x")
    ran = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60)
    assert ran.stderr.startswith(
        "cannot log to /proc/none/x (no such file or directory), so only here: set RISK_STREAM_LOG_FILE"
    )
    assert ran.stdout == "0\n"


@pytest.mark.parametrize(("level", "lines"), [("info", 1), ("debug", 4)])
def test_what_failed_is_one_line_unless_somebody_debugs(level: str, lines: int) -> None:
    """A library that fails inside logs where it was, too."""
    code = f"""
import logging
from risk_stream.kafka.logs import set_up_logging
set_up_logging("{level}", None, "kafka:9092", lambda: None)
try:
    {{}}["x"]
except KeyError as exc:
    logging.getLogger("mode.services").exception("Crashed reason=%r", exc)
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    said = ran.stderr.splitlines()
    assert said[0].endswith("ERROR   Crashed reason=KeyError('x')")
    assert len(said) == lines


def test_a_closed_stream_is_counted() -> None:
    """The terminal went away."""
    lost: list[int] = []
    with Path("/dev/null").open("w") as stream:
        handler = SafeHandler(stream, lambda: lost.append(1))
    handler.emit(logging.makeLogRecord({"msg": "x"}))
    assert lost == [1]


def hear(watch: BrokerWatch, text: str) -> None:
    watch.emit(logging.makeLogRecord({"msg": text, "levelno": logging.WARNING}))


def test_an_outage_is_said_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    """The Kafka client says it ten times a second."""
    now = [0.0]
    watch = BrokerWatch("kafka:9092", clock=lambda: now[0])
    for _ in range(50):
        hear(watch, "Failed fetch messages from 1: KafkaConnectionError: Connection at kafka:9092 closed")
        now[0] += 0.1
        watch.tick()
    now[0] += 5
    watch.tick()
    watch.tick()
    said = [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]
    assert said == [
        "the broker at kafka:9092 does not answer: waiting for it, nothing is lost",
        "the broker at kafka:9092 answers again",
    ]


def test_other_lines_of_the_client_are_no_outage(caplog: pytest.LogCaptureFixture) -> None:
    """A rebalance is not."""
    watch = BrokerWatch("kafka:9092")
    hear(watch, "Heartbeat failed for group because it is rebalancing")
    assert not watch.away


def test_a_client_that_repeats_itself_is_heard_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    """A broker that comes back answers hundreds of requests with one error, each of another partition."""
    now = [0.0]
    watch = BrokerWatch("kafka:9092", clock=lambda: now[0])
    with caplog.at_level("INFO", logger="risk_stream.kafka.logs"):
        for second in range(15):
            now[0] = float(second)
            for partition in range(40):
                said = (
                    "Got error produce response on topic-partition %s, retrying. Error: %s",
                    (partition, "NotLeader"),
                )
                watch.emit(logging.LogRecord("aiokafka", logging.WARNING, "", 0, *said, None))
    assert [record.args[0][-40:] for record in caplog.records if record.args] == [
        "-partition 0, retrying. Error: NotLeader",
        "-partition 0, retrying. Error: NotLeader",
    ]
