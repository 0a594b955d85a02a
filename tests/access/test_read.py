"""access.yaml says who may do what; what is wrong in it is named by its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from risk_stream.access import AccessError, read_access
from risk_stream.access.permissions import ACT_NEEDS, PERMISSIONS, ROLES
from risk_stream.alerts import ACTS
from risk_stream.settings import SHIPPED_PEOPLE

HOUSE = """
four_eyes: true
roles:
  monitor: [metrics]
people:
  wang: {name: Wang Fang, roles: [officer], entities: [SEC-SH, SEC-SZ], language: zh}
  li: {roles: [viewer, author], entities: all, personal_data: true}
  prom: {roles: [monitor], entities: []}
openid:
  issuer: https://id.example.com/realms/house/
  client: risk
  claims:
    - {claim: realm_access.roles, value: officers, roles: [officer]}
    - {claim: groups, value: /shanghai, entities: [SEC-SH]}
    - {claim: groups, value: /everywhere, entities: all}
"""


def house(tmp_path: Path, text: str = HOUSE) -> Path:
    (tmp_path / "access.yaml").write_text(text)
    return tmp_path


def test_people_have_what_their_roles_give(tmp_path: Path) -> None:
    """All permissions of all their roles, their entities, and their own word on personal data above the roles'."""
    access = read_access(house(tmp_path))
    wang, li = access.people["wang"], access.people["li"]
    assert wang.may == ROLES["officer"]
    assert (wang.scope.sees("SEC-SH"), wang.scope.sees("HQ"), wang.scope.sees("")) == (True, False, False)
    assert li.may == ROLES["viewer"] | ROLES["author"] | {"reveal"}
    assert li.scope.sees("")
    assert access.people["prom"].may == {"metrics"}
    assert access.four_eyes
    assert access.local is None


def test_without_a_file_nobody_may_do_anything(tmp_path: Path) -> None:
    """An empty folder opens nothing."""
    access = read_access(tmp_path)
    assert (access.people, access.local, access.openid) == ({}, None, None)


def test_the_shipped_file_lets_in_who_is_on_this_machine() -> None:
    """One explicit setting."""
    access = read_access(SHIPPED_PEOPLE)
    assert access.local is not None
    assert access.local.roles == ("officer", "author")
    assert not access.people


def test_every_act_has_its_permission() -> None:
    """An act that is added says what it takes."""
    assert set(ACT_NEEDS) == set(ACTS)
    assert set(ACT_NEEDS.values()) <= set(PERMISSIONS)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("locl: officer", "access.yaml:1:1: 'locl' is no part of access.yaml; did you mean \"local\"?"),
        ("local: oficer", "access.yaml:1:8: local: 'oficer' is no role; did you mean \"officer\"?"),
        ("local: [officer, god]", "access.yaml:1:18: local: 'god' is no role: there are viewer, officer"),
        ("roles: {a: [sea]}", "access.yaml:1:13: role a: 'sea' is no permission; did you mean \"see\"?"),
        ("people: {w: {roles: [officer]}}", "access.yaml:1:13: w needs entities: a list of legal entities, or all"),
        ("people: {w: {entities: all}}", "access.yaml:1:13: person w needs roles"),
        ("people: {w x: {roles: [], entities: all}}", "'w x' is no name of a person"),
        ("people: {local: {roles: [], entities: all}}", "'local' is no name of a person"),
        ("people: {w: {roles: [], entities: all, language: fr}}", "'fr' is no language of the pages: en, zh"),
        ("people: {w: {roles: [], entities: SEC}}", "entities is a list of texts"),
        ("people: [w]", "access.yaml:1:9: people is a mapping of names; this is a list"),
        ("four_eyes: maybe", "access.yaml:1:12: four_eyes is true or false"),
        ("openid: {issuer: 'http://id.example.com', client: c}", "issuer is an address that begins with https://"),
        ("openid: {issuer: 'https://id.example.com'}", "client is missing"),
        ("openid: {issuer: 'https://x', client: c, scopes: [profile]}", "scopes must have openid among them"),
        ("sessions: {idle_minutes: 0}", "idle_minutes is a number above 0"),
        ("[a]", "access.yaml is a mapping; this is a list"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    """A sentence, with line and column."""
    with pytest.raises(AccessError) as error:
        read_access(house(tmp_path, text))
    assert said in str(error.value)


def test_claims_make_roles_and_entities(tmp_path: Path) -> None:
    """Of lists and of paths; what the house says of a person comes on top."""
    access = read_access(house(tmp_path))
    zhao = {"sub": "1", "preferred_username": "zhao", "name": "Zhao"}
    new = access.claimed({**zhao, "realm_access": {"roles": ["officers"]}, "groups": ["/shanghai"]})
    assert new is not None
    assert (new.roles, new.scope.entities, new.shown) == (("officer",), frozenset({"SEC-SH"}), "Zhao")
    assert access.claimed({**zhao, "groups": ["/shanghai"]}) is None, "no role, no entry"
    wang = access.claimed({"sub": "2", "preferred_username": "wang", "groups": "/everywhere"})
    assert wang is not None
    assert (wang.shown, wang.scope.entities, wang.may) == ("Wang Fang", None, ROLES["officer"])


def test_a_name_that_is_taken_at_the_provider_gives_nobody_elses_roles(tmp_path: Path) -> None:
    """Where access.yaml says who somebody is there, their name alone is nothing; and new names are names."""
    access = read_access(house(tmp_path, HOUSE.replace("wang: {", "wang: {subject: u-77, ")))
    officers = {"realm_access": {"roles": ["officers"]}}
    assert access.claimed({"sub": "u-1", "preferred_username": "wang", **officers}) is None
    renamed = access.claimed({"sub": "u-77", "preferred_username": "wang.fang", **officers})
    assert renamed is not None
    assert renamed.name == "wang"
    for name in ("local", "wang\u200b", "a b", "<b>", "", "x" * 65):
        person = access.claimed({"sub": "\n", "preferred_username": name, **officers})
        assert person is None, name
    assert access.claimed({"sub": "u-2", "preferred_username": "赵云", **officers}) is not None
