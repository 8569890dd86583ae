"""References and the answers that students may give agree with torch, scipy and the course's own package."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import torch
from grading.checkpoints import all_checkpoints
from grading.checkpoints.model import (
    lesson_10,
    lesson_10_accuracy,
    lesson_11,
    lesson_11_batches,
    lesson_14,
    lesson_14b,
    lesson_14c,
    lesson_14d,
)
from torch.nn import functional

from labs import assets, stats
from labs.checkpoints.calls import call, decode, encode
from labs.data import preprocess
from labs.optimize.affine import scale_and_zero_point
from labs.optimize.traced import Traced


def test_images_are_prepared_as_the_course_does():
    """What a student writes in numpy gives what `labs.data.preprocess` and torchvision give."""
    image = preprocess.crop(preprocess.load_image(next(assets.dataset().glob("evaluation/*/*.jpg"))))
    ours = preprocess.to_input(image)
    np.testing.assert_allclose(lesson_10.normalize(np.asarray(image)), ours, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("right", "total"), [(172, 209), (560, 660), (3030, 3347)])
def test_wilsons_interval_is_as_good_an_answer(right: int, total: int):
    """The formula of the lesson and the course's own interval agree within what the check forgives."""
    interval = stats.proportion_interval(right, total)
    half = lesson_10_accuracy.half_width_points(right, total)
    assert half == pytest.approx(50 * (interval.high - interval.low), rel=0.03)


@pytest.mark.parametrize("bounds", [(-0.5, 1.0, 0, 255), (0.3, 2.0, 0, 255), (-2.0, 2.0, -127, 127), (0.0, 0.0, 0, 15)])
def test_the_grid_is_the_courses_own_arithmetic(bounds: tuple):
    """What a student writes for numbers is what `labs` does with arrays."""
    ours = [float(one) for one in scale_and_zero_point(*bounds)]
    assert lesson_14.scale_and_zero_point(*bounds) == pytest.approx(ours)


def test_claims_agree_with_the_courses_paired_test():
    """The binomial test of the lesson is the p value of `labs.stats`."""
    for lost, gained in np.random.default_rng(0).integers(0, 30, (40, 2)).tolist():
        before, after = [1] * lost + [0] * gained + [1], [0] * lost + [1] * gained + [1]
        unlikely = stats.paired_proportions(after, before).p_value < 0.05
        assert (lesson_14c.claim(lost, gained) != "cannot tell") == unlikely


def test_a_search_ends_within_its_budget_or_out_of_layers():
    """Driven to the end, it keeps only layers that helped, each tried once, and goes on where a looser one stopped."""
    harm = {"a": 0.02, "b": 0.0, "c": 0.015}
    tried: list[dict] = []
    for budget, kept in ((0.03, ["a"]), (0.01, ["a", "c"]), (-1.0, ["a", "c"])):
        while (trial := lesson_14c.next_trial(tried, list(harm), budget)) is not None:
            tried.append({"kept": trial, "loss": 0.04 - sum(harm[layer] for layer in trial)})
        assert min(tried, key=lambda one: one["loss"])["kept"] == kept
    assert len(tried) == 4


@pytest.mark.parametrize("grid", [(0.25, 0, -8, 7), (0.1, 5, 0, 15), (0.02, 51, 0, 255)])
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


def raced(entries, **medians_s: float):
    """Append one side-by-side run, and return the records."""
    for option, median_s in medians_s.items():
        samples = [median_s * (1 + 0.001 * turn) for turn in range(12)]
        details = {"comparison_id": "a", "block_calls": 2}
        entries.measured("latency", option.replace("_", "-"), samples, details=details)
    return entries.records


