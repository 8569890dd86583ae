"""Checkpoints of the Triton lessons, 33 to 37: the stub, plausible mistakes with a message that helps, the answer."""

from __future__ import annotations

from collections.abc import Callable

import pytest

#: Seconds of every run here.
RUN_S = 1.2

ONE_REQUEST = "one copy works on one request at a time"
PROBS = {"python": [0.5, 0.6, 0.7, 0.8], "ensemble": [0.5, 0.6, 0.7, 0.8004], "onnx": [0.5, 0.6, 0.7, 0.8]}
LABELS = {way: ["Egg", "Soup", "Rice", "Meat"] for way in PROBS}
SIZES = {"way-python": 40_000, "way-ensemble": 40_000, "way-onnx": 602_200}


def ran(entries, option: str, rate: int, latency_s: float, **told) -> None:
    """Append a closed-loop record with so many answers a second, evenly spread, all of one latency."""
    count = round(rate * RUN_S)
    server = {"requests": count, "executions": told.pop("executions", count), "batches": told.pop("batches", {})}
    for name in ("queue_s", "input_s", "infer_s", "output_s"):
        server[name] = told.pop(name, 0.001)
    entries.measured(
        "load",
        option,
        [latency_s] * count,
        details=told.pop("details", {}),
        load={
            "mode": "closed",
            "target": "t",
            "duration_s": RUN_S,
            # Answers in the middle of equal steps, so that blocks hold equal numbers.
            "offsets_s": [(index + 0.5) * RUN_S / count - latency_s for index in range(count)],
            "server": server,
            "failures": told.pop("failures", []),
            "usage": {"cpu": told.pop("cpu", [])},
        },
    )
    assert not told


@pytest.fixture
def known(entries):
    """Return a ledger in which every run of the five lessons is there."""
    for option, rate, latency_s in (("python-1", 60, 0.01), ("python-8", 60, 0.1), ("python-16", 60, 0.2)):
        ran(entries, option, rate, latency_s, queue_s=0.08 if option == "python-8" else 0.001)
    ran(entries, "python-b16", 10, 0.1)
    ran(entries, "plain-8", 60, 0.1)
    ran(entries, "batched-8", 120, 0.05, executions=36, batches={"2": 12, "4": 12, "8": 12})
    ran(entries, "alone-delay-0", 60, 0.010)
    ran(entries, "alone-delay-50", 60, 0.060)
    for count, rate, infer_s, cpu in ((1, 60, 0.01, 0.5), (2, 90, 0.015, 0.8), (4, 90, 0.03, 1.0)):
        details = {"memory_bytes": 500e6 + 300e6 * count}
        ran(entries, f"copies-{count}", rate, 0.1, infer_s=infer_s, queue_s=0.08 / count, cpu=[cpu], details=details)
    for option, rate in (("way-python", 60), ("way-ensemble", 120), ("way-onnx", 180), ("way-onnx-2", 240)):
        ran(entries, option, rate, 0.05)
    for option, latency_s in (("classifier-alone", 0.01), ("classifier-both", 0.02), ("classifier-during", 0.01)):
        ran(entries, option, 60 if option == "classifier-both" else 120, latency_s)
    ran(entries, "palette-alone", 120, 0.01)
    ran(entries, "palette-both", 90, 0.01)
    ran(entries, "palette-crowd", 60, 0.01, failures=[{"offset_s": 0, "latency_s": 0.001, "status": 503}])
    return entries


def agreed(difference: float, **changed: object) -> dict:
    """Return an answer about the agreement of three ways."""
    return {"difference": difference, "probs": PROBS, "labels": LABELS, **changed}


RIGHT = {
    "s.queue.share": 0.8,
    "s.queue.why": ONE_REQUEST,
    "s.queue.little": [0.6, 6.0, 12.0],
    "s.queue.batch": {"P100": 12.53, "here": 16 * 10 / 60},
    "s.batching.mean": 4.0,
    "s.batching.gain": {"ratio": 2.0, "low": 2.0, "high": 2.0, "claim": "better"},
    "s.batching.price": 0.05,
    "s.batching.worth": {"20": False, "100": False, "500": True},
    "s.copies.scaling": {"2": 1.5, "4": 1.5},
    "s.copies.slower": 3.0,
    "s.copies.bottleneck": {"busy": {"1": 0.5, "4": 1.0}, "full": "the processors"},
    "s.copies.memory": 300e6,
    "s.onnx.agree": agreed(0.0004),
    "s.onnx.fair": {"option": "way-ensemble", "baseline": "way-python", "ratio": 2.0},
    "s.onnx.bytes": {"heavier": 602_200 / 40_000, "sizes": SIZES},
    "s.onnx.scaled": {"ratio": 4 / 3, "ready_after_s": 0.5, "change_s": 0.5},
    "s.several.slower": 2.0,
    "s.several.shares": {"classifier": 0.5, "palette": 0.75, "sum": 1.25},
    "s.several.during": 0,
    "s.several.refused": {"status": 503, "page": "leave them out"},
}


def but(id: str, **changed: object) -> dict:
    """Return the right answer with some parts changed."""
    return {**RIGHT[id], **changed}


