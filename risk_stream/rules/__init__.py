"""The rule language: YAML files are loaded, checked whole, and compiled into a plan that judges batches of events.

A rule file
===========

::

    stage: pre_loan            # pre_loan | mid_loan | post_loan | trading | portfolio; required
    owner: retail-credit       # optional: the owner of every rule below that names none
    group: lending             # optional: the group of every rule below that names none
    tags: [lending]            # optional: added to the tags of every rule below
    import: shared.yaml        # optional: files of constants, patterns, features (which have no stage and no rules)
    constants:                 # optional: names for numbers and texts, which may differ by a text of the event
      large: 50000
      most: {by: channel, app: 5000, otherwise: 10000}
    patterns:                  # optional: names for events that meet a condition, and for sequences
      large_out: {of: transfer, where: direction == "out" and amount > large}
      drained: {sequence: [login: success == false, large_out], within: 10m}
    features:                  # optional; names are known in this file only (equal features are computed once)
      lenders_30d: {distinct: lender, of: application, by: id_number, window: 30d}
      applied_1h:  {count: application, by: device, window: 1h}
      turnover_1d: {sum: amount, of: transfer, where: direction == "out", by: customer, window: 1d}
      usual_30d:   {mean: amount, of: transfer, by: customer, window: 30d}
      quiet_for:   {since: [order, trade], by: account, window: 365d}
      surge:       turnover_1d / usual_30d
      at_night:    hour(time, "china") < 6
    rules:                     # required, at least one
      - id: multi-lending      # required, unique in the whole plan: a-z 0-9 . _ - , at most 64
        on: application        # required: an event type, or a list of them
        when: lenders_30d >= 4 and amount > 0.5 * declared_income    # required
        severity: high         # required: info | low | medium | high | critical, or by value, the lowest level last:
                               # {critical: lenders_30d >= 9, high: otherwise}
        owner: retail-credit   # required here or at the top
        summary: "{customer} applied to {lenders_30d} lenders in 30 days"     # required
        why: "Borrowing from many lenders at once precedes default."          # optional
        score: 40              # optional, default 0: a number or an expression (unknown counts as 0)
        action: refer          # optional, default alert: a word for whoever acts on it (a-z 0-9 . _ -)
        mode: live             # optional, default live: live | shadow (judged, never shown) | off (only checked)
                               # or {live: 10%, by: customer}: live for a share of keys, shadow for the rest
        at_most: {alerts: 1, per: customer, within: 1d}    # optional: so many alerts are shown, the rest only kept
        tags: [fraud]          # optional
        group: bureau          # optional: a word for rules that belong together (a-z 0-9 . _ -)
        from: 2026-01-01       # optional: the first and the last day that it judges, by the event's time
        until: 2026-12-31
        calendar: china        # optional, with these: in whose time zone the days are; UTC if left out
        approximate: ok        # optional: take values that a cap made inexact as if they were exact
        after: 3d              # optional: judge so long after the event, features as of then and all by one kind of key
        tests:                 # optional
          - name: the second lender within a month does not fire
            given:             # events in order; keys left out are made up, the same in every event of the test
              - application: {lender: A, amount: 9000, declared_income: 10000}
              - {after: 5d, application: {lender: B, amount: 9000, declared_income: 10000}}
              # {after: 1m, times: 9, application: {lender: "L{n}"}} is nine events, a minute apart, from L1 to L9
            until: 3d          # optional, with after: so much time passes after the last event given
            then: quiet        # fires | quiet: what the rule does on the last event given (with after: of its types)
            severity: high     # optional, with fires: how severe the alert is

A file that begins with ``table:`` says by rows what becomes of an application (``rules/tables/table.py``), one that
begins with ``scorecard:`` gives points (``rules/tables/card.py``); docs/decisions.md has both.

Any other key is an error, with the nearest known one suggested. Sizes are limited: see ``limits.py``.

Features
========

An **aggregate** is a mapping with exactly one of these operations, and the values it works on:

====================================  ==========================================  ====================
form                                  value                                       of an empty window
====================================  ==========================================  ====================
``count: TYPE``                       number of events                            0
``since: TYPE``                       seconds since the last before this event    missing
``distinct: FIELD, of: TYPE``         number of different values                  0
``sum: FIELD, of: TYPE``              sum                                         0
``mean | min | max | std: FIELD``     of the values (std: population)             missing
``first: FIELD | last: FIELD``        the first; the last *before this event*     missing
``quantile: FIELD, p: 0.95``          least value not exceeded by that share      missing
``zscore: FIELD``                     standard deviations of the event's own
                                      value from the mean of those before it      missing
``percentile: FIELD``                 share of those before it below it, 0-100    missing
``seen: FIELD, values: [A, ...]``       which of these texts came before      none
                                      this event, for has(x, "A")
``sequence: [STEP, ...], within:``    how often all steps came one after another  0
``days_past_due: FIELD, paid: TYPE``  days since the oldest instalment was due
                                      that payments do not settle                 0
``amount_past_due: FIELD, paid:``     of instalments due before today, the unpaid 0
====================================  ==========================================  ====================

``TYPE`` is an event type or a list of types, or the name of a pattern; ``of`` is required with every operation but
count, since and sequence. A pattern that is a sequence has count and since. zscore and percentile are unknown with less
than ``least`` values before the event (10 if left out). A ``STEP`` is a TYPE, or a TYPE and a condition,
``transfer: amount > 1000``; the first comes less than ``within`` before the last, and sequences do not overlap. ``by``
(required) is a kind of key, such as customer or device: every type in ``of``, and every type in the ``on`` of a rule
that uses the feature, must have a key of that kind or one that belongs to it (an account has a customer). ``window``
(required) is a whole number and a unit, s m h d w: ``45s 10m 1h 30d 2w``, up to 3650d. It reaches back from the event's
own time and slides; or it is ``today this_week this_month this_quarter this_year`` or ``business_day``, and holds the
events from the start of that period up to this one, by the ``calendar`` of that name (``utc`` if left out, but for
business_day; see `risk_stream.calendars`). ``where`` (optional) is a condition over fields of the ``of`` type, not over
features. sum, mean, std, quantile, zscore and percentile need a money, number or integer field; min and max take a
timestamp too; first, last and distinct any field; seen a text.

days_past_due and amount_past_due take amounts of that name: of what falls due (``of``), what is ``paid`` and, optional,
what was ``returned`` of it. Payments settle the oldest instalment first, by the timestamp in its field ``due``
(``due_date`` if left out), or its time. Days are those of the ``calendar``; the due date is none past due. The window
slides and may be up to 14600d; ``before: true`` leaves the present event out. They have no ``where``.

An **expression feature** is an expression over fields and other features of the file, a value or a condition.

Expressions
===========

::

    condition := condition "or" condition | condition "and" condition | "not" condition | "(" condition ")"
               | value OP value [OP value ...]          OP: == != < <= > >=     (chains: 100 <= amount < 500)
               | value ["not"] "in" "[" literal, ... "]"
               | value "is" ["not"] "missing"
               | a boolean field, or the name of a feature that is a condition
    value     := field | feature | literal | value (+ - * / %) value | "-" value | "(" value ")" | function
    literal   := 12  1_000_000  0.5  1e6  "text"  'text'  true  false
               | "2024-01-31" or "2024-01-31T09:30:00Z" beside a time
    function  := abs min max clamp round floor ceil sqrt log exp power      of numbers
               | lower upper trim length starts_with ends_with contains matches      of texts
               | minute hour weekday day month year date time_of_day business_day    of times, by a calendar
               | resembles(x, "list")  match(x, "list")     how alike to the closest name on a list, and which
               | scorecard("name")     the points of a scorecard
               | fired("rule")         in a decision table: whether a rule fires on the same event
               | has(x, "A")     whether a seen feature x saw a text
               | seconds(n)  minutes(n)  hours(n)  days(n)  coalesce(x, default)  choose(condition, x, otherwise)

* Amounts are in major units, as on the wire: ``amount > 50000.10`` is fifty thousand yuan and ten fen, to the fen.
* Every field of the event type can be named, the envelope too: ``id type time entity channel``.
* A field that is not in the event, an empty aggregate, a division by zero and whatever is computed from them are
  *unknown*. A comparison with an unknown is neither true nor false, nor is its ``not``; ``and`` and ``or`` follow
  three-valued logic; a rule fires where ``when`` is true. Write ``coalesce(x, 0)`` or ``x is missing`` where an absence
  means something.
* Types are checked. Text is compared with text (``==``, ``!=``, ``in``), a choice only with its choices, a time with a
  time. time - time and since are durations, in seconds: compared with a duration or a number, never with money.
* A condition that cannot change (``1 < 2``, ``count >= 0``) is refused, as are chains of ``in`` or ``is``.
* In YAML's flow style quote what has a comma or bracket: ``{count: order, where: 'channel in ["app", "web"]', ...}``.

Summary
=======

``{name}`` stands for a field of the event or a feature; nothing else may stand in braces (write ``{{`` for a brace).
Money is written with two decimals and thousands separators, counts as whole numbers, durations as people say them,
times in ISO 8601 UTC.

A failed load raises `PlanError` with every problem found, each with file, line, column and rule.

The way of a rule through this room
===================================

`source` sees that files changed, `files` finds and `load` reads them (`reading`: a key, `place`: where it stands,
`limits`: how large it may be), and `kept` keeps what it made. ``language`` makes a meaning of an expression,
``declared`` says what names stand for in it, and then each kind of file has a folder: ``rule``, ``tables``, ``models``,
``lifecycle``, and `policy`. What they make is a `model`, or a `scored`; all of a house together are a `plan`, which
``evaluation`` judges events by and `explain` shows. ``schema`` says the same to editors.
"""

