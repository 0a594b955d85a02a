"""A book of margin accounts stands, after any series of updates, as it would if all were computed anew."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.lending import (
    BANDS,
    STANDINGS,
    UNKNOWN,
    Financed,
    LendingError,
    MarginBook,
    Position,
    Short,
    Statement,
    TableError,
    available_margin,
    load_margin_rules,
    margin_band,
)
from tests.lending.facts import minor, rows
from tests.oracle.margin import Account, Slow

RULES = load_margin_rules()
ACCOUNTS, TITLES = 3, 4
HAIRCUTS = [Fraction(0), Fraction(13, 20), Fraction(7, 10), Fraction(1)]

money = st.integers(0, 10**7)
pieces = st.integers(0, 5_000) | st.just(0)
account, title = st.integers(0, ACCOUNTS - 1), st.integers(0, TITLES - 1)
change = st.one_of(
    st.tuples(st.just("state"), account, st.tuples(money, money, money, st.integers(0, 10**4))),
    st.tuples(st.just("hold"), account, title, st.tuples(pieces, pieces, money, st.sampled_from([0, 0, 100]), money)),
    st.tuples(st.just("tick"), title, st.integers(0, 10**6)),
)


def books() -> tuple[MarginBook, Slow]:
    """An empty book of both kinds, with accounts and titles of which nothing is known."""
    book, slow = MarginBook(RULES), Slow()
    for number in range(ACCOUNTS):
        assert book.add_account() == number
        slow.accounts[number] = Account()
    for number, haircut in enumerate(HAIRCUTS):
        assert book.add_instrument(haircut) == number
        slow.haircuts[number] = haircut
    return book, slow


def apply(book: MarginBook, slow: Slow, one: tuple) -> np.ndarray:
    """One change, to both; what the book says changed."""
    if one[0] == "state":
        slow.accounts[one[1]].money = one[2]
        return book.state(one[1], Statement(*one[2]))
    if one[0] == "hold":
        slow.accounts[one[1]].holds[one[2]] = one[3]
        return book.hold(one[1], one[2], Position(*one[3]))
    slow.prices[one[1]] = Fraction(one[2], 10_000)
    return book.tick(one[1], one[2])


def stands(slow: Slow) -> list[tuple[str | None, bool]]:
    return [(slow.band(number), slow.concentrated(number)) for number in range(ACCOUNTS)]


@settings(max_examples=300, deadline=None)
@given(st.lists(change, max_size=40))
def test_after_any_series_of_updates_it_stands_as_computed_anew(changes: list[tuple]) -> None:
    """Bands, concentration and every figure, and exactly the accounts that stand otherwise are said."""
    book, slow = books()
    before = stands(slow)
    for one in changes:
        said = apply(book, slow, one)
        after = stands(slow)
        assert said.tolist() == [n for n in range(ACCOUNTS) if after[n] != before[n]]
        before = after
    for number, (band, concentrated) in enumerate(before):
        found = book.standing(number)
        if band is None:
            assert found is None
            assert book.bands[number] == UNKNOWN
            continue
        assert found is not None
        assert (found.band, found.concentrated) == (band, concentrated)
        assets, debts = slow.worth(number) or (0, 0)
        assert (found.assets, found.debts) == (assets * 100, debts * 100)
        assert found.ratio == (Fraction(assets, debts) if debts else None)
        assert found.largest_share * assets == slow.largest(number)
        available = slow.available(number)
        assert found.available == available
        assert found.withdrawable == max(min(int((assets - 3 * debts) * 100 // 1), available), 0)


near = st.integers(-3, 3)


@given(st.integers(1, 10**15), st.sampled_from([RULES.withdrawal, RULES.warning, RULES.call, RULES.forced_sale]), near)
def test_an_account_on_a_line_is_not_beyond_it_however_large(debt: int, line: Fraction, off: int) -> None:
    """The comparison is exact where a float's would not be."""
    book, _ = books()
    assets = max(int(line * debt) + off, 0)
    book.state(0, Statement(cash=min(assets, 10**15), other=max(assets - 10**15, 0) % 10**15, debt=debt))
    held = min(assets, 10**15) + max(assets - 10**15, 0) % 10**15
    want = sum(held < below * debt for below in (RULES.warning, RULES.call, RULES.forced_sale))
    assert STANDINGS[book.bands[0]] == ("surplus" if held > 3 * debt else BANDS[want])


