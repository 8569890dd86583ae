"""Leases of all parts, from reserving to releasing, and what lessons 15b, 27b and 43 measure while they last."""

from __future__ import annotations

import pytest
from grading.checkpoints import State, all_checkpoints
from grading.checkpoints.leases import (
    TERMS,
    critical_path,
    judge_critical,
    judge_lease,
    judge_once,
    judge_rehearsed,
    judge_release,
)
from grading.checkpoints.system.lesson_43 import placed, same_places, stanza

from labs.records import Records
from provisioning.sites.spec import load_spec
from tests.grading.entries import Entries

QUESTION = "m.reserve.lease"
LEASES = {
    "model": ({"type": "compute_liqid", "node": "liqid01", "end": "2026-05-17T14:50:00+00:00"}, 170),
    "edge": ({"type": "raspberrypi5", "node": "pi5-02", "end": "2026-05-17T13:55:00+00:00"}, 115),
    "system": ({"type": "gpu_p100", "node": "p100-01", "end": "2026-05-17T14:50:00+00:00"}, 170),
}
GIVEN = {"status": "PENDING", "minutes": 170}


def lease(part: str = "model", **changes: object) -> dict:
    """Return a good lease of a part as evidence, or one with a fault."""
    good = {"status": "PENDING", "start": "2026-05-17T12:00:00+00:00", "of_this_name": 1}
    return good | LEASES[part][0] | changes


@pytest.mark.parametrize("part", TERMS)
def test_every_machine_that_the_planner_offers_is_a_good_lease(part):
    """Right kind of machine, by name, one block of the part's length; terms and site files name the same node types."""
    bare = [option.type for option in load_spec(part).options if option.resource != "flavor"]
    assert list(TERMS[part].types) == list(dict.fromkeys(bare)), part
    for type_ in bare:
        entries = Entries().observed(f"{part}.lease", lease(part, type=type_))
        entries.answered(QUESTION, {"status": "PENDING", "minutes": LEASES[part][1]})
        assert judge_lease(entries.records, part, QUESTION).ok


@pytest.mark.parametrize(
    ("changes", "given", "says"),
    [
        ({"status": "ERROR"}, GIVEN, "could not fill it"),
        ({"node": "", "type": ""}, GIVEN, "name the one"),
        ({"type": "compute_skylake"}, GIVEN, "another kind of machine"),
        ({"start": "2026-05-17T12:20:00+00:00"}, GIVEN, "full hour"),
        ({"end": "2026-05-17T15:00:00+00:00"}, GIVEN, "does not end at :50"),
        ({"end": "2026-05-17T18:50:00+00:00"}, GIVEN, "not one block of 3 hours"),
        ({"end": "2026-05-17T11:50:00+00:00"}, GIVEN, "not one block of 3 hours"),
        ({"of_this_name": 2}, GIVEN, "several leases"),
        ({}, {**GIVEN, "status": "ok"}, "one word"),
        ({}, {**GIVEN, "minutes": 180}, "in minutes"),
    ],
)
def test_a_lease_with_a_fault_earns_nothing_and_says_which(changes, given, says):
    """Each is a mistake that somebody made; an answer about a lease that nobody saw is none."""
    unseen = Entries().answered(QUESTION, given)
    assert "No lease of yours was seen" in judge_lease(unseen.records, "model", QUESTION).message
    verdict = judge_lease(unseen.observed("model.lease", lease(**changes)).records, "model", QUESTION)
    assert (verdict.ok, says in verdict.message) == (False, True), verdict.message


def test_a_status_was_true_at_its_time():
    """Pending when it was reserved, and active when the cell is run once more."""
    entries = Entries().observed("model.lease", lease()).answered(QUESTION, GIVEN)
    assert judge_lease(entries.observed("model.lease", lease(status="ACTIVE")).records, "model", QUESTION).ok


