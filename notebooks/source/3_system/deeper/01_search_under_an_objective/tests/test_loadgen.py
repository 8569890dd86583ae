"""Systems under test as students write them, under MLPerf's own loadgen, with a client that plays
Triton's.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from grading.builder.notebook import build
from grading.builder.questions import written
from grading.builder.sources import sources
from labs.course.rules import fault
from labs.deeper.search.reads import system_under_test
from labs.load import LoadTarget, Served
from labs.load.record import loadgen_record
from labs.records import ModelFile, Records

pytest.importorskip("mlperf_loadgen", reason="it has no wheel for this machine")
SEARCH = next(lesson for lesson in sources() if lesson.id == "search")
CELLS = {
    cell.metadata.get("question"): cell.source
    for cell in build(SEARCH, solved=True).cells
}
PROGRAM = CELLS["search.sut"]
SERVED = Served(ModelFile("food11.onnx", "a" * 64, 9_000_000), "told")
TARGET = LoadTarget("gRPC food", "grpc", "nowhere", (b"",), SERVED)
CLIENT = """
import time
from concurrent.futures import ThreadPoolExecutor
class InferInput:
    def __init__(self, name, shape, datatype):
        assert (name, shape, datatype) == ("input", [1, 3, 224, 224], "FP32")
    def set_data_from_numpy(self, values):
        self.as_numpy = lambda name: values
class InferenceServerClient:
    def __init__(self, address):
        self.pool, self.close = ThreadPoolExecutor(4), lambda: None
    def infer(self, model, inputs):
        time.sleep(0.005)
        return inputs[0]
    def async_infer(self, model, inputs, callback):
        self.pool.submit(lambda: callback(result=self.infer(model, inputs), error=None))
"""
ASYNC = "client.async_infer(MODEL, [photo], callback=partial(answered, sample.id))"
WAITS = "answered(sample.id, client.infer(MODEL, [photo]), None)"
LAMBDA = (
    "client.async_infer(MODEL, [photo], lambda result, error, id=sample.id: "
    "answered(id, result, error))"
)
SAME_IMAGE = ("IMAGES[index : index + 1]", "IMAGES[:1]")
SOME_LOST = ("if error", "if result.as_numpy('')[0, 3]")
SERVER = {
    "server_target_qps": 300,
    "min_duration_ms": 600,
    "server_target_latency_percentile": 0.9,
}
SERVER |= {"server_target_latency_ns": 10**10}  # VALID however busy this machine is
EARLY = SERVER | {"server_target_latency_ns": 10**6}


@pytest.mark.parametrize(
    ("scenario", "asked", "edits", "validity", "says"),
    [
        ("Server", SERVER, (), "VALID", ""),
        ("Server", EARLY, (ASYNC, LAMBDA), "INVALID", ""),
        ("Server", SERVER, (ASYNC, WAITS), "VALID", "must not wait for answers"),
        ("Server", SERVER, SAME_IMAGE, "VALID", "{right:.1%} of the answers"),
        ("Server", SERVER, SOME_LOST, "VALID", "without an answer"),
        ("SingleStream", {"min_duration_ms": 400, "min_query_count": 64}, (), "VALID", None),
        ("Offline", {"min_duration_ms": 30_000, "min_query_count": 99}, (), "INVALID", None),
    ],
)  # fmt: skip
def test_loadgens_verdict_is_kept_and_a_slip_is_told(
    scenario, asked, edits, validity, says, tmp_path: Path
):
    """By what loadgen saw: it calls wrong answers and missing ones VALID. No latency is shorter
    than the service.
    """
    text = PROGRAM.partition("\n")[2]
    assert text.count(edits[0] if edits else "") >= 1
    (tmp_path / "sut.py").write_text(text.replace(*edits) if edits else text)
    (tmp_path / "tritonclient").mkdir()
    (tmp_path / "tritonclient" / "__init__.py").touch()
    (tmp_path / "tritonclient" / "grpc.py").write_text(CLIENT)
    (logs := tmp_path / "logs").mkdir()
    np.save(tmp_path / "images.npy", np.eye(11, dtype=np.float32))
    line = [sys.executable, "sut.py", "nowhere", scenario, json.dumps(asked), "logs"]
    subprocess.run(line, cwd=tmp_path, check=True, timeout=60)
    record = loadgen_record(TARGET, logs, range(11), option="search-server")
    assert (record.details["scenario"], record.details["validity"]) == (
        scenario,
        validity,
    )
    assert min(record.samples) >= 0.005
    if says is None:
        assert record.details["right"] == len(record.samples)
    else:
        assert (record.load.mode, record.load.offered_rps) == ("open", 300)
        facts = system_under_test(Records([record]))
        share_right = 1 / 11 if "right" in says else 1
        assert facts["right"] == pytest.approx(share_right, abs=0.05) or facts["failed"]
        message = fault(written(SEARCH)["search.sut"].values["rules"], facts)
        assert says.format(**facts) in message if says else message == ""
