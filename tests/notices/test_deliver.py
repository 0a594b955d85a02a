"""One attempt at one server: what is sent, and what is known of it afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from risk_stream.notices import Notice, Receiver
from risk_stream.post import AddressError, SealError, address_of, deliver, make_keys, open_text, seal_text
from risk_stream.post.address import target_of
from tests.notices.servers import FAULTS, mail_server, web_hook

NOTICE = Notice(
    id="4f1c09aa52be77d10c3b98aa",
    receiver="wang",
    thread="case:c1",
    step="new",
    count=1,
    at=1_772_416_800_000,
    severity="high",
    title="HIGH wash-pair 严重",
    text="一行\n\nnotice 4f1c09aa52be77d10c3b98aa",
)


def test_mail_has_the_id_where_programs_look_for_it() -> None:
    """One Message-ID, the notice's, and a conversation for each case; Chinese arrives as it was."""
    with mail_server() as inbox:
        assert deliver(Receiver("wang", url=inbox.url), NOTICE).taken
        assert deliver(Receiver("wang", url=inbox.url), NOTICE).taken
    first, second = inbox.arrivals
    assert (first.id, first.title, first.text.strip()) == (NOTICE.id, NOTICE.title, NOTICE.text)
    assert first.extra["Message-ID"] == second.extra["Message-ID"] == f"<{NOTICE.id}@risk-stream>"
    assert first.extra["References"] == "<case-c1@risk-stream>"
    assert first.extra["Auto-Submitted"] == "auto-generated"


def test_a_web_hook_has_the_id_as_a_header_and_in_its_json() -> None:
    """With what a program wants to know."""
    with web_hook() as inbox:
        assert deliver(Receiver("hook", url=inbox.url), NOTICE).taken
    (one,) = inbox.arrivals
    assert (one.id, one.extra["notice"], one.extra["step"], one.extra["thread"]) == (
        NOTICE.id,
        NOTICE.id,
        "new",
        "case:c1",
    )
    assert (one.title, one.text) == (NOTICE.title, NOTICE.text)


@pytest.mark.parametrize("fault", [name for name in FAULTS if name not in {"take", "hang"}])
@pytest.mark.parametrize("serve", [mail_server, web_hook])
def test_a_failed_attempt_says_whether_it_may_have_been_taken(serve: object, fault: str) -> None:
    """Sure where the server refused; where the connection broke after the text began, not."""
    with serve() as inbox:  # type: ignore[operator]
        inbox.fault = lambda _: fault
        tried = deliver(Receiver("wang", url=inbox.url), NOTICE)
    assert not tried.taken
    assert tried.why
    assert tried.unsure >= bool(inbox.arrivals)
    if fault == "refuse":
        assert not tried.unsure


def test_nobody_there_is_a_sentence_without_the_address() -> None:
    """Secrets of an address are in no sentence."""
    tried = deliver(Receiver("x", url="json://someone:s3cret-word@127.0.0.1:9/tok3n-of-ours"), NOTICE)
    assert not tried.taken
    assert "s3cret" not in tried.why
    assert "tok3n" not in tried.why


def test_addresses_come_from_files_and_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is wrong with one is a sentence that does not hold it."""
    (tmp_path / "secret").write_text("json://127.0.0.1/hook\n")
    monkeypatch.setenv("WANG", "json://127.0.0.1/other")
    assert address_of(Receiver("a", url_file=str(tmp_path / "secret"))) == "json://127.0.0.1/hook"
    assert address_of(Receiver("a", url_env="WANG")) == "json://127.0.0.1/other"
    with pytest.raises(AddressError, match="receiver a: the variable NOBODY is not set"):
        address_of(Receiver("a", url_env="NOBODY"))
    with pytest.raises(AddressError, match="cannot be read: No such file"):
        address_of(Receiver("a", url_file=str(tmp_path / "none")))
    with pytest.raises(AddressError, match=r"receiver a: Apprise cannot use its address \(nothing://\.\.\.\)"):
        target_of(Receiver("a"), "nothing://secret-word")


@pytest.mark.parametrize(
    "address",
    [
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#risk",
        "dingtalk://abcdefgh12345678",
        "feishu://abcdefgh-1234-5678",
        "wecombot://abcdefgh-1234-5678-9abc-def012345678",
        "mailtos://user:word@mail.example.com?from=a@example.com&to=b@example.com",
        "jsons://example.com/hook",
    ],
    ids=lambda address: address.partition(":")[0],
)
def test_every_channel_that_is_promised_is_known(address: str) -> None:
    """Mail, web hook, Slack, DingTalk, Feishu, WeCom."""
    assert target_of(Receiver("a"), address) is not None


def test_only_who_has_the_key_reads_a_sealed_notice() -> None:
    """Wherever in a message it stands, quoted or wrapped; a broken one and another's key are sentences."""
    private, public = make_keys()
    other, _ = make_keys()
    sealed = seal_text("标题", "text", public)
    assert "text" not in sealed
    assert open_text(f"To: wang\n\n{sealed}\n-- \nbye", private) == ("标题", "text")
    assert open_text(sealed.replace("\n", "\r\n> "), private) == ("标题", "text")
    with pytest.raises(SealError, match="sealed to another key, or changed"):
        open_text(sealed, other)
    with pytest.raises(SealError, match="there is no sealed notice"):
        open_text("hello", private)
    with pytest.raises(SealError, match="this is no private key"):
        open_text(sealed, "abc")
