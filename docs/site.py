"""What the site needs beside mkdocs.yml: pages for what docs/ links to elsewhere in the repository, and Chinese pages.

A link of a page to a file outside of docs/ leads on GitHub to that file; here it leads to a page that shows it, so that
the site needs nobody else's server. A page NAME.zh.md has its headings, menus and search in Chinese.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
#: The folder of the pages that show files of the repository.
SOURCE = "source"
#: A link or an image of Markdown, with its target; those of code blocks are left as they are.
LINK = re.compile(r"(?<=\]\()([^)\s#]+)(#[^)\s]*)?(?=\))")
FENCE = re.compile(r"^(```|~~~)", re.MULTILINE)
#: The sections of the navigation in Chinese.
SECTIONS = {"Home": "首页", "Officer": "风控人员", "On call": "值班人员", "Author": "规则作者", "Developer": "开发者"}
LANGUAGES = {"en": "English", "zh": "中文"}
#: Where the switch of languages leads from a page that is in one language only.
HOMES = {"en": "index.html", "zh": "index.zh.html"}


def outside(page: str, target: str) -> str | None:
    """The path in the repository that a page of docs/ links to outside of docs/; None for every other link."""
    if re.match(r"[a-z]+:|/", target):
        return None
    path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), target))
    return None if path.startswith(("docs/", "..")) or path == "docs" or not (ROOT / path).exists() else path


def shown(path: str) -> str:
    """The source of the page that shows a file or a folder of the repository."""
    return f"{SOURCE}/{path.removesuffix('.md')}.md"


def with_links(text: str, page: str, at: str | None = None) -> str:
    """A page's text whose links out of docs/ lead to the pages that show what is there; `at` is where the page lies."""

    def lead(match: re.Match[str]) -> str:
        path = outside(page, match[1])
        if path is not None:
            heading = (match[2] or "") if path.endswith(".md") else ""
            return posixpath.relpath(shown(path), posixpath.dirname(at or page)) + heading
        if at is not None and match[1].startswith("docs/"):  # a page of the repository's own folder
            return posixpath.relpath(match[1].removeprefix("docs/"), posixpath.dirname(at)) + (match[2] or "")
        return match[0]

    parts = FENCE.split(text)  # text, fence, code, fence, text, …
    return "".join(LINK.sub(lead, part) if place % 4 == 0 else part for place, part in enumerate(parts))


def linked(text: str, page: str) -> set[str]:
    """What a page links to outside of docs/."""
    parts = FENCE.split(text)[::4]
    return {path for part in parts for match in LINK.finditer(part) if (path := outside(page, match[1]))}


def source_page(path: str) -> str:
    """The page that shows a file, or what is in a folder."""
    file = ROOT / path
    head = "---\nsearch:\n  exclude: true\n---\n\n"
    if file.is_dir():
        return f"{head}# {path}\n\n" + "\n".join(f"* [{name}]({file.name}/{name}.md)" for name in inside(path))
    if file.suffix == ".md":
        return head + with_links(file.read_text(), f"../{path}", shown(path))
    language = {".py": "python", ".yaml": "yaml", ".yml": "yaml", ".json": "json"}.get(file.suffix, "text")
    return f"{head}# {path}\n\n```{language}\n{file.read_text().rstrip()}\n```\n"


def inside(path: str) -> list[str]:
    """The files of a folder of the repository that are shown."""
    return sorted(file.name for file in (ROOT / path).iterdir() if file.suffix in {".yaml", ".py"})


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each file of the repository that a page links to."""
    ahead = {path for file in files.documentation_pages() for path in linked(file.content_string, file.src_uri)}
    made: set[str] = set()
    while ahead:
        path = ahead.pop()
        made.add(path)
        if (ROOT / path).is_dir():
            ahead |= {f"{path}/{name}" for name in inside(path)} - made
        elif path.endswith(".md"):
            ahead |= linked((ROOT / path).read_text(), f"../{path}") - made
        files.append(File.generated(config, shown(path), content=source_page(path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Lead links out of docs/ to those pages."""
    return with_links(markdown, page.file.src_uri)


def by_uri(nav: Navigation, uri: str) -> Page | None:
    """A page of the navigation by its source."""
    return next((page for page in nav.pages if page.file.src_uri == uri), None)


def on_page_context(context: dict[str, Any], page: Page, config: MkDocsConfig, nav: Navigation) -> dict[str, Any]:
    """Have a page's menus in its language, and its counterpart in the other one reached from each page."""
    here = page.file.src_uri
    chinese = here.endswith(".zh.md")
    config.theme["language"] = "zh" if chinese else "en"
    english = here.replace(".zh.md", ".md")
    pages = {"en": english, "zh": english.replace(".md", ".zh.md")}
    there = {name: nav_page for name, uri in pages.items() if (nav_page := by_uri(nav, uri)) is not None}
    config.extra["alternate"] = [
        {"name": LANGUAGES[name], "lang": name, "link": there[name].url if name in there else HOMES[name]}
        for name in LANGUAGES
    ]
    back = {zh: en for en, zh in SECTIONS.items()}
    for item in nav.items:
        words = SECTIONS if chinese else back
        if item.title in words:
            item.title = words[item.title]
    return context
