"""Contradictions: only impossible records are excluded; honest evidence stays."""

from collections.abc import Callable

import pytest

from grading.grade.contradictions import (
    Examined,
    examine,
    load_fits_its_senders,
    with_files,
)
from tests.entries import Entries
from tests.grading.recorded import recorded

LATENCY = {"kind": "latency", "option": "torch-eager"}
ACCURACY = {"kind": "accuracy", "option": "onnx-all"}


def spoiled(edit: Callable[[dict, list[dict]], object], wanted: dict) -> tuple[Examined, dict]:
    """Change the first fitting record of a recorded ledger, and examine it."""
    entries = recorded(1)
    record = next(
        entry
        for entry in entries
        if all(entry.get(name) == value for name, value in wanted.items())
    )
    edit(record, entries)
    return examine(entries), record


def another_has_its_samples(record: dict, entries: list[dict]) -> None:
    other = next(
        entry
        for entry in entries
        if entry.get("kind") == "latency" and entry["option"] == "onnx-disabled"
    )
    other["samples"], other["monotonic_end_s"] = record["samples"], other["monotonic_start_s"] + 1e4


def two_machines_in_one_run(record: dict, entries: list[dict]) -> None:
    entry = next(entry for entry in entries if "comparison_id" in entry.get("details", {}))
    entry["machine"] = {**entry["machine"], "machine_id": "another"}


def other_labels(record: dict, entries: list[dict]) -> None:
    """Call a picture by another class, and be right on it."""
    details = record["details"]
    place = record["samples"].index(0.0)
    details["labels"][place], record["samples"][place] = details["predicted"][place], 1.0


def longer_samples(record: dict, _: list[dict]) -> None:
    record["samples"] = [1.3 * sample for sample in record["samples"]]


def equal_samples(record: dict, _: list[dict]) -> None:
    record["samples"] = [0.001] * len(record["samples"])


def two_values(record: dict, _: list[dict]) -> None:
    record["samples"] = [0.001, 0.0011] * (len(record["samples"]) // 2)


def early_end(record: dict, _: list[dict]) -> None:
    record["monotonic_end_s"] = -1.0


def another_size(record: dict, _: list[dict]) -> None:
    record["samples"] = [1_000_000.0]


def another_file_size(record: dict, _: list[dict]) -> None:
    record["model"]["size_bytes"] = 17


def another_hash(record: dict, _: list[dict]) -> None:
    record["model"]["sha256"] = "a" * 64


def all_right(record: dict, _: list[dict]) -> None:
    record["samples"] = [1.0] * len(record["samples"])


def no_labels(record: dict, _: list[dict]) -> None:
    del record["details"]["labels"]


def no_classes(record: dict, _: list[dict]) -> None:
    record["details"]["predicted"] = "all of them"


SIZE = {"kind": "size", "option": "int8-static-qdq"}
#: A rule, what breaks it, and where; with whether the changed record itself is the one that cannot
#: be true.
CONTRADICTIONS = [
    ("samples-longer-than-run", longer_samples, LATENCY, True),
    ("samples-constant", equal_samples, LATENCY, True),
    ("samples-constant", two_values, LATENCY, True),
    ("run-ends-before-it-begins", early_end, LATENCY, True),
    ("samples-twice", another_has_its_samples, LATENCY, False),
    ("size-not-the-files", another_size, SIZE, True),
    ("hash-not-the-files", another_file_size, ACCURACY, False),
    ("hash-not-the-files", another_hash, ACCURACY, True),
    ("accuracy-not-its-classes", all_right, ACCURACY, True),
    ("accuracy-not-its-classes", no_labels, ACCURACY, True),
    ("accuracy-not-its-classes", no_classes, ACCURACY, True),
    ("labels-not-the-splits", other_labels, ACCURACY, True),
    ("run-on-two-machines", two_machines_in_one_run, LATENCY, False),
]


@pytest.mark.parametrize(("rule", "edit", "wanted", "is_itself"), CONTRADICTIONS)
def test_what_cannot_be_true_is_set_aside_alone(rule: str, edit, wanted: dict, is_itself: bool):
    """Everything else is kept, answers above all."""
    examined, record = spoiled(edit, wanted)
    assert {finding.rule for finding in examined.findings} == {rule}
    gone = {name for finding in examined.findings for name in finding.records}
    assert not gone & {entry["record_id"] for entry in examined.entries}
    assert record["record_id"] in gone or not is_itself


def load(samples: list[float], **fields: object) -> dict:
    """Return a load record of two senders whose ten answers began over half a second."""
    load_facts = {
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
    return {**about, "samples": samples, "load": load_facts}


@pytest.mark.parametrize(
    ("loaded", "rules"),
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
def test_more_waiting_than_there_were_senders_is_impossible(loaded: dict, rules: list[str]):
    """Little's law bounds what senders can have felt."""
    assert [rule for rule, *_ in load_fits_its_senders([loaded])] == rules


#: Multiplications of the course's network for one photo, and processors: features, and the least
#: milliseconds that four of their cores need for them.
MULTIPLICATIONS = 300_000_000
LEAST_MS = [
    (("avx2", "fma"), 0.180),
    (("avx2", "avx512_vnni", "avx512f"), 0.090),
    (("amx_int8", "avx512f"), 0.0113),
    (("asimd", "asimddp"), 0.180),
]


@pytest.mark.parametrize(("flags", "least_ms"), LEAST_MS)
@pytest.mark.parametrize("photos", [1, 32])
def test_a_time_that_the_processor_cannot_reach_is_set_aside(
    flags: tuple[str, ...], least_ms: float, photos: int
):
    """Multiplications over the peak of the recorded processor, with the reason; a GPU's stay."""
    machine = {"cpu_flags": list(flags), "cpu_count": 4}
    entries = Entries()
    for option, share in (("possible", 1.05), ("forged", 0.95)):
        samples = [1e-3 * least_ms * photos * share * (1 + 1e-3 * place) for place in range(30)]
        entries.measured("latency", option, samples, machine=machine, batch_size=photos)
    cuda = {"providers_used": {"CUDAExecutionProvider": 56}}
    entries.measured("latency", "cuda", [1e-7] * 30, machine=machine, **cuda)
    sha256 = entries[0]["model"]["sha256"]
    examined = with_files(Examined(list(entries), ()), {sha256: MULTIPLICATIONS})
    (finding,) = examined.findings
    assert finding.rule == "faster-than-the-processor"
    assert "`forged`" in finding.message or "of forged" in finding.message
    assert [entry["option"] for entry in examined.entries] == ["possible", "cuda"]
    assert with_files(Examined(list(entries), ()), {}).entries == list(entries)


def test_no_recorded_time_is_faster_than_its_processor():
    """Whatever file a record names, if it multiplies as often as the course's network does."""
    for part in (1, 2, 3):
        entries = recorded(part)
        models = [entry.get("model", {}).get("sha256", "") for entry in entries]
        examined = with_files(Examined(entries, ()), dict.fromkeys(models, MULTIPLICATIONS))
        assert [finding.message for finding in examined.findings] == [], part
