"""The lease notebooks' checkpoints: 15b on the server, 27b on the Raspberry Pi, 43 on two GPUs; records are told."""

from __future__ import annotations

import pytest

from grading.checkpoints import State, all_checkpoints
from grading.checkpoints.system.lesson_43 import placed, same_places, stanza
from labs.records import Records

HOME = {"cpu_model": "a laptop", "testbed": {}}
SERVER = {"cpu_model": "AMD EPYC 7763", "testbed": {"site": "CHI@TACC"}}
PI = {"cpu_model": "Cortex-A76", "architecture": "aarch64", "testbed": {}}
EXPECTED = {"onnx-all": 0.0087, "int8": 0.0052, "cuda": 0.00089}
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


def machine_id(machine: dict) -> str:
    """Return the id of a told machine."""
    from tests.grading.entries import Entries

    return Entries().measured("latency", "x", [0.01], machine=machine).records.measurements()[0].machine_id


@pytest.fixture
def raced(entries):
    """Return a ledger with files measured at home, expectations, and their race on the server."""
    for option in ("onnx-all", "int8"):
        entries.measured("accuracy", option, [1] * 80, machine=HOME, model={"sha256": "a" * 64})
    entries.observed("model.expected", {"p50_s": EXPECTED, "at": "a laptop"})
    for kind in ("latency", "throughput"):
        beside(entries, "race", SERVER, kind, onnx_all=0.0100, int8=0.0095)
    return entries.observed("model.server_race", {"machine_id": machine_id(SERVER), "options": ["onnx-all", "int8"]})


def test_a_race_on_the_server_counts_by_the_bytes_that_were_measured_at_home(judge, raced):
    """A file that changed on its way, or was made anew there, is another option (A10)."""
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
def test_expected_and_measured_are_reconciled_on_the_leased_machine(judge, raced, changed, says):
    """The largest surprise, its factor, and a reason; by the server's records, not the laptop's."""
    given = {"option": "int8", "factor": 0.0095 * 1.004 / 0.0052, "reason": REASON, **changed}
    verdict = judge("m.lease.surprise", raced.answered("m.lease.surprise", given))
    assert (verdict.ok, says in verdict.message) == (not says, True), verdict.message


def test_the_gpu_is_watched_by_readings_while_it_was_busy(judge, entries):
    """An idle GPU ran nothing; a handful of readings shows nothing."""
    seen = {"t_s": [0.1 * n for n in range(30)], "images": 9, "option": "cuda"}
    few = {name: [1.0] * 30 for name in ("busy", "memory_bytes", "power_w")}
    assert judge("m.lease.watched", entries).state is State.MISSING_EVIDENCE
    assert judge("m.lease.watched", entries.observed("model.gpu", {**seen, **few})).ok
    assert (
        "idle" in judge("m.lease.watched", entries.observed("model.gpu", {**seen, **few, "busy": [0.0] * 30})).message
    )


def test_an_answer_stays_right_when_the_leased_machines_records_come_home(judge, entries):
    """Judged by what was known when it was given, where newer records say something else (A1)."""
    beside(entries, "home", HOME, cpu_provider=0.002, openvino=0.001)
    right = {"option": "openvino", "baseline": "cpu-provider", "claim": "faster"}
    entries.answered("m.provider.fair", right)
    beside(entries, "server", SERVER, cpu_provider=0.001, openvino=0.002)
    assert judge("m.provider.fair", entries).ok
    assert not judge("m.provider.fair", entries.answered("m.provider.fair", right)).ok, "now the newer run counts"


