"""``food_classifier``: base64 text in, class name and probability out, all of it in one Python process.

Triton's Python backend hands over a *list of requests*. It does not put them together: whoever wants a batch
concatenates (triton-inference-server/server#5926). Here all pictures of all requests become one batch, and each gets
its rows back.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import triton_python_backend_utils as pb_utils
from pictures import decoded, refused, texts

from labs.data.labels import CLASS_NAMES
from labs.data.preprocess import softmax, to_input


class TritonPythonModel:
    """One copy of the model; Triton runs each copy in a process of its own."""

    def initialize(self, args):
        """Load the weights that lie beside this file."""
        config = json.loads(args["model_config"])
        threads = int(config.get("parameters", {}).get("intra_op_thread_count", {}).get("string_value", "1"))
        folder = Path(args["model_repository"]) / args["model_version"]
        device = f"cuda:{args['model_instance_device_id']}" if args["model_instance_kind"] == "GPU" else "cpu"
        self._logits = torch_model(folder / "model.safetensors", device, threads)
        self._logits(
            np.zeros((1, 3, 224, 224), np.float32)
        )  # the first prediction costs more; nobody should wait for it

    def execute(self, requests):
        """Return one answer a request, in their order."""
        answers = [None] * len(requests)
        places, inputs = [], []
        for index, request in enumerate(requests):
            try:
                rows = [to_input(image) for image in decoded(request)]
            except pb_utils.TritonModelException as error:
                answers[index] = refused(error)  # one bad picture must not spoil the others' batch
                continue
            places.append((index, len(inputs), len(inputs) + len(rows)))
            inputs += rows
        if inputs:
            probs = softmax(self._logits(np.stack(inputs)))
            for index, begin, end in places:
                answers[index] = answer(probs[begin:end])
        return answers


def answer(probs):
    """Return names and probabilities of the most probable classes, one row a picture."""
    best = probs.argmax(axis=1)
    label = texts("FOOD_LABEL", [CLASS_NAMES[index] for index in best])
    return pb_utils.InferenceResponse([label, pb_utils.Tensor("PROBABILITY", probs.max(axis=1, keepdims=True))])


def torch_model(path, device, threads):
    """Return a function from a batch of inputs to logits."""
    import torch
    from network import mobilenet_v2
    from safetensors.torch import load_file

    torch.set_num_threads(threads)
    model = mobilenet_v2(len(CLASS_NAMES))
    model.load_state_dict(load_file(path))
    model = model.eval().to(device)

    def logits(images):
        with torch.inference_mode():
            return model(torch.from_numpy(images).to(device)).cpu().numpy()

    return logits
