"""The command `risk-stream`: its subcommands, and the one place where an error becomes a sentence and an exit code."""

from __future__ import annotations

import errno
import importlib
import io
import logging
import os
import sys
import tempfile
import traceback
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import typer

from risk_stream import __version__
from risk_stream.cli import (
    access,
    alerts,
    audit,
    canary,
    console,
    decide,
    decisions,
    demo,
    desk,
    doctor,
    events,
    lifecycle,
    loan_book,
    margin,
    mirror,
    models,
    notices,
    population,
    profile,
    rebuild,
    rejects,
    replay,
    rules,
    silences,
    simulate,
    topics,
    worker,
)
from risk_stream.cli.extras import missing_extra
from risk_stream.cli.output import CommandError, errors, examples, help_alone, sentence
from risk_stream.garbage import collect_rarely

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["app", "main", "run"]

app = typer.Typer(
    name="risk-stream",
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    invoke_without_command=True,
    epilog=examples("risk-stream demo", "risk-stream replay trades.jsonl --format table", "risk-stream COMMAND --help"),
)


@app.callback()
def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Say the version and end.", is_eager=True),
) -> None:
    """Watch trades and loan events being judged against rules, as they happen.

    Settings come from the environment, RISK_STREAM_NAME; docs/operations.md lists them.
    """
    if version:
        typer.echo(__version__)
        raise typer.Exit
    help_alone(context)


for _module in (
    demo,
    worker,
    desk,
    console,
    margin,
    mirror,
    canary,
    simulate,
    replay,
    decide,
    profile,
    rebuild,
    events,
    doctor,
    population,
):
    _module.register(app)
app.add_typer(rules.app, name="rules")
app.add_typer(alerts.app, name="alerts")
app.add_typer(silences.app, name="silences")
app.add_typer(audit.app, name="audit")
app.add_typer(access.app, name="access")
app.add_typer(notices.app, name="notices")
app.add_typer(loan_book.app, name="book")
app.add_typer(lifecycle.app, name="lifecycle")
app.add_typer(models.app, name="models")
app.add_typer(topics.app, name="topics")
app.add_typer(rejects.app, name="rejects")
app.add_typer(decisions.app, name="decisions")


@app.command("version", epilog=examples("risk-stream version"))
def _version() -> None:
    """Say the version, and those of the parts a report should name."""
    typer.echo(f"risk-stream {__version__}")
    typer.echo(f"Python {sys.version.split()[0]}")
    for package in ("faust", "aiokafka", "pyarrow", "numpy", "numba"):
        typer.echo(f"{package} {importlib.import_module(package).__version__}")


@cache
def _command() -> Callable[..., Any]:
    """All commands, made of what their functions declare."""
    return typer.main.get_command(app)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0 done, 1 could not, 2 wrong use, 70 our own mistake, 130 Ctrl-C."""
    for library in (
        "aiokafka",
        "kafka",
    ):  # what they would say of a broker is said here, once; a server lets them again
        logging.getLogger(library).setLevel(logging.CRITICAL)
    if logging.lastResort is not None:  # by which that is said which nobody has set up a log for
        logging.lastResort.setFormatter(_Aside())
    try:
        code = _command()(args=arguments, prog_name="risk-stream", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except typer.TyperException as error:
        asked = getattr(getattr(error, "ctx", None), "command_path", "risk-stream")
        _say(f"{sentence(error.format_message().rstrip('.'))} Try {asked} --help.")
        return error.exit_code
    except CommandError as error:
        _say(str(error))
        return 1
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:  # `risk-stream … | head`: nobody reads on, which is no error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        _say(_of_the_system(error))
        return 1
    except Exception as error:  # noqa: BLE001 - the top of the process: a traceback is for the log, not for the user
        if sentences := _known(error):
            for said in sentences:
                _say(said)
            return 1
        _say(f"This should not happen: {type(error).__name__}: {error}. What led to it is in {_keep_traceback(error)}.")
        return 70


def main() -> NoReturn:
    """What the installed script calls. Where an encoding lacks a character (LANG=C), another is shown in its place."""
    collect_rarely()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.exit(run())


def _say(said: str) -> None:
    console = errors()
    console.print("[bold red]risk-stream:[/] ", end="")
    console.print(sentence(said), markup=False)


#: What to do about what the system would not, by its number for it.
_REMEDIES: Final = {
    errno.ENOSPC: "make room, or write elsewhere",
    errno.EDQUOT: "make room, or write elsewhere",
    errno.EFBIG: "raise the limit (ulimit -f), or write elsewhere",
    errno.EACCES: "give this user the right, or name another place",
    errno.EPERM: "give this user the right, or name another place",
    errno.EROFS: "name a place that can be written to",
    errno.ENOENT: "look whether the name is right",
    errno.ENOTDIR: "look whether the name is right",
    errno.EISDIR: "name a file",
    errno.EMFILE: "raise the limit (ulimit -n 4096)",
    errno.EADDRINUSE: "choose another port",
}


def _of_the_system(error: OSError) -> str:
    """What the system would not, where, and what to do."""
    from risk_stream.settings import reason

    where = error.filename or "the output"
    return f"{where}: {reason(error)}: {_REMEDIES.get(error.errno or 0, 'mend that and run it again')}."


def _known(error: Exception) -> list[str]:
    """What the rooms below say for themselves; imported only now, for they take their time to import."""
    import aiokafka.errors
    import kafka.errors
    from redis.exceptions import RedisError

    from risk_stream.catalogue import ProblemsError
    from risk_stream.catalogue.formats import LaterFormatError
    from risk_stream.embedded import EmbeddedError
    from risk_stream.kafka import BrokerError
    from risk_stream.settings import SettingsError, doubt, load_settings
    from risk_stream.sinks import away

    if isinstance(error, ProblemsError):
        return [str(problem) for problem in error.problems]
    if isinstance(error, ModuleNotFoundError):
        said = missing_extra(error)
        return [said] if said else []
    if isinstance(error, aiokafka.errors.KafkaError | kafka.errors.KafkaError):
        said = str(error).removeprefix(f"{type(error).__name__}: ") or type(error).__name__
        return [f"Kafka answers, but not to this ({said.splitlines()[0]}): {doubt(load_settings().broker)}"]
    if isinstance(error, RedisError):
        return [away(load_settings().redis, error)]
    return [str(error)] if isinstance(error, BrokerError | EmbeddedError | LaterFormatError | SettingsError) else []


class _Aside(logging.Formatter):
    """Of an exception the file that has its traceback, which is for a log and not for the user."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name for it
        """The sentence that stands in its place."""
        return f"Send {_keep_traceback(ei[1])} with it, which has what led to it."


def _keep_traceback(error: BaseException | None) -> Path:
    with tempfile.NamedTemporaryFile("w", prefix="risk-stream-", suffix=".log", delete=False) as file:
        traceback.print_exception(error, file=file)
        return Path(file.name)
