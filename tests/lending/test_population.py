"""Those who apply beside those who applied before: what the stability of a population says."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk_stream.calendars import shipped
from risk_stream.catalogue import Decoder, EventBatch, load_catalogue
from risk_stream.lending import LendingError, Population, stability_index

CATALOGUE = load_catalogue()
CHINA = shipped()["china"]


def applications(month: int, amounts: list[float | None], product: str = "consumer") -> EventBatch:
    events: list[dict[str, Any]] = [
        {
            "id": f"{month}-{i}",
            "type": "application",
            "time": f"2026-{month:02}-10T08:00:00Z",
            "loan": f"L{i}",
            "customer": f"C{i}",
            "amount": 1.0,
            "product": product,
            **({} if amount is None else {"declared_income": amount}),
        }
        for i, amount in enumerate(amounts)
    ]
    return decoded(events)


def decoded(events: list[dict[str, Any]]) -> EventBatch:
    batch, _, rejects = Decoder(CATALOGUE).decode([orjson.dumps(event) for event in events], str)
    assert rejects == []
    return batch


def population(*batches: EventBatch) -> Population:
    found = Population(["declared_income"], ["product"], CHINA)
    for batch in batches:
        found.add(batch)
    return found


def test_the_same_people_again_have_moved_by_nothing() -> None:
    amounts = [float(n) for n in range(1, 101)]
    [month] = population(applications(1, amounts), applications(2, amounts)).since("2026-02")
    assert (month.month, month.applicants) == ("2026-02", 100)
    assert {(s.characteristic, s.index, s.reading) for s in month.shifts} == {
        ("declared_income", 0.0, "stable"),
        ("product", 0.0, "stable"),
    }


def test_incomes_that_halve_are_to_be_acted_on_and_the_bins_say_where() -> None:
    amounts = [float(n) for n in range(1, 101)]
    halved = [n / 2 for n in amounts]
    [month] = population(applications(1, amounts), applications(2, halved)).since("2026-02")
    income = month.shifts[0]
    assert income.reading == "act"
    assert [one.before for one in income.bins] == pytest.approx([0.09, *[0.1] * 8, 0.11, 0.0])
    assert income.bins[-2].name == "90 and more"
    assert income.bins[-2].share == 0.0
    assert sum(one.share for one in income.bins) == pytest.approx(1.0)


def test_who_says_no_income_is_a_bin_of_its_own() -> None:
    said = [float(n) for n in range(1, 21)]
    [month] = population(applications(1, said), applications(2, [*said[:10], *[None] * 10])).since("2026-02")
    assert (month.shifts[0].bins[-1].name, month.shifts[0].bins[-1].share) == ("missing", 0.5)


def test_a_product_that_was_not_there_before_is_among_the_others() -> None:
    [month] = population(applications(1, [1.0] * 10), applications(2, [1.0] * 10, "sme")).since("2026-02")
    assert [(one.name, one.before, one.share) for one in month.shifts[1].bins] == [
        ("consumer", 1.0, 0.0),
        ("other", 0.0, 1.0),
    ]
    assert month.shifts[1].reading == "act"


def test_a_month_is_one_of_the_calendar() -> None:
    event = {
        "id": "1",
        "type": "application",
        "time": "2026-01-31T17:00:00Z",
        "loan": "L",
        "customer": "C",
        "amount": 1,
    }
    found = population(decoded([event]))
    assert found.months == ["2026-02"]


def test_a_side_that_is_empty_is_a_sentence() -> None:
    found = population(applications(3, [1.0]))
    with pytest.raises(LendingError, match=r"nobody applied before 2026-03: .* from 2026-03 to 2026-03"):
        found.since("2026-03")
    with pytest.raises(LendingError, match=r"nobody applied in or after 2026-04"):
        found.since("2026-04")


incomes = st.lists(st.one_of(st.none(), st.integers(0, 50).map(float)), min_size=1, max_size=60)


@settings(max_examples=40)
@given(before=incomes, after=incomes, cuts=st.integers(0, 60))
def test_the_index_is_that_of_a_count_by_hand_however_batches_are_cut(
    before: list[float | None], after: list[float | None], cuts: int
) -> None:
    whole = population(applications(1, before), applications(2, after)).since("2026-02")
    batch = applications(2, after)
    parts = [batch.take(np.arange(0, min(cuts, len(after)))), batch.take(np.arange(min(cuts, len(after)), len(after)))]
    assert population(*parts, applications(1, before)).since("2026-02") == whole
    income = whole[0].shifts[0]
    limits = sorted({float(name.split()[0].replace(",", "")) for name in _lows(income.bins)})

    def shares(values: list[float | None]) -> list[float]:
        counts = Counter("missing" if v is None else sum(v >= limit for limit in limits) for v in values)
        return [counts[place] / len(values) for place in (*range(len(limits) + 1), "missing")]

    assert [one.before for one in income.bins] == pytest.approx(shares(before))
    assert [one.share for one in income.bins] == pytest.approx(shares(after))
    assert income.index == pytest.approx(stability_index(shares(before), shares(after)))


def _lows(bins: Any) -> list[str]:
    return [one.name for one in bins if one.name[0].isdigit()]