@pytest.mark.parametrize(
    ("id", "mistake", "says"),
    [
        ("s.queue.share", 0.2, "not waiting"),
        ("s.queue.share", 0.08, "These are seconds"),
        ("s.queue.share", 80, "not percent"),
        ("s.queue.why", "the network is full", "queue would be empty"),
        ("s.queue.why", "it is slow", "word for word"),
        ("s.queue.little", [600, 6000, 12000], "milliseconds"),
        ("s.queue.little", [1, 8, 16], "times the mean"),
        ("s.queue.batch", but("s.queue.batch", here=10 / 60), "These are requests"),
        ("s.queue.batch", but("s.queue.batch", P100=656.6 / 51.5 * 2), "published table"),
        ("s.batching.mean", 0.25, "Turned around"),
        ("s.batching.mean", 14 / 3, "count more often"),
        ("s.batching.gain", but("s.batching.gain", ratio=0.5), "Turned around"),
        ("s.batching.gain", but("s.batching.gain", low=1.2), "lowest that it can be"),
        ("s.batching.gain", but("s.batching.gain", claim="cannot tell"), "which side of 1"),
        ("s.batching.price", 50, "milliseconds"),
        ("s.batching.price", -0.05, "Turned around"),
        ("s.batching.worth", {"20": False, "100": True, "500": True}, "At 100 photos a second"),
        ("s.batching.worth", {"500": True}, "lacks the part"),
        ("s.batching.worth", {}, "lacks the part"),
        ("s.copies.scaling", {"2": 0.75, "4": 0.375}, "perfect scaling"),
        ("s.copies.scaling", {"2": 1 / 1.5, "4": 1.5}, "Turned around"),
        ("s.copies.slower", 1 / 3, "Turned around"),
        ("s.copies.slower", 0.25, "compares the queues"),
        ("s.copies.bottleneck", but("s.copies.bottleneck", busy={"1": 50, "4": 100}), "between 0 and 1"),
        ("s.copies.bottleneck", but("s.copies.bottleneck", full="something else"), "What does that leave"),
        ("s.copies.memory", 225e6, "how many were added"),
        ("s.copies.memory", 425e6, "also counts the server"),
        ("s.onnx.agree", agreed(0.0), "another amount"),
        ("s.onnx.agree", agreed(0.0004, probs={**PROBS, "onnx": [0.1, 0.6, 0.7, 0.8]}), "do not agree"),
        ("s.onnx.fair", but("s.onnx.fair", option="way-onnx", ratio=3.0), "two jobs were compared"),
        ("s.onnx.fair", {"option": "way-python", "baseline": "way-ensemble", "ratio": 0.5}, "Turned around"),
        ("s.onnx.fair", but("s.onnx.fair", ratio=3.0), "not the ratio"),
        ("s.onnx.bytes", but("s.onnx.bytes", heavier=40_000 / 602_200), "Turned around"),
        ("s.onnx.scaled", but("s.onnx.scaled", ratio=0.75), "Turned around"),
        ("s.onnx.scaled", but("s.onnx.scaled", ready_after_s=500), "how long it took"),
        ("s.several.slower", 0.5, "Turned around"),
        ("s.several.shares", but("s.several.shares", classifier=2.0), "classifier: turned around"),
        ("s.several.shares", but("s.several.shares", sum=2.0), "not the sum"),
        ("s.several.during", 3, "Count the failures"),
        ("s.several.refused", but("s.several.refused", status=200), "has this status"),
        ("s.several.refused", but("s.several.refused", page="retry until it works"), "becomes of the load"),
    ],
)
def test_a_plausible_mistake_earns_nothing_and_is_named(known, judge, id: str, mistake: object, says: str):
    """The message says what went wrong, not only that it did."""
    verdict = judge(id, known.answered(id, mistake))
    assert not verdict.ok
    assert says in verdict.message


@pytest.mark.parametrize("id", RIGHT)
def test_the_answer_earns_its_points_and_the_stub_none(known, judge, id: str):
    """Nothing before, everything after."""
    assert judge(id, known).message.startswith("Not answered yet")
    verdict = judge(id, known.answered(id, RIGHT[id]))
    assert verdict.ok, verdict.message


@pytest.mark.parametrize("id", [id for id in RIGHT if id != "s.onnx.agree"])
def test_an_answer_without_its_run_earns_nothing(entries, judge, id: str):
    """Numbers that no record stands behind are worth nothing, and the message says which cells to run."""
    assert "no load record" in judge(id, entries.answered(id, RIGHT[id])).message


@pytest.mark.parametrize(
    ("id", "option", "measured"),
    [
        ("s.queue.eight_guess", "python-8", 1.0),
        ("s.batching.gain_guess", "batched-8", 2.0),
        ("s.copies.four_guess", "copies-4", 1.5),
        ("s.onnx.gain_guess", "way-ensemble", 2.0),
        ("s.several.slower_guess", "classifier-both", 2.0),
    ],
)
def test_a_prediction_counts_when_it_comes_first(
    entries, known, judge: Callable, id: str, option: str, measured: float
):
    """Before the measurement it earns its point, right or wrong; after it, nothing; and what was measured is told."""
    from grading.checkpoints import all_checkpoints

    assert all_checkpoints()[id].asks.measured(known.records) == pytest.approx(measured)
    assert not judge(id, known.predicted(id, 2)).ok
    fresh = type(entries)().predicted(id, 2)
    ran(fresh, option, 60, 0.01)
    assert judge(id, fresh).ok


def test_a_rate_that_may_be_zero_bounds_no_ratio(known, judge):
    """What batching may have brought at most is not known then, and whoever says so is right."""
    ran(known, "plain-8", 60, 0.1)
    known[-1]["load"]["offsets_s"] = [0.001 * place for place in range(72)]  # all in one burst, then nothing
    before, after = (known.records.latest(kind="load", option=name).throughput_rps for name in ("plain-8", "batched-8"))
    assert before.low == 0
    ratio, low = after.value / before.value, after.low / before.high
    right = {"ratio": ratio, "low": low, "high": None, "claim": "better" if low > 1 else "cannot tell"}
    assert judge("s.batching.gain", known.answered("s.batching.gain", right)).ok
    verdict = judge("s.batching.gain", known.answered("s.batching.gain", {**right, "high": 9.0}))
    assert "nothing bounds the ratio" in verdict.message
