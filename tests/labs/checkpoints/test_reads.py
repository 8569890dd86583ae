"""Readers of facts: what a ledger, a site or a file says, for rules to judge."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import TensorProto, helper, numpy_helper

from labs.checkpoints.reads import choices, devices, leases, providers
from labs.checkpoints.reads.decisions import decisions
from labs.checkpoints.reads.instances import stanzas
from labs.checkpoints.reads.networks import networks
from labs.checkpoints.reads.providers import pair_of_providers
from labs.checkpoints.reads.serve_configs import team_template
from labs.checkpoints.reads.weights import share_by_type, within_budgets
from labs.course.question import MissingEvidenceError
from labs.records import Answer, Observation, Records
from labs.records.customers import CUSTOMERS
from labs.serve.triton.groups import groups_of
from tests.entries import Entries

LEASE = {"status": "PENDING", "node": "liqid01", "type": "compute_liqid", "of_this_name": 1}
LEASE |= {"start": "2026-03-02T14:00:00+00:00", "end": "2026-03-02T16:50:00+00:00"}


def seen(*pairs: tuple[str, dict]) -> Records:
    """Return observations, a second apart."""
    began = datetime(2026, 3, 2, tzinfo=UTC)
    return Records(
        Observation(subject, facts, (began + timedelta(seconds=place)).isoformat())
        for place, (subject, facts) in enumerate(pairs)
    )


def test_a_lease_is_read_as_the_site_had_it_last():
    """Kind, both ends and length; nothing of another part. An earlier block's release is none of this lease's."""
    records = seen(("model.lease", LEASE | {"node": None}), ("model.lease", LEASE), ("edge.lease", LEASE))
    found = leases.model_lease(records)
    assert (found["by_name"], found["begins"], found["ends"], found["minutes"]) == (True, "14:00", "16:50", 170)
    with pytest.raises(MissingEvidenceError, match="No lease of yours"):
        leases.system_lease(records)
    released = ("model.release", {"held": [], "at": "2026-03-02T15:50:00+00:00"})
    before = ("model.lease_at_release", LEASE)
    assert leases.model_release(seen(before, released)) == {"held": "", "hours_given_back": 1.0}
    with pytest.raises(MissingEvidenceError, match="No release"):
        leases.model_release(seen(released, before))


def test_a_machine_says_what_is_open_and_what_there_is_twice():
    """By the steps' own record, and by the site; a volume is no machine's."""
    steps = {"lease": {"state": "done", "attempts": 2}, "server": {"state": "failed", "attempts": 1}}
    held = {"lease": 1, "server": 2, "volume": 5}
    facts = {"steps": steps, "checks": {"gpu": "rehearsed", "disk": "failed"}, "held": held}
    found = leases.system_machine(seen(("system.machine", facts)))
    assert (found["open_steps"], found["failed_checks"], found["runs"]) == ("server", "disk", 1)
    assert (found["held"], found["most_of_one_kind"]) == ("1 lease, 2 server", 2)


def written(folder: Path, changed: dict[str, str]) -> dict:
    """Return the facts about decisions for 'dear', but for some customers another design."""
    designs = {"cheap": (0.5, 1.0, 0.8), "dear": (0.4, 2.0, 0.8), "late": (1e9, 0.1, 0.8), "coarse": (0.4, 0.1, 0.3)}
    rows = [
        {"customer": one.name, "design": name, "pixels": 224 if name != "coarse" else 112}
        | dict(zip(("wait_s", "usd_per_day", "accuracy"), figures, strict=True))
        for one in CUSTOMERS
        for name, figures in designs.items()
    ]
    pd.DataFrame(rows).to_csv(folder / "designs.csv", index=False)
    taken = {one.name: "cheap" for one in CUSTOMERS} | changed
    kept = [row for row in rows if taken[row["customer"]] == row["design"]]
    kept += [{"customer": name, "design": design} for name, design in taken.items() if design not in designs]
    pd.DataFrame(kept).to_csv(folder / "decisions.csv", index=False)
    return decisions(folder / "decisions.csv")


@pytest.mark.parametrize(
    ("design", "fault"),
    [("late", "late"), ("coarse", "inaccurate"), ("dear", "dearer"), ("none", "gave_up"), ("else", "unknown")],
)
def test_a_decision_is_judged_by_the_manager_s_rule(tmp_path: Path, design: str, fault: str):
    """Each way to break it has a name, and the customer stands with it."""
    assert not any(value for name, value in written(tmp_path, {}).items() if name != "customers")
    found = written(tmp_path, {"guide": design})
    assert {name for name, value in found.items() if value == "guide"} == {fault}


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


WHOLE = """
- name: $team
  route_prefix: /$team
  import_path: app:build
  args: {model: $model}
  deployments:
    - name: Food
      ray_actor_options: {num_cpus: 0.5}
      max_queued_requests: $queued
      autoscaling_config: {min_replicas: $least, max_replicas: $most, target_ongoing_requests: 2, upscale_delay_s: 1}
