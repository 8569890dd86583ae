"""Measure on the device: a script of one's own, the work, its floor, the race, and the older files."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    artefact_question,
    checkpoint,
    failed,
    failed_as,
    function_question,
    passed,
    prediction,
)
from grading.checkpoints.edge.device import BASELINE, on_the_estimated_core
from labs.records import Records

#: The options of the race.
RACERS = (BASELINE, "edge-int8-dynamic", "edge-int8-qdq", "edge-int8-s8s8")

_TESTED = ("within", "outside", "not tested")
_CAUSES = ("a scale a tensor", "sums that overflow", "the tuner's budget")

#: Calls that the check asks a script for.
_CALLS = 30


@prediction(
    "e.device.form_guess",
    about={"kind": "latency", "option": "edge-int8-dynamic"},
    title="Predict which file answers fastest on the device",
    choices=RACERS,
)
def fastest_form(records: Records) -> str | None:
    """Return the option with the shortest median of the newest race."""
    run = records.comparison(*RACERS, batch_size=1)
    return min(RACERS, key=lambda name: run.record(name).percentile(50)) if run else None


def inspect_script(path) -> dict:
    """Return what a measuring script prints when it runs here, on a model that waits in the middle of nothing."""
    import subprocess
    import sys
    import tempfile
    import time
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "tiny.onnx"
        _write_tiny(model)
        command = [sys.executable, str(Path(path).resolve()), str(model), "1", str(_CALLS)]
        begin_s = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=folder, check=False)
        wall_s = time.perf_counter() - begin_s
    if done.returncode:
        return {"ended": done.returncode, "said": done.stderr.strip()[-300:]}
    try:
        samples_s = json.loads(done.stdout.strip().splitlines()[-1])["samples_s"]
        samples_s = [float(one) for one in samples_s]
    except (ValueError, KeyError, IndexError, TypeError):
        return {"ended": 0, "said": done.stdout.strip()[-200:]}
    source = Path(path).read_text(encoding="utf-8")
    return {
        "ended": 0,
        "samples": len(samples_s),
        "total_s": sum(samples_s),
        "wall_s": wall_s,
        "rising": len(samples_s) > 2 and all(a < b for a, b in pairwise(samples_s)),
        "threads": "intra_op_num_threads" in source,
    }


def _write_tiny(path) -> None:
    """Write a model of one convolution in the course's shape."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = numpy_helper.from_array(np.full((8, 3, 3, 3), 0.1, np.float32), "w")
    ends = [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 3, 224, 224])]
    made = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)]
    graph = helper.make_graph([helper.make_node("Conv", ["image", "w"], ["logits"])], "tiny", ends, made, [weights])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)


_SCRIPT = {"ended": 0, "samples": _CALLS, "total_s": 0.05, "wall_s": 0.6, "rising": False, "threads": True}


@artefact_question(
    "e.device.script",
    points=3,
    title="Write a script that measures a model on a machine with nothing but ONNX Runtime",
    hints=(
        "`sys.argv[1:]` holds three texts; `ort.InferenceSession(path, options, providers=[…])` opens the file.",
        "In a loop: `begin_s = time.perf_counter()`, `session.run(None, {name: image})`, and the difference appended.",
    ),
    inspect=inspect_script,
    mistakes={
        "ended": "It ends with an error: look at what it says.",
        "not_json": 'Its last line is not the JSON that was asked for: `print(json.dumps({"samples_s": samples_s}))`.',
        "count": "It was asked for 30 calls, and gives another number of samples: one duration each, warm-up left out.",
        "milliseconds": "These durations are longer than the script ran: seconds are asked for.",
        "moments": "Each sample is larger than the one before: these are moments, not durations.",
        "threads": "The number of threads is not used: whatever was asked for, ONNX Runtime takes all cores.",
    },
    examples={
        "good": _SCRIPT,
        "ended": {"ended": 1, "said": "NameError"},
        "not_json": {"ended": 0, "said": "0.05"},
        "count": {**_SCRIPT, "samples": _CALLS + 20},
        "milliseconds": {**_SCRIPT, "total_s": 50.0},
        "moments": {**_SCRIPT, "rising": True},
        "threads": {**_SCRIPT, "threads": False},
    },
)
def script(facts: dict, records: Records) -> Verdict:
    """Judge that it runs, and that its samples are that many durations in seconds."""
    if facts["ended"]:
        return failed_as("ended", yours=facts["said"])
    if "samples" not in facts:
        return failed_as("not_json", yours=facts["said"])
    if facts["samples"] != _CALLS:
        return failed_as("count", yours=f"{facts['samples']} samples")
    if facts["rising"]:
        return failed_as("moments")
    if not 0 < facts["total_s"] < facts["wall_s"]:
        return failed_as("milliseconds", yours=f"{facts['total_s']:.3g} in {facts['wall_s']:.3g} s")
    if not facts["threads"]:
        return failed_as("threads")
    return passed("Twenty lines, and they run on anything that ONNX Runtime runs on.")


def _convolutions(random: np.random.Generator) -> list[tuple]:
    cases = []
    for channels, into, kernel, groups in ((32, 3, 3, 1), (96, 16, 1, 1), (96, 96, 3, 96), (48, 24, 5, 4)):
        height, width = (int(side) for side in random.integers(5, 60, 2))
        cases.append(([channels, height, width], into, [kernel, kernel + (kernel > 3) * 2], groups))
    return cases


