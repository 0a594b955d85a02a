"""`python -m risk_stream` is `risk-stream`."""

from __future__ import annotations

from risk_stream.cli import main

if __name__ == "__main__":
    main()
