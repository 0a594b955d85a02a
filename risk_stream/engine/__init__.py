"""The whole core: a plan in, blocks of events in, alerts out; no I/O, no clock, no randomness.

A `Hop` is one kind of key on one partition: it keeps that key's windows, judges the rules whose features are complete
there and hands each event on to the next key it needs. `Engine` chains the hops of a plan in one process; the live
worker puts a Kafka topic between them instead. Both run the same code on the same `EventBatch`, so a replay says what
the worker said. Time is the event's time.
"""

from risk_stream.engine.alert import Alert, alert_id, final
from risk_stream.engine.block import INDEX_BITS, REVISED, Block, Forward, Result
from risk_stream.engine.chain import Engine
from risk_stream.engine.decided import Decided, Verdict
from risk_stream.engine.hop import Hop
from risk_stream.engine.judge import Meter
from risk_stream.engine.lateness import late
from risk_stream.engine.machine import MakeLearner, ScoredRows, Standing, Tap
from risk_stream.engine.owners import Contradiction
from risk_stream.engine.plans import columns_of
from risk_stream.engine.ready import Ready, make_ready
from risk_stream.engine.view import Features, View, broadcast_rows, entry_hops, is_broadcast, rows_of_types

__all__ = [
    "INDEX_BITS",
    "REVISED",
    "Alert",
    "Block",
    "Contradiction",
    "Decided",
    "Engine",
    "Features",
    "Forward",
    "Hop",
    "MakeLearner",
    "Meter",
    "Ready",
    "Result",
    "ScoredRows",
    "Standing",
    "Tap",
    "Verdict",
    "View",
    "alert_id",
    "broadcast_rows",
    "columns_of",
    "entry_hops",
    "final",
    "is_broadcast",
    "late",
    "make_ready",
    "rows_of_types",
]
