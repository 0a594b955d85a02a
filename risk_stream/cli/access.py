"""`risk-stream access`: tokens of people and programs, and who may do what."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Annotated, Literal

import orjson
import typer

from risk_stream.cli.house import settings_with
from risk_stream.cli.output import CommandError, duration, errors, examples, output, table

__all__ = ["app"]

app = typer.Typer(help="Make tokens, and say who may do what in the console.")


@app.command(epilog=examples("risk-stream access token wang", "risk-stream access token prometheus --expires never"))
def token(
    name: Annotated[str, typer.Argument(help="A person of access.yaml, or a program that stands there as one.")],
    expires: Annotated[str, typer.Option(help="When it ends: 90d, 12h, or never.")] = "90d",
) -> None:
    """Make a token and print it, once: only its hash is kept, in tokens.yaml of the folder people."""
    from risk_stream.access import make_token, read_access, store_token
    from risk_stream.catalogue import did_you_mean

    folder = settings_with().people_folder
    access = read_access(folder)
    if name not in access.people:
        hint = did_you_mean(name, access.people) or f": write {name} into people of {folder / 'access.yaml'}"
        raise CommandError(f"There is no person {name!r}{hint}")
    now = int(time.time() * 1000)
    until = None if expires == "never" else now + int(duration(expires) * 1000)
    text, made = make_token(name, now=now, expires=until)
    path = store_token(folder, made)
    typer.echo(text)
    ends = "never ends" if until is None else f"ends on {datetime.fromtimestamp(until / 1000, UTC):%Y-%m-%d}"
    errors().print(f"token {made.id} of {name} {ends}; its hash is in {path}. It is not shown again.", markup=False)


@app.command(epilog=examples("risk-stream access show", "risk-stream access show --format json"))
def show(
    format: Annotated[Literal["text", "json"], typer.Option(help="How to say it.")] = "text",
) -> None:
    """Say who may do what, and of which legal entities."""
    from risk_stream.access import read_access

    access = read_access(settings_with().people_folder)
    people = [*access.people.values(), *([access.local] if access.local else [])]
    rows = [
        {
            "name": person.name,
            "roles": list(person.roles),
            "may": sorted(person.may),
            "entities": None if person.scope.entities is None else sorted(person.scope.entities),
            "tokens": sum(one.person == person.name for one in access.tokens.values()),
        }
        for person in people
    ]
    if format == "json":
        typer.echo(orjson.dumps({"four_eyes": access.four_eyes, "people": rows}))
        return
    shown = [
        (
            row["name"],
            ", ".join(person.roles),
            "all" if person.scope.entities is None else ", ".join(sorted(person.scope.entities)) or "none",
            ", ".join(sorted(person.may)),
            row["tokens"],
        )
        for row, person in zip(rows, people, strict=True)
    ]
    output().print(table(("name", "roles", "entities", "may", "tokens"), shown, right=("tokens",)))
    output().print(f"rules are changed by {'four eyes' if access.four_eyes else 'whoever writes the folder'}")
