"""What a plan says of itself: the way of each event type and why, what hops keep, what a rule costs."""

from __future__ import annotations

from pathlib import Path

import pytest

from risk_stream.catalogue import load_catalogue
from risk_stream.rules import Plan, load_plan, plan_of_texts
from risk_stream.rules.explain import explain_rule, hops, itineraries, itinerary_of, length

CORE = load_catalogue()

RULES = """
stage: trading
owner: desk
features:
  sent_1h: {count: transfer, by: account, window: 1h}
  borrowed_7d: {sum: amount, of: drawdown, by: customer, window: 7d}
  sent_90d: {count: transfer, where: direction == "out", by: customer, window: 90d}
  rush: sent_1h > 2 and borrowed_7d > 0
rules:
  - {id: burst, on: transfer, when: sent_1h >= 3, severity: low, summary: "{account}"}
  - {id: lent-on, on: transfer, when: rush, severity: low, summary: "{customer}"}
  - {id: usual, on: transfer, when: sent_90d == 100, severity: low, summary: "{customer}", mode: off}
  - {id: large, on: [transfer, drawdown], when: amount > 5, severity: low, summary: "{amount}"}
"""


def plan_of(text: str = RULES) -> Plan:
    """The plan of one file over the core's catalogue."""
    return plan_of_texts({"rules.yaml": text}, CORE)


def test_each_stop_says_which_rules_and_features_bring_an_event_there() -> None:
    """Asked by rules on its type, counted for rules on others, decided where the last feature is."""
    transfer, drawdown = itinerary_of(plan_of(), "transfer"), itinerary_of(plan_of(), "drawdown")
    account, customer = transfer.stops
    assert (account.hop, account.first, account.key, account.fills) == ("account", True, "must", "customer")
    assert (account.asked_by, account.asked) == (("burst", "lent-on"), ("sent_1h",))
    assert (account.counted_by, account.decides) == (("sent_1h",), ("burst", "large"))
    assert (customer.hop, customer.key, customer.of) == ("customer", "may", ("account",))
    assert (customer.asked_by, customer.asked, customer.decides) == (("lent-on",), ("borrowed_7d",), ("lent-on",))
    loan, paid_to, lent = drawdown.stops
    assert (paid_to.hop, paid_to.key, paid_to.fills) == ("account", "may", "customer")
    assert (loan.hop, loan.teaches, loan.decides, loan.asked_by) == ("loan", "customer", ("large",), ())
    assert (lent.counted_by, lent.counted_for, lent.asked_by) == (("borrowed_7d",), ("lent-on",), ())


def test_the_stops_are_those_of_the_plan_and_each_rule_is_decided_once_on_a_type() -> None:
    """For the shipped rules too."""
    plan = load_plan([Path(__file__).parents[2] / "rules"], CORE)
    for way in itineraries(plan):
        assert tuple(stop.hop for stop in way.stops) == plan.itinerary(way.type)
        decided = sorted(rule for stop in way.stops for rule in stop.decides)
        assert decided == sorted(rule.id for rule in plan.judged if way.type in rule.on)
        assert all(stop.first or stop.asked_by or stop.counted_by or stop.fills for stop in way.stops)


def test_an_event_without_its_first_key_begins_at_the_next_that_it_has() -> None:
    """A login need not name an account, and names a customer always."""
    assert itinerary_of(plan_of(), "login").others == ("customer",)
    assert itinerary_of(plan_of(), "transfer").others == ()


def test_types_that_no_rule_needs_are_told_from_those_that_belong_to_no_key() -> None:
    """The first still visit one hop, the others all."""
    ways = {way.type: way for way in itineraries(plan_of())}
    assert (ways["price"].used, [stop.hop for stop in ways["price"].stops], ways["price"].told) == (
        False,
        ["instrument"],
        False,
    )
    assert (ways["list_entry"].used, ways["list_entry"].stops, ways["list_entry"].told) == (False, (), True)
    assert ways["drawdown"].used


def test_a_hop_says_which_keys_share_it_and_what_is_read_of_them_together() -> None:
    """The accounts and loans of one customer."""
    customer = next(hop for hop in hops(plan_of()) if hop.hop == "customer")
    assert (customer.features, customer.longest, customer.owner) == (("borrowed_7d",), "7d", "group")
    assert (customer.shared_by, customer.read_together) == (("loan", "account"), ("borrowed_7d",))
    assert customer.read_for == ()


