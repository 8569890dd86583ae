"""The older labs' clients and repositories, unchanged, on our server: what they send, read and type."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient

from labs.labels import CLASS_NAMES
from labs.serve.triton.environment import perf_analyzer
from labs.workspace import PROJECT_DIR, WORKSPACE_VARIABLE

pytestmark = pytest.mark.xdist_group("triton")

#: A model in their way: a whole torchvision model in a pickle, its transforms, and one row for each request.
MODEL_PY = """
import base64, io, os
import numpy as np
import torch
import triton_python_backend_utils as pb_utils
from PIL import Image
from torchvision import transforms

class TritonPythonModel:
    def initialize(self, args):
        path = os.path.join(os.path.dirname(__file__), "food11.pth")
        self.device = torch.device("cuda:0" if args["model_instance_kind"] == "GPU" else "cpu")
        self.model = torch.load(path, map_location=self.device, weights_only=False).eval()
        self.transform = transforms.Compose([
            transforms.Resize((224, 224)), transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ])
        self.classes = np.array(CLASSES)

    def execute(self, requests):
        texts = [pb_utils.get_input_tensor_by_name(one, "INPUT_IMAGE").as_numpy()[0, 0] for one in requests]
        images = [Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB") for text in texts]
        with torch.no_grad():
            outputs = self.model(torch.stack([self.transform(image) for image in images]).to(self.device))
        return [pb_utils.InferenceResponse(output_tensors=[
            pb_utils.Tensor("FOOD_LABEL", np.array([[self.classes[row.argmax().item()]]], dtype=object)),
            pb_utils.Tensor("PROBABILITY", np.array([[torch.sigmoid(row.max()).item()]], dtype=np.float32)),
        ]) for row in outputs]
"""

CONFIG = """
name: "food_classifier"
backend: "python"
max_batch_size: 16
input [
  {
    name: "INPUT_IMAGE"
    data_type: TYPE_STRING
    dims: [1]
  }
]
output [
  {
    name: "FOOD_LABEL"
    data_type: TYPE_STRING
    dims: [1]
  },
  {
    name: "PROBABILITY"
    data_type: TYPE_FP32
    dims: [1]
  }
]
  instance_group [
    {
      count: 1
      kind: KIND_CPU
    }
]
dynamic_batching {
  preferred_batch_size: [4, 6, 8, 10]
  max_queue_delay_microseconds: 100
}
"""


def flask_page_asks(address: str, image: bytes) -> tuple[str, float]:
    """Return what their Flask page gets: JSON outputs, read as arrays of one row."""
    client = httpclient.InferenceServerClient(url=address)
    inputs = [httpclient.InferInput("INPUT_IMAGE", [1, 1], "BYTES")]
    inputs[0].set_data_from_numpy(np.array([[base64.b64encode(image).decode("utf-8")]], dtype=object))
    outputs = [httpclient.InferRequestedOutput(name, binary_data=False) for name in ("FOOD_LABEL", "PROBABILITY")]
    found = client.infer(model_name="food_classifier", inputs=inputs, outputs=outputs)
    return found.as_numpy("FOOD_LABEL")[0, 0], float(found.as_numpy("PROBABILITY")[0, 0])


def test_the_page_and_a_grpc_client_hear_the_same(triton, pictures):
    """Over tritonclient.http with JSON outputs, and over tritonclient.grpc."""
    label, probability = flask_page_asks(triton.http, pictures[0])
    text = grpcclient.InferInput("INPUT_IMAGE", [1, 1], "BYTES")
    text.set_data_from_numpy(np.array([[base64.b64encode(pictures[0])]], dtype=object))
    with grpcclient.InferenceServerClient(triton.grpc) as client:
        found = client.infer("food_classifier", [text])
    assert label == found.as_numpy("FOOD_LABEL")[0, 0].decode()
    assert label in CLASS_NAMES
    assert probability == pytest.approx(float(found.as_numpy("PROBABILITY")[0, 0]), abs=1e-6)


def tree(folder: Path) -> dict[str, str]:
    """Return all files below a folder, with the hash of each."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_their_repository_is_served_and_left_as_it_is(tmp_path, pictures, weights, monkeypatch):
    """`labs triton serve --repository` serves what lies there, under whatever name, and writes nothing (D11)."""
    import torch
    from safetensors.torch import load_file
    from torchvision.models import mobilenet_v2

    folder = tmp_path / "models" / "food_classifier"
    (folder / "1").mkdir(parents=True)
    network = mobilenet_v2(num_classes=len(CLASS_NAMES))
    network.load_state_dict(load_file(weights))
    torch.save(network, folder / "1" / "food11.pth")
    (folder / "1" / "model.py").write_text(MODEL_PY.replace("CLASSES", repr(list(CLASS_NAMES))))
    (folder / "config.pbtxt").write_text(CONFIG)
    before = tree(folder)
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path / "workspace"))
    command = [sys.executable, "-m", "labs", "triton", "serve", "--repository", str(folder.parent), "--port"]
    port = _free_port()
    with subprocess.Popen([*command, str(port)], cwd=PROJECT_DIR, stdout=subprocess.PIPE, text=True) as server:
        try:
            said = next(line for line in server.stdout if "ready" in line)
            assert "It serves food_classifier." in said
            label, _ = flask_page_asks(f"127.0.0.1:{port}", pictures[0])
            line = next(line for line in server.stdout if "--input-data" in line).strip()
            few = "--measurement-mode count_windows --measurement-request-count 10 -s 999"
            typed = [str(perf_analyzer()), *f"{line} {few}".split()[1:]]
            done = subprocess.run(typed, capture_output=True, text=True, timeout=300, check=False)
        finally:
            server.terminate()
    assert label in CLASS_NAMES
    assert re.search(r"throughput: [\d.]+ infer/sec", done.stdout), done.stdout[-1500:]
    assert tree(folder) == before
    assert sorted(path.name for path in folder.parent.iterdir()) == ["food_classifier"]


def _free_port() -> int:
    """Return the first of three ports in a row that nobody listens on."""
    taken = {one.laddr.port for one in psutil.net_connections("tcp")}
    return next(port for port in range(18_000, 60_000) if not taken & {port, port + 1, port + 2})
