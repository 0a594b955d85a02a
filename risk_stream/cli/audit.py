"""`risk-stream audit key|sign|export|verify`: have it proved that what people did was not changed afterwards."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from risk_stream.cli.acting import who
from risk_stream.cli.broker import life_records
from risk_stream.cli.house import settings_with
from risk_stream.cli.output import CommandError, counted, errors, examples, moment, output

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from risk_stream.alerts import Head
    from risk_stream.settings import Settings

__all__ = ["app"]

app = typer.Typer(
    name="audit", no_args_is_help=True, help="Sign the log of what people did, keep a copy, and check it."
)

#: What the public key is called beside the private one.
PUBLIC = ".pub"


@app.command(epilog=examples("risk-stream audit key /etc/risk-stream/audit.pem"))
def key(
    file: Annotated[Path, typer.Argument(help="Where the private key goes; the public one beside it.")],
) -> None:
    """Make a pair of keys: the private one signs, and is the desk's; the public one checks, and is everybody's."""
    from risk_stream.desk import make_key

    private, public = make_key()
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(private)
    except FileExistsError as error:
        raise CommandError(f"{file} is there already, and what it signed needs it: name another file.") from error
    shown = file.with_name(file.name + PUBLIC)
    shown.write_bytes(public)
    output().print(f"RISK_STREAM_AUDIT_KEY_FILE={file}  # the desk's alone; check with {shown}", markup=False)


@app.command(epilog=examples("risk-stream audit sign"))
def sign() -> None:
    """Sign the last entry of the log now, besides what the desk signs every hour."""
    settings = settings_with()
    who(settings, "audit")
    head = _sign(settings, life_records(settings))
    output().print(f"[bold green]ok[/] {settings.life_topic}, entry {head.entry} signed at {moment(head.time)}")


@app.command(epilog=examples("risk-stream audit export /mnt/audit/life-2026-03.jsonl"))
def export(file: Annotated[Path, typer.Argument(help="Where the copy goes.")]) -> None:
    """Write a copy of the log, a line for each entry, and sign its end where there is a key."""
    settings = settings_with()
    who(settings, "audit")
    records = life_records(settings)
    with file.open("wb") as out:
        out.writelines(record + b"\n" for record in records)
    output().print(f"[bold green]ok[/] {file}: {counted(len(records), 'record')} of {settings.life_topic}")
    if settings.audit_key.get_secret_value() and records:
        head = _sign(settings, records)
        output().print(f"entry {head.entry} is signed in {settings.audit_folder}", markup=False)
    else:
        errors().print("not signed: RISK_STREAM_AUDIT_KEY_FILE is not set, or there is nothing yet", markup=False)


@app.command(
    epilog=examples(
        "risk-stream audit verify --key audit.pem.pub",
        "risk-stream audit verify --key audit.pem.pub --heads /mnt/audit/heads.jsonl --from life-2026-03.jsonl",
    )
)
def verify(
    key: Annotated[
        Path | None, typer.Option(help="The public key; that of RISK_STREAM_AUDIT_KEY_FILE if none is named.")
    ] = None,
    heads: Annotated[
        list[Path] | None, typer.Option(help="Files of signed heads; that of RISK_STREAM_AUDIT_FOLDER if none.")
    ] = None,
    from_: Annotated[Path | None, typer.Option("--from", help="A copy of the log, instead of the log.")] = None,
) -> None:
    """Say whether the log is as it was when its heads were signed. Exit code 1, and a sentence each, if it is not."""
    from risk_stream.alerts import amiss
    from risk_stream.desk import is_signed

    settings = settings_with()
    who(settings, "audit")
    public = _public(settings, key)
    found = [head for head in _heads(settings, heads) if head.log == settings.life_topic]
    if not found:
        raise CommandError(f"No head of {settings.life_topic} was signed yet: risk-stream audit sign signs one.")
    wrong = [
        f"the head of entry {head.entry}, signed at {moment(head.time)}, was not signed by this key,"
        " or was changed since"
        for head in found
        if not is_signed(head, public)
    ]
    records = life_records(settings) if from_ is None else _copy(from_)
    good = [head for head in found if is_signed(head, public)]
    wrong += amiss(records, good)
    for sentence in wrong:
        errors().print(f"[bold red]risk-stream:[/] {sentence}.")
    if wrong:
        raise typer.Exit(1)
    last = max(good, key=lambda head: head.entry)
    name = settings.life_topic if from_ is None else from_
    output().print(
        f"[bold green]ok[/] {name} is as {counted(len(good), 'head')} vouch for, up to entry {last.entry} of"
        f" {len(records):,}, signed at {moment(last.time)}"
    )


def _sign(settings: Settings, records: list[bytes]) -> Head:
    """Sign the end of a log that is whole, and holds what was signed before."""
    from risk_stream.alerts import amiss, digest, read_entry
    from risk_stream.desk import HeadsError, HeadsFile, private_key, signed

    pem = settings.audit_key.get_secret_value()
    if not pem or settings.audit_folder is None:
        raise CommandError(
            "Set RISK_STREAM_AUDIT_KEY_FILE and RISK_STREAM_AUDIT_FOLDER: the key, and where heads are kept."
        )
    if not records:
        raise CommandError(
            f"{settings.life_topic} has no entry yet, so there is nothing to sign: is risk-stream desk running?"
        )
    try:
        made, file = private_key(pem), HeadsFile(settings.audit_folder)
        wrong = next(amiss(records, (head for head in file.read() if head.log == settings.life_topic)), None)
        if wrong is not None:
            raise CommandError(f"Nothing was signed, for {wrong}: keep the log as it is, and see docs/security.md.")
        now = int(time.time() * 1000)
        head = signed(settings.life_topic, read_entry(records[-1]).number, digest(records[-1]), now, made)
        file.add(head)
    except HeadsError as error:
        raise CommandError(f"{error}.") from error
    return head


def _public(settings: Settings, key: Path | None) -> Ed25519PublicKey:
    from risk_stream.desk import HeadsError, private_key, public_key

    try:
        if key is not None:
            return public_key(key.read_bytes(), str(key))
        pem = settings.audit_key.get_secret_value()
        if not pem:
            raise CommandError("Name the public key that signatures are checked by: --key FILE.")
        return private_key(pem).public_key()
    except HeadsError as error:
        raise CommandError(f"{error}.") from error


def _heads(settings: Settings, files: list[Path] | None) -> list[Head]:
    from risk_stream.alerts import read_heads
    from risk_stream.desk import HeadsError, HeadsFile

    try:
        if files:
            return [head for file in files for head in read_heads(file.read_bytes(), str(file))]
        if settings.audit_folder is None:
            raise CommandError("Name the files of signed heads: --heads FILE, or set RISK_STREAM_AUDIT_FOLDER.")
        return HeadsFile(settings.audit_folder).read()
    except (HeadsError, ValueError) as error:
        raise CommandError(f"{error}.") from error


def _copy(file: Path) -> list[bytes]:
    """The records of a copy of the log."""
    return [line for line in file.read_bytes().split(b"\n") if line]
