"""What commands over a history share: the options that name it, reading it, how far they are."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from risk_stream.cli.broker import enter
from risk_stream.cli.output import CommandError, errors
from risk_stream.cli.reading import open_records

if TYPE_CHECKING:
    from risk_stream.catalogue import Catalogue, EventBatch
    from risk_stream.settings import Settings
    from risk_stream.workbench.backtest import Chunk, Outcomes, Refused, Report, Tuned

__all__ = [
    "Asked",
    "BrokerOption",
    "FilesArgument",
    "FromOption",
    "MappingOption",
    "OutcomesOption",
    "ProcessesOption",
    "UntilOption",
    "chunks_of_files",
    "span_of",
]

Found = TypeVar("Found", "Report", "Tuned")

#: Bytes of a history from which on several processes are worth their start, and about so many of one event.
WORTH_BYTES, EVENT_BYTES = 50_000_000, 300

FilesArgument = Annotated[
    list[Path] | None,
    typer.Argument(help="Files of events in the order of time, JSON lines or CSV, gzipped or not; else from Kafka."),
]
MappingOption = Annotated[Path | None, typer.Option(help="For CSV: which column is which field.")]
FromOption = Annotated[
    str | None, typer.Option("--from", help="Count alerts from here on: 2026-01-31, with a time if need be, UTC.")
]
UntilOption = Annotated[str | None, typer.Option("--until", help="Count alerts before this.")]
OutcomesOption = Annotated[Path | None, typer.Option(help="What turned out to be true: JSON lines, docs/backtest.md.")]
ProcessesOption = Annotated[
    int | None,
    typer.Option(min=1, max=4, help="Processes that share the work; else as many as are worth it."),
]
BrokerOption = Annotated[str | None, typer.Option(help="Kafka's address, host:port.")]


@dataclass(frozen=True, slots=True)
class Asked:
    """A history as the options of a command name it, to be judged."""

    files: Sequence[Path]
    mapping: Path | None
    start: str | None
    until: str | None
    outcomes: Path | None
    processes: int | None

    def judge(self, settings: Settings, catalogue: Catalogue, by: Callable[..., Found]) -> Found:
        """What `by` finds in it: `backtest` or `tune` of the workbench, with all that is not of the history given.

        Raises:
            CommandError: there is no such history, no event in it, or a process died.
        """
        from risk_stream.workbench.backtest import RunError

        span, outcomes = span_of(self.start, self.until), _outcomes(self.outcomes, catalogue)
        with _history(settings, catalogue, self.files, self.mapping, self.processes) as past:
            try:
                found = by(
                    past.chunks,
                    outcomes=outcomes,
                    span=span,
                    lateness_ms=round(settings.lateness_seconds * 1000),
                    processes=past.processes,
                    progress=past.told,
                )
            except RunError as error:
                raise CommandError(f"{str(error)[0].upper()}{str(error)[1:]}.") from error
        if not found.counted.events:
            where = f": {found.counted.first_refused}" if found.counted.refused else "."
            raise CommandError(f"There is no event to judge; name another history, or a longer span{where}")
        return found

    def read(self, settings: Settings, catalogue: Catalogue) -> Iterator[tuple[EventBatch, list[Refused]]]:
        """The events of the history whose times lie in its span, batch by batch, and what was refused with each."""
        import numpy as np

        from risk_stream.workbench.backtest import Reader

        reader, (start, end) = Reader(catalogue), span_of(self.start, self.until)
        with _history(settings, catalogue, self.files, self.mapping, 1) as past:
            for chunk in past.chunks:
                batch, refused = reader.read(chunk)
                yield batch.take(np.flatnonzero((batch.times >= start) & (batch.times < end))), refused
                past.told(chunk.done)


@dataclass(frozen=True, slots=True)
class _Past:
    """A history to be judged, what is to be told how far it was read, and by how many processes."""

    chunks: Iterator[Chunk]
    told: Callable[[int], None]
    processes: int


@contextlib.contextmanager
def _history(
    settings: Settings, catalogue: Catalogue, files: Sequence[Path], mapping: Path | None, processes: int | None
) -> Iterator[_Past]:
    """The history of files, or of the house's topics where none is named."""
    if files:
        size = sum(file.stat().st_size for file in files if file.exists())
        packed = any(file.suffix == ".gz" for file in files)
        with _progress(size) as told:
            yield _Past(
                chunks_of_files(catalogue, files, mapping), told, _processes(processes, size * (8 if packed else 1))
            )
        return
    enter(settings)
    import asyncio

    from risk_stream.stream.past import merged, spool
    from risk_stream.workbench.backtest import chunks_of_batches

    with tempfile.TemporaryDirectory(prefix="risk-stream-") as folder:
        spooled = asyncio.run(spool(settings, catalogue, Path(folder)))
        with _progress(spooled.events) as told:
            chunks = chunks_of_batches(merged(spooled, round(settings.lateness_seconds * 1000)))
            yield _Past(chunks, told, _processes(processes, spooled.events * EVENT_BYTES))


def chunks_of_files(catalogue: Catalogue, files: Sequence[Path], mapping: Path | None) -> Iterator[Chunk]:
    """The records of files in their order, to be decoded; raises CommandError where there is no such file."""
    from risk_stream.workbench.backtest import chunks_of_records, lines_of

    before = 0
    for file in files:
        records = open_records(file, mapping, catalogue)
        if records.plain:
            yield from lines_of(file, before)
        else:
            read = ((lines, values, before + records.position) for lines, values in records.batches())
            yield from chunks_of_records(records.name, read)
        before += records.size


@contextlib.contextmanager
def _progress(total: int) -> Iterator[Callable[[int], None]]:
    console = errors()
    columns = (TextColumn("judging the past"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=total or None)
        yield lambda done: progress.update(task, completed=done)


def _processes(given: int | None, size: int) -> int:
    """As many as were asked for, else one for each core that this process may use, at most 4, where it is worth it."""
    if given is not None or size < WORTH_BYTES:
        return given or 1
    return min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def span_of(start: str | None, until: str | None) -> tuple[int, int]:
    """[start, end) in ms since 1970 UTC; raises CommandError for what is no time, or no span."""
    from risk_stream.workbench.backtest import EVER

    found = (_time("--from", start, EVER[0]), _time("--until", until, EVER[1]))
    if found[0] >= found[1]:
        raise CommandError("--until must be later than --from.")
    return found


def _time(option: str, text: str | None, default: int) -> int:
    if text is None:
        return default
    from risk_stream.catalogue.explain import parse_time

    try:
        return parse_time(text)
    except ValueError:
        raise CommandError(f"{option} {text} is no time: write 2026-01-31 or 2026-01-31T09:30:00Z.") from None


def _outcomes(file: Path | None, catalogue: Catalogue) -> Outcomes | None:
    """The outcomes of a file, if one is named."""
    if file is None:
        return None
    from risk_stream.simulate import EXPECTED
    from risk_stream.workbench.backtest import OutcomeError, read_outcomes

    try:
        with file.open("rb") as lines:
            return read_outcomes(lines, [kind.name for kind in catalogue.kinds], EXPECTED)
    except OutcomeError as error:
        raise CommandError(f"{file}: {error}.") from None
