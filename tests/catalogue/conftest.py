"""One core catalogue for all of these tests, and one house's on top of it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from risk_stream.catalogue import Catalogue, Decoder, load_catalogue, text_hash
from risk_stream.catalogue.hashing import pack_column

HOUSE = """\
kinds:
  - {kind: card, meaning: A payment card., belongs_to: account, learnt_from: [card_payment]}
types:
  - type: card_payment
    meaning: Somebody paid by card.
    topic: trades
    fields:
      - {name: card, type: string, key: card, required: true, meaning: The card.}
      - {name: account, type: string, meaning: The card's account.}
      - {name: amount, type: money, required: true, meaning: What was paid.}
      - {name: merchant, type: string, meaning: Who was paid.}
      - {name: abroad, type: boolean, meaning: Whether it was paid abroad.}
  - extend: transfer
    fields:
      - {name: branch, type: string, meaning: Where it was done.}
"""


@pytest.fixture(scope="session", autouse=True)
def compiled(decoder: Decoder) -> None:
    """Compile the kernels before any property test counts its milliseconds."""
    decoder.decode([b'{"type":"login","time":1767225600000,"customer":"C1","success":true}'], str)
    text_hash("a")
    pack_column(pa.array(["a"]))


@pytest.fixture(scope="session")
def core() -> Catalogue:
    """The package's own event types."""
    return load_catalogue()


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The core and a house's own file."""
    path = tmp_path_factory.mktemp("house") / "events.yaml"
    path.write_text(HOUSE)
    return load_catalogue(Path(path))


@pytest.fixture(scope="session")
def decoder(core: Catalogue) -> Decoder:
    """A decoder of core events."""
    return Decoder(core)
