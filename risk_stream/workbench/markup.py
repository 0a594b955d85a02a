"""HTML and Markdown that need nothing else: one look for all pages that commands write, in which no text is markup."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from html import escape

__all__ = ["code", "document", "markdown_table", "plain", "table", "table_of_html"]

_STYLE = """
:root{color-scheme:light dark;
--ink:#1b2733;--soft:#5c6b7a;--line:#dde3ea;--paper:#fff;--before:#9aa9b8;--after:#1f6feb}
@media (prefers-color-scheme:dark){
:root{--ink:#e6edf3;--soft:#93a1b0;--line:#2d3743;--paper:#0f151b;--before:#5c6b7a;--after:#58a6ff}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);
max-width:60rem;margin:2rem auto;padding:0 1rem}
h1,h2,h3{line-height:1.2}h1{font-size:1.5rem;margin:0}
h2{font-size:1.1rem;margin:2.2rem 0 .4rem;border-top:1px solid var(--line);padding-top:1rem}
article{margin:1.5rem 0;padding-top:.5rem;border-top:1px solid var(--line)}
p{margin:.3rem 0}.soft{color:var(--soft)}a{color:inherit}
code{font:13px/1.4 ui-monospace,monospace;overflow-wrap:anywhere}
table{border-collapse:collapse;width:100%;margin:.6rem 0;font-size:14px}caption{text-align:left;font-weight:600}
th{font-weight:500;color:var(--soft);text-align:left}
th,td{padding:.25rem .6rem .25rem 0;border-bottom:1px solid var(--line);vertical-align:top;overflow-wrap:anywhere}
dl{display:grid;grid-template-columns:8rem 1fr;gap:.2rem .8rem}dt{font-weight:600}dd{margin:0;overflow-wrap:anywhere}
.n{text-align:right;font-variant-numeric:tabular-nums}svg{display:block;width:100%;height:auto}
.key i{display:inline-block;width:.7rem;height:.7rem;border-radius:2px;margin:0 .3rem 0 1rem}
@media print{body{margin:0;max-width:none;font-size:10pt}h2{break-after:avoid}svg,article,tr{break-inside:avoid}}
"""
#: The browser is told to load nothing, so that even a mistake here could not send anything anywhere.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

# HTML


def document(title: str, body: Iterable[str]) -> str:
    """A whole page, light and dark, fit for printing; `title` is text, `body` HTML."""
    head = (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>",
    )
    return "\n".join([*head, *body, "</body>\n</html>\n"])


def table(
    heads: Sequence[str], rows: Iterable[Sequence[object]], *, title: str = "", numbers: Collection[int] = ()
) -> str:
    """A table of texts and numbers; the columns `numbers` are flush right."""
    made = ([escape(f"{cell:,}" if isinstance(cell, int) else str(cell)) for cell in row] for row in rows)
    return table_of_html(heads, made, title=title, numbers=numbers)


def table_of_html(
    heads: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "", numbers: Collection[int] = ()
) -> str:
    """A table of cells that are HTML already."""

    def line(tag: str, cells: Iterable[str]) -> str:
        marked = (f"<{tag}{' class=n' if at in numbers else ''}>{cell}</{tag}>" for at, cell in enumerate(cells))
        return f"<tr>{''.join(marked)}</tr>"

    caption = f"<caption>{escape(title)}</caption>" if title else ""
    lines = [line("th", map(escape, heads)), *(line("td", row) for row in rows)]
    return "\n".join([f"<table>{caption}", *lines, "</table>"])


# Markdown


def plain(text: str) -> str:
    """Text in one line, in which nothing is markup."""
    return re.sub(r"([\\`*_\[\]<>#|~&$@!])", r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Text in one line as code, whatever backticks it holds."""
    said = " ".join(text.split())
    fence = "`" * (1 + max((len(run) for run in re.findall(r"`+", said)), default=0))
    return f"{fence} {said} {fence}" if said.startswith("`") or said.endswith("`") else f"{fence}{said}{fence}"


def markdown_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table of texts."""
    for line in (heads, ["---"] * len(heads), *([plain(cell) for cell in row] for row in rows)):
        yield f"| {' | '.join(line)} |"
