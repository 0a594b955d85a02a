"""Hands one notice to one server, and says what became of it.

Mail and web hooks carry the notice's id where a program looks for it: `Message-ID` and `Idempotency-Key`. Apprise reads
their addresses; mail itself is sent here, for Apprise makes a new Message-ID for each attempt beside any that it is
given, and does not tell a server that refused from one that never answered. Other channels have no place for an id: it
is in the text, as it is everywhere.
"""

from __future__ import annotations

import logging
import smtplib
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from typing import Any

import apprise
from apprise.plugins.custom_json import NotifyJSON
from apprise.plugins.email import NotifyEmail
from apprise.plugins.email.common import SecureMailMode

from risk_stream.notices import Notice, Receiver
from risk_stream.post.address import CONNECT, AddressError, address_of, target_of, without_secrets

__all__ = ["Tried", "deliver"]

#: How long a mail server may take to say goodbye, s: what it took it has taken.
_GOODBYE = 0.5

#: The longest sentence that is kept of why a server did not take a notice.
_LONGEST = 300

#: How a mail goes over the wire: lines end as RFC 5321 has it (servers refuse a bare LF), bytes as every server takes.
_WIRE = SMTP.clone(cte_type="7bit")


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of an attempt.

    `unsure`: it may have been taken, and the answer was lost. `refused`: by the server, which will not think better.
    """

    taken: bool
    unsure: bool = False
    refused: bool = False
    why: str = ""


def deliver(receiver: Receiver, notice: Notice) -> Tried:
    """Try once; takes seconds at most of each step. Never raises, and says no secret."""
    try:
        address = address_of(receiver)
        target = target_of(receiver, address)
    except AddressError as error:
        return Tried(taken=False, why=str(error))
    try:
        tried = _mail(target, notice) if isinstance(target, NotifyEmail) else _other(target, notice)
    except Exception as error:  # noqa: BLE001 - a channel's fault is a failed attempt and no more
        tried = Tried(taken=False, unsure=True, why=f"{type(error).__name__}: {error}")
    return Tried(tried.taken, tried.unsure, tried.refused, without_secrets(tried.why, address)[:_LONGEST])


def _mail(target: Any, notice: Notice) -> Tried:
    """By SMTP, one message to all of the address's recipients."""
    message = _message(target, notice)
    to = [address for _, address in target.targets] + sorted(target.cc) + sorted(target.bcc)
    context = ssl.create_default_context()
    if not target.verify_certificate:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    server: smtplib.SMTP | None = None
    asked = False
    try:
        if target.secure_mode == SecureMailMode.SSL:
            server = smtplib.SMTP_SSL(target.smtp_host, target.port, timeout=CONNECT, context=context)
        else:
            server = smtplib.SMTP(target.smtp_host, target.port, timeout=CONNECT)
        if target.secure_mode == SecureMailMode.STARTTLS:
            server.starttls(context=context)
        if target.user and target.password:
            server.login(target.user, target.password)
        server.ehlo_or_helo_if_needed()
        _agree(server.mail(target.from_addr[1]), smtplib.SMTPSenderRefused)
        refused = [answer for one in to if (answer := server.rcpt(one))[0] not in {250, 251}]
        if len(refused) == len(to):
            code, said = refused[0]
            return Tried(taken=False, refused=code >= 500, why=f"{code} {_text(said)}")
        asked = True
        code, said = server.data(message.as_bytes(policy=_WIRE))
        if code != 250:
            return Tried(taken=False, refused=code >= 500, why=f"{code} {_text(said)}")
        return Tried(taken=True, why="; ".join(f"{code} {_text(said)}" for code, said in refused))
    except smtplib.SMTPResponseException as error:
        return Tried(taken=False, refused=error.smtp_code >= 500, why=f"{error.smtp_code} {_text(error.smtp_error)}")
    except (smtplib.SMTPException, OSError) as error:
        return Tried(taken=False, unsure=asked, why=f"{type(error).__name__}: {error}")
    finally:
        if server is not None:
            with suppress(smtplib.SMTPException, OSError):
                if server.sock is not None:
                    server.sock.settimeout(_GOODBYE)
                server.quit()


def _agree(answer: tuple[int, bytes], fault: type[smtplib.SMTPSenderRefused]) -> None:
    code, said = answer
    if code != 250:
        raise fault(code, said, "")


def _message(target: Any, notice: Notice) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = " ".join(notice.title.split())
    message["From"] = formataddr(tuple(target.from_addr))
    message["To"] = ", ".join(formataddr((name or "", address)) for name, address in target.targets)
    if target.cc:
        message["Cc"] = ", ".join(sorted(target.cc))
    message["Date"] = format_datetime(datetime.fromtimestamp(notice.at / 1000, UTC))
    message["Message-ID"] = f"<{notice.id}@risk-stream>"
    message["References"] = f"<{_thread(notice)}@risk-stream>"  # mail programs show a case as one conversation
    message["X-Risk-Notice"] = notice.id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(notice.text)
    return message


def _thread(notice: Notice) -> str:
    return "".join(c if c.isalnum() else "-" for c in notice.thread) or "test"


def _other(target: Any, notice: Notice) -> Tried:
    """By Apprise; a web hook gets the id as a header, and what a program wants to know as members of its JSON."""
    if isinstance(target, NotifyJSON):
        target.headers |= {"Idempotency-Key": notice.id}
        more = {"notice": notice.id, "step": notice.step, "thread": notice.thread, "at": str(notice.at)}
        target.payload_extras |= {**more, "severity": notice.severity}
    sender = apprise.Apprise()
    sender.add(target)
    with _heard() as lines:
        taken = sender.notify(
            body=notice.text,
            title=notice.title,
            notify_type=_TYPES.get(notice.severity, apprise.NotifyType.INFO),
            body_format=apprise.NotifyFormat.TEXT,
        )
    why = " ".join(lines)
    answered = "error=" in why
    final = any(f"error={code}" in why for code in ("400", "401", "403", "404", "405", "410", "422"))
    return Tried(
        bool(taken), unsure=not taken and not answered, refused=final, why="" if taken else why or "no reason said"
    )


_TYPES = {
    "critical": apprise.NotifyType.FAILURE,
    "high": apprise.NotifyType.WARNING,
    "medium": apprise.NotifyType.WARNING,
}


class _Listener(logging.Handler):
    """What Apprise says in this thread: the only word it has on why a server did not take something."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: dict[int, list[str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        lines = self.lines.get(threading.get_ident())
        if lines is not None and len(lines) < 5:
            lines.append(record.getMessage())


_LISTENER = _Listener()
logging.getLogger("apprise").addHandler(_LISTENER)
logging.getLogger("apprise").propagate = False  # its lines may hold addresses


@contextmanager
def _heard() -> Iterator[list[str]]:
    me = threading.get_ident()
    _LISTENER.lines[me] = []
    try:
        yield _LISTENER.lines[me]
    finally:
        del _LISTENER.lines[me]


def _text(said: bytes | str) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said