STEPS = [
    {"name": "lease", "needs": [], "expected_s": 30},
    {"name": "server", "needs": ["lease"], "expected_s": 600},
    {"name": "environment", "needs": ["server"], "expected_s": 420},
    {"name": "data", "needs": ["server"], "expected_s": 180},
    {"name": "services", "needs": ["environment", "data"], "expected_s": 20},
]
PATH = ["lease", "server", "environment", "services"]
COUNTED = {"server": 1, "floating IP": 1, "lease": 1}
TWO_SERVERS = COUNTED | {"server": 2}


def plan(*more: dict) -> dict:
    """Return a plan as evidence."""
    return {"steps": [*STEPS, *more]}


def machine(attempts: int = 2, state: str = "done", **changes: object) -> dict:
    """Return a machine after some runs of its steps, as evidence."""
    steps = {name: {"state": state, "attempts": attempts} for name in ("lease", "server")}
    return {"steps": steps, "held": COUNTED, "checks": {"disk": "ok", "GPU": "rehearsed"}} | changes


@pytest.mark.parametrize(
    ("judged", "subject", "seen", "given", "says"),
    [
        (judge_critical, "plan", plan(), PATH[::-1], ""),
        (judge_critical, "plan", plan(), [*PATH, "data"], "without delaying the end"),
        (judge_critical, "plan", plan(), PATH[:2], "is missing"),
        (judge_critical, "plan", plan(), ["Server boots"], "no step of the plan"),
        (judge_critical, "plan", plan({"name": "lease", "needs": ["services"], "expected_s": 5}), PATH, "twice"),
        (judge_critical, "plan", plan({"name": "late", "needs": ["later"], "expected_s": 5}), PATH, "before what"),
        (judge_critical, "plan", plan({"name": "own", "needs": ["own"], "expected_s": 5}), PATH, "before what"),
        (judge_once, "machine", machine(), COUNTED, ""),
        (judge_once, "machine", machine(attempts=1), COUNTED, "only once"),
        (judge_once, "machine", machine(state="failed"), COUNTED, "not done"),
        (judge_once, "machine", machine(held=TWO_SERVERS), COUNTED, "counts something else"),
        (judge_once, "machine", machine(held=TWO_SERVERS), TWO_SERVERS, "more than one"),
        (judge_rehearsed, "machine", machine(), ["GPU"], ""),
        (judge_rehearsed, "machine", machine(), ["disk", "GPU"], "really ran"),
        (judge_rehearsed, "machine", machine(), [], "is missing"),
        (judge_rehearsed, "machine", machine(checks={"disk": "ok", "GPU": "ok"}), [], ""),
    ],
)
def test_a_set_up_is_judged_by_what_was_seen_of_it(judged, subject, seen, given, says):
    """An answer about what was not seen earns nothing."""
    question, entries = "m.provision.critical", Entries()
    assert judged(entries.answered(question, given).records, "model", question).state is State.FAILED
    verdict = judged(entries.observed(f"model.{subject}", seen).records, "model", question)
    assert (verdict.ok, says in verdict.message) == (not says, True), verdict.message


def test_the_critical_path_is_another_one_when_another_step_is_slower():
    """It is found from needs and seconds."""
    slow_data = [step | ({"expected_s": 900} if step["name"] == "data" else {}) for step in STEPS]
    assert critical_path(slow_data) == ["lease", "server", "data", "services"]
    assert critical_path([]) == []


@pytest.mark.parametrize(
    ("held", "given", "says"),
    [
        ([], 1.5, ""),
        (["floating IP"], 1.5, "still counts"),
        ([], -1.5, "Turned around"),
        ([], 90, "how many hours"),
        ([], "1:30", "A number"),
    ],
)
def test_a_release_is_judged_by_what_is_left(held, given, says):
    """What was released before the newest lease does not count."""
    question, released = "m.release.hours", {"held": held, "at": "2026-05-17T13:20:00+00:00"}
    entries = Entries().answered(question, given).observed("model.release", released)
    entries.observed("model.lease_at_release", lease())
    assert "No release of your lease" in judge_release(entries.records, "model", question).message
    verdict = judge_release(entries.observed("model.release", released).records, "model", question)
    assert (verdict.ok, says in verdict.message) == (not says, True), verdict.message


