"""Answers of lesson 33."""

# %% checkpoint="s.queue.eight_guess"
predict("s.queue.eight_guess", 1.3)

# %% checkpoint="s.queue.batch_guess"
predict("s.queue.batch_guess", 1.2)

# %% checkpoint="s.queue.model"
model_py = """
import base64
import io
import json
from pathlib import Path

import numpy as np
import torch
import triton_python_backend_utils as pb_utils
from network import mobilenet_v2
from PIL import Image, ImageOps
from safetensors.torch import load_file

MEAN, STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


def to_input(text):
    image = Image.open(io.BytesIO(base64.b64decode(text, validate=True))).convert("RGB")
    pixels = np.asarray(ImageOps.fit(image, (224, 224), Image.Resampling.BILINEAR), np.float32) / 255
    return ((pixels - MEAN) / STD).transpose(2, 0, 1)


class TritonPythonModel:
    def initialize(self, args):
        folder = Path(args["model_repository"]) / args["model_version"]
        self.names = json.loads((folder / "classes.json").read_text())
        on_gpu = args["model_instance_kind"] == "GPU"
        self.device = f"cuda:{args['model_instance_device_id']}" if on_gpu else "cpu"
        torch.set_num_threads(1)
        self.net = mobilenet_v2(len(self.names)).eval()
        self.net.load_state_dict(load_file(folder / "model.safetensors"))
        self.net.to(self.device)

    def probabilities(self, inputs):
        batch = torch.from_numpy(np.stack(inputs)).to(self.device)
        with torch.inference_mode():
            return torch.softmax(self.net(batch), dim=1).cpu().numpy()

    def execute(self, requests):
        inputs, places, responses = [], [], [None] * len(requests)
        for number, request in enumerate(requests):
            texts = pb_utils.get_input_tensor_by_name(request, "INPUT_IMAGE").as_numpy().ravel()
            try:
                images = [to_input(text) for text in texts]
            except (ValueError, OSError) as error:
                said = pb_utils.TritonError(f"INPUT_IMAGE is no image: {error}", pb_utils.TritonError.INVALID_ARG)
                responses[number] = pb_utils.InferenceResponse(error=said)
                continue
            places.append((number, len(inputs), len(inputs) + len(images)))
            inputs += images
        if inputs:
            probs = self.probabilities(inputs)
            for number, begin, end in places:
                rows = probs[begin:end]
                labels = np.array([[self.names[best].encode()] for best in rows.argmax(axis=1)], dtype=object)
                responses[number] = pb_utils.InferenceResponse([
                    pb_utils.Tensor("FOOD_LABEL", labels),
                    pb_utils.Tensor("PROBABILITY", rows.max(axis=1, keepdims=True)),
                ])
        return responses
"""


# %% checkpoint="s.queue.line"
def perf_analyzer_line(address, clients, images):
    measured = f"-b {images} --concurrency-range {clients} -p 5000 -s 999"
    files = "--input-data input.json -f report.csv --verbose-csv --profile-export-file requests.json"
    return f"perf_analyzer -u {address} -i grpc -m food_classifier {measured} {files}"


# %% checkpoint="s.queue.share"
def queue_share(before, after):
    first, last = (one["model_stats"][0]["inference_stats"] for one in (before, after))
    queue_ns, whole_ns = (last[name]["ns"] - first[name]["ns"] for name in ("queue", "success"))
    return queue_ns / whole_ns


# %% checkpoint="s.queue.stable"
def stable(rates, percent):
    last = rates[-3:]
    return len(last) == 3 and max(last) <= (1 + percent / 100) * min(last)


# %% checkpoint="s.queue.little"
def little(rate_rps, latency_s, clients):
    inside = rate_rps * latency_s
    return {"inside": inside, "holds": abs(inside - clients) <= 0.1 * clients}