def test_an_event_type_that_has_an_owners_key_only_by_its_own_comes_by_its_owner() -> None:
    """A customer's group is known of the customer, not of the transfer."""
    plan = plan_of(RULES.replace("by: customer, window: 7d", "by: group, window: 7d"))
    group = itinerary_of(plan, "transfer").stops[-1]
    assert (group.hop, group.key, group.of) == ("group", "owner", ("customer",))
    assert [stop.hop for stop in itinerary_of(plan, "transfer").stops] == ["account", "customer", "group"]
    assert itinerary_of(plan, "transfer").stops[1].fills == "group"
    assert set(next(hop for hop in hops(plan) if hop.hop == "group").read_for) == {"transfer", "drawdown"}


def test_a_rule_says_its_features_where_it_is_decided_and_what_it_adds() -> None:
    """Each aggregate with key and window, an expression as it is written, and the hops that only this rule needs."""
    said = explain_rule(plan_of(), "lent-on")
    by_name = {f.name: f for f in said.features}
    assert (by_name["borrowed_7d"].key, by_name["borrowed_7d"].window) == ("customer", "7d")
    assert (by_name["borrowed_7d"].means, by_name["borrowed_7d"].shared_with) == ("sum amount of drawdown", ())
    assert (by_name["sent_1h"].shared_with, by_name["rush"].key) == (("burst",), "")
    assert by_name["rush"].means == "sent_1h > 2 and borrowed_7d > 0"
    (decision,) = said.decisions
    assert (decision.hop, decision.way, decision.after, decision.sure) == (
        "customer",
        ("account", "customer"),
        "",
        False,
    )
    assert said.cost.hops == {"drawdown": ("account", "customer"), "transfer": ("customer",)}
    assert (said.cost.features, said.cost.longer) == (("borrowed_7d",), {"customer": ("", "7d")})
    assert said.cost.carried == ("sent_1h",)


@pytest.mark.parametrize(
    ("returned", "less"), [("", ""), (", returned: repayment_reversal", " less repayment_reversal")]
)
def test_arrears_say_what_is_due_what_pays_and_what_takes_that_back(returned: str, less: str) -> None:
    text = f"""
stage: post_loan
owner: desk
features:
  dpd: {{days_past_due: amount, of: instalment_due, paid: repayment{returned}, by: loan, window: 3650d}}
rules:
  - {{id: late, on: repayment, when: dpd > 30, severity: low, summary: "{{loan}} {{dpd}}"}}
"""
    (dpd,) = explain_rule(plan_of(text), "late").features
    assert dpd.means.startswith(f"days_past_due amount of instalment_due, paid by repayment{less} (")


def test_a_rule_that_asks_only_what_is_kept_costs_no_hop_and_no_feature() -> None:
    """Nor does one that asks no window."""
    plan = plan_of(RULES + '  - {id: too, on: transfer, when: sent_1h > 9, severity: low, summary: "{account}"}\n')
    for rule in ("too", "large"):
        cost = explain_rule(plan, rule).cost
        assert (cost.hops, cost.features, cost.longer, cost.carried) == ({}, (), {}, ())
    assert [d.hop for d in explain_rule(plan, "large").decisions] == ["account", "loan"]


def test_a_rule_that_is_off_says_what_it_would_cost() -> None:
    """Before it is put in force: how much longer its key's events would be kept, too."""
    said = explain_rule(plan_of(), "usual")
    assert said.mode == "off"
    assert (said.decisions[0].hop, said.cost.features) == ("customer", ("sent_90d",))
    assert said.cost.longer == {"customer": ("7d", "90d")}
    assert said.cost.hops == {}


def test_a_rule_that_is_judged_later_says_when_and_at_which_hop() -> None:
    """The time after the event, at the one kind of key that it asks."""
    text = """
stage: post_loan
owner: collections
features:
  paid_3d: {count: repayment, by: loan, window: 3d}
rules:
  - {id: unpaid, on: instalment_due, after: 3d, when: paid_3d == 0, severity: low, summary: "{loan}"}
"""
    (decision,) = explain_rule(plan_of(text), "unpaid").decisions
    assert (decision.hop, decision.after, decision.sure) == ("loan", "3d after the event", True)
    (decision,) = explain_rule(
        plan_of(text.replace("after: 3d", "after: {business_days: 3, calendar: china}")), "unpaid"
    ).decisions
    assert decision.after == "at the end of 3 business days (china) after the event's"


def test_an_unknown_rule_is_a_key_error() -> None:
    """By its name."""
    with pytest.raises(KeyError, match="nobody"):
        explain_rule(plan_of(), "nobody")


@pytest.mark.parametrize(("ms", "text"), [(90 * 86_400_000, "90d"), (600_000, "10m"), (1_500, "1500ms"), (0, "0d")])
def test_lengths_read_as_they_are_written(ms: int, text: str) -> None:
    """In the largest unit that gives a whole number."""
    assert length(ms) == text
