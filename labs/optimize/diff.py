"""What an optimizer did to a graph: which nodes vanished into which, and why."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from labs.optimize.graph import Graph, Node, read_graph

#: Why nodes disappear, in words for a reader who meets it for the first time.
REASONS: dict[str, str] = {
    "constant folding": "All its inputs are fixed, so its result was computed once and stored in the file.",
    "batch-norm folding": (
        "At inference BatchNorm multiplies and shifts each channel by fixed numbers. A convolution before it is "
        "linear, so those numbers were multiplied into its weights and bias: same result, one pass over memory less."
    ),
    "activation fusion": (
        "The convolution clips each value (ReLU6) while it still holds it in a register, instead of writing it to "
        "memory for another node to read."
    ),
    "residual fusion": "The block's shortcut is added while the convolution writes its result.",
    "layout": (
        "Weights and activations are kept in blocks of channels (NCHWc), so that a vector instruction finds the "
        "channels that it needs side by side. A reorder node converts at the border."
    ),
    "quantized operator": (
        "Dequantize, compute, quantize became one operator that multiplies 8-bit integers directly: before this step "
        "the file only described the rounding, after it the work is really done in integers."
    ),
    "merging": "The optimizer replaced these nodes by one that does the same.",
    "elimination": "Nothing depends on it any more, or it changed nothing.",
}

_LAYOUT_SUFFIX = re.compile(r"_token_\d+$")


@dataclass(frozen=True)
class Fusion:
    """Several nodes that became one."""

    #: The node that is left.
    node: Node
    #: The nodes that it replaces, in running order.
    members: tuple[Node, ...]
    #: Keys of ``REASONS`` that explain it.
    reasons: tuple[str, ...]

    @property
    def recipe(self) -> str:
        """What became what, such as 'Conv + BatchNormalization + Clip → com.microsoft:FusedConv'."""
        return f"{' + '.join(member.op for member in self.members)} → {self.node.op}"


@dataclass(frozen=True)
class GraphDiff:
    """The difference between a graph and its optimized form."""

    #: Nodes of each operator before.
    before: dict[str, int]
    #: Nodes of each operator after.
    after: dict[str, int]
    #: Nodes that absorbed others, or were rewritten for another layout.
    fusions: tuple[Fusion, ...]
    #: Nodes that vanished without becoming part of another, each with a key of ``REASONS``.
    vanished: tuple[tuple[Node, str], ...]
    #: Nodes that have no counterpart before.
    added: tuple[Node, ...]

    def explain(self) -> str:
        """Return the difference as text: what happened how often, and why that is allowed."""
        counts = Counter(reason for fusion in self.fusions for reason in fusion.reasons)
        counts.update(reason for _, reason in self.vanished)
        before, after = sum(self.before.values()), sum(self.after.values())
        lines = [f"{before} nodes before, {after} after."]
        lines += [f"- {reason} ({count} ×): {REASONS[reason]}" for reason, count in counts.most_common()]
        return "\n".join(lines)


def compare_graphs(before: str | Path | Graph, after: str | Path | Graph) -> GraphDiff:
    """Return what became of each node of a graph.

    Optimizers keep the names of the values they do not touch. So each node that is left stands for every original node
    on the way back from its output to the next value that is still there.

    Args:
        before: The graph as exported, or its file.
        after: The optimized graph, or its file.
    """
    before, after = (g if isinstance(g, Graph) else read_graph(g) for g in (before, after))
    made_by, order = before.producers(), {node: i for i, node in enumerate(before.nodes)}
    by_name = {node.name: node for node in before.nodes}
    left = {node: _counterpart(node, made_by, by_name) for node in after.nodes}
    owner = {old: new for new, old in left.items() if old}
    fixed = _fixed_nodes(before)
    for new, old in left.items():
        if old:
            _claim_backwards(old, new, made_by, owner, fixed)
    _claim_forwards(before, made_by, owner, fixed, {node: i for i, node in enumerate(after.nodes)})
    members: dict[Node, list[Node]] = {}
    for old, new in owner.items():
        members.setdefault(new, []).append(old)
    fusions = tuple(
        Fusion(new, tuple(sorted(old, key=order.__getitem__)), _reasons(new, old))
        for new, old in members.items()
        if len(old) > 1 or new.op != old[0].op
    )
    vanished = tuple(
        (node, "constant folding" if node in fixed else "elimination") for node in before.nodes if node not in owner
    )
    added = tuple(new for new, old in left.items() if not old)
    return GraphDiff(before.op_counts, after.op_counts, fusions, vanished, added)


def _counterpart(node: Node, made_by: dict[str, Node], by_name: dict[str, Node]) -> Node | None:
    """Return the original node whose value a remaining node makes; layout transforms rename it, but say from what."""
    if node.op.startswith("com.microsoft.nchwc:Reorder") or (node.op == "Transpose" and node.name not in by_name):
        return None  # put in by the layout transform, even where it took over a value's name
    for output in node.outputs:
        if output in made_by:
            return made_by[output]
    return made_by.get(node.name.removesuffix("_nchwc")) or by_name.get(_LAYOUT_SUFFIX.sub("", node.name))


def _fixed_nodes(graph: Graph) -> set[Node]:
    """Return the nodes whose results do not depend on the input."""
    fixed, known = set(), set(graph.constants) | {""}
    for node in graph.nodes:
        if all(name in known for name in node.inputs):
            fixed.add(node)
            known.update(node.outputs)
    return fixed


def _claim_backwards(start: Node, new: Node, made_by: dict, owner: dict, fixed: set) -> None:
    """Give a remaining node all unowned nodes that lead to its value, and the dequantization of its own weights."""
    waiting = [start]
    while waiting:
        node = waiting.pop()
        if node.op == "DequantizeLinear" and node is not start:
            continue  # the quantized value that it reads was made by somebody else
        for name in node.inputs:
            old = made_by.get(name)
            if old is None or old in owner or (old in fixed and old.op != "DequantizeLinear"):
                continue
            if old.op == "Add" and "Add" not in new.op:
                continue  # a residual sum is written by the convolution before it, not read by the one after
            owner[old] = new
            waiting.append(old)


def _claim_forwards(before: Graph, made_by: dict, owner: dict, fixed: set, rank: dict[Node, int]) -> None:
    """Give nodes that follow an owned one, such as a fused residual Add, to the last of their producers."""
    for node in before.nodes:
        if node in owner or node in fixed:
            continue
        sources = [owner[made_by[name]] for name in node.inputs if name in made_by and made_by[name] in owner]
        if sources:
            owner[node] = max(sources, key=rank.__getitem__)


def _reasons(new: Node, members: list[Node]) -> tuple[str, ...]:
    ops = {member.op for member in members}
    found = []
    if "BatchNormalization" in ops and len(ops) > 1:
        found.append("batch-norm folding")
    if len(ops) > 1 and ops & {"Clip", "Relu"} and "DequantizeLinear" not in ops:
        found.append("activation fusion")
    if len(ops) > 1 and "Add" in ops and "DequantizeLinear" not in ops:
        found.append("residual fusion")
    if "DequantizeLinear" in ops and len(ops) > 1:
        found.append("quantized operator")
    if "nchwc" in new.op:
        found.append("layout")
    return tuple(found) or ("merging",)
