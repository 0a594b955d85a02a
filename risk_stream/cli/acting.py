"""What commands that act for a person begin and end with: who it is, by their token, and what became of the act."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import time
from typing import TYPE_CHECKING

from risk_stream.cli.output import CommandError

if TYPE_CHECKING:
    from risk_stream.access import Access, Person
    from risk_stream.alerts import Act, Entry
    from risk_stream.settings import Settings

__all__ = ["TOKEN", "act_of", "decided", "ruled", "who"]

#: The environment variable that has a person's token.
TOKEN = "RISK_STREAM_TOKEN"  # noqa: S105

#: How long the desk has to decide an act, s.
PATIENCE = 10.0


def who(settings: Settings, permission: str) -> Person:
    """Who calls, by their token, or as this machine's own where access.yaml lets it in.

    Raises:
        CommandError: nobody, or somebody who may not.
    """
    from risk_stream.access import PERMISSIONS, TokenError, check_token, read_access

    access: Access = read_access(settings.people_folder)
    given = os.environ.get(TOKEN, "")
    person = access.local
    if given:
        try:
            person = access.person(check_token(given.strip(), access.tokens, int(time.time() * 1000)).person)
        except TokenError as error:
            raise CommandError(f"{TOKEN}: {error}.") from error
    if person is None:
        raise CommandError(f"Who are you? Set {TOKEN} to your token (risk-stream access token NAME makes one).")
    if permission not in person.may:
        what = PERMISSIONS[permission].split(",", maxsplit=1)[0]
        roles = " and ".join(name for name, may in access.roles.items() if permission in may)
        raise CommandError(
            f"{person.name} may not {what}: that takes the permission {permission}, which these roles have: {roles}."
            f" {settings.people_folder / 'access.yaml'} gives roles; set {TOKEN} to the token of somebody who has one."
        )
    return person


def act_of(person: Person, kind: str, **more: object) -> Act:
    """A new act of a person."""
    from risk_stream.alerts import Act

    scope = None if person.scope.entities is None else sorted(person.scope.entities)
    given = {"id": secrets.token_hex(8), "act": kind, "by": person.name, "at": int(time.time() * 1000), **more}
    given["entities"] = scope
    return Act(**given)  # type: ignore[arg-type]


def ruled(settings: Settings, act: Act) -> Entry:
    """Send an act, and wait until the desk has decided it.

    Raises:
        CommandError: it is more than one act may be, or nobody decides.
    """
    import msgspec

    from risk_stream.alerts import MOST_ACT_BYTES

    if (size := len(msgspec.json.encode(act))) > MOST_ACT_BYTES:
        raise CommandError(
            f"It has {size:,} bytes, and an act {MOST_ACT_BYTES:,} at most: name fewer alerts, or say it shorter."
        )
    entry = asyncio.run(_decided(settings, act))
    if entry is None:
        raise CommandError(f"Nobody decided it within {PATIENCE:.0f} s: is risk-stream desk running?")
    return entry


def decided(settings: Settings, act: Act) -> Entry:
    """Send an act of one thing, and wait until the desk has granted it.

    Raises:
        CommandError: it was refused, for the reason the desk gives; or nobody decides.
    """
    entry = ruled(settings, act)
    refused = [ruling.why for ruling in entry.rulings if not ruling.done]
    if refused:
        raise CommandError(f"{refused[0].rstrip('.')}.")
    return entry


async def _decided(settings: Settings, act: Act) -> Entry | None:
    import msgspec
    from aiokafka import TopicPartition

    from risk_stream.alerts import read_entry
    from risk_stream.kafka import ConsumerClient
    from risk_stream.settings import kafka_options
    from risk_stream.stream.past import send_all

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # that nobody decides is said here, once
    place = TopicPartition(settings.life_topic, 0)
    consumer = ConsumerClient(
        **kafka_options(settings.broker), enable_auto_commit=False, isolation_level="read_committed"
    )
    await consumer.start()
    try:
        consumer.assign([place])
        await consumer.seek_to_end(place)
        await consumer.position(place)
        await send_all(settings.broker, [(settings.actions_topic, act.id.encode(), msgspec.json.encode(act), 0)])
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for record in (await consumer.getmany(place, timeout_ms=200)).get(place, []):
                entry = read_entry(record.value or b"")
                if entry.act is not None and entry.act.id == act.id:
                    return entry
    finally:
        await consumer.stop()
    return None
