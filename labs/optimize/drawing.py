"""A graph to look at: Netron inside the notebook, and a drawing that needs no server.

Netron's own server is not used. It answers whatever ``Host`` a request names, so that a foreign page can rebind its
name to it, and it hands out every file that lies beside the model. Its page asks a web service for the visitor's
country, asks for consent to cookies, reports usage, and from half a year after its release shows nothing but a request
to update. Here the page is Netron's, without its release date and version (which is how its authors switch all that off
while they work on it), and the browser is told not to connect anywhere else.

Source: netron 9.3, browser.js (``age``, ``consent``, ``telemetry``) and server.py.
"""

from __future__ import annotations

import html
import importlib.util
import io
import re
import threading
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from labs.optimize.graph import Graph, Node, read_graph
from labs.runtimes.loopback import is_own_host, link, listen

#: Where Netron listens, at the first that is free: ports that are known in advance can be tunnelled. Lesson 13 names
#: them.
PORTS: tuple[int, ...] = (8081, 8082, 8083, 8084)

#: What its page may load and whom it may talk to; a browser enforces it.
POLICY = "default-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; connect-src 'self'"

#: Answers the page's question for consent with 'asked already', and keeps it from storing any cookie.
_QUIET = b"Object.defineProperty(document, 'cookie', { get: () => 'consent=0', set: () => {} });\n"

_DATED = re.compile(r'<meta name="(?:version|date)"[^>]*>\n?')

#: Fill colours by what an operator does; dark text keeps at least 7:1 contrast on each.
_COLOURS = {
    "Conv": "#bcd6f5",
    "Gemm": "#bcd6f5",
    "MatMul": "#bcd6f5",
    "Linear": "#f7d9a8",
    "BatchNormalization": "#cdeac0",
    "Clip": "#f5c6c6",
    "Relu": "#f5c6c6",
    "Add": "#e3d0f2",
    "value": "#ffffff",
}
#: Stands in for the operator of a box that shows a value from outside the drawn part.
_VALUE = "value"
_BOX_WIDTH, _BOX_HEIGHT, _GAP, _MARGIN = 330, 30, 16, 8


def show_graph(path: str | Path) -> GraphView:
    """Open a model in Netron on this machine, at a known port (``PORTS``), and return a view that shows it.

    Args:
        path: The ``.onnx`` file.

    Returns:
        The view; its ``text`` says the same in words, and ``stop()`` ends the server (it also ends with the kernel).

    Raises:
        FileNotFoundError: There is no file at this path.
        PortsTakenError: None of the ports is free.
    """
    return GraphView(path)


class GraphView:
    """A model opened in Netron, shown as a frame when it ends a notebook cell; it ends with ``stop`` or the process."""

    def __init__(self, path: str | Path) -> None:
        """Start the server; the model is read when the page asks for it."""
        self.path, graph = Path(path), read_graph(path)
        counts = ", ".join(f"{count} {op}" for op, count in graph.op_counts.items())
        about = f"{self.path.name}: {len(graph.nodes)} nodes ({counts}), {len(graph.constants)} stored constants."
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listen(ports=PORTS)
        self._server.server_name, self._server.server_port = self._server.socket.getsockname()
        self._server.model_path = self.path
        #: Its address, reachable from this machine only.
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        #: What the frame shows, and how to reach it when the notebook runs on another machine.
        self.text = (
            f"{about}\nInteractive view: {link(self.url)}\nOn a leased machine it comes with the tunnel (`msl lease "
            "forward model`), whose table says at which address."
        )
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Stop answering; twice is fine."""
        self._server.shutdown()
        self._server.server_close()

    def _repr_html_(self) -> str:
        title = html.escape(f"Graph of {self.path.name} in Netron")
        return (
            f'<iframe src="{html.escape(link(self.url))}" title="{title}" width="100%" height="600" '
            f'style="border:1px solid #ccc"></iframe><pre>{html.escape(self.text)}</pre>'
        )

    def __repr__(self) -> str:
        return self.text


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


@dataclass(frozen=True)
class Drawing:
    """A drawing of some nodes; shown when it ends a notebook cell."""

    #: The drawing.
    svg: str
    #: The same in words, one line a node.
    text: str

    def _repr_html_(self) -> str:
        # A bare <svg> is text to some front ends; inside an element with a role it is an image to all of them.
        return f'<div role="img" aria-label="{html.escape(self.text)}">{self.svg}</div>'

    def __repr__(self) -> str:
        return self.text


def draw_graph(source: str | Path | Graph, *, contains: str = "", limit: int = 24) -> Drawing:
    """Return a drawing of a part of a graph: one box a node, lines for values, arcs for values that skip nodes.

    White boxes at the top are values that come from outside the part.

    Args:
        source: The graph or its file.
        contains: Draw only nodes whose name holds this text, such as 'features.3.' for one block.
        limit: Draw this many nodes at most.
    """
    graph = source if isinstance(source, Graph) else read_graph(source)
    nodes = [node for node in graph.nodes if contains in node.name][:limit]
    made = {name for node in nodes for name in node.outputs}
    read = dict.fromkeys(name for node in nodes for name in node.inputs if name)
    outside = [name for name in read if name not in made and name not in graph.constants]
    nodes = [*(Node(name, _VALUE, (), (name,)) for name in outside), *nodes]
    rows = {name: row for row, node in enumerate(nodes) for name in node.outputs if name}
    edges = [(rows[name], row) for row, node in enumerate(nodes) for name in node.inputs if rows.get(name, row) < row]
    lines = [f"{row + 1}. {_label(node)}{_sources(node, rows)}" for row, node in enumerate(nodes)]
    return Drawing(_svg(nodes, edges), "\n".join(lines) or f"No node's name holds {contains!r}.")


def _label(node: Node) -> str:
    return f"{node.op.split(':')[-1]}  {node.name.rpartition('/')[0] or node.name}"


def _sources(node: Node, rows: dict[str, int]) -> str:
    before = [str(rows[name] + 1) for name in node.inputs if name in rows]
    return f"  ← {', '.join(before)}" if before else ""


def _svg(nodes: list[Node], edges: list[tuple[int, int]]) -> str:
    def top(row: int) -> int:
        return _MARGIN + row * (_BOX_HEIGHT + _GAP)

    width, height = _BOX_WIDTH + 2 * _MARGIN + 60, top(len(nodes)) - _GAP + _MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    ]
    middle, right = _MARGIN + _BOX_WIDTH / 2, _MARGIN + _BOX_WIDTH
    for begin, end in edges:
        if end == begin + 1:
            path = f"M{middle},{top(begin) + _BOX_HEIGHT} V{top(end)}"
        else:
            high, low = top(begin) + _BOX_HEIGHT / 2, top(end) + _BOX_HEIGHT / 2
            path = f"M{right},{high} C{right + 50},{high} {right + 50},{low} {right},{low}"
        parts.append(f'<path d="{path}" fill="none" stroke="#555" stroke-width="1.5"/>')
    for row, node in enumerate(nodes):
        fill = next((colour for op, colour in _COLOURS.items() if op in node.op.split(":")[-1]), "#e8e8e8")
        parts.append(
            f'<rect x="{_MARGIN}" y="{top(row)}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="4" fill="{fill}" '
            f'stroke="#555"/><text x="{_MARGIN + 10}" y="{top(row) + 20}" font-family="sans-serif" font-size="13" '
            f'fill="#111">{html.escape(_label(node))}</text>'
        )
    return "".join(parts) + "</svg>"
