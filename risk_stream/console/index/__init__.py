"""All alerts in columns, in memory: what pages list, count and search, in any order, of a person's entities alone.

    index = Index(masking)
    index.alert(alert, (partition, offset), at)     # a record of risk.alerts, in whatever order
    index.life(life, offset)                        # a life of an entry of risk.life
    index.find(Query(one_of={"standing": ["open"]}, words="transfer"), scope, "-severity", offset=50, limit=50)

It holds what lists show. The whole of an alert (features, comparisons) and of a life (comments) is read by its place
in Kafka, or by its id from Redis. Nothing of it is kept: it is read again from the logs when a console starts.
"""

from __future__ import annotations

from risk_stream.console.index.index import Index
from risk_stream.console.index.query import ONE_OF, SORTS, Changes, Page, Place, Query, QueryError, Row

__all__ = [
    "ONE_OF",
    "SORTS",
    "Changes",
    "Index",
    "Page",
    "Place",
    "Query",
    "QueryError",
    "Row",
]