HOME = {"cpu_model": "a laptop", "testbed": {}}
SERVER = {"cpu_model": "AMD EPYC 7763", "testbed": {"site": "CHI@TACC"}}
PI = {"cpu_model": "Cortex-A76", "architecture": "aarch64", "testbed": {}}
REASON = "The server multiplies bytes without VNNI, and so its ratio to float32 is another one than here."


def beside(entries, run: str, machine: dict, kind: str = "latency", sha: str = "a", **seconds: float) -> None:
    """Append a side-by-side run on a machine."""
    for option, one_s in seconds.items():
        entries.measured(
            kind,
            option.replace("_", "-"),
            [one_s * (1 + 0.002 * (turn % 5)) for turn in range(60)],
            details={"comparison_id": f"{run} {kind}", "block_calls": 3},
            machine=machine,
            batch_size=1 if kind == "latency" else 32,
            model={"name": f"{option}.onnx", "sha256": sha * 64},
        )


def raced_on(entries: Entries, subject: str, machine: dict, *options: str) -> Entries:
    """Append that options were raced on a machine."""
    (one,) = Entries().measured("latency", "x", [0.01], machine=machine).records.measurements()
    return entries.observed(subject, {"machine_id": one.machine_id, "options": list(options)})


@pytest.fixture
def raced(entries):
    """Return a ledger with files measured at home, expectations, and their race on the server."""
    for option in ("onnx-all", "int8"):
        entries.measured("accuracy", option, [1] * 80, machine=HOME, model={"sha256": "a" * 64})
    expected = {"onnx-all": 0.0087, "int8": 0.0052, "cuda": 0.00089}
    entries.observed("model.expected", {"p50_s": expected, "at": "a laptop"})
    for kind in ("latency", "throughput"):
        beside(entries, "race", SERVER, kind, onnx_all=0.0100, int8=0.0095)
    return raced_on(entries, "model.server_race", SERVER, "onnx-all", "int8")


def test_a_race_on_the_server_counts_by_the_bytes_that_were_measured_at_home(judge, raced):
    """A file that changed on its way, or was made anew there, is another option."""
    assert judge("m.lease.race", raced).ok
    for kind in ("latency", "throughput"):
        beside(raced, "again", SERVER, kind, sha="b", onnx_all=0.01, int8=0.009)
    assert "not the one that was measured before" in judge("m.lease.race", raced).message


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, ""),
        ({"option": "onnx-all", "factor": 0.01 / 0.0087}, "off by more"),
        ({"factor": 0.0052 / 0.0095}, "turned around"),
        ({"factor": 3.0}, "not the table's"),
        ({"reason": "it is slower"}, "says too little"),
        ({"option": "tensorrt"}, "options in the table"),
    ],
)
def test_expected_and_measured_are_compared_on_the_leased_machine(judge, raced, changed, says):
    """The largest surprise, its factor, and a reason; by the server's records, not the laptop's."""
    given = {"option": "int8", "factor": 0.0095 * 1.004 / 0.0052, "reason": REASON, **changed}
    verdict = judge("m.lease.surprise", raced.answered("m.lease.surprise", given))
    assert (verdict.ok, says in verdict.message) == (not says, True), verdict.message


def test_the_gpu_is_watched_by_readings_while_it_was_busy(judge, entries):
    """An idle GPU ran nothing."""
    seen = {"t_s": [0.1 * n for n in range(30)], "images": 9, "option": "cuda"}
    seen |= {name: [1.0] * 30 for name in ("busy", "memory_bytes", "power_w")}
    assert judge("m.lease.watched", entries.observed("model.gpu", seen)).ok
    idle = entries.observed("model.gpu", {**seen, "busy": [0.0] * 30})
    assert "idle" in judge("m.lease.watched", idle).message


def test_an_answer_stays_right_when_the_leased_machines_records_come_home(judge, entries):
    """Judged by what was known when it was given, where newer records say something else."""
    beside(entries, "home", HOME, cpu_provider=0.002, openvino=0.001)
    right = {"option": "openvino", "baseline": "cpu-provider", "claim": "faster"}
    entries.answered("m.provider.fair", right)
    beside(entries, "server", SERVER, cpu_provider=0.001, openvino=0.002)
    assert judge("m.provider.fair", entries).ok
    assert not judge("m.provider.fair", entries.answered("m.provider.fair", right)).ok, "now the newer run counts"


