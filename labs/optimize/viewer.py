"""Netron's viewer for one model, served on this machine's loopback address and talking to nobody else.

Netron's own server is not used. Its page asks a web service for the visitor's country, asks for consent to cookies,
reports usage, and from half a year after its release shows nothing but a request to update; and it hands out every file
that lies beside the model. Here the page is Netron's, without its release date and version (which is how its authors
switch all that off while they work on it), and the browser is told not to connect anywhere else.

Source: netron 9.3, browser.js (``age``, ``consent``, ``telemetry``) and server.py.
"""

from __future__ import annotations

import importlib.util
import io
import re
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from labs.loopback import is_own_host, listen

#: Where it listens, at the first that is free: ports that are known in advance can be tunnelled. Lesson 13 names them.
PORTS: tuple[int, ...] = (8081, 8082, 8083, 8084)

#: What the page may load and whom it may talk to; a browser enforces it.
POLICY = "default-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; connect-src 'self'"

#: Answers the page's question for consent with 'asked already', and keeps it from storing any cookie.
_QUIET = b"Object.defineProperty(document, 'cookie', { get: () => 'consent=0', set: () => {} });\n"

_DATED = re.compile(r'<meta name="(?:version|date)"[^>]*>\n?')


class Viewer:
    """A running viewer; it ends with ``stop`` or with the process."""

    def __init__(self, model_path: str | Path) -> None:
        """Start it on the first of ``PORTS`` that is free.

        Args:
            model_path: The file to show; it is read when the page asks for it.

        Raises:
            PortsTakenError: None is free.
        """
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listen(ports=PORTS)
        self._server.server_name, self._server.server_port = self._server.socket.getsockname()
        self._server.model_path = Path(model_path)
        #: Its address, reachable from this machine only.
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Stop answering; twice is fine."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(SimpleHTTPRequestHandler):
    """Answers with Netron's files, a page of our own and the model."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args, directory=str(_netron_dir()))

    def send_head(self) -> io.BufferedIOBase | None:
        """Send the headers, and return what follows them."""
        if not is_own_host(self.headers.get("Host", "")):
            self.send_error(421)
            return None
        path, model = urlsplit(self.path).path, self.server.model_path
        if path in {"/", "/index.html"}:
            return self._send(_page(), "text/html; charset=utf-8")
        if path == "/quiet.js":
            return self._send(_QUIET, "text/javascript")
        if path == "/data/model.onnx":
            return self._send(model.read_bytes(), "application/octet-stream")
        return super().send_head()

    def end_headers(self) -> None:
        """Tell the browser whom the page may talk to."""
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def list_directory(self, path: object) -> None:
        """Show no folder."""
        self.send_error(404)

    def log_message(self, *args: object) -> None:
        """Keep requests out of the notebook."""

    def _send(self, content: bytes, kind: str) -> io.BytesIO:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return io.BytesIO(content)


def _netron_dir() -> Path:
    # Found without importing it: its start-up is its server.
    return Path(importlib.util.find_spec("netron").origin).parent


def _page() -> bytes:
    """Return Netron's page, told where the model is and nothing else."""
    page = _DATED.sub("", (_netron_dir() / "index.html").read_text(encoding="utf-8"))
    tags = '<meta name="file" content="data/model.onnx"><meta name="identifier" content="model.onnx">'
    return page.replace("<title>", f'{tags}<script src="quiet.js"></script>\n<title>', 1).encode()