@pytest.fixture
def on_the_board(entries):
    """Return a ledger with the estimate, the files of home, and their race on a Raspberry Pi."""
    entries.observed(
        "edge.estimate",
        {"edge-fp32": {"low_s": 0.0106, "high_s": 0.0229}, "edge-int8-s8s8": {"low_s": 0.0033, "high_s": 0.0073}},
    )
    for option in ("edge-fp32", "edge-int8-s8s8"):
        entries.measured("accuracy", option, [1] * 80, machine=HOME, model={"sha256": "a" * 64})
    beside(entries, "race", PI, edge_fp32=0.012, edge_int8_s8s8=0.009)
    return entries.observed(
        "edge.board_race", {"machine_id": machine_id(PI), "options": ["edge-fp32", "edge-int8-s8s8"]}
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("within", "outside"), ""),
        (("within", "within"), "edge-int8-s8s8"),
        (("not tested", "not tested"), "edge-fp32"),
    ],
)
def test_the_estimate_is_tested_by_a_cortex_a76_alone(judge, on_the_board, words, says):
    """Each file for itself, against its own error bars."""
    given = dict(zip(("edge-fp32", "edge-int8-s8s8"), words, strict=True))
    verdict = judge("e.lease.tested", on_the_board.answered("e.lease.tested", given))
    assert (verdict.ok, says in verdict.message) == (not says, True)


def test_another_processor_tests_nothing(judge, on_the_board):
    """Wherever its figures happen to fall."""
    beside(on_the_board, "laptop", HOME, edge_fp32=0.012, edge_int8_s8s8=0.006)
    on_the_board.observed(
        "edge.board_race", {"machine_id": machine_id(HOME), "options": ["edge-fp32", "edge-int8-s8s8"]}
    )
    given = {"edge-fp32": "within", "edge-int8-s8s8": "within"}
    assert "another processor" in judge("e.lease.tested", on_the_board.answered("e.lease.tested", given)).message
    untested = dict.fromkeys(given, "not tested")
    assert judge("e.lease.tested", on_the_board.answered("e.lease.tested", untested)).ok


@pytest.mark.parametrize(
    ("samples_s", "says"),
    [
        ([[0.010] * 200, [0.010] * 200], ""),
        ([[0.010] * 200, [0.05] * 200], ""),
        ([[0.011] * 30 + [0.05] * 170] * 2, ""),
        ([0.010] * 200, ""),
        ([], "no samples"),
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


def test_five_minutes_of_load_count_on_a_board_that_tells_its_heat(judge, entries):
    """A laptop's four seconds are a rehearsal; a stopped run and a silent board are named."""
    looks = {"calls": 100, "throttle_bits": None, "power_w": None, "p50_s": 0.004}
    for machine, last_s, hot_c, says in (
        (HOME, 300, 60.0, "wait for the board"),
        (PI, 100, 60.0, "before heat could show"),
        (PI, 300, None, "Neither temperature"),
        (PI, 300, 60.0, ""),
    ):
        windows = [{**looks, "t_s": last_s * (n + 1) / 10, "temperature_c": hot_c} for n in range(10)]
        entries.measured("latency", "edge-lease-busy", [0.004], machine=machine, details={"windows": windows})
        verdict = judge("e.lease.busy", entries)
        assert (verdict.ok, says in verdict.message) == (not says, True), verdict.message


@pytest.mark.parametrize(
    ("machine", "p50_s", "says"),
    [(PI, 0.0041, ""), (PI, 0.0060, "Slower than"), (HOME, 0.0030, "another core")],
)
def test_the_published_bar_is_a_cortex_a76s(judge, entries, machine, p50_s, says):
    """A laptop that is faster has not held it; a board may be a quarter slower."""
    assert judge("e.lease.bar", entries).state == "missing evidence"
    entries.observed("edge.pte_on_board", {"samples_s": [p50_s] * 200, "machine": machine})
    verdict = judge("e.lease.bar", entries)
    assert (verdict.ok, says in verdict.message) == (not says, True), verdict.message


PLACES = {"one": (1, [0]), "two": (2, [0]), "one-each": (1, [0, 1]), "two-each": (2, [0, 1]), "four-each": (4, [0, 1])}
RATES = {
    "onnx": {"one": 600, "two": 610, "one-each": 1180, "two-each": 1200, "four-each": 1190},
    "python": {"one": 80, "two": 110, "one-each": 150, "two-each": 190, "four-each": 120},
}


@pytest.fixture
def two_gpus(entries):
    """Return a ledger with all arrangements of both models on a node with two GPUs."""
    for which, rates in RATES.items():
        for name, (count, gpus) in PLACES.items():
            ran(entries, which, name, rates[name], [{"kind": "KIND_GPU", "count": count, "gpus": gpus}])
    return entries


def ran(entries, which: str, name: str, rate: int, groups: list[dict], second_busy: float = 0.0) -> None:
    """Append a closed-loop run whose configuration Triton served."""
    entries.measured(
        "load",
        f"lease-{which}-{name}",
        [0.01] * rate,
        details={"instance_group": groups},
        load={
            "duration_s": 1.0,
            "offsets_s": [(index + 0.5) / rate - 0.01 for index in range(rate)],
            "usage": {"gpu": [[0.9, 0.9], [second_busy, second_busy]]},
        },
    )


def test_one_instance_is_one_on_one_gpu(judge, two_gpus):
    """`count: 1 gpus: [0, 1]` is one on each of two, and does not pass for one (A8)."""
    assert judge("s.lease.placed", two_gpus).ok
    ran(two_gpus, "onnx", "one", 600, [{"kind": "KIND_GPU", "count": 1, "gpus": [0]}], second_busy=0.8)
    assert "the other GPU was as busy" in judge("s.lease.placed", two_gpus).message
    ran(two_gpus, "onnx", "one", 600, [{"kind": "KIND_GPU", "count": 1, "gpus": [0, 1]}])
    assert "other instances than" in judge("s.lease.placed", two_gpus).message


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"onnx": "one-each", "python": "two-each"}, ""),
        ({"onnx": "two-each", "python": "two-each"}, "fewer instances"),
        ({"onnx": "one", "python": "two-each"}, "less than 95 %"),
        ({"onnx": "one-each", "python": "four-each"}, "less than 95 %"),
    ],
)
def test_the_arrangement_is_the_smallest_that_is_as_good_as_the_best(judge, two_gpus, given, says):
    """An instance costs memory whether it works or not."""
    verdict = judge("s.lease.choice", two_gpus.answered("s.lease.choice", given))
    assert (verdict.ok, says in verdict.message) == (not says, True), verdict.message


