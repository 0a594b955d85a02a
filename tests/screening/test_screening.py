"""Names are found on a list though written in another way, as a slow comparison with all of them finds them."""

from __future__ import annotations

import random
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import JaroWinkler

from risk_stream.screening import LEAST, Index, folded, similarity

GIVEN = ("mohammed", "ahmed", "hassan", "ivan", "sergei", "john", "michael", "david", "maria", "elena", "wei", "ming")
HAN = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗", "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀兰霞平刚桂英华玉萍红建国文志海燕"


def made_up(seed: int, count: int) -> list[str]:
    """So many different names, a fifth of them Chinese."""
    draw = random.Random(seed)

    def surname() -> str:
        syllables = draw.choice((2, 3, 3))
        return "".join(draw.choice("bcdfghklmnprstvz") + draw.choice("aeiou") for _ in range(syllables))

    found: dict[str, None] = {}
    while len(found) < count:
        if draw.random() < 0.2:
            name = draw.choice(HAN[0]) + draw.choice(HAN[1]) + draw.choice(HAN[1])
        else:
            name = f"{draw.choice(GIVEN)} {surname()}{draw.choice('nrsl')}"
        found[name] = None
    return list(found)


def misspelt(name: str, draw: random.Random) -> str:
    """One letter wrong, lost, too many or in the wrong place; and perhaps the parts turned round, or in capitals."""
    at = draw.randrange(1, len(name))
    letter = draw.choice("abcdefghijklmnopqrstuvwxyz")
    forms = [name[:at] + letter + name[at + 1 :], name[:at] + name[at + 1 :], name[:at] + letter + name[at:]]
    if at + 1 < len(name):
        forms.append(name[:at] + name[at + 1] + name[at] + name[at + 2 :])
    form = name if ord(name[0]) > 0x3400 else draw.choice(forms)
    parts = form.split()
    form = " ".join(parts[::-1] if draw.random() < 0.4 else parts)
    return form.upper() if draw.random() < 0.5 else form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Saddam HUSSEIN", "hussein, saddam"),
        ("José Ángel Peña", "jose angel pena"),
        ("Łukasz Ørsted", "Lukasz Orsted"),
        ("Sean O'Brien", "Sean OBrien"),
        ("Zhang Wei-Ming", "Weiming Zhang"),
        ("Ｊｏｈｎ Smith", "John Smith"),
        ("張偉明", "张伟明"),
        ("陳 大文", "陈大文"),
        ("Straße AG", "strasse ag"),
    ],
)
def test_names_that_differ_in_writing_alone_are_the_same(one: str, other: str) -> None:
    """Case, accents, signs, widths of letters, order, joined parts, and traditional characters."""
    assert similarity(one, other) == similarity(other, one) == 1.0


@pytest.mark.parametrize(
    ("one", "other", "least"),
    [
        ("Jon Smith", "John Smith", 0.9),
        ("Mohammed Al Fayed", "Mohamed Al-Fayed", 0.95),
        ("Vladimir Ivanov", "Vladmir Ivanof", 0.9),
        ("John Smith", "John Michael Smith", 0.85),
        ("王小明", "王小朋", 0.8),
    ],
)
def test_misspelt_names_are_alike(one: str, other: str, least: float) -> None:
    assert least <= similarity(one, other) < 1.0


@pytest.mark.parametrize(
    ("one", "other"), [("John Smith", "Maria Garcia"), ("王小明", "李建国"), ("", "x"), ("-", "-")]
)
def test_names_that_are_not_alike_have_nothing(one: str, other: str) -> None:
    assert similarity(one, other) == 0.0


def test_the_whole_name_is_compared_by_jaro_winkler() -> None:
    """As published: 0.961 of Martha and Marhta, 0.84 of Dwayne and Duane, 0.813 of Dixon and Dicksonx."""
    assert similarity("Martha", "Marhta") == pytest.approx(0.9611, abs=1e-4)
    assert similarity("Dwayne", "Duane") == pytest.approx(0.84, abs=1e-4)
    assert similarity("Dixon", "Dicksonx") == pytest.approx(0.8133, abs=1e-4)


def slow(one: str, other: str) -> float:
    """The score by its words: every pair, every turn, every order."""
    left, right = folded(one), folded(other)
    few, many = sorted((len(left.pairs), len(right.pairs)))
    shared = sum(pair in right.pairs for pair in left.pairs)
    if not few or shared / few < 0.5:
        return 0.0
    turned = ["".join(left.parts[i:] + left.parts[:i]) for i in range(len(left.parts))]
    best = max(JaroWinkler.similarity(turn, "".join(right.parts)) for turn in turned)
    if shared / many >= 0.6:
        a, b = sorted((left.parts, right.parts), key=len)
        total = len("".join(a)) + len("".join(b))
        for order in permutations(b, len(a)):
            weights = [(len(x) + len(y)) * JaroWinkler.similarity(x, y) for x, y in zip(a, order, strict=True)]
            best = max(best, sum(weights) / total)
    return best if best >= 0.7 else 0.0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 300))
def test_an_index_gives_the_scores_of_the_slow_comparison(seed: int, split: int) -> None:
    """Whatever else it holds, and whether members came before it was asked or after."""
    draw, members, index = random.Random(seed), made_up(seed, 300), Index()
    for member in members[:split]:
        index.add(member)
    name = misspelt(draw.choice(members), draw)
    index.like(name)
    for member in members[split:]:
        index.add(member)
    wanted = sorted((-score, member) for member in members if (score := slow(name, member)))
    found = [(-hit.score, hit.member) for hit in index.like(name)]
    assert [member for _, member in found] == [member for _, member in wanted]
    assert [score for score, _ in found] == pytest.approx([score for score, _ in wanted])
    assert all(-score >= LEAST for score, _ in found)


def test_blocking_loses_few_of_those_that_a_full_scan_finds() -> None:
    """Of misspelt names whose own entry a scan without letter pairs would find at 0.85: 99 of 100 are found."""
    draw, members, index = random.Random(5), made_up(5, 5_000), Index()
    for member in members:
        index.add(member)
    scanned = found = 0
    for member in draw.sample(members, 1_000):
        name = misspelt(member, draw)
        left, right = folded(name), folded(member)
        turned = ["".join(left.parts[i:] + left.parts[:i]) for i in range(len(left.parts))]
        if max(JaroWinkler.similarity(turn, right.joined) for turn in turned) >= 0.85:
            scanned += 1
            found += any(hit.member == member and hit.score >= 0.85 for hit in index.like(name))
    assert scanned > 900
    assert found / scanned >= 0.99


def test_a_member_that_is_added_twice_is_one() -> None:
    index = Index()
    index.add("John Smith")
    index.add("John Smith")
    assert len(index) == 1
    assert [hit.member for hit in index.like("john smith")] == ["John Smith"]
