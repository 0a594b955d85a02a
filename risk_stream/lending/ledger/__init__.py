"""A loan book made of events: contracts, payments, changes and openings, how it closes, and what cannot be used of it.

Events come in any order, late, twice, reversed or with an earlier value date; the ledger is a function of all of them.
See docs/lending.md, "A book from events".
"""

from risk_stream.lending.ledger.allowances import LossRules, load_loss_rules
from risk_stream.lending.ledger.closing import Closing, Tables, close, month_ends
from risk_stream.lending.ledger.controls import Controls, Total, differences, load_controls
from risk_stream.lending.ledger.faults import KINDS, Fault, Faults
from risk_stream.lending.ledger.figures import Figures, Part, Rolls, Vintage, figures
from risk_stream.lending.ledger.ledger import Ledger, ledger
from risk_stream.lending.ledger.status import statuses

__all__ = [
    "KINDS",
    "Closing",
    "Controls",
    "Fault",
    "Faults",
    "Figures",
    "Ledger",
    "LossRules",
    "Part",
    "Rolls",
    "Tables",
    "Total",
    "Vintage",
    "close",
    "differences",
    "figures",
    "ledger",
    "load_controls",
    "load_loss_rules",
    "month_ends",
    "statuses",
]
