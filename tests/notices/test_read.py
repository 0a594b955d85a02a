"""Files that people write: what is wrong is a sentence with its place, all at once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from risk_stream.calendars import shipped
from risk_stream.notices import House, NoticesError, read_house

ROOT = Path(__file__).parents[2]
KEY = "A" * 43 + "="


def read(folder: Path, **files: str) -> House:
    """A folder with these files; `templates_x` is templates/x.yaml."""
    for name, text in files.items():
        kind, _, rest = name.partition("templates_")
        path = folder / f"{name}.yaml" if kind else folder / "templates" / f"{rest}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return read_house(folder, shipped())


def faults(folder: Path, **files: str) -> list[str]:
    with pytest.raises(NoticesError) as caught:
        read(folder, **files)
    return [str(problem).removeprefix(f"{folder}/") for problem in caught.value.problems]


TWO = """\
receivers:
  wang: {url_env: WANG, person: wang, role: officer}
  li: {url_file: /run/secrets/li, person: li, language: zh, entities: [SEC-SH], severities: {medium: now}}
"""


def test_the_shipped_folder_is_right_and_tells_nobody() -> None:
    """Until somebody says whom."""
    house = read_house(ROOT / "people", shipped())
    assert (len(house.receivers), house.levels) == (0, ())


@pytest.mark.parametrize("name", ["receivers", "desk", "on_call"])
def test_the_examples_in_the_shipped_files_can_be_used(name: str, tmp_path: Path) -> None:
    """Without their comment signs."""
    files = {}
    for file in ("receivers", "desk", "on_call"):
        lines = (ROOT / "people" / f"{file}.yaml").read_text().splitlines()
        files[file] = "\n".join(f" {line[1:]}" if line.startswith("#  ") and file == name else line for line in lines)
    if name == "receivers":
        files[name] = files[name].replace("key: ...", f"key: {KEY}")
        assert read(tmp_path, **files).receivers["wang-mail"].personal_data
        return
    files["receivers"] = "receivers:\n" + "\n".join(
        f"  {who}: {{url_env: X, person: {who}, role: officer}}" for who in ("wang", "li", "zhao", "night-watch")
    )
    house = read(tmp_path, **files)
    assert house.levels == (("officer",), ("night-watch",)) if name == "desk" else house.rotas["night-watch"].people


def test_who_has_the_watch(tmp_path: Path) -> None:
    """By weekday, by turns, over midnight, on holidays, and instead."""
    text = """\
rotas:
  watch:
    timezone: Asia/Shanghai
    calendar: china
    first: 2026-01-05
    shifts:
      - {days: weekdays, from: "09:00", until: "18:00", people: [wang]}
      - {days: [weekend, holidays], from: "09:00", until: "18:00", people: [li]}
      - {from: "18:00", until: "09:00", people: [wang, li]}
    instead: [{from: 2026-03-05T12:00, until: 2026-03-05T13:00, person: li}]
"""
    rota = read(tmp_path, receivers=TWO, on_call=text).rotas["watch"]

    def on(*moment: int) -> list[str]:
        at = datetime(*moment, tzinfo=UTC).timestamp() * 1000  # type: ignore[misc]
        return sorted(rota.on(int(at) - 8 * 3_600_000))

    assert on(2026, 3, 5, 10) == ["wang"]
    assert on(2026, 3, 5, 12, 30) == ["li"]
    assert on(2026, 3, 7, 10) == ["li"]  # a Saturday
    assert on(2026, 1, 1, 10) == ["li"]  # a holiday on a Thursday
    assert on(2026, 1, 6, 20) == ["wang"]  # the first week
    assert on(2026, 1, 13, 20) == ["li"]
    assert on(2026, 1, 12, 8, 59) == ["wang"]  # Sunday's night belongs to the week before


@pytest.mark.parametrize(
    ("shifts", "gap"),
    [
        ('{days: weekdays, from: "00:00", until: "24:00", people: [wang]}', "on Saturday from 00:00 to 24:00"),
        ('{days: all, from: "09:00", until: "18:00", people: [wang]}', "on Monday from 00:00 to 09:00"),
        (
            (
                '{days: all, from: "09:00", until: "18:00", people: [wang]}, '
                '{days: weekdays, from: "18:00", until: "09:00", people: [li]}'
            ),
            "on Monday from 00:00 to 09:00",
        ),
        (
            (
                '{days: [weekdays, weekend], from: "09:00", until: "21:00", people: [wang]}, '
                '{days: all, from: "21:00", until: "09:00", people: [li]}'
            ),
            "on a holiday, after Monday, from 09:00 to 21:00",
        ),
    ],
)
def test_a_calendar_with_a_gap_is_refused(shifts: str, gap: str, tmp_path: Path) -> None:
    """The sentence names the gap."""
    text = f"rotas:\n  watch:\n    calendar: china\n    shifts: [{shifts}]\n"
    (said,) = faults(tmp_path, receivers=TWO, on_call=text)
    assert said == f"on_call.yaml:3:5: rota watch has a gap: nobody has the watch {gap}; add a shift, or lengthen one"


def test_every_fault_is_named_at_once(tmp_path: Path) -> None:
    """With its place and what to do."""
    said = faults(
        tmp_path,
        receivers=f"""\
receivers:
  wang: {{url: "slack://a/b/c", language: de, entitys: all}}
  li: {{}}
  zhao: {{url_env: X, key: abc, quiet: {{from: 22, until: "07:00"}}, timezone: Mars/Phobos}}
  chen: {{url_env: X, personal_data: true, severities: {{hihg: now, low: sometimes}}}}
  ok: {{url_env: X, key: {KEY}}}
""",
        desk="levels: [[wong]]\nescalate_minutes: {high: soon}\nstorm: {gaps_minutes: [30, 5]}\nlevel: 3\n",
        templates_held="""\
to: ok
rules: []
title: {en: "{custmer}, hello"}
text: {zh: "..."}
""",
    )
    assert said == [
        "receivers.yaml:2:46: 'entitys' is no part of receiver wang; did you mean \"entities\"?",
        "receivers.yaml:2:15: this address may hold a secret: put it into a file (url_file) or a variable (url_env)",
        "receivers.yaml:2:42: 'de' cannot stand for language: say en, zh",
        "receivers.yaml:3:7: receiver li needs its address: one of url_env, url_file, or url where it has no secret",
        "receivers.yaml:4:27: key is a public key as risk-stream notices key prints it: 44 characters of base64",
        "receivers.yaml:4:77: 'Mars/Phobos' is no time zone: write one of the IANA database, such as Asia/Shanghai",
        'receivers.yaml:4:46: from is a time of the day such as "09:00", in quotes',
        "receivers.yaml:5:37: receiver chen may have personal data only sealed: give its key",
        "receivers.yaml:5:56: 'hihg' is no part of severities; did you mean \"high\"?",
        "receivers.yaml:5:72: 'sometimes' cannot stand for how low alerts are told: say now, hourly, daily, never",
        "desk.yaml:4:1: 'level' is no part of desk.yaml; did you mean \"levels\"?",
        "desk.yaml:1:10: 'wong' is no receiver, person, role of a receiver, or rota; did you mean \"wang\"?",
        "desk.yaml:3:8: gaps_minutes grow: each is at least as long as the one before",
        "templates/held.yaml:1:1: template held says of which rules its notices are: rules",
        'templates/held.yaml:3:13: title names {custmer}, which no notice has; did you mean "customer"?',
        "templates/held.yaml:4:7: text is not there in en, the language of receiver ok: write it too",
    ]
