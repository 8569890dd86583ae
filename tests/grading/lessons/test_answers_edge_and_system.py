"""Answers of parts 2 and 3, judged by records that are told: the right one earns its points, a wrong one a sentence."""

from __future__ import annotations

import pytest
from grading.checkpoints import State, all_checkpoints

from tests.grading.entries import Entries

PLAYED = {"architecture": "x86_64", "testbed": {"site": "rehearsal"}}
PI = {"architecture": "aarch64", "testbed": {}}
SIZE, CHOICE = 2_452_785, "edge-int8-s8s8"

#: Lesson 25. Pictures right of 1000, seconds of one photo, bytes.
OPTIONS = {
    "edge-fp32": (812, 0.012, 8_918_386),
    "edge-int8-s8s8": (808, 0.0060, 2_452_785),
    "edge-int8-pruned": (811, 0.0055, 1_946_330),
    "edge-int8-192px": (803, 0.0045, 2_452_785),
    "edge-int8-160px": (760, 0.0033, 2_452_785),
    "edge-int8-128px": (640, 0.0024, 2_452_785),
}


def smaller(entries: Entries, without: str = "") -> Entries:
    """Lesson 25: the pruned file is smallest, 192 pixels are fastest within a point."""
    for option, (right, seconds, size) in OPTIONS.items():
        if option != without:
            entries.measured("size", option, [size]).measured("latency", option, [seconds] * 5)
            entries.measured("accuracy", option, [1] * right + [0] * (1000 - right), batch_size=32)
    return entries


def unpruned(entries: Entries) -> Entries:
    """Lesson 25, where part 1 was left out in part."""
    return smaller(entries, "edge-int8-pruned")


def chosen(
    entries: Entries, machine: dict = PLAYED, examined: str = "aa", size: int = SIZE, right: int = 808
) -> Entries:
    """Lesson 28: a file of 2.45 MB that loses 0.4 points, measured on the device, and the same bytes examined here."""
    for option, known, seconds, sha in (("edge-fp32", 812, 0.012, "ff"), (CHOICE, 808, 0.006, "aa")):
        common = {"machine": machine, "model": {"sha256": sha}}
        samples, predicted = [1] * known + [0] * (1000 - known), {"predicted": [3] * 1000}
        entries.measured("size", option, [size], record_id=f"size {option}", **common)
        entries.measured("accuracy", option, samples, details=predicted, record_id=f"accuracy {option}", **common)
        entries.measured("latency", option, [seconds] * 5, record_id=f"latency {option}", **common)
    for option, known, sha in (("budget-float", 812, "ff"), ("budget-choice", right, examined)):
        samples, model = [1] * known + [0] * (1000 - known), {"sha256": sha}
        entries.measured("size", option, [size], model=model)
        entries.measured("accuracy", option, samples, model=model, details={"predicted": [3] * 998 + [4, 5]})
    return entries


def on_a_pi(entries: Entries) -> Entries:
    """The same from a real board."""
    return chosen(entries, PI)


def of_other_bytes(entries: Entries) -> Entries:
    """The file that was examined is another one of the same name and size."""
    return chosen(entries, examined="bb")


def too_large(entries: Entries) -> Entries:
    """A file above the product's limit."""
    return chosen(entries, size=2_600_000)


def too_wrong(entries: Entries) -> Entries:
    """A file that loses 3.5 points."""
    return chosen(entries, right=777)


def leased(entries: Entries) -> Entries:
    """Lesson 30: a lease was read."""
    return entries.observed("system.lease", {})


PICKS = {"download": "edge-int8-pruned", "queue": "edge-int8-192px"}
FAIR = {"accuracy": True, "latency": False, "size": True, "ratio": True}
WORDS = (
    f"I recommend {CHOICE}: it was rehearsed on a laptop, where it kept both limits by a wide margin and lost less "
    "than half a point on the very same pictures. For the Pi there is an estimate only, and it lies below fifteen ms."
)
ADVICE = {
    "choice": CHOICE,
    "evidence": [f"{kind} {CHOICE}" for kind in ("accuracy", "size", "latency")],
    "p50_s": 0.006,
    "where": "rehearsal",
    "points_lost": 0.4,
    "to_the_manager": WORDS,
    "what_it_costs": "less than half a point, and a calibration",
    "what_would_change_my_mind": "a real Pi in its cupboard that takes longer than that",
}
MEASURED = WORDS.replace("rehearsed", "measured")
P100 = "s.reserve.p100"

