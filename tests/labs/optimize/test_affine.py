"""Scale and zero point do what their definitions say, and what ONNX's own operator does."""

from __future__ import annotations

import numpy as np
import pytest

from labs.optimize.affine import choose_affine, dequantize, quantize, scale_and_zero_point

VALUES = np.random.default_rng(0).normal(0.4, 1.3, size=(6, 50)).astype(np.float32)
KINDS = [{}, {"symmetric": True}, {"symmetric": True, "per_channel": True}, {"bits": 4}, {"per_channel": True}]


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip_stays_within_a_step(kind) -> None:
    """Nothing is clipped when the range comes from the values; rounding costs half a step, a rounded zero another."""
    affine = choose_affine(VALUES, **kind)
    error = np.abs(affine.dequantize(affine.quantize(VALUES)) - VALUES)
    assert np.all(error <= affine.scale * (0.5001 if kind.get("symmetric") else 1.0001))
    assert affine.loss(VALUES).clipped == 0.0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shift", [-30.0, 0.0, 30.0])
def test_zero_is_exact(kind, shift) -> None:
    """0 survives the round trip even where all values lie on one side of it."""
    affine = choose_affine(VALUES + shift, **kind)
    assert not affine.dequantize(affine.quantize(np.zeros_like(VALUES))).any()


@pytest.mark.parametrize("symmetric", [False, True])
def test_integers_equal_onnx_quantize_linear(symmetric) -> None:
    """ONNX Runtime's QuantizeLinear, given the same scale and zero point, yields the same integers."""
    import onnxruntime
    from onnx import TensorProto, helper

    affine = choose_affine(VALUES, symmetric=symmetric)
    kind, dtype = (TensorProto.INT8, np.int8) if symmetric else (TensorProto.UINT8, np.uint8)
    inputs = [("x", TensorProto.FLOAT, VALUES.shape), ("s", TensorProto.FLOAT, []), ("z", kind, [])]
    graph = helper.make_graph(
        [helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"])],
        "quantize",
        [helper.make_tensor_value_info(*one) for one in inputs],
        [helper.make_tensor_value_info("y", kind, VALUES.shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    fed = {"x": VALUES * 1.5, "s": np.array(affine.scale, np.float32), "z": np.array(affine.zero_point, dtype)}
    # The operator lets -128 through where symmetric int8 stops at -127.
    expected = np.clip(session.run(None, fed)[0].astype(int), affine.qmin, affine.qmax)
    assert np.mean(expected == affine.quantize(VALUES * 1.5)) > 0.99  # float32 and float64 may part at a half


def test_symmetric_wastes_half_after_a_relu() -> None:
    """Values without a negative side use about half the integers of a symmetric range, all of an asymmetric one."""
    positive = np.abs(VALUES)
    wasted, fitting = (choose_affine(positive, symmetric=symmetric).loss(positive) for symmetric in (True, False))
    assert wasted.snr_db < fitting.snr_db - 5


def test_per_channel_rescues_channels_of_different_reach() -> None:
    """One large channel costs the small ones their precision, unless each has its own scale."""
    mixed = VALUES * np.array([[100.0], [1], [1], [1], [1], [1]], np.float32)
    both = [choose_affine(mixed, symmetric=True, per_channel=own) for own in (False, True)]
    shared, own = (np.abs(one.dequantize(one.quantize(mixed)) - mixed)[1:].max() for one in both)
    assert shared > 20 * own


def test_clipping_is_counted() -> None:
    """A range that leaves out values reports the share that it cut."""
    values = np.concatenate([np.linspace(0, 1, 90), np.full(10, 50.0)])
    lost = choose_affine(values, high=1.0).loss(values)
    assert lost.clipped == pytest.approx(0.1)
    assert lost.max_abs == pytest.approx(49.0)


def test_a_range_of_nothing_but_zero_has_a_scale() -> None:
    """A dead channel is no division by 0."""
    scale, zero_point = scale_and_zero_point(0.0, 0.0)
    assert (scale, dequantize(quantize(0.0, scale, zero_point), scale, zero_point)) == (1.0, 0.0)


@pytest.mark.parametrize("values", [[], [1.0, np.nan]])
def test_mistakes_are_named(values) -> None:
    """No values, and values that are not finite."""
    with pytest.raises(ValueError, match="at least one value"):
        choose_affine(values)
