"""A house declares its own events; whatever it does wrong is said with its place, all at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from risk_stream.catalogue import Catalogue, CatalogueError, FieldType, load_catalogue

BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))
CORE_TYPES = {
    *(
        "loan",
        "repayment_reversal",
        "restructuring",
        "write_off",
        "recovery",
        "loan_review",
        "loan_status",
        "loan_opening",
    ),
    *(
        "order",
        "trade",
        "transfer",
        "login",
        "profile",
        "profile_change",
        "price",
        "application",
        "bureau_report",
        "decision",
    ),
    *(
        "drawdown",
        "instalment_due",
        "repayment",
        "collateral_valuation",
        "customer",
        "account",
        "instrument",
        "outcome",
        "list_entry",
        "business_date",
    ),
    *("margin_account", "holding", "margin_status", "pledge"),
    *("order_cancel", "book_depth", "index_value", "trading_phase", "financial_report"),
    *("statement", "news", "process_step"),
    "canary",
}


def problems(path: Path) -> list[str]:
    with pytest.raises(CatalogueError) as caught:
        load_catalogue(path)
    return [str(problem) for problem in caught.value.problems]


def test_the_core_is_what_the_house_trades_and_lends_by(core: Catalogue) -> None:
    """40 event types, 11 kinds of key in hop order."""
    assert {t.name for t in core.types} == CORE_TYPES
    assert [k.name for k in core.kinds] == [
        *("loan", "account", "position", "customer", "counterparty", "instrument", "board", "device", "group"),
        *("id_number", "address"),
    ]
    assert core.kind("loan").learnt_from == ("application", "loan", "loan_opening", "drawdown")
    assert core.kind("instrument").many_rows


def test_every_core_field_says_what_it_means(core: Catalogue) -> None:
    """Type, meaning, unit of amounts, personal data."""
    assert all(f.meaning.endswith(".") for t in core.types for f in t.fields)
    assert all(f.unit for t in core.types for f in t.fields if f.type is FieldType.MONEY)
    personal = {f.name for f in core.fields.values() if f.personal}
    assert personal == {"id_number", "name", "phone", "birth_date", "employer", "address", "applicant", "member", "by"}
    price = core.field("price")
    assert price is not None
    assert (price.type, price.decimals) == (FieldType.NUMBER, 8)
    assert core.type("outcome").any_key


def test_a_house_adds_types_kinds_and_fields(house: Catalogue) -> None:
    """Its kind goes in front of its owner; a field of the core says what it leaves unsaid."""
    assert house.type("card_payment").keys == {"card": "card", "account": "account"}
    branch = house.type("transfer").field("branch")
    assert branch is not None
    kinds = [k.name for k in house.kinds]
    assert kinds.index("card") == kinds.index("account") - 1
    amount = house.type("card_payment").field("amount")
    assert amount is not None
    assert amount.unit == "major units"


def test_a_folder_is_read_whole(tmp_path: Path) -> None:
    """In the order of names, and only YAML."""
    for name, text in (("b.yml", "visit_b"), ("a.yaml", "visit_a"), ("notes.txt", "visit_c")):
        key = "{name: customer, type: string, key: customer, required: true, meaning: Who.}"
        (tmp_path / name).write_text(
            f"types:\n  - type: {text}\n    meaning: A visit.\n    topic: loans\n    fields:\n      - {key}\n"
        )
    catalogue = load_catalogue(tmp_path)
    assert "visit_a" in catalogue
    assert "visit_b" in catalogue
    assert "visit_c" not in catalogue
    assert len(load_catalogue(tmp_path, tmp_path / "a.yaml")) == len(catalogue)


def test_an_empty_folder_is_said(tmp_path: Path) -> None:
    """A wrong path must not look like a house without events of its own."""
    assert problems(tmp_path) == [f"{tmp_path}: the folder holds no .yaml file; put the event types there"]


def test_an_empty_file_adds_nothing(tmp_path: Path, core: Catalogue) -> None:
    """Comments only."""
    path = tmp_path / "none.yaml"
    path.write_text("# nothing yet\n")
    assert load_catalogue(path).version == core.version


def test_the_bad_files_are_there() -> None:
    """A moved folder must not make the next test say yes to nothing."""
    assert len(BAD) == 33


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_file_is_refused_with_its_place(path: Path) -> None:
    """Exactly the problem its first line names, and no other in its wake."""
    place, _, message = path.read_text().splitlines()[0].removeprefix("# says ").partition(" ")
    said = problems(path)
    assert len(said) == 1, said
    assert said[0].startswith(f"{path}:{place}: {message}")


def test_all_problems_of_all_files_come_at_once(tmp_path: Path) -> None:
    """Not one at a time."""
    (tmp_path / "a.yaml").write_text("types:\n  - extend: nothing_like_it\n    fields: []\n")
    (tmp_path / "b.yaml").write_text("typs: []\n")
    (tmp_path / "c.yaml").write_text("types: [\n")
    assert len(problems(tmp_path)) == 3