#: What was measured and seen, the question, the answer, and what the card says; nothing where it is right.
ROWS = [
    (smaller, "e.smaller.picks", PICKS, ""),
    (smaller, "e.smaller.picks", {**PICKS, "queue": "edge-int8-128px"}, "more than a point"),
    (smaller, "e.smaller.picks", {**PICKS, "queue": "edge-fp32"}, "static INT8 option"),
    (smaller, "e.smaller.picks", {**PICKS, "download": "edge-int8-s8s8"}, "fewer bytes"),
    (smaller, "e.smaller.picks", {**PICKS, "queue": "edge-int8-s8s8"}, "answers faster"),
    (unpruned, "e.smaller.picks", {**PICKS, "download": "edge-int8-s8s8"}, ""),
    (chosen, "e.choose.fair", FAIR, ""),
    (chosen, "e.choose.fair", {**FAIR, "latency": True}, "precision both differ"),
    (chosen, "e.choose.fair", {**FAIR, "ratio": False}, "two ratios"),
    (chosen, "e.choose.file", CHOICE, ""),
    (chosen, "e.choose.file", "edge-int8-dynamic", "not measured on the device"),
    (chosen, "e.choose.file", "edge-fp32", "another hash"),
    (of_other_bytes, "e.choose.file", CHOICE, "another hash"),
    (too_large, "e.choose.file", CHOICE, "breaks a bar"),
    (too_wrong, "e.choose.file", CHOICE, "breaks a bar"),
    (chosen, "e.choose.recommendation", ADVICE, ""),
    (chosen, "e.choose.recommendation", {**ADVICE, "choice": "int8-static-qdq"}, "not measured on the device"),
    (chosen, "e.choose.recommendation", {**ADVICE, "evidence": ["x"]}, "copy it whole"),
    (chosen, "e.choose.recommendation", {**ADVICE, "evidence": [f"size {CHOICE}"]}, "missing: accuracy, latency"),
    (chosen, "e.choose.recommendation", {**ADVICE, "p50_s": 6.0}, "p50_s"),
    (chosen, "e.choose.recommendation", {**ADVICE, "where": "device"}, "another place"),
    (chosen, "e.choose.recommendation", {**ADVICE, "points_lost": 4}, "points_lost"),
    (chosen, "e.choose.recommendation", {**ADVICE, "what_it_costs": "little"}, "says too little"),
    (chosen, "e.choose.recommendation", {**ADVICE, "to_the_manager": "a word " * 20}, "does not name"),
    (chosen, "e.choose.recommendation", {**ADVICE, "to_the_manager": MEASURED}, "does not say so"),
    (on_a_pi, "e.choose.recommendation", {**ADVICE, "where": "device", "to_the_manager": MEASURED}, ""),
    (leased, P100, ["Torch cu126", "triton 24.10 "], ""),
    (leased, P100, ["triton 24.10", "torch cu126", "tensorrt 10"], "wants compute capability 7.0"),
    (leased, P100, ["torch cu126"], "One more"),
    (leased, P100, ["Triton"], "four names"),
]


@pytest.mark.parametrize(("ledger", "id", "given", "says"), ROWS)
def test_an_answer_is_judged_by_the_records(entries, judge, ledger, id, given, says):
    """Unanswered before; the message says what went wrong, not only that it did."""
    # A recommendation is of the file that was chosen before it.
    known = ledger(entries) if id == "e.choose.file" else ledger(entries).answered("e.choose.file", CHOICE)
    assert judge(id, known).state is State.UNANSWERED
    verdict = judge(id, known.answered(id, given))
    assert (verdict.ok, says in verdict.message) == (not says, True), verdict.message


SCALED = [{"offset_s": 0.5 * place, "running": running, "starting": 0} for place, running in enumerate((1, 1, 2, 3))]
LOAD = {"requests": 80, "failed_at_first": 3, "lost": 0, "most_tries": 3, "slowest_s": 1.2, "nodes": 2}
BEFORE = {"stable": {"requests": 84, "errors": 0, "p95_s": 0.1}, "canary": {"requests": 36, "errors": 0, "p95_s": 0.3}}
AFTER = {"stable": {"requests": 30, "errors": 0, "p95_s": 0.1}, "canary": {"requests": 0, "errors": 0, "p95_s": 0.0}}
CANARY = {"before": BEFORE, "after": AFTER, "verdict": "roll back", "same_processes": True}
IMAGE = "quay.io/jupyter/minimal-notebook:aarch64-2024-05-27"
CONTAINER = {"status": "Running", "image": IMAGE, "ports": [8000, 8888]}


