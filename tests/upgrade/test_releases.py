"""A downgrade is refused in one sentence: whatever a later release wrote is not guessed at, and nothing is changed."""

from __future__ import annotations

import asyncio
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import orjson
import pytest

from risk_stream import __version__
from risk_stream.alerts import Desk, Entry, read_entry
from risk_stream.catalogue import Decoder, load_catalogue
from risk_stream.catalogue.formats import CHECKPOINTS, FORMATS, HOP_STATES, LETTERS, Format, LaterFormatError
from risk_stream.cli.app import run
from risk_stream.embedded import free_port
from risk_stream.engine import saved
from risk_stream.features import KeyState, KindLayout
from risk_stream.features._parts import JOURNAL, Head, head_of, make_part
from risk_stream.features.restore import schema_from
from risk_stream.kafka import Reader
from risk_stream.kafka.releases import enter_house, is_said, refuse_later, release_record
from risk_stream.models import Spec, Step, Threshold, make_learner
from risk_stream.rules import Plan, plan_of_texts
from risk_stream.stream.intake.origins import Committed
from risk_stream.stream.letters.sections import Section, read_fronts, read_letter, write_fronts, write_letters
from risk_stream.stream.past.rejects import send_all
from risk_stream.stream.plans.parts import pack_plan, read_manifest
from risk_stream.stream.state.checkpoint import Header
from tests.live.house import House, Worker, eventually, transfer
from tests.stream.conftest import RULES


def of_release(release: str, **formats: int) -> bytes:
    """What a release says of itself."""
    return orjson.dumps({"release": release, "formats": formats})


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.name)
def test_a_house_in_which_a_later_release_writes_otherwise_is_not_entered(one: Format) -> None:
    """Whichever thing it writes otherwise; the sentence says what, where, and which release it takes."""
    refuse_later([release_record(), of_release("0.0.9", **{one.name: one.newest})])
    with pytest.raises(LaterFormatError) as refused:
        refuse_later([release_record(), of_release("9.1.0", **{one.name: one.newest + 1})])
    assert str(refused.value) == (
        f"{one.what} (in {one.where}) is in format {one.newest + 1}, which release 9.1.0 wrote, and release"
        f" {__version__} reads up to {one.newest}: run that release or a later one; nothing was changed"
    )


def test_what_a_later_release_keeps_beside_is_nothing_to_this_one() -> None:
    """A thing that is not known here is not read here; what is no record is passed over."""
    refuse_later([of_release("9.1.0", dreams=3), b"oops", b"[]", b"{}", None])
    assert not is_said([of_release("9.1.0", dreams=3)])
    assert is_said([b"oops", release_record()])


def test_every_thing_has_a_name_of_its_own_and_a_format_that_is_written() -> None:
    """None is read from later on than it is written."""
    assert len({one.name for one in FORMATS}) == len(FORMATS)
    assert all(1 <= one.oldest <= one.newest for one in FORMATS)
    assert HOP_STATES.newest == saved.SCORED_FORMAT


def later_head(_: Plan) -> Any:
    head = {"format": HOP_STATES.newest + 1, "kind": "account", "plans": [], "contradicted": 0, "schema": None}
    return saved.head_of([b"H" + msgspec.msgpack.encode(head)], "account")


def later_model(_: Plan) -> Any:
    gauss = (Step("GaussianScorer", {}),)
    learner = make_learner(Spec(("amount",), frozenset(), gauss, "always", 1, Threshold(fixed=0.9)))
    said = msgspec.msgpack.decode(learner.save())
    return learner.load(msgspec.msgpack.encode([said[0] + 1, *said[1:]]))


def later_plan(plan: Plan) -> Any:
    said = orjson.loads(zlib.decompress(pack_plan(plan, {})[plan.version]))
    return read_manifest(zlib.compress(orjson.dumps(said | {"v": said["v"] + 1})))


