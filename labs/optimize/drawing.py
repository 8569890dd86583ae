"""A graph to look at: Netron inside the notebook, and a drawing that needs no server."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path

from labs.loopback import link
from labs.optimize.graph import Graph, Node, read_graph
from labs.optimize.viewer import Viewer

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


@dataclass(frozen=True)
class GraphView:
    """A model opened in Netron on this machine's loopback address; shown as a frame when it ends a notebook cell."""

    #: File that is shown.
    path: Path
    #: The viewer, reachable from this machine only.
    viewer: Viewer
    #: The graph in words, for those who cannot see the frame.
    summary: str

    @property
    def url(self) -> str:
        """Address of the viewer."""
        return self.viewer.url

    @property
    def text(self) -> str:
        """What the frame shows and how to reach it when the notebook runs on another machine."""
        return (
            f"{self.summary}\nInteractive view: {link(self.url)}\nOn a leased machine it comes with the tunnel "
            "(`msl lease forward model`), whose table says at which address."
        )

    def stop(self) -> None:
        """Stop the viewer's server."""
        self.viewer.stop()

    def _repr_html_(self) -> str:
        title = html.escape(f"Graph of {self.path.name} in Netron")
        return (
            f'<iframe src="{html.escape(link(self.url))}" title="{title}" width="100%" height="600" '
            f'style="border:1px solid #ccc"></iframe><pre>{html.escape(self.text)}</pre>'
        )

    def __repr__(self) -> str:
        return self.text


def show_graph(path: str | Path) -> GraphView:
    """Open a model in Netron on this machine, at a known port (``viewer.PORTS``), and return a view that shows it.

    Args:
        path: The ``.onnx`` file.

    Returns:
        The view; its ``text`` says the same in words, and ``stop()`` ends the server (it also ends with the kernel).

    Raises:
        FileNotFoundError: There is no file at this path.
    """
    graph = read_graph(path)
    return GraphView(Path(path), Viewer(path), describe_graph(graph, Path(path).name))


def describe_graph(graph: Graph, name: str = "The graph") -> str:
    """Return one sentence on a graph's nodes, such as 'model.onnx: 100 nodes (52 Conv, 35 Clip, …)'."""
    counts = ", ".join(f"{count} {op}" for op, count in graph.op_counts.items())
    return f"{name}: {len(graph.nodes)} nodes ({counts}), {len(graph.constants)} stored constants."


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
