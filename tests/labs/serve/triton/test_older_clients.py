"""The older labs' clients and repositories, unchanged, on our server: what they send, read and type."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import numpy as np
import pytest
import tritonclient.grpc as grpcclient
import tritonclient.http as httpclient

from labs.labels import CLASS_NAMES
from labs.serve.triton import opening
from labs.workspace import WORKSPACE_VARIABLE

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
    """A repository that the course did not write is served as it lies there, and nothing is written into it."""
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
    before = tree(folder.parent)
    monkeypatch.setenv(WORKSPACE_VARIABLE, str(tmp_path / "workspace"))
    with opening.serve(folder.parent) as server, httpclient.InferenceServerClient(server.http) as client:
        client.load_model("food_classifier", headers=server.headers)
        label, _ = flask_page_asks(server.http, pictures[0])
    assert label in CLASS_NAMES
    assert tree(folder.parent) == before
