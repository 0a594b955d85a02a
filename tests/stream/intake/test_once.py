"""A copy of a request is one wherever the runs are cut, as long as it is not far behind the first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from risk_stream.stream.intake.once import Once

IDS = st.lists(st.sampled_from("abcdef"), max_size=30)


@given(IDS, st.lists(st.integers(0, 30), max_size=4).map(sorted))
def test_only_the_first_of_each_id_is_new(ids: list[str], cuts: list[int]) -> None:
    once, found = Once(), list[bool]()
    for begin, end in zip([0, *cuts], [*cuts, len(ids)], strict=True):
        found += once.new(ids[begin:end]).tolist()
    assert found == [name not in ids[:i] for i, name in enumerate(ids[: len(found)])]


def test_the_oldest_are_forgotten() -> None:
    once = Once(most=2)
    assert once.new(["a", "b", "c"]).tolist() == [True, True, True]
    assert once.new(["c", "b", "a"]).tolist() == [False, False, True]
