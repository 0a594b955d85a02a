"""The history that commands of models replay: events, and outcomes put in where they were known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from risk_stream.cli.output import errors
from risk_stream.cli.past import Asked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from risk_stream.catalogue import Catalogue, EventBatch
    from risk_stream.settings import Settings

__all__ = ["EventsOption", "OutcomesOption", "history_of"]

EventsOption = Annotated[
    list[Path], typer.Option(help="A file of events in the order of time; may be given again, in order of time.")
]
OutcomesOption = Annotated[
    Path | None, typer.Option(help="Outcome events (of_event, label, time), if they are not among the events.")
]


def history_of(
    settings: Settings, catalogue: Catalogue, events: list[Path], outcomes: Path | None, mapping: Path | None = None
) -> Iterator[EventBatch]:
    """Events with the outcomes put in where they were known; what is refused is said."""
    from risk_stream.workbench.evaluate import with_outcomes

    told = [] if outcomes is None else list(_read(settings, catalogue, [outcomes], None))
    return with_outcomes(_read(settings, catalogue, events, mapping), told, catalogue)


def _read(settings: Settings, catalogue: Catalogue, files: list[Path], mapping: Path | None) -> Iterator[EventBatch]:
    refused = 0
    for batch, rejected in Asked(files, mapping, None, None, None, 1).read(settings, catalogue):
        if rejected and not refused:
            first = rejected[0]
            errors().print(f"{first.name}:{first.line} is no event: {first.message}", markup=False)
        refused += len(rejected)
        yield batch
    if refused > 1:
        errors().print(f"{refused:,} records are no events", markup=False)