def later_letter(plan: Plan) -> Any:
    event = transfer("t", "A1")
    batch = Decoder(plan.catalogue).decode([orjson.dumps(event)], str)[0]
    batch = batch.with_columns({"_stamp": np.zeros(1, np.int64), "_at": np.zeros(1, np.int64)})
    [letter] = write_letters(batch, [Section("risk.trades/0", 1, 1, 0)], plan.version)
    assert read_letter(plan.catalogue, letter).plan == plan.version
    channels = orjson.dumps([["risk.trades/0", 1, 1, 0]]).decode()
    return read_letter(plan.catalogue, batch.to_ipc(channels=channels, plan="p", upto=1, v=LETTERS.newest + 1))


def later_fronts(_: Plan) -> Any:
    fronts = orjson.loads(write_fronts([("risk.trades/0", 1, 1, None)]))
    return read_fronts(orjson.dumps(fronts | {"v": LETTERS.newest + 1}))


def later_checkpoint(_: Plan) -> Any:
    said = orjson.loads(Header(0, {}, {}).encode())
    return Header.decode(orjson.dumps(said | {"format": CHECKPOINTS.newest + 1}))


def later_part(_: Plan) -> Any:
    part = make_part(Head(JOURNAL, "account", 0, 0), [])
    return head_of(part[:4] + b"\x02\x00" + part[6:])


def later_windows(_: Plan) -> Any:
    said = KeyState(KindLayout("device", []), reserve_mib=1).schema_state()
    return schema_from({**said, "format": 2}, "device")


def later_entry(_: Plan) -> Any:
    """It says what happened by a word that this release does not know, too."""
    entry = msgspec.to_builtins(Entry(number=1, before="", time=1, what="time"))
    with pytest.raises(LaterFormatError, match="in format 2"):
        Desk().memory.take(orjson.dumps(entry | {"v": 2}))
    return read_entry(orjson.dumps(entry | {"v": 2, "what": "dream"}))


@pytest.mark.parametrize(
    "read",
    [
        lambda _: Committed.read(1, '{"v":2,"clock":null,"plan":null}'),
        later_head,
        later_part,
        later_windows,
        later_model,
        later_plan,
        later_letter,
        later_fronts,
        later_checkpoint,
        later_entry,
    ],
    ids=["commit", "head", "part", "windows", "model", "plan", "letter", "fronts", "checkpoint", "entry"],
)
def test_what_says_its_format_by_itself_is_refused_by_that(read: Callable[[Plan], Any]) -> None:
    """Though nobody says in `risk.formats` that a later release was here."""
    with pytest.raises(
        LaterFormatError, match=r"is in format \d+, which a later release wrote, and release"
    ) as refused:
        read(plan_of_texts({"rules.yaml": RULES}, load_catalogue()))
    assert str(refused.value).endswith("run that release or a later one; nothing was changed")


def records(house: House, topic: str) -> list[bytes | None]:
    """What lies in one of the house's topics."""

    async def read() -> list[bytes | None]:
        async with Reader(house.broker) as reader:
            spans = await reader.spans([f"{house.name}.{topic}"])
            return [record.value async for found in reader.read(spans) for record in found]

    return asyncio.run(read())


#: An alert in a format to come, as a later release says that it writes it; and what whoever does not read it says.
LATER = of_release("9.1.0", alerts=2)
SENTENCE = "an alert (in risk.alerts) is in format 2, which release 9.1.0 wrote"


@pytest.fixture(scope="module")
def later(new_house: Callable[[str], House]) -> House:
    """A house in which this release worked, and then a later one."""
    house = new_house("later")
    for _ in range(2):
        asyncio.run(enter_house(house.settings))
    assert records(house, "formats") == [release_record()]
    asyncio.run(send_all(house.broker, [(house.settings.formats_topic, b"9.1.0", LATER, 0)]))
    return house