def test_a_node_with_one_gpu_is_told_what_its_points_wait_for(judge, entries):
    """Nothing is called wrong that could not be run."""
    for which in RATES:
        for name, count in (("one", 1), ("two", 2)):
            ran(entries, which, name, 60, [{"kind": "KIND_CPU", "count": count}])
    assert judge("s.lease.rehearsed", entries).ok
    verdict = judge("s.lease.placed", entries)
    assert (verdict.state, "two GPUs" in verdict.message) == (State.MISSING_EVIDENCE, True)


@pytest.mark.parametrize(
    "text",
    [
        stanza(1, [0, 1]),
        "instance_group [ { kind: KIND_GPU, count: 1, gpus: [0] }, { gpus: [1] kind: KIND_GPU } ]",
        "instance_group: [{count:1\n kind:KIND_GPU\n gpus: 0\n gpus: 1}]",
    ],
)
def test_a_stanza_is_read_for_what_it_makes_and_not_for_its_blanks(text):
    """Protobuf's text format allows several ways to write it."""
    assert placed(text) == {"GPU 0": 1, "GPU 1": 1}
    assert same_places(text, stanza(1, [0, 1]))


@pytest.mark.parametrize(
    "text", [None, "", "count: 1", "instance_group [ ]", "instance_group [ 3 ]", stanza(1, [0])[:-1]]
)
def test_what_is_no_stanza_makes_nothing(text):
    """None, a fragment, and a bracket that is not closed."""
    assert placed(text) is None


def test_every_gated_point_of_the_lease_waits_for_its_machine():
    """A laptop is never told that it answered wrongly what it cannot measure."""
    gated = {one.id: one for one in all_checkpoints() if one.gate and ".lease." in one.id}
    assert len(gated) == 9
    assert {one.verdict(Records()).state for one in gated.values()} <= {State.UNANSWERED, State.MISSING_EVIDENCE}
