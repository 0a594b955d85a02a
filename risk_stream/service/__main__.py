"""What a worker starts beside itself: `python -m risk_stream.service`."""

from __future__ import annotations

import sys

from risk_stream.service.process import main

sys.exit(main())
