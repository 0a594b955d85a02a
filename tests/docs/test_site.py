"""The documentation as a site: built without a warning, whole in itself, every page in the navigation."""

from __future__ import annotations

import html.parser
import json
import os
import re
import subprocess
import sys
import urllib.parse
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from docs.site import linked, outside, with_links

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


class _Anything(yaml.SafeLoader):
    """YAML whose Python objects are left out: mkdocs.yml names a function."""


_Anything.add_multi_constructor("tag:yaml.org,2002:python/", lambda *_: None)


def _pages(entry: Any) -> list[str]:
    """The pages of a part of the navigation."""
    if isinstance(entry, str):
        return [entry]
    return [page for one in (entry.values() if isinstance(entry, dict) else entry) for page in _pages(one)]


NAV = _pages(yaml.load((ROOT / "mkdocs.yml").read_text(), _Anything)["nav"])


@pytest.mark.parametrize("page", sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")))
def test_a_page_is_in_the_navigation(page: str) -> None:
    """Under the reader that it is for; else nobody finds it."""
    assert page in NAV, f"docs/{page} is in no section of nav in mkdocs.yml"


def test_the_navigation_names_each_page_once() -> None:
    """And none that is not there."""
    assert len(NAV) == len(set(NAV))
    assert [page for page in NAV if not (DOCS / page).is_file()] == []


def test_a_link_out_of_docs_leads_to_a_page_that_shows_what_is_there() -> None:
    """From every folder; other links, and what is code, stay as they are."""
    text = "[a](../rules/profile.yaml) [b](rules.md#arrears)\n```yaml\n[c](../rules/profile.yaml)\n```\n[d](../LICENSE)"
    said = with_links(text, "margin.md")
    assert said == (
        "[a](source/rules/profile.yaml.md) [b](rules.md#arrears)\n```yaml\n[c](../rules/profile.yaml)\n```\n"
        "[d](source/LICENSE.md)"
    )
    assert linked(text, "margin.md") == {"rules/profile.yaml", "LICENSE"}
    assert with_links("[a](../../rules/profile.yaml)", "tours/x.md") == "[a](../source/rules/profile.yaml.md)"
    assert outside("tours/x.md", "../rules.md") is None
    assert outside("x.md", "https://example.com/../rules") is None


class _Parts(html.parser.HTMLParser):
    """What a page loads, where it leads, and its language."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.ids: set[str] = set()
        self.language = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "html":
            self.language = said.get("lang", "")
        if "id" in said:
            self.ids.add(said["id"])
        if tag == "a" and "href" in said:
            self.leads.append(said["href"])
        self.loads += [said[name] for name in ("src", "srcset", "data") if name in said]
        if tag == "link" and said.get("rel") not in {"canonical", "next", "prev", "alternate"}:
            self.loads.append(said.get("href", ""))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make site` builds it: a warning is a fault."""
    folder = tmp_path_factory.mktemp("site")
    ran = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")
    return folder


@cache
def _parts(path: Path) -> _Parts:
    return _Parts(path.read_text())


def test_every_page_loads_only_what_is_beside_it(site: Path) -> None:
    """No font, script, style or picture of another server; and all of it is there."""
    pages = [path for path in site.rglob("*.html") if path.name != "404.html"]
    assert len(pages) > len(NAV)
    for page in pages:
        for target in _parts(page).loads:
            parts = urllib.parse.urlsplit(target)
            assert not parts.netloc, f"{page.name} loads {target}"
            if parts.scheme != "data":
                assert (page.parent / urllib.parse.unquote(parts.path)).is_file(), f"{page.name} loads {target}"
    for sheet in site.rglob("*.css"):
        assert re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//[^)\"']*", sheet.read_text()) == [], sheet.name


def test_every_link_of_the_site_leads_somewhere(site: Path) -> None:
    """To a page and, where it says so, to a heading of it; also from the pages that show files."""
    for page in site.rglob("*.html"):
        if page.name == "404.html":
            continue
        for target in _parts(page).leads:
            parts = urllib.parse.urlsplit(target)
            if parts.scheme or target in {"", "javascript:void(0)"}:
                continue
            there = (page.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else page
            there = there / "index.html" if there.is_dir() else there
            assert there.is_file(), f"{page.relative_to(site)} leads to {target}"
            if parts.fragment and there.suffix == ".html":
                assert urllib.parse.unquote(parts.fragment) in _parts(there).ids, f"{page.name} leads to {target}"


def test_both_languages_have_a_page_to_begin_with(site: Path) -> None:
    """In menus of their own, each leading to the other."""
    english, chinese = _parts(site / "index.html"), _parts(site / "index.zh.html")
    assert (english.language, chinese.language) == ("en", "zh")
    assert "index.zh.html" in english.leads
    assert "index.html" in chinese.leads
    assert "值班人员" in (site / "index.zh.html").read_text()
    assert "值班人员" not in (site / "index.html").read_text()
    assert "guide.zh.html" in _parts(site / "guide.html").leads


def test_all_pages_can_be_searched(site: Path) -> None:
    """In both languages; the pages that show files are not in the way."""
    index = json.loads((site / "search" / "search_index.json").read_text())
    found = {entry["location"].partition("#")[0] for entry in index["docs"]}
    assert {page.replace(".md", ".html") for page in NAV} <= found
    assert not any(place.startswith("source/") for place in found)
    split = re.compile(index["config"]["separator"])
    assert [word for word in split.split("规则 checkpoint-ratio") if word] == ["规", "则", "checkpoint", "ratio"]
