"""What ONNX Runtime's optimizer does to a graph is read, compared and explained correctly."""

from __future__ import annotations

import pytest

from labs.optimize.diff import REASONS, compare_graphs
from labs.optimize.graph import LEVELS, read_graph


@pytest.fixture(scope="module")
def optimized(as_written, optimize_graph, tmp_path_factory) -> dict:
    """The graph at each level."""
    folder = tmp_path_factory.mktemp("levels")
    return {level: optimize_graph(as_written, level, folder / f"{level}.onnx") for level in LEVELS}


def test_disabled_changes_no_computation(as_written, optimized) -> None:
    """Without optimization only stored constants move."""
    diff = compare_graphs(as_written, optimized["ORT_DISABLE_ALL"])
    assert not diff.fusions
    assert {node.op for node, _ in diff.vanished} <= {"Constant"}


def test_basic_folds_every_batch_norm_into_its_own_convolution(as_written, optimized) -> None:
    """Each BatchNorm becomes part of the convolution of the same module, for the stated reason."""
    diff = compare_graphs(as_written, optimized["ORT_ENABLE_BASIC"])
    assert diff.before["BatchNormalization"] == diff.before["Conv"]
    assert "BatchNormalization" not in diff.after
    assert len(diff.fusions) == diff.before["Conv"]
    for fusion in diff.fusions:
        convolution, norm = fusion.members
        assert (convolution.op, norm.op) == ("Conv", "BatchNormalization")
        assert norm.inputs[0] == convolution.outputs[0]
        assert fusion.reasons == ("batch-norm folding",)


def test_extended_fuses_activations(as_written, optimized) -> None:
    """Each Clip vanishes into the convolution before it; linear projections keep no activation."""
    diff = compare_graphs(as_written, optimized["ORT_ENABLE_EXTENDED"])
    fused = [fusion for fusion in diff.fusions if "activation fusion" in fusion.reasons]
    assert len(fused) == diff.before["Clip"]
    assert "Clip" not in diff.after


def test_every_node_is_accounted_for_once(as_written, optimized) -> None:
    """A node is left as it was, part of exactly one other, or vanished with a reason: never two, never none."""
    before = read_graph(as_written)
    for path in optimized.values():
        diff = compare_graphs(before, path)
        members = [node for fusion in diff.fusions for node in fusion.members]
        gone = [node for node, _ in diff.vanished]
        untouched = len(read_graph(path).nodes) - len(diff.fusions) - len(diff.added)
        assert len(set(members)) == len(members)
        assert not set(members) & set(gone)
        assert len(members) + len(gone) + untouched == len(before.nodes)


def test_residual_additions_join_the_convolution_that_writes_the_sum(as_written, optimized) -> None:
    """On machines with the blocked layout an Add vanishes into the projection of its own block."""
    diff = compare_graphs(as_written, optimized["ORT_ENABLE_ALL"])
    if not any("nchwc" in op for op in diff.after):
        pytest.skip("this processor's build has no NCHWc layout")
    fused = [fusion for fusion in diff.fusions if "residual fusion" in fusion.reasons]
    assert len(fused) == diff.before["Add"] > 0
    for fusion in fused:
        block = next(member.name for member in fusion.members if member.op == "Add").split("/")[0]
        assert all(member.name.startswith(block) for member in fusion.members)
        assert "layout" in fusion.reasons


def test_table_and_text_say_the_same(as_written, optimized) -> None:
    """Each fusion is in the table, counts appear in the text, and every reason is explained."""
    diff = compare_graphs(as_written, optimized["ORT_ENABLE_ALL"])
    reasons = {reason for fusion in diff.fusions for reason in fusion.reasons} | {why for _, why in diff.vanished}
    assert reasons
    assert all(REASONS[reason] in diff.explain() for reason in reasons)


def test_the_levels_are_onnx_runtime_s_own() -> None:
    """None is missing, and they stand in rising order."""
    import onnxruntime as ort

    members = ort.GraphOptimizationLevel.__members__
    assert tuple(sorted(members, key=lambda name: members[name].value)) == LEVELS


def test_nodes_are_listed_in_running_order(as_written) -> None:
    """Every value that a node reads was made by a node above it, or comes from outside."""
    graph = read_graph(as_written)
    known = set(graph.inputs) | graph.constants | {""}
    for node in graph.nodes:
        assert set(node.inputs) <= known
        known.update(node.outputs)


def test_a_file_that_is_not_there_is_named(tmp_path) -> None:
    """The message says what to do."""
    with pytest.raises(FileNotFoundError, match="run the lesson that exports it"):
        read_graph(tmp_path / "none.onnx")
