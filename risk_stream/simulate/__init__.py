"""A market and a loan book with known truth: seeded events as JSON lines, calm days with planted, labelled episodes.

`Market` makes the stream, `Clock` and `paced` say how fast its time passes, `to_file` and `to_kafka` carry it away, and
`score` holds what a plan found against what was planted. `DEMO` is the story the demo tells.
"""

from risk_stream.simulate.clock import Clock
from risk_stream.simulate.demo import DEMO, Demo
from risk_stream.simulate.emit import Slice
from risk_stream.simulate.episodes import KINDS
from risk_stream.simulate.market import Market
from risk_stream.simulate.pace import paced
from risk_stream.simulate.sinks import to_file, to_kafka
from risk_stream.simulate.truth import EXPECTED, Episode, KindScore, score

__all__ = [
    "DEMO",
    "EXPECTED",
    "KINDS",
    "Clock",
    "Demo",
    "Episode",
    "KindScore",
    "Market",
    "Slice",
    "paced",
    "score",
    "to_file",
    "to_kafka",
]
