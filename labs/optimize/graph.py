"""The graph inside an ONNX file: its nodes, and what it becomes at each of ONNX Runtime's optimization levels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

#: ONNX Runtime's graph optimization levels, in rising order: each does all that the lower ones do.
#: Source: ONNX Runtime 1.32, ``onnxruntime.GraphOptimizationLevel``.
LEVELS: tuple[str, ...] = (
    "ORT_DISABLE_ALL",
    "ORT_ENABLE_BASIC",
    "ORT_ENABLE_EXTENDED",
    "ORT_ENABLE_LAYOUT",
    "ORT_ENABLE_ALL",
)


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
    )
