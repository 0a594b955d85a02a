"""A loan book made of events: contracts, payments, changes and openings, and what cannot be used of them.

Events come in any order, late, twice, reversed or with an earlier value date; the ledger is a function of all of them.
See docs/lending.md, "A book from events".
"""

from risk_stream.lending.ledger.faults import KINDS, Fault, Faults
from risk_stream.lending.ledger.ledger import Ledger, ledger

__all__ = ["KINDS", "Fault", "Faults", "Ledger", "ledger"]
