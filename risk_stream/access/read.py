"""Reads people/access.yaml and people/tokens.yaml; every fault with its place, all at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from risk_stream.access.people import Access, Claim, OpenId, Person, Token
from risk_stream.access.permissions import PERMISSIONS, ROLES
from risk_stream.access.scope import EVERYWHERE, Scope
from risk_stream.catalogue import FileReader, Node, Problem, ProblemsError, did_you_mean, read_yaml

__all__ = ["ACCESS_FILE", "LOCAL", "TOKENS_FILE", "AccessError", "is_loopback", "read_access"]

#: Files of the folder `people`: what people write, and what `risk-stream access token` writes.
ACCESS_FILE, TOKENS_FILE = "access.yaml", "tokens.yaml"

#: What acts call somebody who is on this machine and has not signed in.
LOCAL = "local"

_KEYS = ("local", "roles", "people", "openid", "four_eyes", "sessions")
_PERSON = ("name", "roles", "entities", "personal_data", "language", "subject")
_OPENID = ("issuer", "client", "name_claim", "scopes", "claims", "admit_unknown")
_CLAIM = ("claim", "value", "roles", "entities")
_SESSIONS = ("idle_minutes", "longest_hours")
_TOKEN = ("person", "salt", "hash", "made", "expires")
_LANGUAGES = ("en", "zh")
_NAME_CLAIM, _SCOPES = "preferred_username", ("openid", "profile")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_HEX = re.compile(r"[0-9a-f]+")

T = TypeVar("T")


class AccessError(ProblemsError):
    """Raised when what the folder says of access cannot be used."""


def read_access(folder: Path) -> Access:
    """What a folder `people` says of access; without access.yaml nobody may do anything. Raises `AccessError`."""
    problems: list[Problem] = []
    access = Access(dict(ROLES))
    tokens: dict[str, Token] = {}
    for file in (ACCESS_FILE, TOKENS_FILE):
        path = folder / file
        if not path.exists():
            continue
        try:
            reader = _Reader(read_yaml(path))
        except ProblemsError as error:
            problems += error.problems
            continue
        if file == ACCESS_FILE:
            access = reader.access()
        else:
            tokens = reader.tokens()
        problems += reader.problems
    if problems:
        raise AccessError(problems)
    return Access(**{**access.__dict__, "tokens": tokens})


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own, reached by nobody else."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class _Reader(FileReader):
    """One file."""

    def __init__(self, root: Node) -> None:
        super().__init__(root)
        self.roles: dict[str, frozenset[str]] = dict(ROLES)

    def access(self) -> Access:
        """access.yaml; of what is wrong in it, `problems`."""
        if self.root.value is None:
            return Access(self.roles)
        if not self.mapping(self.root, _KEYS, "access.yaml"):
            return Access(self.roles)
        self._roles()
        sessions = self.root.get("sessions")
        if sessions is not None:
            self.mapping(sessions, _SESSIONS, "sessions")
        return Access(
            self.roles,
            self._each(self.root.get("people"), self._person, "people"),
            local=self._local(),
            openid=self._openid(),
            four_eyes=self.yes(self.root, "four_eyes"),
            idle_minutes=self._positive(sessions, "idle_minutes", 30, 24 * 60),
            longest_hours=self._positive(sessions, "longest_hours", 12, 24 * 30),
        )

    def tokens(self) -> dict[str, Token]:
        """tokens.yaml."""
        if self.root.value is None:
            return {}
        return self._each(self.root, self._token)

    def _each(self, node: Node | None, read: Callable[[Node, Node], T | None], what: str = "the file") -> dict[str, T]:
        made = {key.value: read(key, child) for key, child in self.each(node, what)}
        return {name: one for name, one in made.items() if one is not None}

    def _roles(self) -> None:
        def role(key: Node, node: Node) -> frozenset[str] | None:
            return frozenset(self._words(node, f"role {key.value}", PERMISSIONS, "permission"))

        self.roles |= self._each(self.root.get("roles"), role, "roles")

    def _person(self, key: Node, node: Node) -> Person | None:
        name = str(key.value)
        if not _NAME.fullmatch(name) or name == LOCAL:
            self.report(key, f"'{name}' is no name of a person: A-Z a-z 0-9 . _ @ -, at most 64, and not {LOCAL}")
        if not self.mapping(node, _PERSON, f"person {name}"):
            return None
        roles = self._role_names(node, name)
        may = self._may(roles)
        if "personal_data" in node:
            may = may | {"reveal"} if self.yes(node, "personal_data") else may - {"reveal"}
        shown = node.get("name")
        return Person(
            name,
            str(shown.plain()) if shown else name,
            roles,
            may,
            self._scope(node, name),
            self._language(node),
            self.text(node, "subject") if "subject" in node else "",
        )

    def _local(self) -> Person | None:
        node = self.root.get("local")
        if node is None or node.value is None or node.value is False:
            return None
        roles = tuple(self._words(node, "local", self.roles, "role"))
        return Person(LOCAL, LOCAL, roles, self._may(roles), EVERYWHERE)

    def _openid(self) -> OpenId | None:
        node = self.root.get("openid")
        if node is None or node.value is None or not self.mapping(node, _OPENID, "openid"):
            return None
        issuer, client = self.text(node, "issuer"), self.text(node, "client")
        parts = urlsplit(issuer)
        if issuer and not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or ""))):
            self.report(node["issuer"], "issuer is an address that begins with https://, as the provider has it")
        claims = node.get("claims")
        if claims is not None and not claims.is_list:
            self.report(claims, "claims is a list of {claim, value, roles, entities}")
            claims = None
        scopes = tuple(self._list(node["scopes"], "scopes")) if "scopes" in node else _SCOPES
        if "openid" not in scopes:
            self.report(node["scopes"], "scopes must have openid among them")
        return OpenId(
            issuer.rstrip("/"),
            client,
            self.text(node, "name_claim") if "name_claim" in node else _NAME_CLAIM,
            scopes,
            tuple(one for item in (claims.value if claims else ()) if (one := self._claim(item)) is not None),
            self.yes(node, "admit_unknown", default=True),
        )

    def _claim(self, node: Node) -> Claim | None:
        if not self.mapping(node, _CLAIM, "a claim"):
            return None
        roles = tuple(self._words(node["roles"], "roles", self.roles, "role")) if "roles" in node else ()
        entities = self._scope(node, "a claim").entities if "entities" in node else frozenset[str]()
        return Claim(self.text(node, "claim"), self.text(node, "value"), roles, entities)

    def _token(self, key: Node, node: Node) -> Token | None:
        if not self.mapping(node, _TOKEN, f"token {key.value}"):
            return None
        salt, hashed = self.text(node, "salt"), self.text(node, "hash")
        if not (_HEX.fullmatch(salt) and _HEX.fullmatch(hashed) and len(hashed) == 64):
            self.report(node, "salt and hash are as risk-stream access token wrote them: make the token anew")
        made, expires = self._time(node, "made"), self._time(node, "expires")
        return Token(str(key.value), self.text(node, "person"), salt, hashed, made or 0, expires)

    def _time(self, node: Node, key: str) -> int | None:
        child = node.get(key)
        if child is None or child.value in {None, "never"}:
            return None
        try:
            when = datetime.fromisoformat(str(child.plain()))
        except ValueError:
            when = None
        if when is None or when.tzinfo is None:
            self.report(child, f"{key} is a time such as 2027-01-31T00:00:00+00:00, or never")
            return None
        return int(when.timestamp() * 1000)

    def _role_names(self, node: Node, name: str) -> tuple[str, ...]:
        roles = node.get("roles")
        if roles is None:
            self.report(node, f"person {name} needs roles: {', '.join(self.roles)}")
            return ()
        return tuple(self._words(roles, "roles", self.roles, "role"))

    def _may(self, roles: Iterable[str]) -> frozenset[str]:
        return frozenset().union(*(self.roles.get(role, frozenset()) for role in roles))

    def _scope(self, node: Node, name: str) -> Scope:
        entities = node.get("entities")
        if entities is None:
            self.report(node, f"{name} needs entities: a list of legal entities, or all")
            return Scope(frozenset())
        if entities.value == "all":
            return EVERYWHERE
        return Scope(frozenset(self._list(entities, "entities")))

    def _language(self, node: Node) -> str:
        child = node.get("language")
        if child is None:
            return "en"
        if child.value not in _LANGUAGES:
            self.report(child, f"'{child.plain()}' is no language of the pages: {', '.join(_LANGUAGES)}")
        return str(child.value)

    def _words(self, node: Node, what: str, known: Iterable[str], noun: str) -> list[str]:
        """A text or a list of texts, each of them known."""
        items = node.value if node.is_list else [node]
        found = []
        for item in items:
            if item.value in known:
                found.append(str(item.value))
            else:
                advice = did_you_mean(str(item.plain()), known) or f": there are {', '.join(known)}"
                self.report(item, f"{what}: '{item.plain()}' is no {noun}{advice}")
        return found

    def _list(self, node: Node, what: str) -> list[str]:
        if not node.is_list or not all(item.is_text and item.value for item in node.value):
            self.report(node, f"{what} is a list of texts such as [a, b]")
            return []
        return [str(item.value) for item in node.value]

    def _positive(self, node: Node | None, key: str, default: float, most: float) -> float:
        child = node.get(key) if node is not None else None
        if child is None:
            return default
        if not isinstance(child.value, int | float) or isinstance(child.value, bool) or not 0 < child.value <= most:
            self.report(child, f"{key} is a number above 0, at most {most:g}")
            return default
        return float(child.value)
