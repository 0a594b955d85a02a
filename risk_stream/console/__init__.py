"""The console: pages, the HTTP API behind them, and live updates. A process of its own, and a view of the logs alone.

`Feed` follows what the engine says of alerts and what the desk writes, masks it, and keeps it in a columnar index that
handlers ask; a handler knows a `House` and no more. What people do goes to the desk as an act, and comes back as an
entry.

| to | look in |
| --- | --- |
| add a route | `api/`: a module for each thing the API is about, and `app.api_routes` |
| add a page | `static/pages/`, and one line of `PAGES` in `static/pages.js` |
| know what a list can ask | `index/` |
| know how clients are told of changes | `hub` |
"""

from __future__ import annotations

from risk_stream.console.app import make_app
from risk_stream.console.house import House
from risk_stream.console.metrics import CONSOLE_METRICS
from risk_stream.console.process import Console
from risk_stream.console.routes import Param, Route

__all__ = ["CONSOLE_METRICS", "Console", "House", "Param", "Route", "make_app"]
