"""Whatever a text holds, it is text in the pages that commands write."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from risk_stream.workbench.markup import code, document, markdown_table, plain, table


class Texts(HTMLParser):
    """The tags of a page, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags, self.texts = list[str](), list[str]()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


hostile = st.text(st.sampled_from("<>&\"'`*_[]|#\n !@~$\\a1"), min_size=1, max_size=20)


@given(hostile, hostile)
def test_a_cell_of_a_page_is_text(head: str, cell: str) -> None:
    page = Texts(document("T", [table([head], [[cell]])]))
    assert [tag for tag in page.tags if tag not in {"meta", "title", "style"}] == [
        *("html", "head", "body", "h1", "table", "tr", "th", "tr", "td")
    ]
    assert f"{head}\n{cell}" in "".join(page.texts)


@given(hostile)
def test_a_cell_of_markdown_is_one_cell_of_text(cell: str) -> None:
    *_, line = markdown_table(["a", "b"], [[cell, "x"]])
    bare = line.replace("\\\\", "").replace("\\|", "")
    assert "\n" not in line
    assert bare.count("|") == 3
    assert not any(sign in plain(cell).replace(f"\\{sign}", "") for sign in "`*_<>|#")


@given(hostile)
def test_code_is_not_left_by_what_it_holds(text: str) -> None:
    said = code(text)
    fence = said[: len(said) - len(said.lstrip("`"))]
    assert fence
    assert said.endswith(fence)
    assert fence not in said[len(fence) : -len(fence)].strip("` ") or not text.strip()


def test_numbers_are_flush_right_and_grouped() -> None:
    assert "<td class=n>1,234</td>" in table(["n"], [[1234]], numbers=[0])
