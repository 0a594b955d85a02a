"""Segments of keys: found where they are planted, kept from day to day, left by who changes, equal after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from risk_stream.models import Placed, Spec, Threshold
from risk_stream.models._segments_kernel import DAY_MS
from risk_stream.models.segments import PARTS, Segments
from tests.models.specs import spec

MARKS = tuple((f"little {j}", f"much {j}") for j in range(4))


def spec_of(inputs: int = 4, warm_up: int = 100, **said: Any) -> Spec:
    never = Threshold(fixed=float("inf"))
    return spec(("SequentialKMeans", said), inputs=inputs, warm_up=warm_up, threshold=never, marks=MARKS[:inputs])


class Day(NamedTuple):
    """Events of one day: whose they are [n], inputs, hashes of keys and times."""

    who: Any
    rows: Any
    keys: Any
    times: Any


def days_of(seed: int, days: int, groups: Any, centres: Any, noise: float = 1.0, moved: Any = None) -> Iterator[Day]:
    """Events of keys around the centres of their groups; those `moved` (day, group) are in that one from the day on."""
    draw = np.random.default_rng(seed)
    groups, keys = groups.copy(), draw.integers(-(2**62), 2**62, len(groups))
    own, often = draw.normal(size=(len(groups), centres.shape[1])) * 0.4, draw.lognormal(0.7, 0.8, len(groups))
    for day in range(days):
        for who, (since, to) in (moved or {}).items():
            if day == since:
                groups[who] = to
        who = draw.permutation(np.repeat(np.arange(len(groups)), draw.poisson(often)))
        rows = centres[groups[who]] + own[who] + draw.normal(size=(len(who), centres.shape[1])) * noise
        yield Day(who, rows, keys[who], day * DAY_MS + np.sort(draw.integers(0, DAY_MS, len(who))))


def planted(seed: int, count: int = 3, keys: int = 400) -> tuple[Any, Any]:
    """(the group of each key, centres): at least 4 deviations of the noise apart."""
    draw = np.random.default_rng([seed, 1])
    while True:
        centres = draw.normal(size=(count, 4)) * 3
        apart = np.linalg.norm(centres[:, None] - centres[None], axis=2)[np.triu_indices(count, 1)]
        if apart.min() >= 4:
            return draw.integers(0, count, keys), centres


def said_of(placed: Placed) -> list[str]:
    return [placed.names[at] if at >= 0 else "" for at in placed.which.tolist()]


@pytest.mark.parametrize("seed", range(5))
def test_planted_populations_are_found_and_fewer_than_one_key_in_a_hundred_changes_a_day(seed: int) -> None:
    groups, centres = planted(seed)
    segments, now, changes = Segments(spec_of(n_clusters=3)), dict[int, int](), []
    for day in days_of(seed, 45, groups, centres, noise=1.5):
        said = said_of(segments.place(*day[1:]))
        numbers = {name: number for number, name in enumerate(segments.sizes)}
        after = {who: numbers[name] for who, name in zip(day.who.tolist(), said, strict=True) if name}
        changes.append(sum(1 for who, number in after.items() if now.get(who, number) != number))
        now |= after
    who = np.array(sorted(now))
    assert adjusted_rand_score(groups[who], [now[one] for one in who.tolist()]) >= 0.9
    assert max(changes) < 0.01 * len(groups)


def test_centres_are_as_near_to_profiles_as_those_of_scikit_learn() -> None:
    for seed in range(3):
        draw = np.random.default_rng(seed)
        rows, keys = draw.normal(size=(600, 3)) + 2.5 * draw.integers(0, 3, (600, 1)), np.arange(600)
        segments = Segments(spec_of(3, n_clusters=4, settle_days=1))
        segments.place(rows, keys, np.zeros(600, np.int64))
        segments.place(np.full((1, 3), np.nan), keys[:1], np.array([DAY_MS]))
        scale, low, high = segments._bounds
        scaled = np.clip(rows, low, high) / scale
        theirs = KMeans(4, n_init=5, random_state=0).fit(scaled)
        found = segments._centres / scale
        ours = ((scaled[:, None] - found[None]) ** 2).sum(axis=2).min(axis=1).sum()
        assert ours <= 1.01 * theirs.inertia_


def two_towns(segments: Segments, days: int = 8) -> None:
    """A hundred keys at 0 and fifty at 10 in both inputs, one event a day."""
    keys = np.arange(150)
    rows = np.where(keys < 100, 0.0, 10.0)[:, None] + np.random.default_rng(0).normal(size=(150, 2))
    for day in range(days):
        segments.place(rows, keys, np.full(150, day * DAY_MS))


LOW, HIGH = "little 0, little 1", "much 0, much 1"


def test_a_key_that_behaves_otherwise_moves_when_its_patience_has_passed_and_not_before() -> None:
    segments = Segments(spec_of(2, n_clusters=2, memory=1, patience=4, patience_days=3, settle_days=7))
    two_towns(segments)
    assert segments.sizes == {LOW: 100, HIGH: 50}
    moves = np.full((1, 2), 10.0)

    def at(hours: float, row: Any = moves) -> str:
        return said_of(segments.place(row, np.array([5]), np.array([int(8 * DAY_MS + hours * 3_600_000)])))[0]

    assert [at(hours) for hours in (0, 1, 2, 3, 4)] == [LOW] * 5  # often enough, too soon
    assert [at(hours) for hours in (71, 72, 73)] == [LOW, HIGH, HIGH]
    assert segments.sizes == {LOW: 99, HIGH: 51}
    assert [at(hours, np.zeros((1, 2))) for hours in (80, 180)] == [HIGH] * 2  # long enough, not often
    assert at(190) == HIGH  # as before: patience begins anew
    assert [at(hours, np.zeros((1, 2))) for hours in (200, 220, 240, 271, 272)] == [HIGH] * 4 + [LOW]


def test_one_that_is_nearer_to_another_centre_by_less_than_the_margin_stays() -> None:
    for margin, where in ((0.5, LOW), (0.0, HIGH)):
        segments = Segments(spec_of(2, n_clusters=2, memory=1, patience=1, patience_days=0, margin=margin))
        two_towns(segments)
        nearly = np.full((1, 2), 5.8)
        assert said_of(segments.place(nearly, np.array([5]), np.array([8 * DAY_MS]))) == [where]


def test_nothing_is_said_before_events_and_days_have_passed() -> None:
    draw = np.random.default_rng(0)
    segments = Segments(spec_of(warm_up=50, settle_days=2))
    for day, expected in ((0, False), (1, False), (2, True)):
        placed = segments.place(draw.normal(size=(40, 4)), np.arange(40), np.full(40, day * DAY_MS))
        assert (placed.which >= 0).all() == expected
        assert np.isnan(placed.scores).all() != expected


def everything(seed: int) -> Day:
    """A stream of 50 days with odd inputs, in which keys are forgotten and groups change."""
    groups, centres = planted(seed, keys=150)
    moved = dict.fromkeys(np.flatnonzero(groups == 1).tolist(), (25, 0))
    days = list(days_of(seed, 50, groups, centres, moved=moved))
    whole = Day(*(np.concatenate(part) for part in zip(*days, strict=True)))
    odd = np.random.default_rng(seed).random(whole.rows.shape)
    whole.rows[odd < 0.05] = np.nan
    whole.rows[odd > 0.99] = np.inf
    whole.rows[::97] = np.nan
    return whole


ODD = {"n_clusters": 4, "keep": 120, "every_days": 10, "patience": 2, "patience_days": 1}


def test_what_is_said_is_equal_however_events_are_cut_into_calls_and_over_restarts() -> None:
    for seed in range(2):
        whole = everything(seed)
        n, draw = len(whole.who), np.random.default_rng(seed)
        once = Segments(spec_of(**ODD))
        expected = once.place(*whole[1:])
        segments, scores, names, image, at = Segments(spec_of(**ODD)), [], [], list[bytes](), 0
        while at < n:
            to = at + int(draw.integers(1, 400))
            placed = segments.place(*(part[at:to] for part in whole[1:]))
            scores.append(placed.scores)
            names += said_of(placed)
            image += segments.take_journal()
            if draw.random() < 0.2:  # it dies, and another one goes on
                saved, segments = segments.save(), Segments(spec_of(**ODD))
                segments.load(saved)
                segments.load_parts(image)
                image = [part for chunk in range(PARTS) for part in segments.image(chunk)]
            at = to
        assert names == said_of(expected)
        assert np.array_equal(np.concatenate(scores), expected.scores, equal_nan=True)
        assert segments.save() == once.save()
        assert segments.sizes == once.sizes
        assert len(set(names)) > 4  # segments were renamed on the way


def test_keys_are_bounded_and_counted_by_segment() -> None:
    segments = Segments(spec_of(**ODD))
    segments.place(*everything(0)[1:])
    counts = segments.counts()
    assert counts["groups"] == sum(segments.sizes.values()) == 120
    assert counts["forgotten"] > 0
    assert counts["missing"] > 0
    assert counts["infinite"] > 0
    assert counts["empty"] > 0


def test_a_centre_that_lost_all_keys_is_put_elsewhere_at_a_review_and_called_new_until_the_next() -> None:
    said = {"memory": 1, "patience": 1, "patience_days": 0, "settle_days": 7, "every_days": 10}
    segments = Segments(spec_of(2, n_clusters=2, **said))
    two_towns(segments)
    numbers, keys = segments._centres.copy(), np.arange(150)
    rows = np.random.default_rng(1).normal(size=(150, 2))
    rows[7] = 4.0
    names = []
    for day in range(8, 40):
        segments.place(rows, keys, np.full(150, day * DAY_MS))
        names.append([*segments.sizes])
    assert all(at == [LOW, HIGH] for at in names[:9])  # up to the review on day 17
    assert names[9] == names[18] == [LOW, f"new: {HIGH}"]
    assert names[19] == [LOW, HIGH]
    assert np.linalg.norm(segments._centres[0] - numbers[0]) < 1.0  # the number of the other one is what it was
    assert segments.sizes[HIGH] >= 1


def test_other_words_count_from_the_next_review_on() -> None:
    segments = Segments(spec_of(2, n_clusters=2, every_days=10))
    two_towns(segments)
    segments.rename((("poor", "rich"), ("young", "old")))
    names = []
    for day in (8, 16, 17):
        segments.place(np.zeros((1, 2)), np.array([5]), np.array([day * DAY_MS]))
        names.append([*segments.sizes])
    assert names == [[LOW, HIGH], [LOW, HIGH], ["poor, young", "rich, old"]]


def test_an_input_that_is_always_missing_or_the_same_changes_nothing() -> None:
    groups, centres = planted(3)
    plain, odd = Segments(spec_of(n_clusters=3)), Segments(spec_of(6, n_clusters=3))
    for day in days_of(3, 12, groups, centres):
        some = plain.place(*day[1:])
        rows = np.column_stack([day.rows, np.full(len(day.rows), np.nan), np.full(len(day.rows), 3.0)])
        more = odd.place(rows, *day[2:])
        assert np.array_equal(some.which, more.which)


def test_a_distance_is_said_to_come_from_the_inputs_that_are_far_off() -> None:
    segments = Segments(spec_of(2, n_clusters=2))
    two_towns(segments)
    row = np.array([0.0, 4.0])
    parts = segments.moved_by(row)
    assert parts.argmax() == 1
    assert parts.sum() == pytest.approx(segments.run(row[None]).scores[0])


def test_what_another_model_saved_is_refused() -> None:
    saved = Segments(spec_of(n_clusters=3)).save()
    with pytest.raises(ValueError, match="another pipeline"):
        Segments(spec_of(n_clusters=4)).load(saved)