@pytest.mark.parametrize(
    ("machine", "words", "says"),
    [
        (PI, ("within", "outside"), ""),
        (PI, ("within", "within"), "edge-int8-s8s8"),
        (PI, ("not tested", "not tested"), "edge-fp32"),
        (HOME, ("within", "outside"), "another processor"),
        (HOME, ("not tested", "not tested"), ""),
    ],
)
def test_the_estimate_is_tested_by_a_cortex_a76_alone(judge, entries, machine, words, says):
    """Each file for itself, against its own error bars; another processor tests nothing."""
    options = ("edge-fp32", "edge-int8-s8s8")
    bars = zip(options, ((0.0106, 0.0229), (0.0033, 0.0073)), strict=True)
    entries.observed("edge.estimate", {name: {"low_s": low, "high_s": high} for name, (low, high) in bars})
    for option in options:
        entries.measured("accuracy", option, [1] * 80, machine=HOME, model={"sha256": "a" * 64})
    beside(entries, "race", machine, edge_fp32=0.012, edge_int8_s8s8=0.009)
    raced_on(entries, "edge.board_race", machine, *options)
    verdict = judge("e.lease.tested", entries.answered("e.lease.tested", dict(zip(options, words, strict=True))))
    assert (verdict.ok, says in verdict.message) == (not says, True), verdict.message


@pytest.mark.parametrize(
    ("samples_s", "says"),
    [
        ([[0.010] * 200, [0.05] * 200], ""),
        ([[0.011] * 30 + [0.05] * 170] * 2, ""),
        ([0.010] * 200, ""),
        ([[], []], "no samples"),
        ([[2.0], [2.0]], "One duration"),
        ([[0.01] * 20] * 2, "A hundred calls"),
        ([[10.0] * 200] * 2, "milliseconds"),
        ([[0.05] * 200, [0.04] * 200], "not `bench`'s"),
    ],
)
def test_a_script_of_ones_own_has_to_agree_with_the_benchmark(judge, entries, samples_s, says):
    """Within a factor of two by the fastest tenth, before or after; a busy minute costs nobody the point."""
    entries.measured("latency", "edge-int8-s8s8", [0.011] * 100, record_id="f" * 32)
    entries.observed("edge.own_script", {"samples_s": samples_s, "record": "f" * 32})
    verdict = judge("e.lease.script", entries)
    assert (verdict.ok, says in verdict.message) == (not says, True), verdict.message


@pytest.mark.parametrize(
    ("machine", "last_s", "hot_c", "says"),
    [
        (HOME, 300, 60.0, "wait for the board"),
        (PI, 100, 60.0, "before heat could show"),
        (PI, 300, None, "Neither temperature"),
        (PI, 300, 60.0, ""),
    ],
)
def test_five_minutes_of_load_count_on_a_board_that_tells_its_heat(judge, entries, machine, last_s, hot_c, says):
    """A laptop's four seconds are a rehearsal; a stopped run and a silent board are named."""
    looks = {"calls": 100, "throttle_bits": None, "power_w": None, "p50_s": 0.004}
    windows = [{**looks, "t_s": last_s * (n + 1) / 10, "temperature_c": hot_c} for n in range(10)]
    entries.measured("latency", "edge-lease-busy", [0.004], machine=machine, details={"windows": windows})
    verdict = judge("e.lease.busy", entries)
    assert (verdict.ok, says in verdict.message) == (not says, True), verdict.message


@pytest.mark.parametrize(
    ("machine", "p50_s", "says"), [(PI, 0.0041, ""), (PI, 0.0060, "Slower than"), (HOME, 0.0030, "another core")]
)
def test_the_published_bar_is_a_cortex_a76s(judge, entries, machine, p50_s, says):
    """A laptop that is faster has not held it; a board may be a quarter slower."""
    verdict = judge(
        "e.lease.bar", entries.observed("edge.pte_on_board", {"samples_s": [p50_s] * 200, "machine": machine})
    )
    assert (verdict.ok, says in verdict.message) == (not says, True), verdict.message


