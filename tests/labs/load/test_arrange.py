"""Triton's configuration contains an arrangement of instances, as far as this machine has the
GPUs.
"""

from types import SimpleNamespace

import pytest
from google.protobuf.json_format import MessageToDict

from labs.load.arrange import ONNX, PYTHON, arranged
from labs.load.served import triton_served
from labs.serve.triton.catalogue import parse
from labs.serve.triton.groups import in_words

WRITTEN = 'name: "{}" max_batch_size: 16 instance_group [ {{ count: 1 kind: KIND_CPU }} ]'
TWO_EACH = "instance_group [ { count: 2 kind: KIND_GPU gpus: [ 0, 1 ] } ]"


@pytest.mark.parametrize(
    ("name", "stanza", "gpus", "instances", "batches"),
    [
        (ONNX, TWO_EACH, 2, "2 on GPU 0, 2 on GPU 1", False),
        (ONNX, TWO_EACH, 0, "2 on CPU", False),
        (PYTHON, "dynamic_batching { }", 2, "1 on GPU 0", True),
        (PYTHON, f"{TWO_EACH} dynamic_batching {{ }}", 0, "2 on CPU", True),
        ("food_preprocess", "", 2, "1 on CPU", False),
    ],
)
def test_a_stanza_takes_the_place_of_what_was_written(name, stanza, gpus, instances, batches):
    """Networks go to GPU 0 unless a stanza names another; decoding stays on processors, and without
    a GPU all models do.
    """
    config = parse(arranged(WRITTEN.format(name), stanza, gpus))
    assert (config.name, config.max_batch_size) == (name, 16)
    assert config.HasField("dynamic_batching") == batches
    fields = MessageToDict(config, preserving_proto_field_name=True)
    assert in_words(fields["instance_group"]) == instances


@pytest.mark.parametrize(("kind", "provider"), [("GPU", "CUDA"), ("CPU", "CPU")])
def test_a_record_of_an_ensemble_names_where_its_network_runs(tmp_path, kind: str, provider: str):
    """An ensemble has no instances, so those of its steps decide; the server's version is kept."""
    configs = {
        "ensemble": {
            "platform": "ensemble",
            "ensemble_scheduling": {"step": [{"model_name": "prepare"}, {"model_name": ONNX}]},
        },
        "prepare": {"instance_group": [{"kind": "KIND_CPU"}]},
        ONNX: {"instance_group": [{"kind": f"KIND_{kind}"}]},
    }
    network = tmp_path / "model.onnx"
    network.write_bytes(b"weights")
    triton = SimpleNamespace(config=configs.__getitem__, version=lambda: "2.51.0")
    served = triton_served(triton, "ensemble", network)
    assert served.provider == f"{provider}ExecutionProvider"
    assert served.libraries == {"tritonserver": "2.51.0"}
