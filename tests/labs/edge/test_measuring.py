"""A job from its file to the ledger, all or nothing; and smaller pictures."""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from labs import bench
from labs.edge.files import with_input_size
from labs.edge.job import Candidate, Effort, Job, measure_on
from labs.edge.measuring import run_job
from labs.machine import fingerprint
from labs.records import Ledger, Measurement
from labs.runtimes.opening import open_model
from labs.workspace import WORKSPACE_VARIABLE, models_dir

QUICK = Effort(20, 0.01, 5, 1, 2, 2, 0.2, 0.1)


@pytest.fixture
def written(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that writes a job into a new workspace and runs it."""
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path))
    models_dir().mkdir(parents=True, exist_ok=True)
    shutil.copy(tiny_model, models_dir() / "tiny.onnx")

    def run(job: Job) -> list:
        job_path = tmp_path / "job.json"
        records_path = tmp_path / "out" / "records.jsonl"
        job_path.write_text(json.dumps(job.to_json()))
        fractions: list[float] = []
        count = run_job(job_path, records_path, lambda fraction, _: fractions.append(fraction))
        lines = records_path.read_text().splitlines()
        records = [Measurement.from_json(json.loads(line)) for line in lines]
        assert (len(records), fractions[-1]) == (count, 1.0)
        return records

    return run


def test_a_job_that_fails_leaves_no_records(written, tmp_path: Path) -> None:
    """Half a measurement must not be taken for a whole one."""
    present = Candidate("edge-one", "tiny.onnx", threads=1)
    missing = Candidate("edge-one", "missing.onnx", threads=1)
    with pytest.raises(Exception, match=r"missing\.onnx"):
        written(Job("options", (present, missing), QUICK, (1,)))
    assert not (tmp_path / "out" / "records.jsonl").exists()


def test_a_smaller_input_keeps_every_weight(tiny_model: Path, tmp_path: Path) -> None:
    """The file takes other pictures, and is as large as before."""
    resized = with_input_size(tiny_model, tmp_path / "small.onnx", 160)
    assert abs(resized.stat().st_size - tiny_model.stat().st_size) < 20
    session = open_model(resized)
    images = np.zeros((2, 3, 160, 160), np.float32)
    assert bench.caller(session)(images).shape == (2, 11)
    assert bench.describe(session).providers_used["CPUExecutionProvider"] > 0


@pytest.mark.parametrize("size_px", [0, 100, 225])
def test_a_size_that_cannot_be_halved_five_times_is_refused(
    tiny_model: Path, tmp_path: Path, size_px: int
) -> None:
    """And nothing is written."""
    with pytest.raises(ValueError, match="multiple of 32"):
        with_input_size(tiny_model, tmp_path / "odd.onnx", size_px)
    assert not (tmp_path / "odd.onnx").exists()


@pytest.mark.parametrize(
    ("task", "kinds"),
    [
        ("options", ["size", "accuracy", "latency", "throughput"]),
        ("answers", ["size", "accuracy"]),
        ("compare", ["latency", "latency"]),
    ],
)
def test_a_device_measures_a_small_input_in_every_way(
    task, kinds, tiny_model: Path, written
) -> None:
    """Answers alone where latencies are measured in turns afterwards; pictures as small as each
    candidate takes.

    Each record names its task and its machine.
    """
    candidates = []
    for size_px in (64, 96) if task == "compare" else (64,):
        file = f"{size_px}.onnx"
        with_input_size(tiny_model, models_dir() / file, size_px)
        candidates.append(Candidate(f"edge-{size_px}", file, threads=1, input_px=size_px))
    records = written(Job(task, tuple(candidates), QUICK, (1,)))
    assert [record.kind for record in records] == kinds
    for record in records:
        assert record.details["job"] == task
        assert record.machine == fingerprint()
        if record.kind == "accuracy":
            assert record.details["dataset"] == "food11-mini/evaluation at 64 px"
    options = {record.option for record in records}
    assert options == {candidate.option for candidate in candidates}


ONE = Candidate("edge-int8-s8s8", "int8-static-s8s8.onnx", threads=4)


class ToldDevice:
    """A device that answers with lines that the test wrote."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines = lines
        self.written: dict[str, str] = {}
        self.asked: list[list[str]] = []

    def write(self, path: str, text: str) -> None:
        self.written[path] = text

    def python(
        self,
        arguments: Sequence[str],
        *,
        name: str,
        on_line: Callable[[str], None],
        timeout_s: float,
    ) -> None:
        self.asked.append(list(arguments))
        on_line("progress 0.500 half of it")
        on_line("something else that it printed")

    def fetch(self, path: str) -> bytes:
        return "\n".join(self.lines).encode()


def test_records_come_back_into_the_ledger(make_measurement, tmp_path) -> None:
    """With the device's own fingerprint, and the progress that it told."""
    record = make_measurement(option=ONE.option)
    device = ToldDevice([json.dumps(record.to_json())])
    reports = []

    def on_progress(fraction: float, text: str) -> None:
        reports.append((fraction, text))

    ledger = Ledger(tmp_path / "ledger.jsonl")
    job = Job("options", (ONE,))
    records = measure_on(device, job, ledger, on_progress=on_progress)
    assert records == ledger.measurements() == [record]
    assert reports == [(0.5, "half of it")]
    # The path is the same for the same job, so that one which still runs is found again.
    (path,) = device.written
    assert Job.from_json(json.loads(device.written[path])) == job
    assert path.endswith(f"{Job('options', (ONE,)).key}.json")
    assert device.asked[0][:3] == ["-m", "labs.edge", "measure"]


def test_what_the_device_wrote_is_checked_like_a_ledger(make_measurement) -> None:
    """An emulated device can answer; its times are refused on this side, too."""
    values = make_measurement(option=ONE.option).to_json()
    values["machine"]["emulator"] = "qemu-aarch64"
    with pytest.raises(ValueError, match="its times mean nothing"):
        measure_on(ToldDevice([json.dumps(values)]), Job("options", (ONE,)))
