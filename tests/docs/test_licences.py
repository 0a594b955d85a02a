"""Whom the house stands on: every locked package has a licence that may be used, and is listed."""

from __future__ import annotations

import re
from importlib.metadata import distribution

import pytest

from docs.licences import CARRIED, EXCEPTIONS, PAGE, groups, licence, locked, refused

LOCKED = locked()
GROUPS = groups()


@pytest.mark.parametrize("name", sorted(LOCKED))
def test_the_licence_of_a_locked_package_may_be_used(name: str) -> None:
    """Apache, BSD, MIT, MPL, PSF, ISC and their like, or an exception that is said by name with its reason."""
    assert refused(licence(name)) == [] or name in EXCEPTIONS, f"{name} is {licence(name)}"


@pytest.mark.parametrize("name", sorted(LOCKED))
def test_a_locked_package_is_listed(name: str) -> None:
    """With its version and licence: `make docs` writes the page anew."""
    [row] = re.findall(
        rf"^\| {re.escape(name)} \| (.*?) \| (.*?) \|$", PAGE.read_text().split("## Not by")[0], re.MULTILINE
    )
    assert row[0] == " or ".join(LOCKED[name])
    if distribution(name).version == LOCKED[name][0]:  # another Python may have another version, with other words
        assert row[1] == licence(name)


def test_what_a_house_installs_has_no_copyleft_of_its_own() -> None:
    """That is of developers' tools alone."""
    installed = {name for group, names in GROUPS.items() if group not in {"dev", "site"} for name in names}
    assert len(installed) > 60
    assert {name for name in installed if "GPL" in licence(name)} == set()


def test_an_exception_is_of_a_package_that_is_locked() -> None:
    """None stays behind when its package goes."""
    assert {*EXCEPTIONS, *CARRIED} <= set(LOCKED)


def test_a_licence_that_asks_for_more_is_refused() -> None:
    """Also where it is one of several."""
    assert refused("MIT") == refused("MPL-2.0 AND (Apache-2.0 OR MIT)") == []
    assert refused("MIT AND GPL-3.0-only") == ["GPL-3.0-only"]
    assert refused("none said") == ["none said"]


def test_wheels_with_libraries_of_others_say_whose() -> None:
    """Compilers' run times and the like, which a package's own licence does not name."""
    for name in LOCKED:
        folders = {file.parts[0] for file in distribution(name).files or [] if file.parts[0].endswith(".libs")}
        assert not folders or name in CARRIED, f"{name} carries {folders}"