from __future__ import annotations

from risk_stream.rules.evaluation.decide import Ruling
from risk_stream.rules.evaluation.evaluate import Evaluator, RulesAt, compiled, program_of
from risk_stream.rules.evaluation.failures import Failures, add_failures
from risk_stream.rules.files import PlanError, read_rule_file, rule_files, with_models
from risk_stream.rules.lifecycle.model import Lifecycle
from risk_stream.rules.lifecycle.model import Step as LifecycleStep
from risk_stream.rules.model import (
    REQUEST,
    SEVERITIES,
    STAGES,
    VERDICTS,
    Given,
    GivenScore,
    Row,
    Rule,
    RuleTest,
    Validity,
)
from risk_stream.rules.plan import Plan, calendars_ending, load_plan, plan_of_texts
from risk_stream.rules.rule.at_most import AtMost
from risk_stream.rules.rule.delay import Delay
from risk_stream.rules.rule.validity import expired, limits_of
from risk_stream.rules.scored import OUTCOME, Labels, Scored
from risk_stream.rules.source import PlanSource

__all__ = [
    "OUTCOME",
    "REQUEST",
    "SEVERITIES",
    "STAGES",
    "VERDICTS",
    "AtMost",
    "Delay",
    "Evaluator",
    "Failures",
    "Given",
    "GivenScore",
    "Labels",
    "Lifecycle",
    "LifecycleStep",
    "Plan",
    "PlanError",
    "PlanSource",
    "Row",
    "Rule",
    "RuleTest",
    "RulesAt",
    "Ruling",
    "Scored",
    "Validity",
    "add_failures",
    "calendars_ending",
    "compiled",
    "expired",
    "limits_of",
    "load_plan",
    "plan_of_texts",
    "program_of",
    "read_rule_file",
    "rule_files",
    "with_models",
]