@pytest.mark.parametrize("row", rows("margin_cases"), ids=lambda r: r["case"] + " " + r["description"])
def test_the_worked_accounts_stand_in_the_book_as_they_should(row: dict[str, str]) -> None:
    book, _ = books()
    book.tick(1, 10_000)  # a share of 1.00, so that pieces are major units
    book.tick(2, int(float(row["short_price"]) * 10_000))
    worth = minor(row["securities_mv"]) // 100
    book.hold(0, 1, Position(financed=worth, financed_for=minor(row["financed_amount"])))
    book.hold(0, 2, Position(short=int(row["short_qty"])))
    debt, interest = minor(row["financed_amount"]), minor(row["interest_fees"])
    book.state(0, Statement(cash=minor(row["cash_incl_short_proceeds"]), debt=debt, interest=interest))
    found = book.standing(0)
    assert found is not None
    over = float(row["maintenance_ratio"]) > 3
    assert found.band == ("surplus" if over else row["band_150_140_130"])
    assert (int(found.assets), int(found.debts)) == (minor(row["assets"]), minor(row["liabilities"]))
    for line, name in ((RULES.warning, "150"), (RULES.call, "140")):
        assert found.cash_to(line) == minor(row[f"cash_topup_to_{name}"])
        assert found.sale_to(line) == minor(row[f"sell_and_repay_to_{name}"])


def test_bands_and_margin_are_those_of_the_functions_for_one_account() -> None:
    """`margin_band` and `available_margin` of the same room, over a grid of values."""
    for own, financed, short, price in product((0, 700), (0, 900), (0, 300), (8, 10, 13)):
        book, _ = books()
        book.tick(1, price * 10_000)
        book.hold(0, 1, Position(own, financed, 900_000, short, 300_000))
        book.state(0, Statement(cash=500_000, debt=900_000, interest=7_000))
        found = book.standing(0)
        assert found is not None
        worth = [n * price * 100 for n in (own, financed, short)]
        assets, debts = 500_000 + worth[0] + worth[1], 907_000 + worth[2]
        assert (found.assets, found.debts) == (assets, debts)
        assert max(STANDINGS.index(found.band), 1) - 1 == margin_band(np.array([assets]), np.array([debts]))[0]
        sides = [Financed(worth[1], 900_000, "0.65")], [Short(300_000, worth[2], "0.65")]
        assert found.available == available_margin(500_000, [(worth[0], "0.65")], *sides, interest=7_000)


def test_an_account_is_unknown_until_it_is_stated_and_all_it_holds_has_a_price() -> None:
    """Unknown is not normal, and a title without a price is not worth nothing."""
    book, _ = books()
    assert book.state(0, Statement(debt=100)).tolist() == [0]
    assert book.hold(0, 1, Position(collateral=10)).tolist() == [0]
    assert book.standing(0) is None
    assert book.tick(1, 100_000).tolist() == [0]
    assert book.standing(0).band == "surplus"
    book.hold(0, 2, Position(short=5))
    assert book.standing(0) is None
    book.hold(0, 2, Position())
    assert book.standing(0).band == "surplus"


