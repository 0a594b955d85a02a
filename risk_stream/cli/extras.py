"""What a command says where it needs a package that an extra brings and nobody has installed."""

from __future__ import annotations

from typing import Final

__all__ = ["EXTRAS", "missing_extra"]

#: The extra that brings a package which the core does without, by the name it is imported by; as in pyproject.toml.
EXTRAS: Final = {
    "apprise": "notices",
    "joserfc": "console",
    "nacl": "notices",
    "river": "models",
    "sklearn": "retrained",
    "threadpoolctl": "retrained",
}


def missing_extra(error: ModuleNotFoundError) -> str | None:
    """The sentence for whoever called the command; None where what is missing is no extra's."""
    package = (error.name or "").partition(".")[0]
    extra = EXTRAS.get(package)
    if extra is None:
        return None
    return f'This needs {package}, which is not installed: pip install "risk-stream[{extra}]".'