@pytest.fixture
def inside(later: House, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> House:
    """Commands work on that house, for whoever is at this machine."""
    (tmp_path / "access.yaml").write_text("local: [admin, officer, author]\n")
    for name, value in {**later.environment, "PEOPLE": tmp_path, "METRICS_PORT": 0}.items():
        monkeypatch.setenv(f"RISK_STREAM_{name}", str(value))
    return later


def changed(house: House) -> bool:
    """Whether anything lies in the house but what its releases said of themselves."""
    said = records(house, "formats") != [release_record(), LATER]
    return said or any(records(house, topic) for topic in ("plans", "audit", "actions", "life", "notices", "trades"))


@pytest.mark.live
@pytest.mark.parametrize(
    "words", ["worker", "desk --metrics-port 0", "notices run", "console", "decisions serve --port {port}"]
)
def test_whoever_begins_in_a_house_of_a_later_release_ends_with_one_sentence(
    words: str, inside: House, capfd: pytest.CaptureFixture[str]
) -> None:
    """It ends by itself, with 1, and does nothing."""
    assert run(words.format(port=free_port()).split()) == 1
    assert SENTENCE in " ".join(capfd.readouterr().err.split())
    assert not changed(inside)


@pytest.mark.live
@pytest.mark.parametrize(
    "words",
    [
        "rules publish",
        "rules publish --withdraw",
        "rules propose",
        "rules approve 0123456789ab",
        "rules trace e1",
        "alerts acknowledge a1",
        "silences add --rule third --for 1h --reason tried",
        "silences end s1",
        "notices again n1",
        "rejects list",
        "rejects replay",
        "rejects replay --recover",
        "book close 2026-03-01",
        "population 2026-03",
        "rebuild",
        "margin --metrics-port 0",
        "mirror --alertmanager http://127.0.0.1:1 --metrics-port 0",
        "canary --metrics-port 0",
    ],
)
def test_commands_do_nothing_in_a_house_of_a_later_release(
    words: str, inside: House, capsys: pytest.CaptureFixture[str]
) -> None:
    """They neither write what it would have to read nor read what they do not know; they say the same sentence."""
    assert run(words.split()) == 1
    assert SENTENCE in " ".join(capsys.readouterr().err.split())
    assert not changed(inside)


@pytest.mark.live
def test_a_doctor_says_that_no_worker_of_this_release_would_run_there(
    inside: House, capsys: pytest.CaptureFixture[str]
) -> None:
    """And which release would."""
    assert run(["doctor", "--format", "json"]) == 1
    found = {one["what"]: one for one in orjson.loads(capsys.readouterr().out)["findings"]}
    assert found["release"]["state"] == "fail"
    assert found["release"]["seen"].startswith(SENTENCE)
    assert found["release"]["do"] == "run that release or a later one; nothing was changed"


@pytest.fixture
def later_code(tmp_path: Path) -> Path:
    """The folder with the code of release 9.1.0, which is this one but for the format in which it writes alerts."""
    package = tmp_path / "later" / "risk_stream"
    shutil.copytree(Path(__file__).parents[2] / "risk_stream", package)  # with what is compiled
    for name, was, becomes in (
        ("__init__.py", f'"{__version__}"', '"9.1.0"'),
        (
            "catalogue/formats.py",
            '"risk.alerts", "workers, desks, consoles, commands"',
            '"risk.alerts", "all", newest=2',
        ),
    ):
        text = (package / name).read_text()
        assert text.count(was) == 1, name
        (package / name).write_text(text.replace(was, becomes))
    return package.parent


@pytest.mark.slow
@pytest.mark.live
def test_beside_a_later_release_the_worker_before_goes_on_until_it_starts_again(
    new_house: Callable[[str], House], later_code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both judge while one takes the other's place; going back ends with the sentence, and the later one goes on."""
    house = new_house("beside-later")
    before, again = Worker(house), Worker(house)
    monkeypatch.setenv("PYTHONPATH", str(later_code))
    after = Worker(house)
    try:
        before.start().ready()
        after.start().ready()
        house.send(transfer(f"both-{n}-{account}", f"A{account}") for n in range(3) for account in range(20))
        assert eventually(lambda: len(house.said("third")) == 20), house.said("third")
        assert all(worker.metric("risk_stream_alerts_total") > 0 for worker in (before, after))
        before.stop()
        again.start()
        assert eventually(lambda: again.process.exit_code is not None)
        assert again.process.exit_code == 1
        assert SENTENCE in again.log
        house.send(transfer(f"after-{n}", "A77") for n in range(3))
        assert eventually(lambda: "after-2" in house.said("third"))
    finally:
        for worker in (before, again, after):
            worker.stop()
