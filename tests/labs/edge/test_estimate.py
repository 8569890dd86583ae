"""The estimate: work counted from a graph, rates from published figures, and error bars that behave."""

from __future__ import annotations

from math import prod
from pathlib import Path

import pytest

from labs.edge.estimate import (
    ASSUMPTIONS,
    BOARDS,
    LANDMARKS,
    PI_4,
    PI_5,
    Layer,
    Work,
    count_work,
    estimate,
    estimate_ratio,
)

onnx = pytest.importorskip("onnx")


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose work can be counted by hand: 3 → 8 channels (3 × 3, stride 2), depthwise 3 × 3, a matrix product."""
    from onnx import TensorProto, helper

    float32 = TensorProto.FLOAT
    weights = {"w1": (8, 3, 3, 3), "b1": (8,), "w2": (8, 1, 3, 3), "w3": (5, 8)}
    stored = [helper.make_tensor(n, float32, d, [0.1] * prod(d)) for n, d in weights.items()]
    pads = {"pads": [1, 1, 1, 1]}
    nodes = [
        helper.make_node("Conv", ["input", "w1", "b1"], ["a"], name="first/Conv", strides=[2, 2], **pads),
        helper.make_node("Relu", ["a"], ["r"]),
        helper.make_node("Conv", ["r", "w2"], ["b"], name="deep/Conv", group=8, **pads),
        helper.make_node("GlobalAveragePool", ["b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["d"]),
        helper.make_node("Gemm", ["d", "w3"], ["output"], name="last/Gemm", transB=1),
    ]
    ends = [helper.make_tensor_value_info("input", float32, ["batch", 3, 32, 32])]
    made = [helper.make_tensor_value_info("output", float32, ["batch", 5])]
    graph = helper.make_graph(nodes, "small", ends, made, stored)
    path = tmp_path_factory.mktemp("work") / "small.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)]), path)
    return path


def test_multiplications_are_counted_as_by_hand(small: Path) -> None:
    """8 × 16 × 16 outputs of 27 products, as many of 9, and 5 of 8."""
    work = count_work(small)
    assert [(layer.kind, layer.macs) for layer in work.layers] == [
        ("dense", 8 * 16 * 16 * 27),
        ("depthwise", 8 * 16 * 16 * 9),
        ("dense", 40),
    ]
    assert [layer.weights for layer in work.layers] == [8 * 27 + 8, 8 * 9, 40]
    assert work.layers[0].activations == 3 * 32 * 32 + 8 * 16 * 16
    assert work.other_nodes == 2  # pooling and flattening; an activation is part of its convolution
    assert list(work.table()["layers"]) == [2, 1]


def test_a_smaller_input_takes_fewer(small: Path) -> None:
    """Half the side is a quarter of the convolutions' work, and the file's weights stay."""
    whole, half = count_work(small), count_work(small, input_px=16)
    assert half.layers[0].macs * 4 == whole.layers[0].macs
    assert [layer.weights for layer in half.layers] == [layer.weights for layer in whole.layers]


def test_a_quantized_file_is_not_counted(tmp_path: Path) -> None:
    """Its weights are no floats; the message says which file to count."""
    from onnx import TensorProto, helper

    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, 8, 8]) for n in ("input", "output")]
    path = tmp_path / "int8.onnx"
    onnx.save(
        helper.make_model(
            helper.make_graph([helper.make_node("Relu", ["input"], ["output"])], "g", *[[e] for e in ends])
        ),
        path,
    )
    with pytest.raises(ValueError, match="count the float file"):
        count_work(path)


@pytest.fixture(scope="module")
def mobilenet() -> Work:
    """Work about like MobileNetV2's, in one layer of each kind."""
    dense = Layer("dense", "dense", 279_000_000, 2_150_000, 7_400_000)
    return Work((dense, Layer("deep", "depthwise", 20_700_000, 65_000, 6_000_000)), 50)


def test_error_bars_hold_their_middle_and_are_the_same_each_time(mobilenet: Work) -> None:
    """An estimate that moved from call to call could not be tested by a measurement."""
    first, again = (estimate(mobilenet, precision="int8") for _ in range(2))
    assert first == again
    assert first.latency_s.low < first.latency_s.value < first.latency_s.high
    assert first.allows(first.latency_s.value)
    assert not first.allows(first.latency_s.high * 1.01)
    assert str(first).endswith("(prediction)")


def test_it_cannot_beat_the_published_peak(mobilenet: Work) -> None:
    """At 100 % of the peak on all cores, float32 takes macs / (cores × clock × 8) seconds, and nothing is faster."""
    floor_s = mobilenet.macs / (PI_5.cores * PI_5.clock_hz * PI_5.fp32_per_cycle)
    assert estimate(mobilenet, precision="fp32").latency_s.low > floor_s


def test_more_threads_and_fewer_bits_help_and_the_older_board_is_slower(mobilenet: Work) -> None:
    """And without a dot product, INT8 gains less."""
    by_threads = [estimate(mobilenet, precision="fp32", threads=n).latency_s.value for n in (1, 2, 4)]
    assert by_threads == sorted(by_threads, reverse=True)
    gain = {}
    for board in (PI_5, PI_4):
        fp32, int8 = (estimate(mobilenet, precision=p, board=board).latency_s.value for p in ("fp32", "int8"))
        gain[board.name] = fp32 / int8
    assert gain["Raspberry Pi 5"] > gain["Raspberry Pi 4"] > 1
    slower = estimate(mobilenet, precision="fp32", board=PI_4).latency_s.value
    assert slower > estimate(mobilenet, precision="fp32").latency_s.value


@pytest.mark.parametrize("landmark", LANDMARKS, ids=lambda one: f"{one.board}, {one.precision}")
def test_the_method_allows_what_others_have_published(mobilenet: Work, landmark) -> None:
    """The same network on another board, by another library: a method that excluded it would be too sure of itself."""
    found = estimate(mobilenet, precision=landmark.precision, threads=landmark.threads, board=BOARDS[landmark.board])
    assert found.allows(landmark.p50_s)


def test_a_ratio_is_surer_than_the_two_it_is_made_of(mobilenet: Work) -> None:
    """What both share falls out; and the fewer the gains of INT8, the nearer to 1."""
    ratio = estimate_ratio(mobilenet, threads=1)
    fp32, int8 = (estimate(mobilenet, precision=p, threads=1).latency_s for p in ("fp32", "int8"))
    assert int8.low / fp32.high < ratio.low < ratio.value < ratio.high < int8.high / fp32.low
    assert ratio.value < estimate_ratio(mobilenet, threads=1, board=PI_4).value < 1


def test_what_cannot_be_estimated_is_refused(mobilenet: Work) -> None:
    """Eight threads on four cores, and a precision without a rate."""
    with pytest.raises(ValueError, match="4 cores"):
        estimate(mobilenet, precision="int8", threads=8)
    with pytest.raises(ValueError, match="no estimate"):
        estimate(mobilenet, precision="fp16")


def test_every_assumption_is_a_range_with_a_reason() -> None:
    """A reader can disagree with each of them."""
    assert all(0 < one.low < one.high and len(one.because.split()) > 4 for one in ASSUMPTIONS.values())
