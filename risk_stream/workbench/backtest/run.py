"""Runs a plan over a history in one process or several: rounds of chunks out, what the lanes say back."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import multiprocessing
import queue
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import Any

import msgspec

from risk_stream.catalogue import MISSING, Catalogue, EventBatch
from risk_stream.engine import Alert, Decided
from risk_stream.rules import Plan
from risk_stream.workbench.backtest.history import Chunk, Reader, Refused
from risk_stream.workbench.backtest.lanes import LANES, Alone, Exchange, Lanes, Part, Said

__all__ = ["RunError", "Spoken", "run"]

#: Rounds handed out before the first of them is done, so that no process waits for the reading.
AHEAD = 2
#: Bytes that lie between two processes: as many as Linux lets anybody ask for.
PIPE_BYTES = 1 << 20
#: So long, s, the thread that sends waits for the interpreter behind one that computes, while others wait for it.
SWITCH = 0.0002


class RunError(Exception):
    """A process of a run died or failed; the text says of what."""


class Spoken(msgspec.Struct):
    """What is said of one round by all lanes of a process, or of all processes."""

    alerts: list[Alert] = []
    decisions: list[Decided] = []
    first: int = MISSING  # the lowest time of the round, ms
    clock: int = MISSING  # the highest time so far
    events: int = 0
    revised: int = 0
    late: int = 0
    refused: list[Refused] = []
    errors: dict[str, int] = {}
    done: int = 0  # bytes of the history, or events, that were read so far


class _Round:
    """One's own chunks of a round, decoded one by one as there is time."""

    def __init__(self, chunks: Mapping[int, Chunk]) -> None:
        self._left = list(chunks.items())
        self.done = max((chunk.done for chunk in chunks.values()), default=0)
        self.batches = dict[int, EventBatch]()
        self.refused = list[Refused]()

    def decode_one(self, reader: Reader) -> bool:
        """Decode the next chunk; whether there was one."""
        if not self._left:
            return False
        number, chunk = self._left.pop(0)
        batch, refused = reader.read(chunk)
        self.refused += refused
        if len(batch):
            self.batches[number] = batch
        return True


class _Work:
    """The lanes of one process, fed with rounds."""

    def __init__(self, plan: Plan, lanes: Sequence[int], exchange: Exchange, lateness_ms: int) -> None:
        self._reader = Reader(plan.catalogue)
        self._lanes = Lanes(plan, lanes, exchange, lateness_ms=lateness_ms)

    def decode_one(self, given: _Round) -> bool:
        """Decode one more chunk of a round; whether there was one."""
        return given.decode_one(self._reader)

    def judge(self, given: _Round) -> Spoken:
        """Judge a round to the end of every event's journey."""
        while self.decode_one(given):
            pass
        said: Said = self._lanes.round(given.batches)
        late = sum(len(rows) for rows in said.late.values())
        first = min((int(batch.times.min()) for batch in given.batches.values()), default=MISSING)
        counts = said.events, said.revised, late
        return Spoken(said.alerts, said.decisions, first, said.clock, *counts, given.refused, said.errors, given.done)


def run(plan: Plan, history: Iterable[Chunk], *, processes: int, lateness_ms: int) -> Iterator[Spoken]:
    """Judge a history; what is said comes round by round.

    The history is as of one origin: an event more than `lateness_ms` behind the highest time before it is not judged.

    Raises:
        RunError: a process died, or failed.
    """
    rounds = (dict(enumerate(chunks)) for chunks in _batched(history, LANES))
    if processes == 1:
        work = _Work(plan, range(LANES), Alone(), lateness_ms)
        yield from (work.judge(_Round(chunks)) for chunks in rounds)
        return
    with _Processes(plan, min(processes, LANES), lateness_ms) as others:
        yield from others.run(rounds)


def _batched(history: Iterable[Chunk], n: int) -> Iterator[tuple[Chunk, ...]]:
    chunks = iter(history)
    while batch := tuple(itertools.islice(chunks, n)):
        yield batch


class _Processes:
    """Processes that share the lanes, connected with each other and with this one."""

    def __init__(self, plan: Plan, count: int, lateness_ms: int) -> None:
        context = multiprocessing.get_context("spawn")
        # (from, to) -> (where the one hears, where the other speaks)
        pipes = {pair: _wide_pipe(context) for pair in itertools.permutations(range(count), 2)}
        self._count, self._own, self._processes = count, list[Connection](), list[Any]()
        for me in range(count):
            own, theirs = context.Pipe()
            peers = {other: (pipes[other, me][0], pipes[me, other][1]) for other in range(count) if other != me}
            process = context.Process(target=_serve, args=(plan, me, count, theirs, peers, lateness_ms), daemon=True)
            process.start()
            theirs.close()
            self._own.append(own)
            self._processes.append(process)
        for ends in pipes.values():
            for end in ends:
                end.close()
        self._encoder = msgspec.msgpack.Encoder()
        self._decoder = msgspec.msgpack.Decoder(Spoken | str)

    def __enter__(self) -> _Processes:
        return self

    def __exit__(self, *_: object) -> None:
        for own in self._own:
            own.close()
        for process in self._processes:
            process.join(1)
            if process.is_alive():
                process.terminate()
                process.join()

    def run(self, rounds: Iterator[Mapping[int, Chunk]]) -> Iterator[Spoken]:
        """Hand out rounds, two ahead of what is done, and join what the processes say of each."""
        out = 0
        for given in rounds:
            self._hand_out(given)
            out += 1
            if out > AHEAD:
                out -= 1
                yield self._take_in()
        for _ in range(out):
            yield self._take_in()

    def _hand_out(self, given: Mapping[int, Chunk]) -> None:
        for me, own in enumerate(self._own):
            mine = {number: chunk for number, chunk in given.items() if number % self._count == me}
            with contextlib.suppress(BrokenPipeError):  # what it died of is read below
                own.send_bytes(self._encoder.encode(mine))

    def _take_in(self) -> Spoken:
        whole = Spoken()
        for own in self._own:
            try:
                said = self._decoder.decode(own.recv_bytes())
            except (EOFError, ConnectionError):
                said = "it was killed, or ran out of memory"
            if isinstance(said, str):
                raise RunError(f"a process of the backtest ended: {said}")
            whole.alerts += said.alerts
            whole.decisions += said.decisions
            whole.refused += said.refused
            if said.first != MISSING:
                whole.first = said.first if whole.first == MISSING else min(whole.first, said.first)
            whole.clock, whole.done = max(whole.clock, said.clock), max(whole.done, said.done)
            whole.events, whole.late = whole.events + said.events, whole.late + said.late
            whole.revised += said.revised
            for rule, errors in said.errors.items():
                whole.errors[rule] = whole.errors.get(rule, 0) + errors
        return whole


