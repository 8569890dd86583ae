"""Contradictions: what cannot be true is set aside, alone; honest evidence is left in peace."""

from collections.abc import Callable

import pytest

from grading.grade.contradictions import Examined, examine, load_fits_its_senders
from tests.grading.recorded import recorded

LATENCY = {"kind": "latency", "option": "torch-eager"}
ACCURACY = {"kind": "accuracy", "option": "onnx-all"}


def spoiled(edit: Callable[[dict, list[dict]], object], wanted: dict) -> tuple[Examined, dict]:
    """Change the first fitting record of a recorded ledger, and examine it."""
    entries = recorded(1)
    record = next(
        one for one in entries if all(one.get(name) == value for name, value in wanted.items())
    )
    edit(record, entries)
    return examine(entries), record


def another_has_its_samples(record: dict, entries: list[dict]) -> None:
    other = next(
        one for one in entries if one.get("kind") == "latency" and one["option"] == "onnx-disabled"
    )
    other["samples"], other["monotonic_end_s"] = record["samples"], other["monotonic_start_s"] + 1e4


def two_machines_in_one_run(record: dict, entries: list[dict]) -> None:
    one = next(entry for entry in entries if "comparison_id" in entry.get("details", {}))
    one["machine"] = {**one["machine"], "machine_id": "another"}


def other_labels(record: dict, entries: list[dict]) -> None:
    """Call a picture by another class, and be right on it."""
    details = record["details"]
    place = record["samples"].index(0.0)
    details["labels"][place], record["samples"][place] = details["predicted"][place], 1.0


#: A rule, what breaks it, and where; with whether the changed record itself is the one that cannot be true.
CONTRADICTIONS = [
    (
        "samples-longer-than-run",
        lambda r, _: r.update(samples=[1.3 * one for one in r["samples"]]),
        LATENCY,
        True,
    ),
    ("samples-constant", lambda r, _: r.update(samples=[0.001] * len(r["samples"])), LATENCY, True),
    (
        "samples-constant",
        lambda r, _: r.update(samples=[0.001, 0.0011] * (len(r["samples"]) // 2)),
        LATENCY,
        True,
    ),
    ("run-ends-before-it-begins", lambda r, _: r.update(monotonic_end_s=-1.0), LATENCY, True),
    ("samples-twice", another_has_its_samples, LATENCY, False),
    (
        "size-not-the-files",
        lambda r, _: r.update(samples=[1_000_000.0]),
        {"kind": "size", "option": "int8-static-qdq"},
        True,
    ),
    ("hash-not-the-files", lambda r, _: r["model"].update(size_bytes=17), ACCURACY, False),
    ("hash-not-the-files", lambda r, _: r["model"].update(sha256="a" * 64), ACCURACY, True),
    (
        "accuracy-not-its-classes",
        lambda r, _: r.update(samples=[1.0] * len(r["samples"])),
        ACCURACY,
        True,
    ),
    ("accuracy-not-its-classes", lambda r, _: r["details"].pop("labels"), ACCURACY, True),
    (
        "accuracy-not-its-classes",
        lambda r, _: r["details"].update(predicted="all of them"),
        ACCURACY,
        True,
    ),
    ("labels-not-the-splits", other_labels, ACCURACY, True),
    ("run-on-two-machines", two_machines_in_one_run, LATENCY, False),
]


@pytest.mark.parametrize(("rule", "edit", "wanted", "is_itself"), CONTRADICTIONS)
def test_what_cannot_be_true_is_set_aside_alone(rule: str, edit, wanted: dict, is_itself: bool):
    """Everything else is kept, answers above all."""
    found, record = spoiled(edit, wanted)
    assert {one.rule for one in found.findings} == {rule}
    gone = {name for one in found.findings for name in one.records}
    assert not gone & {entry["record_id"] for entry in found.kept}
    assert record["record_id"] in gone or not is_itself


def load(samples: list[float], **fields: object) -> dict:
    """Return a load record of two senders whose ten answers began over half a second."""
    made = {
        "mode": "closed",
        "offsets_s": [0.1 * (number // 2) for number in range(10)],
        "failures": [],
        **fields,
    }
    about = {
        "kind": "load",
        "option": "triton",
        "batch_size": 1,
        "concurrency": 2,
        "record_id": "r",
    }
    return {**about, "samples": samples, "load": made}


@pytest.mark.parametrize(
    ("made", "rules"),
    [
        pytest.param(load([0.1] * 10), [], id="two senders, busy all the time"),
        pytest.param(load([0.3] * 10), ["load-beyond-its-senders"], id="slower answers"),
        pytest.param(
            load([0.1] * 10, failures=[{"offset_s": 0.0, "latency_s": 0.4, "status": 503}]),
            ["load-beyond-its-senders"],
            id="failures on top",
        ),
        pytest.param(
            load([0.1] * 10, offsets_s=[0.0] * 9),
            ["load-of-two-lengths"],
            id="an answer with no beginning",
        ),
        pytest.param(
            load([5.0] * 10, mode="open"), [], id="an open loop, which may have any number inside"
        ),
    ],
)
def test_more_waiting_than_there_were_senders_is_impossible(made: dict, rules: list[str]):
    """Little's law bounds what senders can have felt."""
    assert [rule for rule, *_ in load_fits_its_senders([made])] == rules