def test_predictions_of_part_1_are_compared_with_the_race(entries):
    """Half the latency is twice as fast, measured minutes apart is not side by side, and the fastest format is one."""
    asked = {id: all_checkpoints()[id].asks for id in ("m.measure.compile_guess", "m.measure.batch_guess")}
    for option, second in (("torch-eager", 0.02), ("torch-compiled", 0.01)):
        entries.measured("latency", option, [second] * 4)
    for size, second in ((1, 0.02), (32, 0.8)):
        entries.measured("throughput", "torch-eager", [second] * 3, batch_size=size)
    assert asked["m.measure.compile_guess"].measured(entries.records) is None
    assert asked["m.measure.batch_guess"].measured(entries.records) == pytest.approx(32 / 0.8 / (1 / 0.02))
    compiled = raced(entries, torch_eager=0.02, torch_compiled=0.01)
    assert asked["m.measure.compile_guess"].measured(compiled) == pytest.approx(2)
    formats = {"onnx_all": 0.0027, "int8_dynamic": 0.0135, "int8_static_qdq": 0.0019, "int8_static_qoperator": 0.0016}
    found = raced(entries, **formats, int8_static_s8s8=0.0036)
    assert lesson_14.dynamic_speedup(found) == pytest.approx(0.2)
    assert lesson_14b.fastest_format(found) == "int8-static-qoperator"


def test_own_records_make_cases(entries):
    """What was measured alone, what was raced, one case for each number of threads; nothing where classes tie."""
    entries.measured("latency", "torch-eager", [0.01, 0.02, 0.03])
    assert lesson_11._own_interval(entries.records) == []
    raced(entries, torch_eager=0.02, torch_compiled=0.01)
    ((samples, q),) = lesson_11._own_samples(entries.records)
    assert (samples.tolist(), q) == ([0.01, 0.02, 0.03], 50.0)
    assert [lesson_11.claim(*case) for case in lesson_11._own_interval(entries.records)] == ["faster"]
    for threads, second in ((1, 0.04), (2, 0.02), (4, 0.02)):
        settings = {"intra_op": threads, "inter_op": 0}
        entries.measured("latency", lesson_11_batches.THREADS.format(threads), [second] * 3, threads=settings)
    sweep = lesson_11_batches._own_sweep(entries.records)
    assert [lesson_11_batches.serial_share(*case) for case in sweep] == pytest.approx([0, 1 / 3])
    for predicted, cases in (([9, 0], 0), ([9, 9], 1)):
        details = {"labels": [0, 9], "predicted": predicted}
        entries.measured("accuracy", "torch-eager", [0, predicted[1] == 9], details=details)
        assert len(lesson_10_accuracy._own_predictions(entries.records)) == cases


def blocked(a, b, c):
    """Multiply two rows at once."""
    c[:] = 0
    for first in range(0, c.shape[0], 2):
        for k in range(a.shape[1]):
            for j in range(c.shape[1]):
                from_b = b[k, j]
                for i in range(first, min(first + 2, c.shape[0])):
                    c[i, j] += a[i, k] * from_b
    return c


def thrice(a, b, c, tile):
    """Tile the rows of a as well, as many textbooks do."""
    c[:] = 0
    for i0 in range(0, c.shape[0], tile):
        for j0 in range(0, c.shape[1], tile):
            for k0 in range(0, a.shape[1], tile):
                for i in range(i0, min(i0 + tile, c.shape[0])):
                    for k in range(k0, min(k0 + tile, a.shape[1])):
                        for j in range(j0, min(j0 + tile, c.shape[1])):
                            c[i, j] += a[i, k] * b[k, j]
    return c


@pytest.mark.parametrize(("question", "function"), [("m.kernel.rows", blocked), ("m.kernel.tiles", thrice)])
def test_a_kernel_that_goes_further_than_was_asked_is_right_too(question: str, function):
    """It reads memory less often, and is not taken for one that copied."""
    cases = all_checkpoints()[question].asks.drawn(np.random.default_rng(3))
    assert cases.verdict(call(function, cases.cases)).ok


def test_a_kernel_is_worth_what_it_did_to_all_of_its_matrices():
    """It returns the last, and the reads of the first count; a matrix travels as JSON and comes back unread."""

    def double(a, c):
        for j in range(2):
            c[0, j] = a[0, j] * 2
        return c

    case = encode([Traced([[1, 2]]), Traced([[0, 0]])])
    (done,) = call(double, [case])
    assert [one["reads"] for one in done["value"]] == [2, 0]
    again = decode(done["value"][1])
    assert (again.values.tolist(), again.log) == ([[2, 4]], [])
    assert call(lambda a, c: None, [case]) == [{"value": None}]