def _wide_pipe(context: Any) -> tuple[Connection, Connection]:
    """(where one hears, where one speaks) of a pipe that holds much, so that few letters wait for their reader."""
    hears, speaks = context.Pipe(duplex=False)
    if hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux
        with contextlib.suppress(OSError):  # this user has too many of them: then it holds less
            fcntl.fcntl(speaks.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return hears, speaks


def _serve(
    plan: Plan, me: int, count: int, own: Connection, peers: dict[int, tuple[Connection, Connection]], lateness_ms: int
) -> None:
    """One of the processes: rounds in, what is said out, until the first process has no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first process ends the others
    sys.setswitchinterval(SWITCH)
    encoder, decoder = msgspec.msgpack.Encoder(), msgspec.msgpack.Decoder(dict[int, Chunk])
    ahead = deque[_Round]()

    def look_ahead() -> bool:
        """Decode some of the next round while others are waited for; whether there was any."""
        if not ahead and own.poll():
            ahead.append(_Round(decoder.decode(own.recv_bytes())))
        return bool(ahead) and work.decode_one(ahead[0])

    try:
        work = _Work(plan, range(me, LANES, count), _Pipes(plan.catalogue, me, count, peers, look_ahead), lateness_ms)
        while True:
            given = ahead.popleft() if ahead else _Round(decoder.decode(own.recv_bytes()))
            own.send_bytes(encoder.encode(work.judge(given)))
    except (EOFError, ConnectionError):
        return  # the first process has all it wants, or another one died, which it sees
    except Exception as error:  # noqa: BLE001 - whatever it is, the first process says it
        with contextlib.suppress(ConnectionError):
            own.send_bytes(encoder.encode(f"{type(error).__name__}: {error}"))


class _Pipes:
    """The exchange of several processes. Each sends to all others and then hears all of them: a meeting.

    A thread sends, since two that wait for each other to read would wait for ever.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        me: int,
        count: int,
        peers: Mapping[int, tuple[Connection, Connection]],
        meanwhile: Callable[[], bool],
    ) -> None:
        self._catalogue, self._me, self._count, self._peers = catalogue, me, count, peers
        self._meanwhile = meanwhile  # does something useful, or says that there is nothing to do
        self._encoder = msgspec.msgpack.Encoder()
        self._clocks = msgspec.msgpack.Decoder(dict[int, int])
        self._parts = msgspec.msgpack.Decoder(list[tuple[int, str, tuple[int, int], bytes]])
        self._letters: queue.SimpleQueue[tuple[Connection, bytes]] = queue.SimpleQueue()
        threading.Thread(target=self._send, daemon=True).start()

    def _send(self) -> None:
        while True:
            peer, letter = self._letters.get()
            with contextlib.suppress(ConnectionError):  # who does not read any more has ended
                peer.send_bytes(letter)

    def _hear(self, peer: Connection) -> bytes:
        """What a peer sends, which may take a while."""
        while not peer.poll() and self._meanwhile():
            pass
        return peer.recv_bytes()

    def clocks(self, own: Mapping[int, int]) -> Mapping[int, int]:
        """Every process' highest times by chunk, for one's own."""
        letter = self._encoder.encode(own)
        for _, speaks in self._peers.values():
            self._letters.put((speaks, letter))
        found = dict(own)
        for hears, _ in self._peers.values():
            found |= self._clocks.decode(self._hear(hears))
        return found

    def parts(self, parts: list[Part]) -> list[Part]:
        """What all processes send to one's own lanes, for what one sends to all lanes."""
        for other, (_, speaks) in self._peers.items():
            theirs = [
                (lane, kind, at, batch.to_ipc()) for lane, kind, at, batch in parts if lane % self._count == other
            ]
            self._letters.put((speaks, self._encoder.encode(theirs)))
        found = [part for part in parts if part[0] % self._count == self._me]
        for hears, _ in self._peers.values():
            for lane, kind, at, message in self._parts.decode(self._hear(hears)):
                found.append((lane, kind, at, EventBatch.from_ipc(self._catalogue, message)[0]))
        return found
