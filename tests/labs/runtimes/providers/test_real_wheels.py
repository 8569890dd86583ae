"""OpenVINO's real wheel, installed and run: a record describes a session there correctly."""

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

facts = {}
for option, (path, providers) in json.load(open("requests.json")).items():
    wanted = [tuple(provider) if isinstance(provider, list) else provider for provider in providers]
    session = ort.InferenceSession(path, providers=wanted)
    about = bench.describe(session, settings={"providers": providers})
    images = np.load("images.npy")
    np.save(f"{option}.npy", bench.caller(session)(images))
    record = bench.latency(session, images[:1], option=option, min_samples=20, limit_s=1)
    facts[option] = {
        "listed": session.get_providers(),
        "record": record.to_json(),
        "machine": fingerprint().machine_id,
    }
json.dump(facts, open("facts.json", "w"))
"""


def openvino(precision: str) -> list:
    """Return the list of providers that 'Execution providers' writes."""
    hints = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": "1"}
    options = {"device_type": "CPU", "load_config": json.dumps({"CPU": hints})}
    return [["OpenVINOExecutionProvider", options], "CPUExecutionProvider"]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[dict[str, Path], np.ndarray]:
    """Return a small convolutional network, its forms quantized as 'QDQ' and 'QOperator', and two
    images of noise.
    """
    import torch
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static
    from torch import nn

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("small")
    noise = np.random.default_rng(1).normal(size=(2, 3, 224, 224))
    images = noise.astype(np.float32)
    body = (nn.Conv2d(3, 16, 3, 4), nn.ReLU(), nn.Conv2d(16, 32, 3, 2), nn.ReLU())
    head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 11))
    module = nn.Sequential(*body, *head).eval()
    paths = {"fp32": export_onnx(module, folder / "small.onnx")}
    for form in (QuantFormat.QDQ, QuantFormat.QOperator):
        paths[form.name] = folder / f"{form.name}.onnx"
        quantize_static(
            paths["fp32"],
            paths[form.name],
            ImageReader(images),
            quant_format=form,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    return paths, images


@pytest.fixture(scope="module")
def facts(files, tmp_path_factory) -> Iterator[dict[str, dict]]:
    """Yield what the script says of each request, its logits under 'logits'; the wheel comes into
    an empty cache.
    """
    models, images = files
    folder = tmp_path_factory.mktemp("script")
    cache = tmp_path_factory.mktemp("cache")
    np.save(folder / "images.npy", images)
    wrong = {"device_type": "CPU", "precision": "BF16"}
    fp32 = str(models["fp32"])
    requests = {
        "cpu": [fp32, ["CPUExecutionProvider"]],
        "fp32": [fp32, openvino("f32")],
        "bf16": [fp32, openvino("bf16")],
        "refused": [fp32, [["OpenVINOExecutionProvider", wrong], "CPUExecutionProvider"]],
    }
    requests["qdq"] = [str(models["QDQ"]), openvino("f32")]
    requests["qoperator"] = [str(models["QOperator"]), openvino("f32")]
    (folder / "requests.json").write_text(json.dumps(requests))
    (folder / "script.py").write_text(SCRIPT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERVING_LABS_CACHE", str(cache))
        install("openvino").run(folder / "script.py")
    by_option = json.loads((folder / "facts.json").read_text())
    for option, about in by_option.items():
        about["logits"] = np.load(folder / f"{option}.npy")
    yield by_option
    shutil.rmtree(cache)


def apart(facts: dict[str, dict], option: str) -> float:
    """Return how far an option's logits are from the CPU provider's, relative to the largest."""
    expected = facts["cpu"]["logits"]
    difference = np.abs(facts[option]["logits"] - expected)
    return float(difference.max() / np.abs(expected).max())


def test_openvino_really_runs_in_the_precision_that_was_asked_for(facts: dict[str, dict]) -> None:
    """Its nodes are in the profile, its logits are the CPU's to that precision, and the record
    holds both.
    """
    record = facts["fp32"]["record"]
    assert record["providers_used"].get("OpenVINOExecutionProvider", 0) > 0
    assert record["precision"] == "fp32"
    assert apart(facts, "fp32") < 5e-5
    assert "onnxruntime-openvino" in record["libraries"]
    assert "onnxruntime" not in record["libraries"]
    assert record["settings"]["providers"] == openvino("f32")[:1]
    assert facts["bf16"]["record"]["precision"] == "bf16"
    if {"amx_bf16", "avx512_bf16"} & set(fingerprint().cpu_flags):
        assert apart(facts, "bf16") > 5e-5
    assert {about["machine"] for about in facts.values()} == {fingerprint().machine_id}


def test_the_record_says_who_ran_and_not_who_was_listed(facts: dict[str, dict]) -> None:
    """A refused option falls back without an exception; of QOperator's operators OpenVINO knows
    none.
    """
    assert facts["refused"]["listed"] == ["CPUExecutionProvider"]
    assert facts["refused"]["record"]["option"] == "refused (fell back to CPU)"
    assert apart(facts, "refused") == 0
    assert facts["qoperator"]["listed"][0] == "OpenVINOExecutionProvider"
    assert facts["qoperator"]["record"]["providers_used"].get("CPUExecutionProvider", 0) > 0
    assert set(facts["qdq"]["record"]["providers_used"]) == {"OpenVINOExecutionProvider"}
    for option in ("qdq", "qoperator"):
        assert facts[option]["record"]["precision"] == "int8"
