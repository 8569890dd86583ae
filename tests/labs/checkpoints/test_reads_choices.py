"""Readers of facts: what a ledger's entries or a script say, for rules to judge."""

from pathlib import Path

import pytest

from labs.checkpoints.question import MissingEvidenceError
from labs.checkpoints.reads import choices, devices, providers, scripts
from labs.checkpoints.reads.networks import networks
from tests.entries import Entries

SCRIPT = """
import json, sys, time
threads = "intra_op_num_threads"
calls = int(sys.argv[3])
print(json.dumps({"samples_s": SAMPLES}))
"""


@pytest.mark.parametrize(
    ("samples", "facts"),
    [
        ("[1e-6] * calls", {"is_json": True, "samples": scripts.CALLS, "moments": False, "in_seconds": True}),
        ("[1e-6 * n for n in range(calls)]", {"moments": True}),
        ("[2.0] * calls", {"in_seconds": False}),
        ("1 / 0", {"ended": 1, "said": "ZeroDivisionError: division by zero"}),
        ("1", {"is_json": False, "printed": '{"samples_s": 1}'}),
    ],
)
def test_a_measuring_script_is_run(samples: str, facts: dict, tmp_path: Path) -> None:
    """What it prints last decides, and how it ends."""
    path = tmp_path / "measure.py"
    path.write_text(SCRIPT.replace("SAMPLES", samples))
    found = scripts.measuring_script(path)
    assert {name: found[name] for name in facts} == facts


def test_a_script_that_is_not_written_yet_is_not_run(tmp_path: Path) -> None:
    """The stub's line is no error of the student's."""
    (tmp_path / "measure.py").write_text('raise NotImplementedError("Your turn: replace this line.")')
    with pytest.raises(NotImplementedError):
        scripts.measuring_script(tmp_path / "measure.py")


@pytest.fixture
def measured(entries: Entries) -> Entries:
    """Return a ledger in which a machine has measured float32 and a smaller file in full."""
    for option, milliseconds, right, size in (("food11", 3.0, 81, 9_000), ("small", 2.0, 80, 2_000)):
        entries.measured("size", option, [size])
        entries.measured("accuracy", option, [1] * right + [0] * (100 - right))
        entries.measured("latency", option, [milliseconds / 1e3] * 40)
    return entries


def test_a_recommendation_stands_beside_its_records(measured: Entries) -> None:
    """Quoted and measured figures, and whether the option keeps the bounds."""
    answer = {
        "option": "small",
        "evidence": {"p95_ms": 2.5, "right": 80},
        "price": "One answer fewer of 100, which nobody will see.",
        "would_change_my_mind": "Nothing.",
    }
    found = choices.for_server(measured.answered("defend.choice", answer).records)
    assert (found["p95_ms"], found["measured_p95_ms"]) == (2.5, pytest.approx(2.0))
    assert all(found[name] for name in ("kept", "measured", "price_has_a_figure"))
    assert (found["measured_right"], found["change_words"]) == (80, 1)
    unknown = choices.for_server(measured.answered("defend.choice", answer | {"option": "other"}).records)
    assert not any(unknown[name] for name in ("kept", "measured"))
    with pytest.raises(MissingEvidenceError):
        choices.for_server(Entries().answered("defend.choice", answer).records)


def test_a_gpu_counts_by_the_nodes_that_it_ran(measured: Entries) -> None:
    """A record without any, or no record, earns nothing."""
    with pytest.raises(MissingEvidenceError):
        providers.on_gpu(measured.records)
    asked = {"provider_requested": "CUDAExecutionProvider", "details": {"comparison_id": "1", "block_calls": 10}}
    measured.measured("latency", "cuda", [0.001] * 40, providers_used={"CPUExecutionProvider": 56}, **asked)
    assert providers.on_gpu(measured.records)["nodes"] == 0
    measured.measured("latency", "cuda", [0.001] * 40, providers_used={"CUDAExecutionProvider": 56}, **asked)
    found = providers.on_gpu(measured.records)
    assert (found["nodes"], found["beside_cpu"], found["in_batches"]) == (56, False, False)


def test_four_files_take_turns_with_the_bytes_that_were_sent(entries: Entries) -> None:
    """What is missing, or has other bytes, is named."""
    entries.observed("edge.files", dict.fromkeys(devices.FOUR, "0" * 64))
    for option in devices.FOUR[:3]:
        sha256 = ("1" if option == "edge-int8-dynamic" else "0") * 64
        entries.measured("accuracy", option, [1] * 100)
        entries.measured(
            "latency", option, [0.001] * 40, model={"sha256": sha256}, details={"comparison_id": "1", "block_calls": 10}
        )
    machine_id = entries.records.measurements()[0].machine_id
    found = devices.four_files(entries.observed("edge.race", {"machine_id": machine_id}).records)
    assert found == {"missing": "edge-int8-s8s8", "other_bytes": "edge-int8-dynamic", "pictures": 0}


MEASURED = {
    "mobilenetv2_100": {"ms": 4.0, "top-1 %": 72.9, "million weights": 3.5},
    "small": {"ms": 3.0, "top-1 %": 73.8, "million weights": 3.8},
    "large": {"ms": 3.5, "top-1 %": 75.8, "million weights": 5.5},
    "resnet50": {"ms": 44.0, "top-1 %": 80.4, "million weights": 25.6},
    "transformer": {"ms": 196.0, "top-1 %": 83.8, "million weights": 86.6},
}


def test_the_best_network_within_the_limits_of_each_place_is_known(entries: Entries) -> None:
    """What breaks a limit is no rival: neither the slow transformer, nor the one that does not fit into 5 MB."""
    entries.answered("architecture.choice", {"server": "transformer", "device": "mobilenetv2_100"})
    with pytest.raises(MissingEvidenceError, match="Measure the networks"):
        networks(entries.records)
    found = networks(entries.observed("architecture.networks", MEASURED).records)
    assert (found["server_times"], found["server_best"]) == (49.0, 80.4)
    assert (found["device_times"], found["device_top1"], found["device_best"]) == (1.0, 72.9, 73.8)
