"""Names compared with names on lists: what makes two names alike, and an index that finds the few that may be.

`similarity` is a pure function of two names. An `Index` holds the names that ever stood on one list and gives those
that are like another name; who of them is on the list at a moment the engine knows.
"""

from risk_stream.screening.index import Hit, Index
from risk_stream.screening.names import Name, folded
from risk_stream.screening.score import LEAST, similarity

__all__ = ["LEAST", "Hit", "Index", "Name", "folded", "similarity"]
