"""Who is who: roles, people, tokens and the provider of sign-ins, as people/access.yaml and tokens.yaml say them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from risk_stream.access.scope import EVERYWHERE, NOWHERE, Scope

__all__ = ["NOBODY", "Access", "Claim", "OpenId", "Person", "Token"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is known, or a program: what they may do, and of whose data."""

    name: str  # as acts say it: `by`
    shown: str = ""  # as pages show it
    roles: tuple[str, ...] = ()
    may: frozenset[str] = frozenset()
    scope: Scope = NOWHERE
    language: str = "en"
    subject: str = ""  # who they are to the provider (claim sub), where access.yaml says it

    @property
    def role_key(self) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
        """What is the same for persons who see the same: updates are encoded once for each."""
        return tuple(sorted(self.may)), self.scope.key


#: Whoever is not signed in.
NOBODY = Person("")


@dataclass(frozen=True, slots=True)
class Token:
    """A secret that somebody signs in with; kept is its hash alone."""

    id: str
    person: str
    salt: str
    hash: str  # SHA-256 of salt and secret, hexadecimal
    made: int  # ms
    expires: int | None  # ms; None: never


@dataclass(frozen=True, slots=True)
class Claim:
    """What a value of a claim of the provider's token makes of a person."""

    claim: str  # dots lead into objects: realm_access.roles
    value: str
    roles: tuple[str, ...] = ()
    entities: frozenset[str] | None = frozenset()


@dataclass(frozen=True, slots=True)
class OpenId:
    """The provider people sign in at (OpenID Connect Core 1.0, authorization code flow with PKCE)."""

    issuer: str
    client: str
    name_claim: str
    scopes: tuple[str, ...]
    claims: tuple[Claim, ...]
    admit_unknown: bool  # who is not in `people` is let in with what their claims give them


@dataclass(frozen=True)
class Access:
    """All of it, checked."""

    roles: Mapping[str, frozenset[str]]
    people: Mapping[str, Person] = field(default_factory=dict)
    tokens: Mapping[str, Token] = field(default_factory=dict)  # by id
    local: Person | None = None  # who is on this machine, without signing in
    openid: OpenId | None = None
    four_eyes: bool = False
    idle_minutes: float = 30
    longest_hours: float = 12

    @cached_property
    def names(self) -> frozenset[str]:
        """Those to whom an alert can be assigned."""
        return frozenset(self.people) | ({self.local.name} if self.local else set())

    def person(self, name: str) -> Person | None:
        """Somebody by the name that acts have."""
        if self.local is not None and name == self.local.name:
            return self.local
        return self.people.get(name)

    def claimed(self, claims: Mapping[str, object]) -> Person | None:
        """Whom the provider vouches for: as `people` has them, with what the claims add. None: nobody we know.

        Somebody of `people` is meant by their `subject`; by their name only where access.yaml says no subject of them,
        for at some providers people can change the name they are called by.
        """
        if self.openid is None:
            return None
        subject = str(claims.get("sub", ""))
        name = str(claims.get(self.openid.name_claim) or subject)
        known = next((one for one in self.people.values() if subject and one.subject == subject), None)
        if known is None:
            known = self.people.get(name)
            if known is not None and known.subject:
                return None  # somebody else has taken the name
        if known is None and not (self.openid.admit_unknown and _NAME.fullmatch(name)):
            return None
        roles, entities, everywhere = list(known.roles if known else ()), set[str](), False
        for rule in self.openid.claims:
            if rule.value in _values(claims, rule.claim):
                roles += [role for role in rule.roles if role not in roles]
                everywhere |= rule.entities is None
                entities |= rule.entities or set()
        if known is not None:
            everywhere |= known.scope.entities is None
            entities |= known.scope.entities or set()
        may = frozenset().union(*(self.roles.get(role, frozenset()) for role in roles))
        if not may:
            return None
        scope = EVERYWHERE if everywhere else Scope(frozenset(entities))
        base = known or Person(name, str(claims.get("name") or name)[:100])
        return replace(base, roles=tuple(roles), may=may | base.may, scope=scope)


#: What the provider may call somebody who is new here: letters and digits of any script, and what addresses have.
_NAME = re.compile(r"(?!local$)[\w.@+-]{1,64}")


def _values(claims: Mapping[str, object], path: str) -> list[str]:
    """The texts of a claim: one, or a list of them; a claim that is named as it stands goes before a path."""
    at: object = claims.get(path)
    if at is None:
        at = claims
        for part in path.split("."):
            at = at.get(part) if isinstance(at, Mapping) else None
    return [str(one) for one in at] if isinstance(at, list) else [] if at is None else [str(at)]