PLACES = {"one": (1, [0]), "two": (2, [0]), "one-each": (1, [0, 1]), "two-each": (2, [0, 1]), "four-each": (4, [0, 1])}
RATES = {"onnx": (600, 610, 1180, 1200, 1190), "python": (80, 110, 150, 190, 120)}


def ran(entries: Entries, which: str, name: str, rate: int, group: dict, second_busy: float = 0.0) -> None:
    """Append a closed-loop run whose configuration Triton served."""
    load = {"duration_s": 1.0, "offsets_s": [(index + 0.5) / rate - 0.01 for index in range(rate)]}
    load["usage"] = {"gpu": [[0.9, 0.9], [second_busy, second_busy]]}
    details = {"instance_group": [group]}
    entries.measured("load", f"lease-{which}-{name}", [0.01] * rate, details=details, load=load)


@pytest.fixture
def two_gpus(entries):
    """Return a ledger with all arrangements of both models on a node with two GPUs."""
    for which, rates in RATES.items():
        for (name, (count, gpus)), rate in zip(PLACES.items(), rates, strict=True):
            ran(entries, which, name, rate, {"kind": "KIND_GPU", "count": count, "gpus": gpus})
    return entries


@pytest.mark.parametrize(
    ("gpus", "second_busy", "says"),
    [([0], 0.0, ""), ([0], 0.8, "the other GPU was as busy"), ([0, 1], 0.0, "other instances than")],
)
def test_one_instance_is_one_on_one_gpu(judge, two_gpus, gpus, second_busy, says):
    """`count: 1 gpus: [0, 1]` is one on each of two, and does not pass for one."""
    ran(two_gpus, "onnx", "one", 600, {"kind": "KIND_GPU", "count": 1, "gpus": gpus}, second_busy)
    verdict = judge("s.lease.placed", two_gpus)
    assert (verdict.ok, says in verdict.message) == (not says, True), verdict.message


@pytest.mark.parametrize(
    ("onnx", "python", "says"),
    [
        ("one-each", "two-each", ""),
        ("two-each", "two-each", "fewer instances"),
        ("one", "two-each", "less than 95 %"),
        ("one-each", "four-each", "less than 95 %"),
    ],
)
def test_the_arrangement_is_the_smallest_that_is_as_good_as_the_best(judge, two_gpus, onnx, python, says):
    """An instance costs memory whether it works or not."""
    verdict = judge("s.lease.choice", two_gpus.answered("s.lease.choice", {"onnx": onnx, "python": python}))
    assert (verdict.ok, says in verdict.message) == (not says, True), verdict.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (stanza(1, [0, 1]), {"GPU 0": 1, "GPU 1": 1}),
        (
            "instance_group [ { kind: KIND_GPU, count: 1, gpus: [0] }, { gpus: [1] kind: KIND_GPU } ]",
            {"GPU 0": 1, "GPU 1": 1},
        ),
        ("instance_group: [{count:1\n kind:KIND_GPU\n gpus: 0\n gpus: 1}]", {"GPU 0": 1, "GPU 1": 1}),
        *((text, None) for text in (None, "", "count: 1", "instance_group [ ]", "instance_group [ 3 ]")),
        (stanza(1, [0])[:-1], None),
    ],
)
def test_a_stanza_is_read_for_what_it_makes_and_not_for_its_blanks(text, expected):
    """Protobuf's text format allows several ways to write it; a fragment makes nothing."""
    assert placed(text) == expected
    assert same_places(text, stanza(1, [0, 1])) is (expected is not None)


def test_every_gated_point_of_the_lease_waits_for_its_machine():
    """A laptop is never told that it answered wrongly what it cannot measure."""
    gated = {one.id: one for one in all_checkpoints() if one.gate and ".lease." in one.id}
    assert len(gated) == 9
    assert {one.verdict(Records()).state for one in gated.values()} <= {State.UNANSWERED, State.MISSING_EVIDENCE}
