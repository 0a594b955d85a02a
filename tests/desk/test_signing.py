"""The head is signed once an hour in which something was written, and never of a log that was changed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from risk_stream.alerts import Desk
from risk_stream.desk.heads import HeadsError, HeadsFile, is_signed, make_key, private_key, public_key
from risk_stream.desk.signing import AGAIN, EVERY, HeadSigner
from risk_stream.settings import Settings
from tests.alerts.test_desk import NOON, Office

PRIVATE, PUBLIC = make_key()


def settings(folder: Path | None) -> Settings:
    return Settings(audit_key=PRIVATE.decode(), audit_folder=folder)


def sign(signer: HeadSigner, office: Office, now: int) -> bool:
    return asyncio.run(signer.sign(office.desk.memory, now))


def test_it_signs_every_hour_what_is_new(tmp_path: Path) -> None:
    """By the key, so that everybody can check it."""
    office, signer = Office(), HeadSigner(settings(tmp_path))
    assert not sign(signer, office, NOON)
    office.hear("r", "1")
    assert sign(signer, office, NOON)
    assert not sign(signer, office, NOON + EVERY)
    office.hear("r", "2")
    assert not sign(signer, office, NOON + EVERY - 1)
    assert sign(signer, office, NOON + EVERY)
    heads = HeadsFile(tmp_path).read()
    assert [head.entry for head in heads] == [1, 2]
    assert all(is_signed(head, public_key(PUBLIC, "key")) for head in heads)
    assert not is_signed(heads[0], public_key(make_key()[1], "another"))


@pytest.mark.parametrize("how", ["as it was", "changed", "cut"])
def test_who_takes_over_signs_only_what_holds(tmp_path: Path, how: str) -> None:
    """What was signed before must be in the log."""
    office, signer = Office(), HeadSigner(settings(tmp_path))
    for event in range(3):
        office.hear("r", str(event))
    assert sign(signer, office, NOON)
    log = list(office.log)
    if how == "changed":
        forged = Office()
        for event in range(3):
            forged.hear("harmless", str(event))
        log = forged.log
    heir, desk = HeadSigner(settings(tmp_path)), Desk()
    for record in log[:2] if how == "cut" else log:
        heir.take(desk.memory.take(record), desk.memory.before)
    assert heir.holds is (how == "as it was")
    office.desk = desk
    office.hear("r", "later")
    assert sign(heir, office, NOON + EVERY) is (how == "as it was")


def test_a_folder_that_cannot_be_written_is_tried_again(tmp_path: Path) -> None:
    """A minute later; deciding goes on."""
    office, signer = Office(), HeadSigner(settings(tmp_path / "away"))
    office.hear("r", "1")
    assert not sign(signer, office, NOON)
    (tmp_path / "away").mkdir()
    assert not sign(signer, office, NOON + AGAIN - 1)
    assert sign(signer, office, NOON + AGAIN)


def test_a_key_that_cannot_be_used_is_one_sentence(tmp_path: Path) -> None:
    """Broken, missing, of another kind, or without a place for what it signs."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    other = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for pem, said in (("nonsense", "has no private key in it"), (other, "of another kind than Ed25519")):
        with pytest.raises(HeadsError, match=said):
            private_key(pem)
    with pytest.raises(HeadsError, match=r"key\.pub has no public key in it"):
        public_key(PRIVATE, "key.pub")
    with pytest.raises(HeadsError, match="set RISK_STREAM_AUDIT_FOLDER"):
        HeadSigner(settings(None))
    (tmp_path / "heads.jsonl").write_text("{}\n")
    with pytest.raises(HeadsError, match=r"heads\.jsonl:1 is no signed head"):
        HeadSigner(settings(tmp_path))


def test_without_a_key_nothing_is_signed(tmp_path: Path) -> None:
    """As where nobody asked for it."""
    office, signer = Office(), HeadSigner(Settings(audit_folder=tmp_path))
    office.hear("r", "1")
    assert not sign(signer, office, NOON)
    assert list(tmp_path.iterdir()) == []
