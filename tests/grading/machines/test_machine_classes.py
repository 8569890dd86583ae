"""The answer key's functions on cases that nobody saw, and the ledgers of each machine class under the grader's eye.

This machine's ledgers were recorded; an A100's, a P100's and a Raspberry Pi 5's are made up from them and from
published figures (``made_up.py``), since no such machine was at hand.
"""

from __future__ import annotations

import json
import tomllib

import pytest

from grading.builder.solve import AnswerKey
from grading.checkpoints import all_checkpoints
from grading.consistency import examine
from grading.consistency.machines import machine_class
from grading.hidden.reruns import computed
from grading.rebuild.notebook import Part
from grading.rebuild.run import drawn, run_on
from grading.sandbox import abilities
from labs.course import lessons
from labs.machine import Fingerprint
from labs.workspace import PROJECT_DIR
from tests.grading.machines.made_up import MACHINES, RECORDED, SAYS, made_up, recorded


@pytest.fixture(scope="module")
def key() -> AnswerKey:
    """Return the answer key."""
    return AnswerKey.read()


def solved(part: int, key: AnswerKey) -> list[Part]:
    """Return the solved answer cells of the lessons that have a question to compute."""
    found = []
    for lesson in lessons(part=part):
        asked = lesson.questions()
        if set(asked) & set(computed(part)):
            kinds = {name: all_checkpoints()[name].kind for name in asked}
            cells = {
                name: key.answers[name]
                for name in asked
                if kinds[name] in ("answer", "function") and name in key.answers
            }
            found.append(Part(lesson.name, cells))
    return found


@pytest.mark.timeout(600)
@pytest.mark.skipif(not abilities().apart, reason="no sandbox here")
@pytest.mark.parametrize("part", RECORDED)
def test_every_function_of_the_answer_key_is_right_on_cases_that_nobody_saw(part: int, key: AnswerKey):
    """As a class is graded: in the sandbox, on cases that a secret draws."""
    found = run_on(drawn(computed(part), "a test's secret"), solved(part, key), wall_s=500)
    told = {}
    for name in computed(part):
        verdict = found[name].verdict
        told[name] = found[name].fault or verdict.ok or f"{verdict.message} | {verdict.yours}"
    assert {name: one for name, one in told.items() if one is not True} == {}


@pytest.mark.parametrize("part", RECORDED)
def test_an_honest_recording_has_neither_contradictions_nor_flags(part: int):
    """Rehearsals beside other work, cold starts and overload included: noise is no cheating, in any part."""
    assert [str(one) for one in examine(recorded(part)).all] == []


@pytest.mark.parametrize("name", MACHINES)
def test_a_made_up_ledger_says_so_and_agrees_with_itself(name: str):
    """In every record and in the machine's name; and the grader flags nobody for having leased such a machine."""
    entries = made_up(MACHINES[name])
    records = [entry for entry in entries if entry["type"] == "measurement"]
    assert {record["details"]["made_up"] for record in records} == {SAYS}
    assert {machine_class(record) for record in records} == {name}
    assert all("made up" in record["machine"]["testbed"]["node"] for record in records)
    assert [str(one) for one in examine(entries).all] == []


@pytest.mark.parametrize(("gpu", "part"), [("NVIDIA A100-PCIE-40GB", 1), ("Tesla P100-PCIE-16GB", 3)])
def test_f10_a_laptops_ledger_under_a_leased_gpus_name_is_for_a_person(gpu: str, part: int):
    """No metadata service named its node; where that was typed too, its processor is not that of such a node."""
    entries = recorded(part)
    card = {"name": gpu, "uuid": "GPU-1", "memory_bytes": 40 << 30, "compute_capability": "8.0", "driver": "550"}
    for entry in entries:
        if entry["type"] == "measurement":
            entry["machine"] |= {"gpus": [card], "testbed": {}, "cpu_model": "Intel(R) Core(TM) i7-1185G7"}
            entry["machine"]["machine_id"] = Fingerprint.from_json(entry["machine"]).machine_id
    assert {"node-unnamed", "node-of-another-class"} <= {one.rule for one in examine(entries).flags}
    assert not examine(entries).contradictions


def test_f10_a_laptops_ledger_with_the_whole_node_typed_still_has_the_laptops_classes():
    """GPU, node, processor, threads and features are those of an A100's node: 8-bit sums tell the processor."""
    entries, node = recorded(1), MACHINES["A100"].fingerprint.to_json()
    for entry in entries:
        if entry["type"] == "measurement":
            entry["machine"] = node
    examined = examine(entries)
    assert {one.rule for one in examined.flags} == {"classes-of-another-processor"}
    assert examined.contradictions == ()


@pytest.mark.parametrize(
    ("field", "value"), [("cpu_count", 8), ("cpu_flags", ["avx", "avx2", "avx512f", "fma", "sse4_2"])]
)
def test_a_node_is_built_like_its_class(field: str, value: object):
    """Eight threads, or features of a later processor, are no EPYC 7763's."""
    entries = made_up(MACHINES["A100"])
    for entry in entries:
        if entry["type"] == "measurement":
            entry["machine"] = {**entry["machine"], field: value}
            entry["machine"]["machine_id"] = Fingerprint.from_json(entry["machine"]).machine_id
    assert {one.rule for one in examine(entries).flags} == {"node-of-another-build"}


@pytest.mark.parametrize(
    ("gpu", "node_type"), [("A100", "compute_liqid"), ("MI100", "gpu_mi100"), ("P100", "gpu_p100")]
)
def test_the_nodes_of_the_catalogue_are_built_like_their_class(gpu: str, node_type: str):
    """What the rehearsal plays and what the grader expects are one description of the same hardware."""
    known = json.loads((PROJECT_DIR / "assets/reference/machines.json").read_text())["classes"][gpu]
    catalogue = tomllib.loads((PROJECT_DIR / "provisioning/rehearsal/catalogue.toml").read_text())
    nodes = [one for one in catalogue["nodes"] if one["type"] == node_type and one["gpu"]["model"] == gpu]
    assert nodes
    for one in nodes:
        assert known["processor"] in one["cpu"]["model"]
        assert known["threads"][0] <= one["cpu"]["threads"] <= known["threads"][1]


@pytest.mark.parametrize("name", MACHINES)
def test_times_far_outside_the_published_band_are_for_a_person(name: str):
    """Twice or half as fast is no matter; five times, in all options, is another machine's."""
    for factor, flagged in ((0.5, False), (2.0, False), (0.2, True), (5.0, True)):
        entries = made_up(MACHINES[name])
        for entry in entries:
            if entry.get("kind") in ("latency", "load"):
                entry["samples"] = [factor * one for one in entry["samples"]]
        assert ("times-of-another-class" in {one.rule for one in examine(entries).flags}) == flagged, factor


def test_published_figures_are_what_the_made_up_ones_come_to():
    """An A100's TensorRT answers in 0.63 ms, and a P100 keeps eight senders waiting for 152 ms."""
    for machine, option, wanted_s in (("A100", "tensorrt", 0.00063), ("P100", "python-8", 0.152)):
        (record,) = [
            one
            for one in made_up(MACHINES[machine])
            if one.get("option") == option and one["kind"] in ("latency", "load")
        ]
        samples = record["samples"]
        middle_s = sum(samples) / len(samples) if record["kind"] == "load" else sorted(samples)[len(samples) // 2]
        assert middle_s == pytest.approx(wanted_s, rel=0.02)
