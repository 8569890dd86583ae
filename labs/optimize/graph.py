"""The graph inside an ONNX file: its nodes, and what it becomes at each of ONNX Runtime's optimization levels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from labs.backends.onnxruntime_backend import GRAPH_LEVELS, OnnxRuntimeBackend


@dataclass(frozen=True)
class Node:
    """One operation of a graph."""

    #: Its name; in files that this course exports, 'module/Operator'.
    name: str
    #: Operator, with its domain when that is not ONNX's own: 'Conv', 'com.microsoft.nchwc:Conv'.
    op: str
    #: Names of the values it reads, '' for an optional input that is left out.
    inputs: tuple[str, ...]
    #: Names of the values it makes.
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Graph:
    """The nodes of an ONNX file in an order in which they can run, without the weights themselves."""

    #: Operations, each after those whose values it reads.
    nodes: tuple[Node, ...]
    #: Names of the stored constants: weights, biases, scales.
    constants: frozenset[str]
    #: Names of the values that the caller gives.
    inputs: tuple[str, ...]
    #: Names of the values that the caller gets.
    outputs: tuple[str, ...]
    #: Size of the file in bytes.
    size_bytes: int

    @property
    def op_counts(self) -> dict[str, int]:
        """How many nodes of each operator, most frequent first."""
        return dict(Counter(node.op for node in self.nodes).most_common())

    def producers(self) -> dict[str, Node]:
        """Return the node that makes each value."""
        return {name: node for node in self.nodes for name in node.outputs if name}


def read_graph(path: str | Path) -> Graph:
    """Return the graph of an ONNX file.

    Args:
        path: The ``.onnx`` file.

    Raises:
        FileNotFoundError: There is no file at this path.
    """
    import onnx

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no model at {path}: run the lesson that exports it first")
    graph = onnx.load(path).graph
    nodes = tuple(
        Node(
            name=node.name,
            op=f"{node.domain}:{node.op_type}" if node.domain not in {"", "ai.onnx"} else node.op_type,
            inputs=tuple(node.input),
            outputs=tuple(node.output),
        )
        for node in graph.node
    )
    constants = frozenset(tensor.name for tensor in graph.initializer)
    return Graph(
        nodes=nodes,
        constants=constants,
        inputs=tuple(value.name for value in graph.input if value.name not in constants),
        outputs=tuple(value.name for value in graph.output),
        size_bytes=path.stat().st_size,
    )


def optimize_graph(path: str | Path, level: str, optimized_path: str | Path) -> Path:
    """Write the graph as ONNX Runtime would run it at an optimization level, and return where.

    From 'all' on the result holds operators and a memory layout made for this very CPU: look at it, but ship the
    original and let each machine optimize for itself.

    Args:
        path: The ``.onnx`` file as exported.
        level: A key of ``GRAPH_LEVELS``: 'disabled', 'basic', 'extended' or 'all'.
        optimized_path: Where to write.

    Raises:
        ValueError: There is no such level.
    """
    if level not in GRAPH_LEVELS:
        raise ValueError(f"no level {level!r}; ONNX Runtime has {', '.join(GRAPH_LEVELS)}")
    optimized_path = Path(optimized_path)
    optimized_path.parent.mkdir(parents=True, exist_ok=True)
    with OnnxRuntimeBackend(path, graph_level=level, optimized_path=optimized_path):
        pass  # the file is written while the session is made
    return optimized_path


def node_table(graph: Graph, contains: str = "") -> pd.DataFrame:
    """Return the nodes as a table, one row a node in running order.

    Args:
        graph: The graph.
        contains: Keep only nodes whose name or operator contains this text.

    Returns:
        Columns ``node``, ``op``, ``reads`` (values computed before), ``constants`` (how many weights), ``makes``.
    """
    rows = [
        {
            "node": node.name,
            "op": node.op,
            "reads": ", ".join(name for name in node.inputs if name and name not in graph.constants),
            "constants": sum(name in graph.constants for name in node.inputs),
            "makes": ", ".join(name for name in node.outputs if name),
        }
        for node in graph.nodes
        if contains in node.name or contains in node.op
    ]
    return pd.DataFrame(rows, columns=["node", "op", "reads", "constants", "makes"])
