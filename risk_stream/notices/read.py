"""Reads people/{receivers,desk,on_call}.yaml and people/templates/; every fault with its place, all at once."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

from risk_stream.alerts import SEVERITIES
from risk_stream.calendars import Calendar
from risk_stream.catalogue import Node, Problem, ProblemsError, did_you_mean, read_yaml
from risk_stream.notices.house import House, Storm
from risk_stream.notices.reading import HouseReader
from risk_stream.notices.receivers import HOW, How, Quiet, Receiver
from risk_stream.notices.rotas import DAY_MINUTES, HOLIDAY, Instead, Rota, Shift
from risk_stream.notices.templates import NAMES, Template, names_in
from risk_stream.notices.words import LANGUAGES

__all__ = ["DESK_FILE", "MOST_RECEIVERS", "ON_CALL_FILE", "RECEIVERS_FILE", "TEMPLATES", "NoticesError", "read_house"]

RECEIVERS_FILE, DESK_FILE, ON_CALL_FILE, TEMPLATES = "receivers.yaml", "desk.yaml", "on_call.yaml", "templates"

#: Each has a queue and may have a thread.
MOST_RECEIVERS = 500

_RECEIVER = (
    *("url", "url_env", "url_file", "person", "role", "language", "timezone", "entities", "stages", "severities"),
    *("quiet", "daily_at", "key", "personal_data"),
)
#: The minutes are the desk's: what it escalates it says in `risk.life`.
_DESK = ("levels", "escalate_minutes", "storm", "give_up_hours")
_STORM = ("cases", "minutes", "at_once", "alerts", "quiet_minutes", "gaps_minutes")
_ROTA = ("timezone", "calendar", "first", "shifts", "instead")
_SHIFT = ("days", "from", "until", "people", "change")
_INSTEAD = ("from", "until", "person")
_TEMPLATE = ("to", "when", "rules", "title", "text")
_HOW = ("now", "hourly", "daily", "never")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAYS: Mapping[str, frozenset[int]] = {
    **{name: frozenset({number}) for number, name in enumerate(_WEEK)},
    "holidays": frozenset({HOLIDAY}),
    "weekdays": frozenset(range(5)),
    "weekend": frozenset({5, 6}),
    "all": frozenset(range(8)),
}
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")


class NoticesError(ProblemsError):
    """Raised when what the folder says of notices cannot be used."""


def read_house(folder: Path, calendars: Mapping[str, Calendar]) -> House:
    """What a folder `people` says of notices; a file that is not there says nothing. Raises `NoticesError`."""
    problems: list[Problem] = []

    def reader(path: Path, keys: Iterable[str]) -> HouseReader | None:
        """A file's reader, where there is one and it is a mapping of these keys."""
        if not path.exists():
            return None
        try:
            made = HouseReader(read_yaml(path))
        except ProblemsError as error:
            problems.extend(error.problems)
            return None
        good = made.root.value is not None and made.mapping(made.root, keys, path.name)
        if not good:
            problems.extend(made.problems)
        return made if good else None

    receivers: dict[str, Receiver] = {}
    if (of := reader(folder / RECEIVERS_FILE, ("receivers",))) is not None:
        receivers = _receivers(of)
        problems += of.problems
    rotas: dict[str, Rota] = {}
    if (of := reader(folder / ON_CALL_FILE, ("rotas",))) is not None:
        rotas = {
            str(key.value): _rota(of, str(key.value), node, calendars, receivers)
            for key, node in of.each(of.root.get("rotas"), "rotas")
        }
        problems += of.problems
    house = House(receivers, rotas=rotas)
    if (of := reader(folder / DESK_FILE, _DESK)) is not None:
        house = _desk(of, house)
        problems += of.problems
    templates = []
    for path in sorted((folder / TEMPLATES).glob("*.yaml")):
        if (of := reader(path, _TEMPLATE)) is not None:
            templates.append(_template(of, path.stem, receivers))
            problems += of.problems
    if problems:
        raise NoticesError(problems)
    return House(**{**house.__dict__, "templates": tuple(templates)})


def _receivers(of: HouseReader) -> dict[str, Receiver]:
    each = ((str(key.value), node) for key, node in of.each(of.root.get("receivers"), "receivers"))
    found = {name: _receiver(of, name, node) for name, node in each}
    if len(found) > MOST_RECEIVERS:
        of.report(of.root, f"there may be {MOST_RECEIVERS} receivers; these are {len(found)}: use a list's address")
    return {name: one for name, one in found.items() if one is not None}


