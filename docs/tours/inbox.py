"""A mail box for the tour of who is on call: it takes what is posted to 127.0.0.1:8099 and prints it."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, HTTPServer


class Inbox(BaseHTTPRequestHandler):
    """Prints the title and text of each notice."""

    def do_POST(self) -> None:
        """Take a notice."""
        notice = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        print(f"== {notice['title']}\n{notice['message']}\n", flush=True)  # noqa: T201
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing else."""


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", 8099), Inbox).serve_forever()
