"""Scale and zero point do what their definitions say, and what ONNX's own operator does."""

from __future__ import annotations

import numpy as np
import pytest

from labs.optimize.affine import choose_affine, dequantize, integer_range, quantize, rounding_error

VALUES = np.random.default_rng(0).normal(0.4, 1.3, size=(6, 50)).astype(np.float32)
KINDS = [
    {"signed": False, "symmetric": False},
    {"signed": True, "symmetric": False},
    {"signed": True, "symmetric": True},
    {"signed": True, "symmetric": True, "axis": 0},
    {"signed": False, "symmetric": False, "axis": 1},
    {"signed": True, "symmetric": True, "bits": 4},
]


@pytest.mark.parametrize("kind", KINDS)
def test_round_trip_stays_within_half_a_step(kind) -> None:
    """Nothing is clipped when the range comes from the values, and rounding costs half a step at most."""
    affine = choose_affine(VALUES, **kind)
    steps = affine.scale if affine.axis is None else np.expand_dims(affine.scale, 1 - affine.axis)
    error = np.abs(dequantize(quantize(VALUES, affine), affine) - VALUES)
    # An asymmetric zero point is itself rounded, which shifts the ends of the range by up to half a step.
    assert np.all(error <= steps * (0.5001 if kind["symmetric"] else 1.0001))
    assert rounding_error(VALUES, affine).clipped == 0.0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shift", [-30.0, 0.0, 30.0])
def test_zero_is_exact(kind, shift) -> None:
    """0 survives the round trip even where all values lie on one side of it."""
    affine = choose_affine(VALUES + shift, **kind)
    zeros = np.zeros_like(VALUES)
    assert np.array_equal(dequantize(quantize(zeros, affine), affine), zeros)


@pytest.mark.parametrize(("signed", "symmetric", "axis"), [(False, False, None), (True, True, None), (True, True, 0)])
def test_integers_equal_onnx_quantize_linear(signed, symmetric, axis) -> None:
    """ONNX Runtime's QuantizeLinear, given the same scale and zero point, yields the same integers."""
    import onnxruntime
    from onnx import TensorProto, helper

    affine = choose_affine(VALUES, signed=signed, symmetric=symmetric, axis=axis)
    kind, dtype = (TensorProto.INT8, np.int8) if signed else (TensorProto.UINT8, np.uint8)
    shape = [] if axis is None else [len(VALUES)]
    node = helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"], **({} if axis is None else {"axis": axis}))
    graph = helper.make_graph(
        [node],
        "quantize",
        [
            helper.make_tensor_value_info("x", TensorProto.FLOAT, VALUES.shape),
            helper.make_tensor_value_info("s", TensorProto.FLOAT, shape),
            helper.make_tensor_value_info("z", kind, shape),
        ],
        [helper.make_tensor_value_info("y", kind, VALUES.shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    inputs = {"x": VALUES * 1.5, "s": affine.scale, "z": affine.zero_point.astype(dtype)}
    # The operator knows no narrow range: it lets -128 through where symmetric int8 stops at -127.
    expected = np.clip(session.run(None, inputs)[0].astype(int), affine.qmin, affine.qmax)
    assert np.array_equal(expected, quantize(VALUES * 1.5, affine))


def test_symmetric_wastes_half_after_a_relu() -> None:
    """Values without a negative side use about half the integers of a symmetric range, all of an asymmetric one."""
    positive = np.abs(VALUES)
    wasted = rounding_error(positive, choose_affine(positive, signed=True, symmetric=True))
    fitting = rounding_error(positive, choose_affine(positive))
    assert wasted.snr_db < fitting.snr_db - 5
    assert wasted.levels_used <= 128


def test_per_channel_rescues_channels_of_different_reach() -> None:
    """One large channel costs the small ones their precision, unless each has its own scale."""
    mixed = VALUES * np.array([[100.0], [1], [1], [1], [1], [1]], np.float32)
    shared = choose_affine(mixed, signed=True, symmetric=True)
    own = choose_affine(mixed, signed=True, symmetric=True, axis=0)
    small = slice(1, None)
    errors = [np.abs(dequantize(quantize(mixed, a), a) - mixed)[small].max() for a in (shared, own)]
    assert errors[0] > 20 * errors[1]


def test_clipping_is_counted() -> None:
    """A range that leaves out values reports the share that it cut."""
    values = np.concatenate([np.linspace(0, 1, 90), np.full(10, 50.0)])
    error = rounding_error(values, choose_affine(values, high=1.0))
    assert error.clipped == pytest.approx(0.1)
    assert error.max_abs == pytest.approx(49.0)
    assert rounding_error(values, choose_affine(values)).clipped == 0.0


def test_more_bits_cost_six_decibels_less_each() -> None:
    """Each further bit halves the step, which is 6 dB."""
    values = np.random.default_rng(1).uniform(-1, 1, 20_000)
    ratios = [rounding_error(values, choose_affine(values, bits=bits)).snr_db for bits in (4, 6, 8)]
    assert np.diff(ratios) == pytest.approx([12.0, 12.0], abs=1.0)


def test_integer_ranges() -> None:
    """The ranges of the usual types; the narrow signed one is the same on both sides."""
    assert integer_range(8, signed=False) == (0, 255)
    assert integer_range(8, signed=True) == (-128, 127)
    assert integer_range(8, signed=True, narrow=True) == (-127, 127)
    assert integer_range(4, signed=True, narrow=True) == (-7, 7)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([], {}, "at least one value"),
        ([1.0, np.nan], {}, "finite"),
        ([1.0], {"bits": 1}, "between 2 and 16"),
        ([[1.0]], {"axis": 0, "low": 0.0}, "leave axis out"),
        ([1.0], {"low": 2.0, "high": 1.0}, "above"),
    ],
)
def test_mistakes_are_named(values, options, message) -> None:
    """No values, values that are not numbers, impossible widths and ranges."""
    with pytest.raises(ValueError, match=message):
        choose_affine(np.array(values), **options)
