"""OpenVINO's real wheel, installed and run: what a record says of a session there is what happened."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from labs.machine import fingerprint
from labs.runtimes.providers import Environment, install

pytestmark = pytest.mark.slow

#: Opens a model with each list of providers, describes it, and keeps logits and records.
SCRIPT = """
import json, sys
import numpy as np
import onnxruntime as ort
from labs import bench
from labs.machine import fingerprint

found = {}
for option, (path, providers) in json.load(open("requests.json")).items():
    wanted = [tuple(one) if isinstance(one, list) else one for one in providers]
    session = ort.InferenceSession(path, providers=wanted)
    about = bench.describe(session, settings={"providers": providers})
    images = np.load("images.npy")
    np.save(f"{option}.npy", bench.caller(session)(images))
    made = bench.latency(session, images[:1], option=option, min_samples=20, limit_s=1)
    found[option] = {"listed": session.get_providers(), "record": made.to_json(), "machine": fingerprint().machine_id}
json.dump(found, open("found.json", "w"))
"""


def openvino(precision: str) -> list:
    """Return the list of providers that 'Execution providers' writes."""
    hints = json.dumps({"CPU": {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": "1"}})
    return [["OpenVINOExecutionProvider", {"device_type": "CPU", "load_config": hints}], "CPUExecutionProvider"]


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> Iterator[Environment]:
    """Install into an empty cache, and give the room back afterwards."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERVING_LABS_CACHE", str(folder))
        yield install("openvino")
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def found(environment: Environment, small_model, quantized_models, images, tmp_path_factory) -> dict[str, dict]:
    """Return what the script found for each request, its logits under 'logits'."""
    folder: Path = tmp_path_factory.mktemp("script")
    np.save(folder / "images.npy", images)
    refused = [["OpenVINOExecutionProvider", {"device_type": "CPU", "precision": "BF16"}], "CPUExecutionProvider"]
    requests = {
        "cpu": [str(small_model), ["CPUExecutionProvider"]],
        "fp32": [str(small_model), openvino("f32")],
        "bf16": [str(small_model), openvino("bf16")],
        "refused": [str(small_model), refused],
        "qdq": [str(quantized_models["QDQ"]), openvino("f32")],
        "qoperator": [str(quantized_models["QOperator"]), openvino("f32")],
    }
    (folder / "requests.json").write_text(json.dumps(requests))
    (folder / "script.py").write_text(SCRIPT)
    environment.run(folder / "script.py")
    said = json.loads((folder / "found.json").read_text())
    return {option: {**one, "logits": np.load(folder / f"{option}.npy")} for option, one in said.items()}


def apart(found: dict[str, dict], option: str) -> float:
    """Return how far an option's logits are from the CPU provider's, relative to the largest."""
    expected = found["cpu"]["logits"]
    return float(np.abs(found[option]["logits"] - expected).max() / np.abs(expected).max())


def test_openvino_really_runs(found: dict[str, dict]) -> None:
    """Its nodes are in the profile, its logits are the CPU's to fp32 precision, and the record says both."""
    record = found["fp32"]["record"]
    assert record["providers_used"].get("OpenVINOExecutionProvider", 0) > 0
    assert record["precision"] == "fp32"
    assert apart(found, "fp32") < 5e-5
    assert "onnxruntime-openvino" in record["libraries"]
    assert "onnxruntime" not in record["libraries"]
    assert record["settings"]["providers"] == openvino("f32")[:1]


def test_bf16_is_asked_for_by_name_and_seen_in_the_logits(found: dict[str, dict]) -> None:
    """The record says bf16, and where the processor has it, the logits are coarser than fp32."""
    assert found["bf16"]["record"]["precision"] == "bf16"
    if {"amx_bf16", "avx512_bf16"} & set(fingerprint().cpu_flags):
        assert apart(found, "bf16") > 5e-5


def test_a_refused_option_is_recorded_as_a_fall_back(found: dict[str, dict]) -> None:
    """The provider vanishes without an exception; the record's name says who ran."""
    assert found["refused"]["listed"] == ["CPUExecutionProvider"]
    assert found["refused"]["record"]["option"] == "refused (fell back to CPU)"
    assert apart(found, "refused") == 0


def test_get_providers_is_no_evidence(found: dict[str, dict]) -> None:
    """Of QOperator's operators OpenVINO knows none: it is listed first, and the convolutions run on the CPU."""
    assert found["qoperator"]["listed"][0] == "OpenVINOExecutionProvider"
    assert found["qoperator"]["record"]["providers_used"].get("CPUExecutionProvider", 0) > 0
    assert set(found["qdq"]["record"]["providers_used"]) == {"OpenVINOExecutionProvider"}
    assert {found[option]["record"]["precision"] for option in ("qdq", "qoperator")} == {"int8"}


def test_records_of_both_environments_belong_to_one_machine(found: dict[str, dict]) -> None:
    """The machine's identity is the same in the kernel's environment and in the provider's."""
    assert {one["machine"] for one in found.values()} == {fingerprint().machine_id}