"""


def test_a_template_is_filled_in_and_read(tmp_path: Path):
    """Each placeholder arrives where it belongs; what is not said has Ray's default."""
    path = tmp_path / "team.yaml"
    path.write_text(WHOLE)
    assert team_template(path) == {
        "name": "noodles",
        "route": "/noodles",
        "program": "app:build",
        "model": "/models/noodles.onnx",
        "deployment": "Food",
        "num_cpus": 0.5,
        "queued": 7,
        "least": 0,
        "most": 3,
        "target": 2,
        "delay_s": 1,
    }
    path.write_text("- name: menu\n  deployments: [{name: Food}]\n")
    bare = team_template(path)
    assert (bare["name"], bare["route"], bare["num_cpus"], bare["queued"], bare["most"]) == ("menu", "/", 1, -1, 1)


@pytest.mark.parametrize("text", ["", "instance_group", "{ count: 1 }", "instance_group [ ]", "instance_group [ 1 ]"])
def test_what_is_no_stanza_is_an_error(text: str, tmp_path: Path):
    """And so is a file of them that lacks one."""
    with pytest.raises(ValueError, match=r"no stanza|line:column"):
        groups_of(text)
    path = tmp_path / "stanzas.json"
    path.write_text(json.dumps({"one": "instance_group [ { count: 1 kind: KIND_CPU } ]"}))
    with pytest.raises(KeyError):
        stanzas(path)


def test_a_pair_says_what_changes_and_what_may_be_claimed(make_measurement) -> None:
    """Provider, precision, and the side of 1 on which the interval lies; a pair that never ran is missing."""
    details = {"comparison_id": "run", "block_calls": 2}
    openvino = {"OpenVINOExecutionProvider": 1}
    measured = [
        make_measurement(option="cpu-provider", samples=(0.010, 0.011) * 10, details=details),
        make_measurement(option="openvino", samples=(0.005, 0.006) * 10, details=details, providers_used=openvino),
    ]

    def facts(option: str, baseline: str, claim: str) -> dict:
        given = {"option": option, "baseline": baseline, "claim": claim}
        return pair_of_providers(Records([*measured, Answer("providers.fair", given, "2026-01-02T03:04:05+00:00")]))

    right = facts("openvino", "cpu-provider", "faster")
    assert (right["changes_provider"], right["changes_precision"], right["allowed"]) == (True, False, "faster")
    assert facts("cpu-provider", "openvino", "faster")["allowed"] == "slower"
    assert not facts("openvino", "openvino", "faster")["changes_provider"]
    with pytest.raises(MissingEvidenceError):
        facts("openvino-bf16", "cpu-provider", "faster")


def test_weights_are_counted_by_the_type_that_is_stored(tmp_path: Path):
    """A float layer, one in bytes and one in half bytes; scales and biases are no weights."""
    nodes, stored = [], []
    for name, kind, size in (("a", TensorProto.FLOAT, 2), ("b", TensorProto.INT8, 4), ("c", TensorProto.INT4, 4)):
        stored.append(helper.make_tensor(name, kind, [size, 1], [1] * size))
        weight = name
        if kind != TensorProto.FLOAT:
            stored.append(numpy_helper.from_array(np.float32(1), f"{name}_scale"))
            nodes.append(helper.make_node("DequantizeLinear", [name, f"{name}_scale"], [f"{name}_real"]))
            weight = f"{name}_real"
        nodes.append(helper.make_node("MatMul", ["x", weight], [f"{name}_out"]))
    onnx.save(helper.make_model(helper.make_graph(nodes, "mixed", [], [], stored)), tmp_path / "mixed.onnx")
    assert share_by_type(tmp_path / "mixed.onnx") == pytest.approx({"FLOAT": 0.2, "INT8": 0.4, "INT4": 0.4})
    # A file that is missing is named by the budget that it is for.
    assert within_budgets({"int8-budget-05": Path("somewhere.onnx")}) == {"missing": "int8-budget-01"}
