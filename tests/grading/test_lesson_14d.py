"""Lesson 14d, where the contract test does not look: torch and scipy say the same, and real files are told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import scipy.stats
import torch
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_static
from torch.nn import functional

from grading.checkpoints.model import lesson_14d, lesson_14d_files
from labs.optimize.static_quantization import ImageReader

GRIDS = [(0.25, 0, -8, 7), (0.1, 5, 0, 15), (0.02, 51, 0, 255)]


@pytest.mark.parametrize("grid", GRIDS)
def test_fake_quantization_and_its_gradient_are_torchs(grid: tuple):
    """Values inside, on the edge and beyond, forwards and backwards."""
    x, upstream = np.random.default_rng(0).normal(0, 2, (2, 200)).astype(np.float32)
    mine = torch.from_numpy(x).requires_grad_()
    theirs = torch.fake_quantize_per_tensor_affine(mine, *grid)
    theirs.backward(torch.from_numpy(upstream))
    np.testing.assert_allclose(lesson_14d.fake_quantize(x, *grid), theirs.detach(), atol=1e-6)
    np.testing.assert_allclose(lesson_14d.straight_through(x, upstream, *grid), mine.grad, atol=1e-6)
    assert 0 < np.mean(mine.grad.numpy() == 0) < 1


def test_the_loss_is_torchs():
    """Kullback-Leibler divergence at a temperature, and zero for a student that agrees."""
    student, teacher = torch.randn(2, 6, 11, generator=torch.Generator().manual_seed(1))
    one, other = (functional.log_softmax(logits / 3, dim=1) for logits in (student, teacher))
    theirs = 9 * functional.kl_div(one, other, log_target=True, reduction="batchmean")
    assert lesson_14d.distillation_loss(student.numpy(), teacher.numpy(), 3.0) == pytest.approx(theirs.item(), rel=1e-4)
    assert lesson_14d.distillation_loss(teacher.numpy() + 2, teacher.numpy(), 3.0) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("seeds", [2, 3, 7])
def test_the_interval_over_seeds_is_scipys(seeds: int):
    """A paired t interval."""
    random = np.random.default_rng(seeds)
    one, other = random.normal(0.75, 0.01, seeds), random.normal(0.74, 0.01, seeds)
    theirs = scipy.stats.ttest_rel(100 * one, 100 * other).confidence_interval()
    mean, low, high = lesson_14d.gain_over_seeds(one, other)
    assert (low, high) == pytest.approx((theirs.low, theirs.high), rel=2e-3)
    assert mean == pytest.approx(100 * np.mean(one - other))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Return a file with two convolutions, 'one' and 'other'."""
    random, tensors = np.random.default_rng(0), []
    for name, shape in {"one": (8, 3, 3, 3), "other": (16, 8, 1, 1)}.items():
        tensors.append(numpy_helper.from_array(random.normal(0, 1, shape).astype(np.float32), name))
    nodes = [
        helper.make_node("Conv", ["input", "one"], ["between"], name="first"),
        helper.make_node("Conv", ["between", "other"], ["output"], name="second"),
    ]
    floats = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("input", "output")]
    graph = helper.make_graph(nodes, "small", floats[:1], floats[1:], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save(model, tmp_path / "small.onnx")
    return tmp_path / "small.onnx"


def test_what_is_stored_in_four_bits_is_counted(small: Path):
    """By the type of what a convolution reads, not by a name or the size of a file."""
    images = np.random.default_rng(1).normal(0, 1, (4, 3, 6, 6)).astype(np.float32)
    types = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8, "per_channel": True}
    overrides = {"TensorQuantOverrides": {"other": [{"quant_type": QuantType.QInt4}]}}
    four = small.with_name("four.onnx")
    quantize_static(small, four, ImageReader(images), extra_options=overrides, **types)
    kinds = [(kind, array.size, scales) for kind, array, scales in lesson_14d_files._weights_of(four)]
    assert kinds == [(TensorProto.INT8, 216, 8), (TensorProto.INT4, 128, 1)]
    assert [kind for kind, *_ in lesson_14d_files._weights_of(small)] == [TensorProto.FLOAT] * 2
