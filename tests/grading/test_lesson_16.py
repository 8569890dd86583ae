"""Lesson 16's checkpoints: the stub, plausible mistakes with a message that helps, and the answer.

Told: OpenVINO is fastest, QOperator smallest, S8S8 is beaten by both, and one coarse form loses too much.
"""

from __future__ import annotations

import copy

import pytest

from grading.checkpoints.model.lesson_16_choice import start_ratio
from labs import stats

#: Pictures right of 100, seconds of one photo, seconds of a batch of 32, bytes.
OPTIONS = {
    "onnx-all": (80, 0.0027, 0.096, 8_920_000),
    "int8-static-qoperator": (80, 0.0016, 0.042, 2_360_000),
    "int8-static-s8s8": (79, 0.0036, 0.120, 2_600_000),
    "int8-static-u8u8": (34, 0.0030, 0.110, 2_300_000),
    "openvino-int8": (80, 0.0013, 0.029, 2_590_000),
}
RACERS = ("onnx-all", "int8-static-qoperator", "openvino-int8")


@pytest.fixture
def known(entries):
    """Return a ledger with options measured in full, a race of three, and cold starts."""
    for option, (right, one_s, batch_s, size) in OPTIONS.items():
        made = (("size", [size], 1), ("accuracy", [1] * right + [0] * (100 - right), 32))
        made += (("latency", [one_s] * 4, 1), ("throughput", [batch_s] * 4, 32))
        for kind, samples, batch in made:
            entries.measured(kind, option, samples, batch_size=batch, record_id=f"{kind} {option}")
    for step, option in enumerate(RACERS):
        for kind, batch, seconds in (("latency", 1, OPTIONS[option][1]), ("throughput", 32, OPTIONS[option][2])):
            samples = [seconds * (1 + 0.03 * ((turn // 2 * (step + 1)) % 5)) for turn in range(12)]
            details = {"comparison_id": f"race {batch}", "block_calls": 2}
            entries.measured(
                kind, option, samples, batch_size=batch, details=details, record_id=f"race {batch} {option}"
            )
    return entries


def interval(entries, option: str, batch: int):
    """Return the race's ratio of an option over float32."""
    records = {one["record_id"]: one["samples"] for one in entries}
    sides = [records[f"race {batch} {name}"] for name in (option, "onnx-all")]
    return stats.ratio_of_medians(*[[side[i : i + 2] for i in range(0, 12, 2)] for side in sides]).interval


@pytest.fixture
def right(known):
    """Return the right answers by checkpoint."""
    option = "openvino-int8"
    time, batch = interval(known, option, 1), interval(known, option, 32)
    words = "because it answers sooner than the float model in the race that all of them ran in turns here, "
    return {
        "m.choose.beaten": {"beaten": "int8-static-s8s8", "by": "openvino-int8"},
        "m.choose.finalists": ["int8-static-qoperator", "openvino-int8"],
        "m.choose.ratios": {
            "option": option,
            "latency": {"low": time.low, "high": time.high},
            "throughput": {"low": 1 / batch.high, "high": 1 / batch.low},
        },
        "m.choose.targets": {"server-cpu": "met here", "server-gpu": "not measured", "device": "met here"},
        "m.choose.constraints": {
            "app": "int8-static-qoperator",
            "archive": "openvino-int8",
            "kiosk": "int8-static-qoperator",
        },
        "m.choose.recommendation": {
            "choice": option,
            "evidence": [f"{kind} {option}" for kind in ("accuracy", "size")] + [f"race {n} {option}" for n in (1, 32)],
            "times_as_fast": 1 / time.value,
            "points_lost": 0.0,
            "to_the_manager": f"I recommend {option} " + 3 * words,
            "what_it_costs": "Another runtime to install, and a calibration after each training.",
            "what_would_change_my_mind": "The same race on the EPYC server, if float32 were faster there.",
        },
    }


IDS = ("beaten", "finalists", "ratios", "targets", "constraints", "recommendation")


@pytest.mark.parametrize("id", [f"m.choose.{name}" for name in IDS])
def test_the_answer_earns_the_points_and_the_stub_does_not(known, right, judge, id):
    """Nothing before, everything after."""
    assert judge(id, known).message.startswith("Not answered yet")
    verdict = judge(id, known.answered(id, right[id]))
    assert verdict.ok, verdict


@pytest.mark.parametrize("id", [f"m.choose.{name}" for name in IDS])
def test_an_answer_without_its_measurements_earns_nothing(right, judge, id):
    """An answer copied from a neighbour has no record behind it."""
    entry = {"type": "answer", "question": id, "value": right[id], "made_at": "2026-01-01T00:00:00+00:00"}
    assert not judge(id, [entry]).ok


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("beaten", {"beaten": "openvino-int8", "by": "int8-static-s8s8"}, "Turned around"),
        ("beaten", {"beaten": "openvino-int8", "by": "int8-static-qoperator"}, "on the frontier"),
        ("beaten", {"beaten": "int8-static-s8s8", "by": "onnx-all"}, "worse in at least one"),
        ("beaten", {"beaten": "s8s8", "by": "onnx-all"}, "measured in full"),
        ("finalists", ["openvino-int8"], "Two to four"),
        ("finalists", ["openvino-int8", "int8-static-u8u8"], "more than a point"),
        ("finalists", ["openvino-int8", "tensorrt"], "not among the options"),
        ("targets", {"server-cpu": "met here", "server-gpu": "missed here", "device": "met here"}, "server-gpu"),
        ("targets", {"server-cpu": "missed here", "server-gpu": "not measured", "device": "met here"}, "server-cpu"),
        ("targets", {"server-cpu": "yes", "server-gpu": "no", "device": "yes"}, "three phrases"),
        ("constraints", {"app": "int8-static-u8u8"}, "loses more than one point"),
        ("constraints", {"app": "onnx-all"}, "clearly better one for app"),
        ("constraints", {"kiosk": "openvino-int8"}, "runtime that is not installed"),
        ("constraints", {"archive": "nothing"}, "not measured in full"),
        ("recommendation", {"choice": "int8-static-s8s8"}, "did not take part"),
        ("recommendation", {"choice": "onnx-all"}, "at least as good in all four"),
        ("recommendation", {"choice": "int8-static-qoperator"}, "about other options"),
        ("recommendation", {"evidence": ["made up"]}, "not in your ledger"),
        ("recommendation", {"evidence": ["accuracy openvino-int8"]}, "missing: size, latency, throughput"),
        ("recommendation", {"times_as_fast": 0.48}, "above 1 means faster"),
        ("recommendation", {"times_as_fast": 4}, "not the race's ratio"),
        ("recommendation", {"points_lost": 5.0}, "Compare the two accuracy records"),
        ("recommendation", {"what_it_costs": "Nothing."}, "too little"),
        ("recommendation", {"to_the_manager": "I recommend the fast one. " * 10}, "does not name the option"),
    ],
)
def test_a_plausible_mistake_earns_nothing_and_is_named(known, right, judge, id, mistake, says):
    """The message says what went wrong, not only that it did."""
    id = f"m.choose.{id}"
    given = copy.deepcopy(right[id])
    given = {**given, **mistake} if isinstance(given, dict) else mistake
    verdict = judge(id, known.answered(id, given))
    assert not verdict.ok
    assert says in verdict.message


@pytest.mark.parametrize(
    ("part", "turn", "says"),
    [
        ("latency", lambda low, high: (1 / high, 1 / low), "float32 over the option"),
        ("latency", lambda low, high: (low / 2, high), "not the newest race's"),
        ("throughput", lambda low, high: (1 / high, 1 / low), "time of a batch"),
        ("throughput", lambda low, high: (high, low), "swaps the ends"),
        ("throughput", lambda low, high: (2 * low, high), "The latency is right"),
    ],
)
def test_a_ratio_that_was_turned_around_is_named(known, right, judge, part, turn, says):
    """The commonest slip: the right numbers, the wrong way up."""
    given = copy.deepcopy(right["m.choose.ratios"])
    low, high = turn(given[part]["low"], given[part]["high"])
    given[part] = {"low": low, "high": high}
    verdict = judge("m.choose.ratios", known.answered("m.choose.ratios", given))
    assert not verdict.ok
    assert says in verdict.message


def test_medians_of_all_turns_are_as_good_as_turn_by_turn(known, right, judge):
    """With slow turns in the way the two differ; the question asks for either."""
    id = "m.choose.recommendation"
    baseline = next(one for one in known if one.get("record_id") == "race 1 onnx-all")
    baseline["samples"] = [0.0027] * 8 + [0.0270] * 4
    choice = next(one for one in known if one.get("record_id") == "race 1 openvino-int8")
    together = stats.percentile(baseline["samples"], 50) / stats.percentile(choice["samples"], 50)
    by_turns = 1 / interval(known, "openvino-int8", 1).value
    assert by_turns > 1.5 * together
    for times_as_fast in (together, by_turns):
        assert judge(id, known.answered(id, {**right[id], "times_as_fast": times_as_fast})).ok


def test_who_wins_turn_by_turn_is_not_beaten_on_paper(known, right, judge):
    """The machine slowed down in mid-race, and one turn fell out of the other option's favour: the turns decide."""
    id, rows = "m.choose.recommendation", {one.get("record_id"): one for one in known}
    slow = [0.002] * 6 + [0.006] * 6
    rows["race 1 onnx-all"]["samples"] = slow
    rows["race 1 openvino-int8"]["samples"] = [0.50 * one for one in slow]
    rows["race 1 int8-static-qoperator"]["samples"] = [0.51 * one for one in slow[:6]] + [0.0028] * 2 + [0.00306] * 4
    rows["race 32 int8-static-qoperator"]["samples"] = [0.020] * 12
    found = {
        name: stats.percentile(rows[f"race 1 {name}"]["samples"], 50)
        for name in ("openvino-int8", "int8-static-qoperator")
    }
    assert found["int8-static-qoperator"] < found["openvino-int8"]
    times_as_fast = 1 / interval(known, "openvino-int8", 1).value
    assert judge(id, known.answered(id, {**right[id], "times_as_fast": times_as_fast})).ok


def test_one_file_under_two_names_is_one_finalist(known, judge):
    """A budget that gave nothing back is the static file: racing them measures noise."""
    for option in RACERS[1:]:
        known.measured("latency", option, [0.001] * 4, backend="onnxruntime", model={"sha256": "same"})
    verdict = judge("m.choose.finalists", known.answered("m.choose.finalists", list(RACERS[1:])))
    assert not verdict.ok
    assert "the same file" in verdict.message


def test_a_gpu_option_counts_for_the_gpu_target_only(known, right, judge):
    """Its latency says nothing about a server without a GPU."""
    for kind, samples, batch in (("size", [9e6], 1), ("accuracy", [1] * 9 + [0], 32), ("latency", [0.0006] * 4, 1)):
        known.measured(kind, "cuda", samples, batch_size=batch, providers_used={"CUDAExecutionProvider": 60})
    known.measured("throughput", "cuda", [0.004] * 4, batch_size=32, providers_used={"CUDAExecutionProvider": 60})
    id = "m.choose.targets"
    assert "server-gpu" in judge(id, known.answered(id, right[id])).message
    assert judge(id, known.answered(id, {**right[id], "server-gpu": "met here"})).ok


def test_the_fresh_start_is_predicted_before_it_is_measured(known, judge):
    """A ratio, in time; then the measured one is known."""
    id = "m.choose.start_guess"
    assert not judge(id, known).ok
    assert judge(id, known.predicted(id, 0.8)).ok
    assert start_ratio(known) is None
    known.measured("load_time", "onnx-all", [0.2]).measured("load_time", "int8-static-qoperator", [0.3])
    assert start_ratio(known) == pytest.approx(1.5)
    assert judge(id, known).ok
