"""The console: pages, the HTTP API behind them, and live updates."""
