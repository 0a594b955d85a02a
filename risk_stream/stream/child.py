"""The start of the process that does the work, `python -m risk_stream.stream.child`: a supervisor calls it."""

from __future__ import annotations

from risk_stream.garbage import collect_rarely

if __name__ == "__main__":
    collect_rarely()  # before anything large is imported
    from risk_stream.stream.process import main

    main()
