"""What a closed book says to Prometheus."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from bench.loan_events import events_of
from bench.loans import world
from risk_stream.lending.ledger import close, figures, ledger
from risk_stream.lending.ledger.figures import MOST_ENTITIES
from risk_stream.lending.ledger.gauges import GAUGES, as_metrics
from tests.lending.ledger.said import CATALOGUE, book_of, event, loan, paid


def test_gauges_add_up_to_the_figures() -> None:
    made = world(400, 14, seed=8)
    found = figures(close(ledger(events_of(made, CATALOGUE), CATALOGUE), made.ends[-1]))
    families = {family.name: family for family in text_string_to_metric_families(as_metrics(found))}
    for name, want in (
        ("loans", found.all.loans),
        ("outstanding", found.all.outstanding / 100),
        ("past_due", found.all.past_due / 100),
        ("expected_loss", found.all.expected_loss / 100),
    ):
        assert round(sum(sample.value for sample in families[f"risk_stream_book_{name}"].samples), 2) == want
    assert found.rolls is not None
    assert sum(sample.value for sample in families["risk_stream_book_rolled_loans"].samples) == sum(found.rolls.loans)


def test_every_gauge_is_shown_and_says_what_it_counts() -> None:
    events = [loan(), loan("L2"), event("write_off", "2026-03-20", name="L2"), paid("2026-02-15", name="L9")]
    text = as_metrics(figures(close(book_of(*events), "2026-03-31")))
    families = {family.name: family for family in text_string_to_metric_families(text)}
    said = {name: (set(family.samples[0].labels), family.documentation) for name, family in families.items()}
    assert said == {name: (set(gauge.labels), gauge.meaning) for name, gauge in GAUGES.items()}
    assert families["risk_stream_book_day_seconds"].samples[0].value == 1_774_915_200


def test_the_number_of_entities_is_bounded() -> None:
    loans = [loan(f"L{i}", entity=f'E"{i:03}') for i in range(MOST_ENTITIES + 20)]
    text = as_metrics(figures(close(book_of(*loans), "2026-01-31")))
    family = next(f for f in text_string_to_metric_families(text) if f.name == "risk_stream_book_loans")
    by_entity = {sample.labels["entity"]: sample.value for sample in family.samples}
    assert len(by_entity) == MOST_ENTITIES + 1
    assert (by_entity["other"], by_entity['E"001']) == (20, 1)
