"""``backends/onnxruntime/model.py``: a Python-based backend that serves an unchanged ``backend: "onnxruntime"`` model.

NVIDIA's container has this backend in C++; the wheel does not. Triton takes a folder with a ``model.py`` as a backend
of the folder's name, and calls it for every model that asks for it. It honours what the C++ one does and the course
uses: instance groups, max_batch_size, dynamic batching, default_model_filename, intra_op_thread_count.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb_utils

_DTYPES = {"TYPE_FP32": np.float32, "TYPE_INT64": np.int64, "TYPE_UINT8": np.uint8}


class TritonPythonModel:
    """One session; each instance of the model is a process of its own, so their threads never share a lock."""

    def initialize(self, args):
        """Open the session, and warm it up."""
        config = json.loads(args["model_config"])
        folder = Path(args["model_repository"]) / args["model_version"]
        path = folder / (config.get("default_model_filename") or "model.onnx")
        if not path.is_file():
            raise pb_utils.TritonModelException(
                f"no {path.name} in {folder.parent.name}/{folder.name}/: put the ONNX file there under that name"
            )
        self._session = ort.InferenceSession(str(path), session_options(config), providers=providers(args))
        self._inputs = [one["name"] for one in config["input"]]
        self._outputs = [one["name"] for one in config["output"]]
        compare("input", self._inputs, self._session.get_inputs())
        compare("output", self._outputs, self._session.get_outputs())
        shapes = [(1, *(max(int(size), 1) for size in one["dims"])) for one in config["input"]]
        zeros = [np.zeros(shape, _DTYPES[one["data_type"]]) for shape, one in zip(shapes, config["input"], strict=True)]
        self._session.run(self._outputs, dict(zip(self._inputs, zeros, strict=True)))

    def execute(self, requests):
        """Run all requests as one batch, and hand each its rows."""
        if len(requests) == 1:
            fed = {name: tensor(requests[0], name) for name in self._inputs}
            return [self._answer(self._session.run(self._outputs, fed))]
        parts = [[tensor(request, name) for request in requests] for name in self._inputs]
        fed = {name: np.concatenate(arrays) for name, arrays in zip(self._inputs, parts, strict=True)}
        made = self._session.run(self._outputs, fed)
        edges = np.cumsum([0, *(len(array) for array in parts[0])])
        return [self._answer([array[i:j] for array in made]) for i, j in itertools.pairwise(edges)]

    def _answer(self, arrays):
        return pb_utils.InferenceResponse(
            [pb_utils.Tensor(name, array) for name, array in zip(self._outputs, arrays, strict=True)]
        )


def tensor(request, name):
    """Return an input as an array that shares memory with Triton: nothing is copied on the way in."""
    return pb_utils.get_input_tensor_by_name(request, name).as_numpy()


def session_options(config):
    """Return the session's options, from the parameters that NVIDIA's backend knows too."""
    parameters = {key: one["string_value"] for key, one in config.get("parameters", {}).items()}
    options = ort.SessionOptions()
    options.intra_op_num_threads = int(parameters.get("intra_op_thread_count", "1"))
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A thread that spins while it waits takes the processor away from the server and from the other instances.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def providers(args):
    """Return the execution providers for this instance: its GPU, or the CPU."""
    if args["model_instance_kind"] != "GPU":
        return ["CPUExecutionProvider"]
    return [("CUDAExecutionProvider", {"device_id": args["model_instance_device_id"]}), "CPUExecutionProvider"]


def compare(kind, wanted, found):
    """Raise when the configuration names tensors that the file does not have."""
    names = [one.name for one in found]
    missing = [name for name in wanted if name not in names]
    if missing:
        raise pb_utils.TritonModelException(
            f"config.pbtxt names {kind} '{missing[0]}', and the ONNX file's {kind}s are: {', '.join(names)}"
        )
