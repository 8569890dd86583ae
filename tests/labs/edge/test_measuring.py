"""A job from its file to its records: all or nothing."""

import json
import shutil
from pathlib import Path

import pytest

from labs.edge.job import Candidate, Effort, Job
from labs.edge.measuring import run_job
from labs.machine import fingerprint
from labs.records import Measurement
from labs.workspace import WORKSPACE_VARIABLE, models_dir

QUICK = Effort(1, 0.01, 1, 1, 2, 1, 1, 0.1, 0.1)
TWO = tuple(Candidate(f"edge-{name}", "tiny.onnx", threads=1) for name in ("one", "other"))


@pytest.fixture
def written(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that writes a job into a workspace of its own and does it."""
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path))
    models_dir().mkdir(parents=True, exist_ok=True)
    shutil.copy(tiny_model, models_dir() / "tiny.onnx")

    def run(job: Job, said: list | None = None) -> list:
        (tmp_path / "job.json").write_text(json.dumps(job.to_json()))
        told = [] if said is None else said
        count = run_job(tmp_path / "job.json", tmp_path / "out" / "records.jsonl", lambda *what: told.append(what))
        lines = (tmp_path / "out" / "records.jsonl").read_text().splitlines()
        records = [Measurement.from_json(json.loads(line)) for line in lines]
        assert len(records) == count
        return records

    return run


def test_a_job_is_done_as_it_was_written(written) -> None:
    """Each record names its task, its machine and how far it was."""
    said: list = []
    records = written(Job("compare", TWO, QUICK), said)
    assert {record.option for record in records} == {"edge-one", "edge-other"}
    assert {record.details["job"] for record in records} == {"compare"}
    assert all(record.machine == fingerprint() for record in records)
    assert said[-1][0] == 1.0


def test_a_job_that_fails_leaves_no_records(written, tmp_path: Path) -> None:
    """Half a measurement must not be taken for a whole one."""
    missing = (TWO[0], Candidate("edge-missing", "missing.onnx", threads=1))
    with pytest.raises(Exception, match=r"missing\.onnx"):
        written(Job("options", missing, QUICK, (1,)))
    assert not (tmp_path / "out" / "records.jsonl").exists()


def test_answers_alone_are_size_and_accuracy(written) -> None:
    """Where latencies are measured in turns afterwards, nobody waits for them twice."""
    records = written(Job("answers", TWO, QUICK))
    assert [record.kind for record in records] == ["size", "accuracy"] * 2
