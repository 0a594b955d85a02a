"""What a worker starts beside itself: `python -m risk_stream.service`."""

from __future__ import annotations

import sys

from risk_stream.garbage import collect_rarely

if __name__ == "__main__":
    collect_rarely()  # before anything large is imported
    from risk_stream.service.process import main

    sys.exit(main())
