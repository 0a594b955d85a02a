"""Writes a book of rules as one file: HTML that needs nothing else and can be printed, or Markdown.

What rules say is text in both, whatever it looks like.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from itertools import groupby

from risk_stream.workbench.book import Book, Fact, RulePage

__all__ = ["as_html", "as_markdown"]

_STYLE = """
body { margin: 2rem auto; max-width: 60rem; padding: 0 1rem; color: #1a1a1a; background: #fff;
  font: 15px/1.5 system-ui, sans-serif; }
h1, h2, h3 { line-height: 1.2; }
h2 { margin-top: 2.5rem; border-bottom: 2px solid #1a1a1a; }
article { margin: 1.5rem 0; padding-top: .5rem; border-top: 1px solid #bbb; }
table { width: 100%; border-collapse: collapse; margin: .5rem 0; }
caption { text-align: left; font-weight: 600; }
th, td { padding: .2rem .6rem .2rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid #ddd;
  overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: 8rem 1fr; gap: .2rem .8rem; }
dt { font-weight: 600; } dd { margin: 0; overflow-wrap: anywhere; }
code { font: 13px/1.4 ui-monospace, monospace; }
a { color: inherit; }
@media print { body { margin: 0; max-width: none; font-size: 10pt; } article, tr { break-inside: avoid; } }
"""
#: The browser is told to load nothing, so that even a mistake here could not send anything anywhere.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_TITLE = "Rules"
_HEADS = ("rule", "owner", "severity", "mode", "version")


def as_html(made: Book) -> str:
    """One self-contained HTML file."""
    lines = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_TITLE}</title>\n<style>{_STYLE}</style>\n</head>\n<body>",
        f"<h1>{_TITLE}</h1>\n<p>{escape(made.said)}. Plan <code>{escape(made.plan)}</code>.</p>",
    ]
    for stage, pages in _by_stage(made):
        lines.append(f"<section>\n<h2>{escape(stage)}</h2>")
        lines += _html_table("", _HEADS, [_html_row(page) for page in pages])
        for page in pages:
            lines += _html_page(page)
        lines.append("</section>")
    return "\n".join([*lines, "</body>\n</html>\n"])


def _html_row(page: RulePage) -> list[str]:
    rest = [escape(text) for text in (page.owner, page.severity, page.mode)]
    return [f'<a href="#{escape(page.id)}">{escape(page.id)}</a>', *rest, f"<code>{escape(page.version)}</code>"]


def _html_page(page: RulePage) -> Iterator[str]:
    yield f'<article id="{escape(page.id)}">\n<h3>{escape(page.id)}</h3>\n<dl>'
    for fact in page.facts:
        text = escape(fact.text)
        yield f"<dt>{escape(fact.label)}</dt><dd>{f'<code>{text}</code>' if fact.code else text}</dd>"
    yield "</dl>"
    for table in page.tables:
        yield from _html_table(table.title, table.heads, [list(map(escape, row)) for row in table.rows])
    yield "</article>"


def _html_table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table of cells that are HTML already."""
    yield "<table>" + (f"<caption>{escape(title)}</caption>" if title else "")
    yield "<tr>" + "".join(f"<th>{escape(head)}</th>" for head in heads) + "</tr>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
    yield "</table>"


def as_markdown(made: Book) -> str:
    """One Markdown file, with tables as GitHub has them."""
    parts = [f"# {_TITLE}", f"{_text(made.said)}. Plan {_code(made.plan)}."]
    for stage, pages in _by_stage(made):
        parts.append(f"## {_text(stage)}")
        rows = [(page.id, page.owner, page.severity, page.mode, page.version) for page in pages]
        parts.append(_markdown_table(_HEADS, rows))
        for page in pages:
            parts += _markdown_page(page)
    return "\n\n".join(parts) + "\n"


def _markdown_page(page: RulePage) -> Iterator[str]:
    yield f"### {_text(page.id)}"
    yield "\n".join(f"* **{fact.label}**: {_markdown_fact(fact)}" for fact in page.facts)
    for table in page.tables:
        yield f"**{table.title}**\n\n{_markdown_table(table.heads, table.rows)}"


def _markdown_fact(fact: Fact) -> str:
    return _code(fact.text) if fact.code else _text(fact.text)


def _markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *([_text(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _text(text: str) -> str:
    """Text in one line, in which nothing is markup."""
    return re.sub(r"([\\`*_\[\]<>#|~&$])", r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    """Text in one line as code, whatever backticks it holds."""
    said = " ".join(text.split())
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", said)), default=0))
    return f"{fence} {said} {fence}" if said.startswith("`") or said.endswith("`") else f"{fence}{said}{fence}"


def _by_stage(made: Book) -> Iterator[tuple[str, list[RulePage]]]:
    for stage, pages in groupby(made.pages, key=lambda page: page.stage):
        yield stage, list(pages)
