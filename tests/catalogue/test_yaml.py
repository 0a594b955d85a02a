"""The YAML reader knows where everything stands, is fast, and cannot be made to explode."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.catalogue import Node, Problem, ProblemsError, read_yaml
from risk_stream.catalogue import yaml as reader

TEXT = """\
stage: pre_loan
rules:
  - id: first
    on: application
    when: >
      amount > 5
    score: 40
    live: true
    since: 2026-03-01
    note:
"""


def refusal(text: str) -> str:
    with pytest.raises(ProblemsError) as caught:
        read_yaml(text, "f.yaml")
    return str(caught.value)


def test_every_value_and_key_has_its_place() -> None:
    """Lines and columns count from 1."""
    root = read_yaml(TEXT, "rules.yaml")
    rule = root["rules"].value[0]
    assert (root["stage"].line, root["stage"].column) == (1, 8)
    assert (rule.line, rule.column) == (3, 5)
    assert (rule["when"].line, rule["when"].style) == (5, ">")
    assert (rule.key("score").line, rule.key("score").column) == (7, 5)
    assert str(rule["score"].problem("is low", "first")) == "rules.yaml:7:12: is low"


def test_scalars_are_what_yaml_1_2_says() -> None:
    """`on`, `no`, dates and hex stay text; only true and false are yes-or-no."""
    text = "{on: no, a: true, b: 12, c: -1.5e3, d: ~, e: 2026-03-01, f: '5', g: 0x1f, h: 1e999, i: .5, j: 1_000}"
    assert read_yaml(text).plain() == {
        "on": "no",
        "a": True,
        "b": 12,
        "c": -1500.0,
        "d": None,
        "e": "2026-03-01",
        "f": "5",
        "g": "0x1f",
        "h": "1e999",
        "i": 0.5,
        "j": "1_000",
    }


def test_a_node_says_what_it_is() -> None:
    """In a word for messages, and by `in` and `[]`."""
    root = read_yaml("{a: [], b: {}, c: x, d: 1, e: true, f: }")
    kinds = ["list", "mapping", "text", "number", "yes-or-no", "nothing"]
    assert [child.kind for _, child in root.items()] == kinds
    assert "a" in root
    assert "z" not in root
    assert root.get("z") is None
    with pytest.raises(KeyError):
        root["z"]


def test_an_empty_file_is_nothing() -> None:
    """Not an error of its own: the reader of the content decides."""
    assert read_yaml("# only a comment\n").value is None


def test_all_doubled_keys_are_named() -> None:
    """A second value would silently win otherwise."""
    assert refusal("a: 1\nb:\n  c: 1\n  c: 2\na: 2\n") == (
        'f.yaml:4:3: "c" is given twice (first in line 3); remove one\n'
        'f.yaml:5:1: "a" is given twice (first in line 1); remove one'
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: &x 1\nb: *x\n", "f.yaml:1:4: anchors (&) and aliases (*) are not used here"),
        ("a: &a [*a]", "f.yaml:1:4: anchors"),
        ("a: !!python/name:os.system x", "f.yaml:1:4: tags such as"),
        ("[" * 60 + "]" * 60, "f.yaml:1:41: mappings and lists are more than 40 deep"),
        ("[" * 100_000, "f.yaml:1:1001: this is not YAML"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: a second document begins here"),
        ("[a, b]: 1", "f.yaml:1:1: a key must be plain text"),
        ("a: [1, 2\nb: 3\n", "f.yaml:2:2: this is not YAML"),
        ("a: 'x\n", "f.yaml:2:1: this is not YAML"),
        ("a: b: c", "f.yaml:1:5: this is not YAML"),
        ("\ta: 1", "f.yaml:1:1: this line is indented with a tab, which YAML does not allow: write spaces"),
        ("a: \x00", "f.yaml:1:4: the character U+0000 is not allowed"),
        ("a: 1\nb: \ud800", "f.yaml:2:1: the text holds half of a surrogate pair"),
        ("a: 1 # \u202e", "f.yaml:1:8: the character U+202E does not show"),
        ('a: 1\nb: ["\\e[0m"]', "f.yaml:2:5: the character U+001B in this text does not show"),
        ("[" + "a," * reader.MAX_NODES + "]", "f.yaml:1:1200000: the file has more than 600,000 values and keys"),
        ("x" * (reader.MAX_BYTES + 1), "f.yaml: the file is larger than 16 MiB"),
    ],
    ids=lambda value: value[:24],
)
def test_bad_form_is_refused_in_a_sentence(text: str, said: str) -> None:
    """With the place, and before anything grows."""
    assert refusal(text).startswith(said)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Absent, a folder, or not UTF-8."""
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("a: 1\nb: café".encode("latin-1"))
    for path, said in ((tmp_path / "none.yaml", "No such file"), (tmp_path, "directory"), (latin, "not UTF-8")):
        with pytest.raises(ProblemsError, match=said) as caught:
            read_yaml(path)
        assert str(caught.value).startswith(str(path))


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    """Windows editors write one."""
    path = tmp_path / "bom.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert read_yaml(path).plain() == {"a": 1}


@given(st.text(max_size=200))
def test_no_text_makes_it_fall_over(text: str) -> None:
    """A Node or problems, whatever is in a file."""
    try:
        read: Node | list[Problem] = read_yaml(text)
    except ProblemsError as error:
        read = error.problems
    assert isinstance(read, Node) or read


def test_a_line_of_a_large_file_takes_no_longer_than_one_of_a_small_file() -> None:
    """Files of thousands of rules load: what a line takes does not grow with the lines before it."""

    def seconds_a_rule(count: int) -> float:
        rule = "  - id: rule-{0}\n    on: transfer\n    when: a > {0} and b < 2\n    score: 4\n"
        text = "rules:\n" + "".join(map(rule.format, range(count)))
        took = []
        for _ in range(3):
            start = time.process_time()
            root = read_yaml(text)
            took.append(time.process_time() - start)
            assert len(root["rules"].value) == count
        return min(took) / count

    assert seconds_a_rule(3_000) < 3 * seconds_a_rule(500)