def _receiver(of: HouseReader, name: str, node: Node) -> Receiver | None:
    if not _NAME.fullmatch(name):
        of.report(node, f"'{name}' is no name of a receiver: A-Z a-z 0-9 . _ @ -, at most 64")
    if not of.mapping(node, _RECEIVER, f"receiver {name}"):
        return None
    places = [key for key in ("url", "url_env", "url_file") if key in node]
    if len(places) != 1:
        of.report(node, f"receiver {name} needs its address: one of url_env, url_file, or url where it has no secret")
    url = of.text(node, "url", "")
    if url and not _has_no_secret(url):
        of.report(node["url"], "this address may hold a secret: put it into a file (url_file) or a variable (url_env)")
    key = of.text(node, "key", "")
    if key and not _is_key(key):
        of.report(node["key"], "key is a public key as risk-stream notices key prints it: 44 characters of base64")
    personal = of.yes(node, "personal_data")
    if personal and not key:
        of.report(node["personal_data"], f"receiver {name} may have personal data only sealed: give its key")
    return Receiver(
        name,
        of.text(node, "url_env", ""),
        of.text(node, "url_file", ""),
        url,
        of.text(node, "person", ""),
        of.text(node, "role", ""),
        of.word(node, "language", LANGUAGES, "en"),
        of.zone(node, "Asia/Shanghai"),
        _some(of, node, "entities"),
        _some(of, node, "stages"),
        _how(of, node.get("severities")),
        _quiet(of, node.get("quiet")),
        of.clock(node, "daily_at", Receiver("").daily_at),
        key,
        personal,
    )


