"""Jobs travel as plain data, and only records of what was asked for come back."""

import json
from collections.abc import Callable, Sequence

import pytest

from labs.edge.job import REHEARSAL, Candidate, Job, measure_on
from labs.records import Ledger

ONE = Candidate("edge-int8-s8s8", "int8-static-s8s8.onnx", threads=4)


class ToldDevice:
    """A device that answers with lines that the test wrote."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines, self.written, self.asked = lines, {}, []

    def write(self, path: str, text: str) -> None:
        """Keep what would travel."""
        self.written[path] = text

    def python(self, arguments: Sequence[str], *, name: str, on_line: Callable[[str], None], timeout_s: float) -> None:
        """Note the command, and report progress as the device does."""
        self.asked.append(list(arguments))
        on_line("progress 0.500 half of it")
        on_line("something else that it printed")

    def fetch(self, path: str) -> bytes:
        """Return the told records."""
        return "\n".join(self.lines).encode()


def test_a_job_survives_json_and_is_known_by_its_content() -> None:
    """The same job has the same key, so that one which still runs is found again; another one has another."""
    job = Job("options", (ONE,), REHEARSAL, (1, 8))
    assert Job.from_json(json.loads(json.dumps(job.to_json()))) == job
    assert job.key == Job("options", (ONE,), REHEARSAL, (1, 8)).key
    assert job.key != Job("compare", (ONE,), REHEARSAL, (1, 8)).key


def test_records_come_back_into_the_ledger(make_measurement, tmp_path) -> None:
    """With the device's own fingerprint, and the progress that it told."""
    made = make_measurement(option=ONE.option)
    device, told = ToldDevice([json.dumps(made.to_json())]), []
    ledger = Ledger(tmp_path / "ledger.jsonl")
    records = measure_on(device, Job("options", (ONE,)), ledger, on_progress=lambda *said: told.append(said))
    assert records == ledger.measurements() == [made]
    assert told == [(0.5, "half of it")]
    (path,) = device.written
    assert Job.from_json(json.loads(device.written[path])).candidates == (ONE,)
    assert device.asked[0][:3] == ["-m", "labs.edge", "measure"]


def test_what_the_device_wrote_is_checked_like_a_ledger(make_measurement) -> None:
    """An emulated device can answer; its times are refused on this side, too."""
    values = make_measurement(option=ONE.option).to_json()
    values["machine"]["emulator"] = "qemu-aarch64"
    with pytest.raises(ValueError, match="its times mean nothing"):
        measure_on(ToldDevice([json.dumps(values)]), Job("options", (ONE,)))
