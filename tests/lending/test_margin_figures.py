"""Sums over a book of margin accounts are those of its accounts one by one."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from risk_stream.lending import (
    NO_DEBT,
    RATIOS,
    STANDINGS,
    UNTOLD,
    MarginBook,
    Position,
    Statement,
    band_sums,
    load_margin_rules,
    ratio_sums,
)

RULES = load_margin_rules()
money = st.integers(0, 10**9)
#: Of one account: who keeps it, cash and debt or no statement at all, pieces of two titles, the second without a price.
accounts = st.lists(
    st.tuples(
        st.sampled_from(["Alpha", "Beta"]),
        st.none() | st.tuples(money, st.just(0) | money),
        st.integers(0, 10**5),
        st.sampled_from([0, 0, 0, 100]),
    ),
    max_size=12,
)
PRICE = 123_400


def book_of(given: list[tuple[str, tuple[int, int] | None, int, int]]) -> MarginBook:
    book = MarginBook(RULES)
    priced, unpriced = book.add_instrument(), book.add_instrument()
    for _, stated, pieces, unknown in given:
        account = book.add_account()
        book.hold(account, priced, Position(collateral=pieces))
        book.hold(account, unpriced, Position(short=unknown))
        if stated is not None:
            book.state(account, Statement(cash=stated[0], debt=stated[1]))
    book.tick(priced, PRICE)
    return book


@given(accounts)
def test_each_account_is_in_one_sum_by_band_and_in_one_by_ratio(said) -> None:
    book = book_of(said)
    by_band: dict[tuple[str, str], list[float]] = {}
    by_ratio: dict[str, list[float]] = {}
    for number, (entity, stated, pieces, _) in enumerate(said):
        standing = book.standing(number)
        cash, debt = stated or (0, 0)
        values = [1.0, (cash + Fraction(pieces * PRICE, 100)) / 100, debt / 100]
        places = [(by_band, (UNTOLD if standing is None else standing.band, entity))]
        if standing is not None:
            ratio = None if standing.ratio is None else float(standing.ratio)
            places.append((by_ratio, NO_DEBT if ratio is None else class_of(ratio)))
        for sums, place in places:
            sums[place] = [a + b for a, b in zip(sums.get(place, [0.0, 0.0, 0.0]), values, strict=True)]
    found = band_sums(book, [entity for entity, *_ in said])
    assert {place: [s.accounts, round(s.assets, 2), round(s.debts, 2)] for place, s in found.items()} == {
        place: [n, round(float(assets), 2), round(float(debts), 2)] for place, (n, assets, debts) in by_band.items()
    }
    assert {name: s.accounts for name, s in ratio_sums(book).items() if s.accounts} == {
        name: n for name, (n, _, _) in by_ratio.items()
    }
    assert sum(s.concentrated for s in found.values()) == book.concentrated.sum()


def class_of(ratio: float) -> str:
    """The class whose bounds a ratio lies in, the lower one included."""
    (name,) = (
        name for name in RATIOS for low, _, high in [name.partition("-")] if float(low) <= ratio < float(high or "inf")
    )
    return name


def test_an_account_on_a_line_is_in_the_class_above_it() -> None:
    """As it is in no worse band."""
    book = MarginBook(RULES)
    account, title = book.add_account(), book.add_instrument()
    book.hold(account, title, Position(financed=100_000, financed_for=80_000_000))
    book.state(account, Statement(debt=80_000_000, interest=500_000))
    for price, name in ((120_750, "1.5-1.6"), (112_700, "1.4-1.5"), (104_650, "1.3-1.4"), (104_649, "1.2-1.3")):
        book.tick(title, price)
        assert [one for one, sums in ratio_sums(book).items() if sums.accounts] == [name]


def test_the_names_are_told_in_their_order_also_of_an_empty_book() -> None:
    book = MarginBook(RULES)
    assert list(ratio_sums(book)) == [*RATIOS, NO_DEBT]
    assert band_sums(book, []) == {}
    assert UNTOLD not in STANDINGS


def test_titles_without_a_price_count_as_long_as_somebody_holds_them() -> None:
    book = MarginBook(RULES)
    account, first, second = book.add_account(), book.add_instrument(), book.add_instrument()
    book.hold(account, first, Position(collateral=5))
    book.hold(account, second, Position(short=5))
    assert book.unpriced == [first, second]
    book.hold(account, second, Position())
    assert book.unpriced == [first]
    book.tick(first, 10_000)
    assert book.unpriced == []