def _has_no_secret(url: str) -> bool:
    """Mail without a password, and a plain web hook: anything else may be known by nobody."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in {"mailto", "mailtos", "json", "jsons"} and parts.password is None and "pass=" not in url


def _is_key(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 32
    except (binascii.Error, ValueError):
        return False


def _some(of: HouseReader, node: Node, key: str) -> frozenset[str] | None:
    child = node.get(key)
    return None if child is None or child.value == "all" else frozenset(of.texts(child, key))


def _how(of: HouseReader, node: Node | None) -> dict[str, How]:
    how = dict(HOW)
    if node is not None and of.mapping(node, SEVERITIES, "severities"):
        for key, child in node.items():
            if key.value in how:
                how[str(key.value)] = of.one_of(child, f"how {key.value} alerts are told", _HOW, "now")  # type: ignore[assignment]
    return how


def _quiet(of: HouseReader, node: Node | None) -> Quiet | None:
    if node is None or not of.mapping(node, ("from", "until", "but"), "quiet"):
        return None
    but = node.get("but")
    severities = {"critical"} if but is None else set()
    for item in of.items(but, "but"):
        severities.add(of.one_of(item, "a severity", SEVERITIES, "critical"))
    return Quiet(of.clock(node, "from"), of.clock(node, "until"), frozenset(severities))


def _desk(of: HouseReader, house: House) -> House:
    root = of.root
    known = {name for one in house.receivers.values() for name in (one.name, one.person, one.role)} - {""}
    known |= set(house.rotas)
    levels = []
    for item in of.items(root.get("levels"), "levels"):
        names = of.texts(item, "a level")
        levels.append(tuple(names))
        for name in names:
            if name not in known:
                advice = did_you_mean(name, known) or ""
                of.report(item, f"'{name}' is no receiver, person, role of a receiver, or rota{advice}")
    storm = root.get("storm")
    plain = Storm()
    if storm is not None:
        of.mapping(storm, _STORM, "storm")
    gaps = tuple(
        of.whole_of(item, "gaps_minutes", 5, 10_080)
        for item in of.items(storm.get("gaps_minutes") if storm else None, "gaps_minutes")
    )
    if gaps and list(gaps) != sorted(gaps):
        of.report(root["storm"], "gaps_minutes grow: each is at least as long as the one before")
    return House(
        house.receivers,
        tuple(levels),
        house.rotas,
        (),
        Storm(
            of.whole(storm, "cases", plain.cases, 1_000, least=0),
            of.whole(storm, "minutes", plain.minutes, 1_440),
            of.whole(storm, "at_once", plain.at_once, 1_000),
            of.whole(storm, "alerts", plain.alerts, 1_000_000),
            of.whole(storm, "quiet_minutes", plain.quiet_minutes, 1_440),
            gaps or plain.gaps_minutes,
        ),
        of.whole(root, "give_up_hours", int(house.give_up_hours), 168),
    )


def _rota(
    of: HouseReader, name: str, node: Node, calendars: Mapping[str, Calendar], receivers: Mapping[str, Receiver]
) -> Rota:
    if not of.mapping(node, _ROTA, f"rota {name}"):
        return Rota(name, "UTC", ())
    faults = len(of.problems)
    zone = of.zone(node, "Asia/Shanghai")
    calendar = of.word(node, "calendar", calendars, "") if "calendar" in node else ""
    first = of.day(node, "first", Shift(frozenset(), 0, 0, ()).first)
    shifts = tuple(_shift(of, item, first) for item in of.items(node.get("shifts"), "shifts"))
    instead = tuple(_instead(of, item, zone) for item in of.items(node.get("instead"), "instead"))
    rota = Rota(name, zone, tuple(one for one in shifts if one is not None), calendars.get(calendar), instead)
    reached = {who for one in receivers.values() for who in (one.name, one.person)}
    for person in sorted(rota.people - reached - {""}):
        advice = did_you_mean(person, reached - {""}) or f": give {person} a receiver with person: {person}"
        of.report(node, f"rota {name} names {person}, whom no receiver reaches{advice}")
    if len(of.problems) == faults and (gap := rota.gap()) is not None:
        of.report(node, f"rota {name} has a gap: nobody has the watch {gap}; add a shift, or lengthen one")
    return rota


def _shift(of: HouseReader, node: Node, first: date) -> Shift | None:
    if not of.mapping(node, _SHIFT, "a shift"):
        return None
    days: frozenset[int] = frozenset()
    said = node.get("days")
    for item in of.items(said, "days") if said is not None and said.is_list else [said] if said is not None else []:
        days |= _DAYS.get(of.one_of(item, "days", _DAYS, "all"), frozenset())
    people = tuple(of.texts(node.get("people"), "people"))
    if not people:
        of.report(node, "a shift needs people: a list of names, who have it in turn")
    return Shift(
        days if said is not None else _DAYS["all"],
        _minute(of, node, "from"),
        _minute(of, node, "until"),
        people or ("",),
        of.word(node, "change", ("daily", "weekly"), "weekly"),
        first,
    )


def _minute(of: HouseReader, node: Node, key: str) -> int:
    child = node.get(key)
    found = _CLOCK.fullmatch(str(child.raw)) if child is not None else None
    if found is None:
        of.report(child or node, f'{key} is a time of the day such as "09:00", in quotes')
        return 0
    return DAY_MINUTES if found[1] is None else int(found[1]) * 60 + int(found[2])


def _instead(of: HouseReader, node: Node, zone: str) -> Instead:
    if not of.mapping(node, _INSTEAD, "instead"):
        return Instead(0, 0, "")
    made = Instead(of.moment(node, "from", zone), of.moment(node, "until", zone), of.text(node, "person"))
    if made.ends and made.begins >= made.ends:
        of.report(node, "it ends after it begins: from, until")
    return made


def _template(of: HouseReader, name: str, receivers: Mapping[str, Receiver]) -> Template:
    root = of.root
    to = of.text(root, "to")
    if to and to not in receivers:
        advice = did_you_mean(to, receivers) or ": name one of receivers.yaml"
        of.report(root["to"], f"'{to}' is no receiver{advice}")
    rules = frozenset(of.texts(root.get("rules"), "rules"))
    if not rules:
        of.report(root, f"template {name} says of which rules its notices are: rules")
    return Template(
        name,
        to,
        of.word(root, "when", ("raised", "confirmed"), "raised"),
        rules,
        _languages(of, root, "title", receivers.get(to)),
        _languages(of, root, "text", receivers.get(to)),
    )


def _languages(of: HouseReader, root: Node, key: str, receiver: Receiver | None) -> dict[str, str]:
    node = root.get(key)
    if node is None or not of.mapping(node, LANGUAGES, key):
        of.report(node or root, f"{key} is a text in each language: {key}: {{en: ..., zh: ...}}")
        return {}
    texts = {language: of.text(node, language) for language in LANGUAGES if language in node}
    if receiver is not None and receiver.language not in texts:
        of.report(
            node, f"{key} is not there in {receiver.language}, the language of receiver {receiver.name}: write it too"
        )
    for language, text in texts.items():
        for named, at in names_in(text):
            if named not in NAMES:
                advice = did_you_mean(named, NAMES) or f": there are {', '.join(NAMES)}"
                line = text.count("\n", 0, at) + 1
                where = f", in its line {line}" if "\n" in text else ""
                of.report(node[language], f"{key} names {{{named}}}, which no notice has{where}{advice}")
    return texts