def test_what_cannot_be_is_refused_and_changes_nothing() -> None:
    book, _ = books()
    book.state(0, Statement(cash=100, debt=10))
    book.hold(0, 1, Position(collateral=10**6))
    for wrong, said in (
        (lambda: book.state(0, Statement(cash=-1)), "number 1 is -1: negative"),
        (lambda: book.hold(0, 1, Position(collateral=-1)), "no negative figure"),
        (lambda: book.hold(0, 1, Position(financed_for=10**15)), "financed or sold for more than"),
        (lambda: book.hold(0, 1, Position(collateral=10**17)), "one position is worth more than"),
        (lambda: book.tick(1, -1), "a price of -1 is below 0"),
        (lambda: book.tick(1, 10**11), "one position is worth more than"),
        (lambda: book.set_haircut(1, Fraction(3, 2)), r"a haircut of 1\.5 is not from 0 to 1"),
    ):
        with pytest.raises(LendingError, match=said):
            wrong()
    assert book.tick(1, 10_000).tolist() == [0]
    assert book.standing(0).assets == 100 + 10**8


def test_positions_that_are_too_much_together_are_refused() -> None:
    """So that no sum leaves int64."""
    book = MarginBook(RULES)
    book.add_account()
    titles = [book.add_instrument() for _ in range(101)]
    for title in titles:
        book.tick(title, 10_000)
        if title < 100:
            book.hold(0, title, Position(collateral=10**12))
    with pytest.raises(LendingError, match="worth more than 10,000,000,000,000,000 minor units"):
        book.hold(0, 100, Position(collateral=10**12))
    with pytest.raises(LendingError, match="one position is worth more"):
        book.tick(0, 10_001)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("warning: 1.5", "warning: 1.35", "the lines fall from withdrawal to warning to call to forced_sale"),
        ("forced_sale: 1.3", "forced_sale: 1", "forced_sale is over 1"),
        ("withdrawal: 3", "withdrawal: 30", "a ratio from 0 to 5 with at most three decimals"),
        ("share: 0.65", "share: 65", "share is a share from 0 to 1"),
        ("business_days: 2", "business_days: two", "business_days is a whole number from 0 to 60"),
        ("future: 0", "futur: 0", "'futur' is not known here"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(old: str, new: str, said: str, tmp_path: Path) -> None:
    """A house's own table, with line and column."""
    shipped = Path(load_margin_rules.__code__.co_filename).parent / "tables" / "margin_2026.yaml"
    text = shipped.read_text()
    assert old in text
    (tmp_path / "ours.yaml").write_text(text.replace(old, new, 1))
    with pytest.raises(TableError, match=said) as caught:
        load_margin_rules(tmp_path / "ours.yaml")
    assert "ours.yaml:" in str(caught.value)


def test_haircuts_go_by_treatment_then_index_then_kind() -> None:
    """A share counts less than one of an index, and one under special treatment not at all."""
    assert RULES.haircut("share", None, None) == Fraction(13, 20)
    assert RULES.haircut("share", "SSE 180", False) == Fraction(7, 10)
    assert RULES.haircut("share", "SSE 180", True) == 0
    assert RULES.haircut(None, None, None) == 0


@pytest.mark.parametrize("index", ["SSE 180", "SZSE 100", "SSE 50", "sse180", " SZSE  100 "])
def test_a_share_of_an_index_that_the_exchanges_name_counts_more(index: str) -> None:
    """SSE 50 is a part of SSE 180."""
    assert RULES.haircut("share", index, False) == Fraction(7, 10)


@pytest.mark.parametrize("index", ["CSI 1000", "SSE 18", "none", "", " "])
def test_a_share_of_any_other_index_counts_as_a_share(index: str) -> None:
    assert RULES.haircut("share", index, False) == Fraction(13, 20)


@pytest.mark.parametrize("kind", ["fund", "bond", "future", "option", None])
def test_what_is_no_share_counts_by_its_kind_whatever_index_it_names(kind: str | None) -> None:
    """A future on an index is no collateral, and a fund of it counts as a fund."""
    assert RULES.haircut(kind, "SSE 180", False) == RULES.haircut(kind, None, False)
