"""Pickles that are believed only with our seal, and that may hold nothing but what models of River are made of."""

from __future__ import annotations

import hashlib
import hmac
import io
import pickle
import secrets
from typing import Any

__all__ = ["open_seal", "seal"]

#: The key where none is given.
_OWN = secrets.token_bytes(32)
_BYTES = hashlib.sha256().digest_size

#: Modules whose classes a model may hold; of a package of River, whatever module they stand in.
_RIVER = frozenset(
    {
        *("_river_rust", "anomaly", "base", "cluster", "covariance", "drift", "ensemble", "forest", "linear_model"),
        *("metrics", "misc", "naive_bayes", "neighbors", "optim", "preprocessing", "proba", "sketch", "stats"),
        *("time_series", "tree", "utils", "compose"),
    }
)
#: Other classes and functions that a pickle of them asks for.
_OTHERS = frozenset(
    {
        *(("builtins", name) for name in ("bool", "complex", "dict", "float", "frozenset", "int", "list", "object")),
        *(("builtins", name) for name in ("set", "slice", "str", "tuple", "bytearray", "range")),
        *(("collections", name) for name in ("Counter", "OrderedDict", "defaultdict", "deque")),
        ("copyreg", "_reconstructor"),
        ("functools", "partial"),
        ("random", "Random"),
        ("numpy", "dtype"),
        ("numpy", "ndarray"),
        *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
        *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
        ("numpy.random.mtrand", "RandomState"),
        ("numpy.random._mt19937", "MT19937"),
        ("numpy.random._pickle", "__randomstate_ctor"),
        ("numpy.random._pickle", "__bit_generator_ctor"),
        ("river.naive_bayes.gaussian", "GaussianNB._make_gaussian"),
        ("risk_stream.models.river", "OrderedKMeans"),
    }
)


class _Careful(pickle.Unpickler):
    """Finds classes of River and a few harmless others, and nothing that could be called to do harm."""

    def find_class(self, module: str, name: str) -> Any:
        parts = module.split(".")
        if (module, name) in _OTHERS:
            return super().find_class(module, name)
        if parts[0] == "river" and len(parts) > 1 and parts[1] in _RIVER and "." not in name:
            found = super().find_class(module, name)
            # Parts in Rust name a function that makes an empty object of theirs.
            if isinstance(found, type) or parts[1] == "_river_rust":
                return found
        raise ValueError(f"what was saved of this model asks for {module}.{name}, which no model is made of")


def seal(state: object, key: bytes) -> bytes:
    """A pickle of a state behind its HMAC-SHA256; without a key it is good in this process alone."""
    data = pickle.dumps(state, protocol=5)
    return hmac.digest(key or _OWN, data, "sha256") + data


def open_seal(sealed: bytes, key: bytes) -> Any:
    """The state that was sealed with this key.

    Raises:
        ValueError: The seal is not ours, or the pickle asks for what no model is made of. Nothing was run then.
    """
    mac, data = sealed[:_BYTES], sealed[_BYTES:]
    if not hmac.compare_digest(mac, hmac.digest(key or _OWN, data, "sha256")):
        raise ValueError("what was saved of this model was changed, or sealed with another key")
    try:
        return _Careful(io.BytesIO(data)).load()
    except ValueError:
        raise
    except Exception as error:  # a pickle may fail in any way
        raise ValueError(f"what was saved of this model cannot be read: {type(error).__name__}") from error
