"""A stand-in for the one part of Nova that Blazar touches while it books a node: host aggregates."""

from __future__ import annotations

import itertools
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _Aggregates(BaseHTTPRequestHandler):
    """Lists, creates, changes and deletes aggregates in memory."""

    kept: dict[int, dict[str, Any]] = {0: {"id": 0, "name": "freepool", "hosts": [], "metadata": {}}}  # noqa: RUF012
    numbers = itertools.count(1)

    def do_GET(self) -> None:
        """Describe the version, list all aggregates, or show one."""
        if "os-aggregates" not in self.path:
            version = {"id": "v2.1", "status": "CURRENT", "version": "2.96", "min_version": "2.1", "links": []}
            self._answer(200, {"version": version})
        elif self.path.rstrip("/").endswith("os-aggregates"):
            self._answer(200, {"aggregates": list(self.kept.values())})
        else:
            self._answer(200, {"aggregate": self.kept[self._number()]})

    def do_POST(self) -> None:
        """Create an aggregate, or change one."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/action"):
            self._answer(200, {"aggregate": self.kept[self._number()]})
            return
        made = {"id": next(self.numbers), "hosts": [], "metadata": {}} | body["aggregate"]
        self.kept[made["id"]] = made
        self._answer(200, {"aggregate": made})

    def do_DELETE(self) -> None:
        """Delete an aggregate."""
        self.kept.pop(self._number(), None)
        self._answer(200, {})

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def _number(self) -> int:
        return int(self.path.split("os-aggregates/")[1].split("/")[0])

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


def serve() -> str:
    """Start the stand-in in a thread and return its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Aggregates)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/v2.1"
