"""What a provider has signed: its keys, and the claims of an id_token; joserfc's, of the extra `console`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

__all__ = ["ALGORITHMS", "UnknownKeyError", "checked_claims", "keys_of"]

#: Signatures that are believed: none without a key pair.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
#: Clocks may differ by this, s.
LEEWAY = 60


class UnknownKeyError(ValueError):
    """Raised where a token was signed with a key that is not among those known."""


def keys_of(said: Mapping[str, Any]) -> KeySet:
    """The keys that a provider publishes. Raises ValueError."""
    try:
        return KeySet.import_key_set({"keys": list(said["keys"])})
    except (JoseError, KeyError, TypeError, ValueError) as error:
        raise ValueError(repr(error)) from error


def checked_claims(token: str, keys: KeySet, *, client: str, nonce: str, now: int) -> dict[str, Any]:
    """The claims of an id_token made for `client` and for this sign-in, at `now` in seconds since 1970.

    Raises:
        UnknownKeyError: It was signed with another key than these.
        ValueError: It is forged, too old, or of another sign-in.
    """
    try:
        claims = jwt.decode(token, keys, algorithms=ALGORITHMS).claims
        jwt.JWTClaimsRegistry(
            now=now,
            leeway=LEEWAY,
            iss={"essential": True},
            aud={"essential": True, "value": client},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(claims)
    except InvalidKeyIdError as error:
        raise UnknownKeyError(str(error)) from error
    except (JoseError, ValueError) as error:
        raise ValueError(str(error)) from error
    return dict(claims)
