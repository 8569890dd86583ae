"""OpenVINO's real wheel, installed and run: what a record says of a session there is what happened."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from labs.machine import fingerprint
from labs.optimize.export import export_onnx
from labs.optimize.static_quantization import ImageReader
from labs.runtimes.providers import install

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
    hints = json.dumps(
        {"CPU": {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": "1"}}
    )
    return [
        ["OpenVINOExecutionProvider", {"device_type": "CPU", "load_config": hints}],
        "CPUExecutionProvider",
    ]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[dict[str, Path], np.ndarray]:
    """Return a small convolutional network, its forms quantized as 'QDQ' and 'QOperator', and two images of noise."""
    import torch
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from torch import nn

    torch.manual_seed(0)
    folder, images = (
        tmp_path_factory.mktemp("small"),
        np.random.default_rng(1).normal(size=(2, 3, 224, 224)),
    )
    images = images.astype(np.float32)
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 11))
    module = nn.Sequential(
        nn.Conv2d(3, 16, 3, 4), nn.ReLU(), nn.Conv2d(16, 32, 3, 2), nn.ReLU(), *head
    ).eval()
    made = {"fp32": export_onnx(module, folder / "small.onnx")}
    for form in (QuantFormat.QDQ, QuantFormat.QOperator):
        made[form.name] = folder / f"{form.name}.onnx"
        how = {
            "per_channel": True,
            "activation_type": QuantType.QUInt8,
            "weight_type": QuantType.QInt8,
        }
        quantize_static(
            made["fp32"], made[form.name], ImageReader(images), quant_format=form, **how
        )
    return made, images


@pytest.fixture(scope="module")
def found(files, tmp_path_factory) -> Iterator[dict[str, dict]]:
    """Yield what the script found for each request, its logits under 'logits'; the wheel comes into an empty cache."""
    (models, images), folder, cache = (
        files,
        tmp_path_factory.mktemp("script"),
        tmp_path_factory.mktemp("cache"),
    )
    np.save(folder / "images.npy", images)
    refused = [
        ["OpenVINOExecutionProvider", {"device_type": "CPU", "precision": "BF16"}],
        "CPUExecutionProvider",
    ]
    requests = {
        "cpu": [str(models["fp32"]), ["CPUExecutionProvider"]],
        "fp32": [str(models["fp32"]), openvino("f32")],
        "bf16": [str(models["fp32"]), openvino("bf16")],
        "refused": [str(models["fp32"]), refused],
        "qdq": [str(models["QDQ"]), openvino("f32")],
        "qoperator": [str(models["QOperator"]), openvino("f32")],
    }
    (folder / "requests.json").write_text(json.dumps(requests))
    (folder / "script.py").write_text(SCRIPT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERVING_LABS_CACHE", str(cache))
        install("openvino").run(folder / "script.py")
    said = json.loads((folder / "found.json").read_text())
    yield {
        option: {**one, "logits": np.load(folder / f"{option}.npy")} for option, one in said.items()
    }
    shutil.rmtree(cache)


def apart(found: dict[str, dict], option: str) -> float:
    """Return how far an option's logits are from the CPU provider's, relative to the largest."""
    expected = found["cpu"]["logits"]
    return float(np.abs(found[option]["logits"] - expected).max() / np.abs(expected).max())


def test_openvino_really_runs_in_the_precision_that_was_asked_for(found: dict[str, dict]) -> None:
    """Its nodes are in the profile, its logits are the CPU's to that precision, and the record says both."""
    record = found["fp32"]["record"]
    assert record["providers_used"].get("OpenVINOExecutionProvider", 0) > 0
    assert record["precision"] == "fp32"
    assert apart(found, "fp32") < 5e-5
    assert "onnxruntime-openvino" in record["libraries"]
    assert "onnxruntime" not in record["libraries"]
    assert record["settings"]["providers"] == openvino("f32")[:1]
    assert found["bf16"]["record"]["precision"] == "bf16"
    if {"amx_bf16", "avx512_bf16"} & set(fingerprint().cpu_flags):
        assert apart(found, "bf16") > 5e-5
    assert {one["machine"] for one in found.values()} == {fingerprint().machine_id}


def test_the_record_says_who_ran_and_not_who_was_listed(found: dict[str, dict]) -> None:
    """A refused option falls back without an exception; of QOperator's operators OpenVINO knows none."""
    assert found["refused"]["listed"] == ["CPUExecutionProvider"]
    assert found["refused"]["record"]["option"] == "refused (fell back to CPU)"
    assert apart(found, "refused") == 0
    assert found["qoperator"]["listed"][0] == "OpenVINOExecutionProvider"
    assert found["qoperator"]["record"]["providers_used"].get("CPUExecutionProvider", 0) > 0
    assert set(found["qdq"]["record"]["providers_used"]) == {"OpenVINOExecutionProvider"}
    assert {found[option]["record"]["precision"] for option in ("qdq", "qoperator")} == {"int8"}