@pytest.mark.parametrize(
    ("id", "subject", "seen", "passes", "says"),
    [
        ("e.provision.container", "edge.container", CONTAINER, True, ""),
        ("e.provision.container", "edge.container", {**CONTAINER, "status": "Error"}, False, "does not run"),
        ("e.provision.container", "edge.container", {**CONTAINER, "image": "python:3.11"}, False, "not the one that"),
        ("e.provision.container", "edge.container", {**CONTAINER, "ports": [8888]}, False, "A port is missing"),
        ("s.ray.scaled", "ray.scaling", {"rows": SCALED}, True, ""),
        ("s.ray.scaled", "ray.scaling", {"rows": SCALED[:2]}, False, "replica"),
        ("s.ray.scaled", "ray.scaling", {"rows": [{**row, "running": 3} for row in SCALED]}, False, "before the load"),
        ("s.teams.recovered", "ray.recovery", LOAD, True, ""),
        ("s.teams.recovered", "ray.recovery", {**LOAD, "failed_at_first": 0}, True, "nothing to do"),
        ("s.teams.recovered", "ray.recovery", {**LOAD, "lost": 1}, False, ""),
        ("s.teams.node", "ray.node", LOAD, True, ""),
        ("s.teams.node", "ray.node", {**LOAD, "failed_at_first": 0}, True, "nothing to do"),
        ("s.teams.node", "ray.node", {**LOAD, "lost": 2}, False, ""),
        ("s.teams.node", "ray.node", {**LOAD, "nodes": 1}, False, "one node"),
        ("s.teams.rolled_back", "ray.canary", CANARY, True, ""),
        ("s.teams.rolled_back", "ray.canary", {**CANARY, "verdict": "promote"}, False, ""),
        ("s.teams.rolled_back", "ray.canary", {**CANARY, "after": BEFORE}, False, ""),
        ("s.teams.rolled_back", "ray.canary", {**CANARY, "same_processes": False}, False, ""),
    ],
)
def test_what_was_seen_is_judged(entries, judge, id, subject, seen, passes, says):
    """Nothing seen earns nothing; a policy that had nothing to do is not praised for it."""
    assert judge(id, entries).state is State.MISSING_EVIDENCE
    verdict = judge(id, entries.observed(subject, seen))
    assert (verdict.ok, says in verdict.message) == (passes, True), verdict.message


IDS = {"first": "0f1e", "second": "", "returned": "0f1e"}


def seen(subject: str, **facts: object) -> Entries:
    """Return a ledger with one observation."""
    return Entries().observed(subject, facts)


@pytest.mark.parametrize(
    ("id", "ledger", "guess", "value"),
    [
        ("start.submit_guess", seen("start.practice", outcome="returns"), "returns", "returns"),
        ("m.reserve.wait_guess", seen("model.block", hours_away=26.5), 12, 26.5),
        ("m.provision.minutes_guess", seen("model.plan", total_s=1200), 4, 20),
        (
            "m.release.left_guess",
            seen("model.after_delete", held=["floating IP", "lease"]),
            "lease",
            "floating IP and lease",
        ),
        ("m.release.left_guess", seen("model.after_delete", held=[]), "lease", "nothing"),
        ("e.reserve.free_guess", seen("edge.block", free=3), 4, 3),
        ("e.provision.id_guess", seen("edge.objects", **IDS), "both", "the first"),
        ("e.provision.id_guess", seen("edge.objects", **{**IDS, "second": "0f1e"}), "both", "both"),
        ("e.provision.id_guess", seen("edge.objects", **{**IDS, "first": ""}), "both", "neither"),
        ("e.smaller.loss_guess", smaller(Entries()), 4, 5.2),
        ("e.choose.flips_guess", chosen(Entries()), 0, 2),
        ("s.provision.saved_guess", seen("system.plan", serial_s=1800, total_s=1200), 4, 10),
        ("s.reserve.wait_guess", seen("system.block", hours_away=1.5), 4, 1.5),
        ("s.release.orphans_guess", seen("system.survey", orphans=0, found=3), 4, 0),
        ("s.ray.cold_guess", seen("ray.cold", cold_s=5.0, warm_s=[0.1, 0.1, 0.2]), 40, None),
    ],
)
def test_a_prediction_is_compared_with_what_was_seen(judge, id, ledger, guess, value):
    """Made before, it earns its point whatever it says; made after, it predicts nothing."""
    asked = all_checkpoints()[id].asks
    assert asked.measured(Entries().records) is None
    assert judge(id, Entries().predicted(id, guess)).state is State.MISSING_EVIDENCE
    assert judge(id, Entries([*Entries().predicted(id, guess), *ledger])).ok
    assert "after the measurement" in judge(id, Entries(ledger).predicted(id, guess)).message
    if value is not None:
        found = asked.measured(ledger.records)
        assert found == (value if isinstance(value, str) else pytest.approx(value))


def test_a_prediction_about_bytes_is_compared_with_the_same_bytes():
    """Other bytes have no partner."""
    assert all_checkpoints()["e.choose.flips_guess"].asks.measured(of_other_bytes(Entries()).records) is None
