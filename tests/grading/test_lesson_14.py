"""Lessons 14 to 14c, where the contract test does not look: real files, own records, and what was recorded."""

from __future__ import annotations

import numpy as np
import pytest
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

from grading.checkpoints.model import lesson_14, lesson_14b, lesson_14c
from labs import assets, stats
from labs.dataset import load_split
from labs.models import load_mobilenet_v2
from labs.optimize.affine import scale_and_zero_point
from labs.optimize.export import export_onnx
from labs.optimize.static_quantization import ImageReader
from labs.records import Records
from labs.records.reference import recorded_on_epyc_7763

U8S8 = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8, "per_channel": True}


@pytest.fixture(scope="module")
def float_model(tmp_path_factory):
    """The course's model as ONNX, by the name that the lessons give it."""
    path = tmp_path_factory.mktemp("models") / "food11.onnx"
    return export_onnx(load_mobilenet_v2(assets.model()), path)


@pytest.mark.parametrize(
    ("split", "changed", "mistake"),
    [
        ("training", {}, ""),
        ("training", {"per_channel": False}, "per tensor"),
        ("training", {"activation_type": QuantType.QInt8}, "signed activations"),
        ("evaluation", {}, "evaluation images"),
    ],
)
def test_a_file_is_judged_by_what_is_in_it(float_model, split, changed, mistake) -> None:
    """The answer passes; types, scales and the images that made the ranges are read out of a real file."""
    path, images = float_model.with_name("made.onnx"), load_split(assets.dataset(), split, limit=128)[0]
    quantize_static(float_model, path, ImageReader(images), **{**U8S8, **changed})
    facts = {**lesson_14.inspect_static(path), "size_bytes": path.stat().st_size}
    verdict = lesson_14.static(facts, Records())
    assert (verdict.ok, verdict.mistake) == (not mistake, mistake)


def test_the_reference_is_the_courses_own_arithmetic() -> None:
    """What a student writes for numbers is what `labs` does with arrays."""
    for xmin, xmax, qmin, qmax in ((-0.5, 1.0, 0, 255), (0.3, 2.0, 0, 255), (-2.0, 2.0, -127, 127), (0.0, 0.0, 0, 15)):
        ours = scale_and_zero_point(xmin, xmax, qmin, qmax)
        assert lesson_14.scale_and_zero_point(xmin, xmax, qmin, qmax) == pytest.approx([float(one) for one in ours])


def test_a_reader_is_tried_out() -> None:
    """The course's reader passes; one that hands out a whole batch, or nothing, is named."""

    class Whole(CalibrationDataReader):
        def __init__(self, images):
            self.feeds = iter([{"input": images}])

        def get_next(self):
            return next(self.feeds, None)

    class Nothing(Whole):
        def get_next(self):
            return None

    found = [lesson_14.reader(lesson_14.inspect_reader(one), Records()) for one in (ImageReader, Whole, Nothing)]
    assert [(verdict.ok, verdict.mistake) for verdict in found] == [
        (True, ""),
        (False, "all at once"),
        (False, "nothing"),
    ]


def _raced(entries, **medians_s: float) -> Records:
    for option, median_s in medians_s.items():
        samples = [median_s * (1 + 0.001 * turn) for turn in range(12)]
        details = {"comparison_id": "a", "block_calls": 2}
        entries.measured("latency", option.replace("_", "-"), samples, details=details)
    return Records.from_json(entries)


def test_predictions_are_compared_with_the_race(entries) -> None:
    """Five times as long is 0.2 times as fast; the smallest ratio is the fastest format."""
    assert lesson_14.dynamic_speedup(Records()) is None
    records = _raced(
        entries,
        onnx_all=0.0027,
        int8_dynamic=0.0135,
        int8_static_qdq=0.0019,
        int8_static_qoperator=0.0016,
        int8_static_s8s8=0.0036,
    )
    assert lesson_14.dynamic_speedup(records) == pytest.approx(0.2)
    assert lesson_14b.fastest_format(records) == "int8-static-qoperator"
    ((intervals,),) = lesson_14b._own_intervals(records)
    assert lesson_14b.slower_than_float(intervals) == ["int8-dynamic", "int8-static-s8s8"]


def test_claims_agree_with_the_courses_paired_test() -> None:
    """The binomial test of the lesson is the p value of `labs.stats`."""
    random = np.random.default_rng(0)
    for lost, gained in random.integers(0, 30, (40, 2)).tolist():
        before, after = [1] * lost + [0] * gained + [1], [0] * lost + [1] * gained + [1]
        unlikely = stats.paired_proportions(after, before).p_value < 0.05
        assert (lesson_14c.claim(lost, gained) != "cannot tell") == unlikely


def test_a_search_ends_within_its_budget_or_out_of_layers() -> None:
    """Driven to the end, it keeps only layers that helped, each tried once, and goes on where a looser one stopped."""
    harm = {"a": 0.02, "b": 0.0, "c": 0.015}
    tried: list[dict] = []
    for budget, kept in ((0.03, ["a"]), (0.01, ["a", "c"]), (-1.0, ["a", "c"])):
        while (trial := lesson_14c.next_trial(tried, list(harm), budget)) is not None:
            tried.append({"kept": trial, "loss": 0.04 - sum(harm[layer] for layer in trial)})
        assert min(tried, key=lambda one: one["loss"])["kept"] == kept
    assert len(tried) == 4


def test_the_recorded_run_shows_what_the_lesson_says() -> None:
    """U8S8 and S8S8 lose images without VNNI; seven-bit weights and U8U8 give the same logits on both."""
    formats = recorded_on_epyc_7763()["formats"]
    right = {name: (sum(one["vnni"]), sum(one["epyc_7763"])) for name, one in formats.items()}
    assert right["int8-static-qdq"] == (177, 168)
    assert right["int8-static-7bit"] == (183, 183)
    assert {name for name, one in formats.items() if one["same_logits"]} == {"int8-static-7bit", "int8-static-u8u8"}