@function_question(
    "e.device.macs",
    points=2,
    title="Count a convolution's multiply-accumulates",
    hints=(
        "How many numbers does it make, and how many products is each of them the sum of?",
        "channels × height × width numbers, and in_channels / groups × kernel height × kernel width products each.",
    ),
    cases=_convolutions,
    needs=({"subject": "edge.files"},),
    mistakes=(
        Mistake(
            "no groups",
            lambda shape, into, kernel, groups: macs(shape, into, kernel, 1),
            "A filter sees the channels of its own group only: divide by the groups.",
        ),
        Mistake(
            "one side",
            lambda shape, into, kernel, groups: macs(shape, into, [kernel[0], 1], groups),
            "A filter has a height and a width.",
        ),
        Mistake(
            "no inputs",
            lambda shape, into, kernel, groups: macs(shape, groups, kernel, groups),
            "Each number sums over the channels that its filter reads, too.",
        ),
        Mistake(
            "a position",
            lambda shape, into, kernel, groups: macs([shape[0], 1, 1], into, kernel, groups),
            "That is one position of the output: it has height × width of them.",
        ),
    ),
    right="The arithmetic of a model, without running it.",
)
def macs(output_shape, in_channels, kernel, groups) -> int:
    """Return the multiply-accumulates of a convolution for one image."""
    channels, height, width = output_shape
    return channels * height * width * in_channels // groups * kernel[0] * kernel[1]


def _boards(random: np.random.Generator) -> list[tuple]:
    work = [int(one) for one in random.integers(10**8, 4 * 10**8, 3)]
    return [(work[0], 4, 2.4e9, 32), (work[1], 4, 2.4e9, 8), (work[2], 2, 1.5e9, 4), (300_000_000, 1, 1e9, 8)]


@function_question(
    "e.device.floor",
    title="Work out the time of a photo at the published peak",
    hints=(
        "How many multiply-accumulates do all cores begin in a second?",
        "`macs / (cores * clock_hz * macs_per_cycle)`.",
    ),
    cases=_boards,
    needs=({"subject": "edge.files"},),
    mistakes=(
        Mistake("turned", lambda m, cores, hz, per: cores * hz * per / m, "Those are photos a second: turn it around."),
        Mistake("one core", lambda m, cores, hz, per: m / (hz * per), "That is one core's time: all of them work."),
        Mistake("milliseconds", lambda m, cores, hz, per: 1e3 * floor_s(m, cores, hz, per), "Seconds are asked for."),
        Mistake("one a cycle", lambda m, cores, hz, per: m / (cores * hz), "A core begins several in a cycle."),
    ),
    right="Whoever measures less than that has measured something else.",
)
def floor_s(macs, cores, clock_hz, macs_per_cycle) -> float:
    """Return the seconds at the published peak."""
    return macs / (cores * clock_hz * macs_per_cycle)


@checkpoint(
    "e.device.tested",
    title="Say whether the measurement tests the estimate",
    form=_TESTED,
    needs=({"subject": "edge.estimate"}, {"kind": "latency", "option": BASELINE}),
    hints=(
        "First: is the machine of this record the one that the estimate is about?",
        "A Cortex-A76 tests it; then compare the measured median with both ends.",
    ),
    mistakes={
        "another processor": "The estimate is about a Cortex-A76, and this record was made on another processor."
    },
)
def tested(records: Records) -> Verdict:
    """Judge the word against the record's processor, and on the estimate's core against its error bars."""
    given, bars = records.answer("e.device.tested"), records.seen("edge.estimate")[BASELINE]
    record = records.latest(kind="latency", option=BASELINE, batch_size=1)
    if not on_the_estimated_core(record):
        right = "not tested"
    else:
        right = "within" if bars["low_s"] <= record.percentile(50) <= bars["high_s"] else "outside"
    if given == right:
        return passed("An estimate is tested by the machine that it is about, and by no other.", right)
    return failed_as("another processor") if right == "not tested" else failed("Compare the median with both ends.")


@checkpoint(
    "e.device.older",
    points=2,
    title="Say what the older files' bytes rule out, what fits, and what would show it",
    form={"ruled_out": _CAUSES, "fits": _CAUSES, "what_would_show_it": str},
    needs=({"kind": "latency", "option": "edge-int8-qdq"},),
    hints=(
        "Which of the three would be the same on both machines, and which is not in the static file at all?",
        "All 52 convolutions have a scale a channel; the two machines differ in how they sum.",
    ),
    mistakes={
        "in_the_file": "Look at the static file's facts: is there any tensor in it with a single scale?",
        "same_on_both": "A budget is spent once, when the file is made: it cannot differ between two machines.",
        "too_short": "Say in a sentence what one would run, and where, to show it.",
    },
)
def older(records: Records) -> Verdict:
    """Judge both choices by the public facts; a person reads the sentences."""
    given = records.answer("e.device.older")
    if given["ruled_out"] != _CAUSES[0]:
        return failed_as("in_the_file", yours=given["ruled_out"])
    if given["fits"] != _CAUSES[1]:
        return failed_as("same_on_both" if given["fits"] == _CAUSES[2] else "in_the_file", yours=given["fits"])
    if len(given["what_would_show_it"].split()) < 8:
        return failed_as("too_short")
    return passed("It fits, and it stays a suspicion until somebody runs it. A person reads your sentence.")
