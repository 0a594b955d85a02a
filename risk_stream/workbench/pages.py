"""Writes a book of rules as one file: HTML that needs nothing else and can be printed, or Markdown.

What rules say is text in both, whatever it looks like.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import groupby

from risk_stream.workbench.book import Book, Fact, RulePage
from risk_stream.workbench.markup import code, document, markdown_table, plain, table, table_of_html

__all__ = ["as_html", "as_markdown"]

_TITLE = "Rules"
_HEADS = ("rule", "owner", "severity", "mode", "version")


def as_html(made: Book) -> str:
    """One self-contained HTML file."""
    return document(_TITLE, _html(made))


def _html(made: Book) -> Iterator[str]:
    yield f"<p>{escape(made.said)}. Plan <code>{escape(made.plan)}</code>.</p>"
    for stage, pages in _by_stage(made):
        yield f"<section>\n<h2>{escape(stage)}</h2>"
        yield table_of_html(_HEADS, [_html_row(page) for page in pages])
        for page in pages:
            yield from _html_page(page)
        yield "</section>"


def _html_row(page: RulePage) -> list[str]:
    rest = [escape(text) for text in (page.owner, page.severity, page.mode)]
    return [f'<a href="#{escape(page.id)}">{escape(page.id)}</a>', *rest, f"<code>{escape(page.version)}</code>"]


def _html_page(page: RulePage) -> Iterator[str]:
    yield f'<article id="{escape(page.id)}">\n<h3>{escape(page.id)}</h3>\n<dl>'
    for fact in page.facts:
        text = escape(fact.text)
        yield f"<dt>{escape(fact.label)}</dt><dd>{f'<code>{text}</code>' if fact.code else text}</dd>"
    yield "</dl>"
    for held in page.tables:
        yield table(held.heads, held.rows, title=held.title)
    yield "</article>"


def as_markdown(made: Book) -> str:
    """One Markdown file, with tables as GitHub has them."""
    parts = [f"# {_TITLE}", f"{plain(made.said)}. Plan {code(made.plan)}."]
    for stage, pages in _by_stage(made):
        parts.append(f"## {plain(stage)}")
        rows = [(page.id, page.owner, page.severity, page.mode, page.version) for page in pages]
        parts.append("\n".join(markdown_table(_HEADS, rows)))
        for page in pages:
            parts += _markdown_page(page)
    return "\n\n".join(parts) + "\n"


def _markdown_page(page: RulePage) -> Iterator[str]:
    yield f"### {plain(page.id)}"
    yield "\n".join(f"* **{fact.label}**: {_markdown_fact(fact)}" for fact in page.facts)
    for held in page.tables:
        yield "\n".join([f"**{held.title}**\n", *markdown_table(held.heads, held.rows)])


def _markdown_fact(fact: Fact) -> str:
    return code(fact.text) if fact.code else plain(fact.text)


def _by_stage(made: Book) -> Iterator[tuple[str, list[RulePage]]]:
    for stage, pages in groupby(made.pages, key=lambda page: page.stage):
        yield stage, list(pages)
