"""Nothing personal is shown by itself: not as a key, not as a feature, not inside a sentence, not to a search."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk_stream.access import Masking
from risk_stream.access.masking import hide
from risk_stream.catalogue import MASK, load_catalogue
from risk_stream.rules.language.meaning import Constant, FieldValue, Kind
from risk_stream.rules.language.sentence import said

CATALOGUE = load_catalogue()
MASKING = Masking(CATALOGUE)
ID, NAME = "440106199003071234", "李晓明"
ALERT = {
    "id": "a1",
    "keys": {"customer": "C1", "id_number": ID, "address": "Nanjing Road 1"},
    "features": {
        "id_number": ID,
        "applicant": NAME,
        "applicant_listed_as": "LI, Xiao Ming",
        "lenders_30d": 4,
        "lender": "Jinshan Credit",
        "customer": "C1",
        "last_customer": "C1",
        "amount": 100.5,
    },
    "was": None,
    "summary": f"{NAME}(C1)以{ID}申请, resembles LI, Xiao Ming of Nanjing Road 1",
    "why": "Borrowing from many lenders at once precedes default.",
}


def test_an_alert_without_its_personal_data() -> None:
    """Keys, features and sentences; a text of which it is not known what it is goes too."""
    masked = MASKING.alert(ALERT)
    assert masked["keys"] == {"customer": "C1", "id_number": MASK, "address": MASK}
    assert masked["features"] == {
        **ALERT["features"],  # type: ignore[dict-item]
        **dict.fromkeys(("id_number", "applicant", "applicant_listed_as"), MASK),
    }
    assert masked["summary"] == f"{MASK}(C1)以{MASK}申请, resembles {MASK} of {MASK}"
    assert masked["why"] == ALERT["why"]
    assert ALERT["keys"]["id_number"] == ID, "a copy"  # type: ignore[index]


@pytest.mark.parametrize("born", [631_152_000_000, 631_152_000_123, -1, 0, 2e14])
def test_a_personal_time_is_hidden_as_sentences_have_it(born: int) -> None:
    """A summary has `{birth_date}` as a moment, or as whatever a rule makes of the number."""
    event = {"birth_date": born}
    for form in (said(FieldValue(Kind.TIME, "birth_date"), born), said(Constant(Kind.NUMBER, born), born), str(born)):
        masked = MASKING.alert({"keys": {}, "features": event, "was": None, "summary": f"born {form}, 3 days ago"})
        assert masked["summary"] == f"born {MASK}, 3 days ago"
        assert MASKING.words(f"born {form}.", event) == f"born {MASK}."


def test_what_moved_a_score_stays() -> None:
    """It is in the words of the model's author, under whatever name a rule asks for it."""
    reasons = "the money of two hours, its size"
    said = {"novelty": 0.998, "trade-novelty.moved": reasons, "unlike": reasons, "applicant": NAME}
    masked = MASKING.alert({"keys": {}, "features": said, "was": None, "summary": f"{NAME}: unusual by {reasons}"})
    assert masked["features"] == {**said, "applicant": MASK}
    assert masked["summary"] == f"{MASK}: unusual by {reasons}"


def test_a_search_of_what_is_masked_finds_nothing() -> None:
    """What is shown, sent and searched holds no personal value in any form."""
    shown = json.dumps(MASKING.alert(ALERT), ensure_ascii=False)
    assert not any(value in shown for value in (ID, NAME, "Nanjing", "Xiao Ming", ID[-6:]))


def test_an_event_is_masked_inside_lists_too() -> None:
    """By the catalogue's word."""
    event = {"type": "customer", "name": NAME, "phone": None, "rating": "A", "before": [{"name": NAME, "x": [1]}]}
    assert MASKING.event(event) == {**event, "name": MASK, "before": [{"name": MASK, "x": [1]}]}


def test_a_refused_record_shows_what_is_known_to_be_open() -> None:
    """A misspelt name, something inside something, and what is no JSON at all may be personal."""
    record = {"type": "customer", "customer": "C1", "naem": NAME, "phone": "1", "rating": {"name": NAME}}
    assert MASKING.record(json.dumps(record).encode()) == {
        **dict.fromkeys(("naem", "phone", "rating"), MASK),
        "type": "customer",
        "customer": "C1",
    }
    assert MASKING.record(f"{NAME};{ID}".encode()) == "28 bytes that are no JSON object"
    assert MASKING.record(b"[" * 100_000) == "100,000 bytes that are no JSON object"


def test_the_kinds_that_are_personal_are_the_catalogues() -> None:
    assert MASKING.kinds == {"id_number", "address"}


PERSONAL = sorted(name for name, field in CATALOGUE.fields.items() if field.personal)


@pytest.mark.parametrize("name", PERSONAL)
def test_every_personal_field_is_masked_wherever_it_stands(name: str) -> None:
    """A field that the catalogue marks needs nothing else."""
    masked = MASKING.alert({"keys": {}, "features": {name: "Qx7 Secret"}, "summary": "it is Qx7 Secret.", "why": ""})
    assert "Secret" not in json.dumps(masked)
    assert "Secret" not in json.dumps(MASKING.event({name: "Qx7 Secret"}))
    assert MASKING.words("of Qx7 Secret", {name: "Qx7 Secret"}) == f"of {MASK}"


@given(st.text(min_size=1, max_size=8), st.text(max_size=20), st.text(max_size=20))
def test_a_value_between_spaces_is_hidden_whatever_it_is(value: str, before: str, after: str) -> None:
    """Signs that mean something to an expression included."""
    assert hide(f"{before} {value} {after}", [value]) != f"{before} {value} {after}" or value == MASK


def test_a_value_inside_a_longer_one_stays() -> None:
    """The customer 1 is not in 100.00."""
    assert hide("1 paid 100.1 and 21", ["1"]) == f"{MASK} paid 100.{MASK} and 21"
