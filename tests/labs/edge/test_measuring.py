"""A job from its file to the ledger, all or nothing; smaller pictures; and a device's service behind its token."""

import json
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import numpy as np
import pytest

from labs import bench
from labs.edge.files import with_input_size
from labs.edge.job import Candidate, Effort, Job, measure_on
from labs.edge.measuring import run_job
from labs.edge.reaching import SERVICE_PORT, served_on
from labs.edge.serving import (
    DeviceNotReachedError,
    network_latency,
    serve_until,
    served_latency,
)
from labs.machine import fingerprint
from labs.records import Ledger, Measurement
from labs.runtimes.opening import open_model
from labs.serve.photos import photo
from labs.workspace import WORKSPACE_VARIABLE, models_dir

PHOTO = photo(0)
QUICK = Effort(20, 0.01, 5, 1, 2, 2, 0.2, 0.1)


@pytest.fixture
def written(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that writes a job into a workspace of its own and does it."""
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path))
    models_dir().mkdir(parents=True, exist_ok=True)
    shutil.copy(tiny_model, models_dir() / "tiny.onnx")

    def run(job: Job) -> list:
        (tmp_path / "job.json").write_text(json.dumps(job.to_json()))
        told: list[float] = []
        count = run_job(
            tmp_path / "job.json", tmp_path / "out" / "records.jsonl", lambda so_far, _: told.append(so_far)
        )
        lines = (tmp_path / "out" / "records.jsonl").read_text().splitlines()
        records = [Measurement.from_json(json.loads(line)) for line in lines]
        assert (len(records), told[-1]) == (count, 1.0)
        return records

    return run


def test_a_job_that_fails_leaves_no_records(written, tmp_path: Path) -> None:
    """Half a measurement must not be taken for a whole one."""
    missing = tuple(Candidate("edge-one", name, threads=1) for name in ("tiny.onnx", "missing.onnx"))
    with pytest.raises(Exception, match=r"missing\.onnx"):
        written(Job("options", missing, QUICK, (1,)))
    assert not (tmp_path / "out" / "records.jsonl").exists()


def test_a_smaller_input_keeps_every_weight(tiny_model: Path, tmp_path: Path) -> None:
    """The file takes other pictures, and is as large as before."""
    resized = with_input_size(tiny_model, tmp_path / "small.onnx", 160)
    assert abs(resized.stat().st_size - tiny_model.stat().st_size) < 20
    session = open_model(resized)
    assert bench.caller(session)(np.zeros((2, 3, 160, 160), np.float32)).shape == (2, 11)
    assert bench.describe(session).providers_used["CPUExecutionProvider"] > 0


@pytest.mark.parametrize("size_px", [0, 100, 225])
def test_a_size_that_cannot_be_halved_five_times_is_refused(tiny_model: Path, tmp_path: Path, size_px: int) -> None:
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
def test_a_device_measures_a_small_input_in_every_way(task, kinds, tiny_model: Path, written) -> None:
    """Answers alone where latencies are measured in turns afterwards; pictures as small as each candidate takes.

    Each record names its task and its machine.
    """
    candidates = []
    for size_px in (64, 96) if task == "compare" else (64,):
        with_input_size(tiny_model, models_dir() / f"{size_px}.onnx", size_px)
        candidates.append(Candidate(f"edge-{size_px}", f"{size_px}.onnx", threads=1, input_px=size_px))
    made = written(Job(task, tuple(candidates), QUICK, (1,)))
    assert [record.kind for record in made] == kinds
    assert {one.details["dataset"] for one in made if one.kind == "accuracy"} <= {"food11-mini/evaluation at 64 px"}
    assert all((one.details["job"], one.machine) == (task, fingerprint()) for one in made)
    assert {one.option for one in made} == {one.option for one in candidates}


ONE = Candidate("edge-int8-s8s8", "int8-static-s8s8.onnx", threads=4)


class ToldDevice:
    """A device that answers with lines that the test wrote."""

    def __init__(self, lines: Sequence[str]) -> None:
        self.lines, self.written, self.asked = lines, {}, []

    def write(self, path: str, text: str) -> None:
        self.written[path] = text

    def python(self, arguments: Sequence[str], *, name: str, on_line: Callable[[str], None], timeout_s: float) -> None:
        self.asked.append(list(arguments))
        on_line("progress 0.500 half of it")
        on_line("something else that it printed")

    def fetch(self, path: str) -> bytes:
        return "\n".join(self.lines).encode()


def test_records_come_back_into_the_ledger(make_measurement, tmp_path) -> None:
    """With the device's own fingerprint, and the progress that it told."""
    made = make_measurement(option=ONE.option)
    device, told = ToldDevice([json.dumps(made.to_json())]), []
    ledger = Ledger(tmp_path / "ledger.jsonl")
    records = measure_on(device, Job("options", (ONE,)), ledger, on_progress=lambda *said: told.append(said))
    assert records == ledger.measurements() == [made]
    assert told == [(0.5, "half of it")]
    (path,) = device.written  # the same for the same job, so that one which still runs is found again
    assert Job.from_json(json.loads(device.written[path])) == Job("options", (ONE,))
    assert path.endswith(f"{Job('options', (ONE,)).key}.json")
    assert device.asked[0][:3] == ["-m", "labs.edge", "measure"]


def test_what_the_device_wrote_is_checked_like_a_ledger(make_measurement) -> None:
    """An emulated device can answer; its times are refused on this side, too."""
    values = make_measurement(option=ONE.option).to_json()
    values["machine"]["emulator"] = "qemu-aarch64"
    with pytest.raises(ValueError, match="its times mean nothing"):
        measure_on(ToldDevice([json.dumps(values)]), Job("options", (ONE,)))


@pytest.fixture
def about(tiny_model: Path, tmp_path: Path):
    """A running service's own words, until the test is over."""
    path = tmp_path / "service.json"
    settings = {"threads": 1, "host": "127.0.0.1", "port": 0, "lifetime_s": 120.0}
    thread = threading.Thread(target=serve_until, args=(tiny_model, path), kwargs=settings, daemon=True)
    thread.start()
    give_up_s = time.monotonic() + 90
    while not path.exists() and thread.is_alive() and time.monotonic() < give_up_s:
        time.sleep(0.05)
    yield {**json.loads(path.read_text()), "path": path, "thread": thread}
    path.unlink(missing_ok=True)
    thread.join(60)


def test_both_ways_end_with_a_class_and_the_service_tells_its_parts(tiny_model: Path, tmp_path: Path) -> None:
    """In the app's own process and through HTTP, from the bytes of a JPEG; and the ledger takes both."""
    candidate = Candidate("edge-app", tiny_model.name, threads=1)
    app, service = served_latency(candidate, tiny_model.parent, PHOTO, 10)
    assert (app.option, service.option) == ("edge-app", "edge-app-service")
    assert len(app.samples) == len(service.samples) == 10
    assert set(service.details["server_timing_s"]) == {"queue", "prepare", "model"}
    assert sum(service.details["server_timing_s"].values()) < service.value.value * 1.5
    ledger = Ledger(tmp_path / "ledger.jsonl")
    assert [ledger.append(record) for record in (app, service)] == [app, service]


def test_without_the_token_nobody_is_served_and_removing_the_file_ends_it(about: dict) -> None:
    """401 with a reason; health is open; the right token gets a class; and then it is gone."""
    url = f"http://127.0.0.1:{about['port']}"
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        headers = {"Content-Type": "image/jpeg"}
        assert client.post("/predict/raw", content=PHOTO, headers=headers).status_code == 401
        for wrong in ("Bearer nonsense", "Bearer", about["token"]):
            reply = client.post("/predict/raw", content=PHOTO, headers={**headers, "Authorization": wrong})
            assert reply.json()["status"] == 401
        assert client.get("/healthz").status_code == 200
    record = network_latency(url, about, PHOTO, option="edge-app-network", samples=5)
    assert record.details["photo_bytes"] == len(PHOTO)
    assert record.model.sha256 == about["runs"]["model"]["sha256"]
    about["path"].unlink()
    about["thread"].join(60)
    assert not about["thread"].is_alive()
    with pytest.raises(DeviceNotReachedError, match="floating IP is gone"):
        network_latency(url, about, PHOTO, option="edge-app-network", samples=1)


class ServingDevice:
    """A device whose service comes up, or does not, as the test says."""

    def __init__(self, *, address: str = "", rehearsed: bool = False, here: bool = False, starts: bool = True) -> None:
        self.address, self.rehearsed, self.here, self._starts = address, rehearsed, here, starts
        self.started: list[list[str]] = []
        self._up = False

    def start(self, arguments: Sequence[str], *, name: str) -> str:
        self.started.append(list(arguments))
        self._up = self._starts
        return name

    def running(self, name: str) -> bool:
        return self._up

    def exists(self, path: str) -> bool:
        return self._up

    def fetch(self, path: str) -> bytes:
        return json.dumps({"port": 4711, "token": "t"}).encode()

    def remove(self, path: str) -> None:  # without its file it goes
        self._up = False


@pytest.mark.parametrize(
    ("device", "url", "host", "port"),
    [
        (ServingDevice(address="192.0.2.7"), "http://192.0.2.7:4711", "0.0.0.0", str(SERVICE_PORT)),
        (ServingDevice(address="192.0.2.7", rehearsed=True), "http://127.0.0.1:4711", "127.0.0.1", "0"),
        (ServingDevice(here=True), "http://127.0.0.1:4711", "127.0.0.1", "0"),
    ],
    ids=["a device", "in rehearsal", "the device's own Jupyter"],
)
def test_it_is_open_to_others_only_where_somebody_asks_from_elsewhere(device, url, host, port) -> None:
    """And it is gone after the block."""
    with served_on(device, "m.onnx", threads=4, sleep=lambda seconds: None) as reached:
        assert reached.url == url
    (words,) = device.started
    assert words[words.index("--host") + 1] == host
    assert words[words.index("--port") + 1] == port
    assert not device.running("service")


@pytest.mark.parametrize(
    ("device", "says", "started"),
    [
        (ServingDevice(), r"no floating IP.*Way out: run 'Reserve a device' again", 0),
        (ServingDevice(address="192.0.2.7", starts=False), rf"did not start.*port {SERVICE_PORT} is taken", 1),
    ],
    ids=["no floating IP", "no file, or no port"],
)
def test_a_service_that_cannot_be_had_says_what_to_look_at(device, says, started) -> None:
    """This computer's own loopback must not be asked in the device's place."""
    with (
        pytest.raises(DeviceNotReachedError, match=says),
        served_on(device, "m.onnx", threads=4, sleep=lambda seconds: None),
    ):
        pass
    assert len(device.started) == started
