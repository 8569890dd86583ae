"""``backends/onnxruntime/model.py``: a Python-based backend that serves an unchanged ``backend: "onnxruntime"`` model.

NVIDIA's container has this backend in C++; the wheel does not. Triton takes a folder with a ``model.py`` as a backend
of the folder's name, and calls it for every model that asks for it. It honours what the C++ one does and the course
uses: instance groups, max_batch_size, dynamic batching, default_model_filename, intra_op_thread_count. One parameter is
its own, ``run_batch_size``: most pictures in one run of the session. A CPU's caches hold the activations of one or two
pictures, and larger batches take longer for each; so the server may hand over many at once, and they are run a few at a
time.
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
        self._most = int(parameters(config).get("run_batch_size", "0"))
        self._inputs = [one["name"] for one in config["input"]]
        self._outputs = [one["name"] for one in config["output"]]
        compare("input", self._inputs, self._session.get_inputs())
        compare("output", self._outputs, self._session.get_outputs())
        shapes = [(1, *(max(int(size), 1) for size in one["dims"])) for one in config["input"]]
        zeros = [np.zeros(shape, _DTYPES[one["data_type"]]) for shape, one in zip(shapes, config["input"], strict=True)]
        self._session.run(self._outputs, dict(zip(self._inputs, zeros, strict=True)))

    def execute(self, requests):
        """Run all requests as one batch, or a few pictures at a time, and hand each request its rows."""
        fed = [{name: tensor(request, name) for name in self._inputs} for request in requests]
        counts = [len(next(iter(one.values()))) for one in fed]
        if len(requests) == 1 or (self._most and sum(counts) > self._most):
            # Nothing is put together: a copy of the inputs would cost more than a run saves.
            return [self._answer(self._run(one, count)) for one, count in zip(fed, counts, strict=True)]
        made = self._run({name: np.concatenate([one[name] for one in fed]) for name in self._inputs}, sum(counts))
        edges = np.cumsum([0, *counts])
        return [self._answer([array[i:j] for array in made]) for i, j in itertools.pairwise(edges)]

    def _run(self, fed, count):
        if not self._most or count <= self._most:
            return self._session.run(self._outputs, fed)
        begins = range(0, count, self._most)
        parts = [{name: array[i : i + self._most] for name, array in fed.items()} for i in begins]
        made = [self._session.run(self._outputs, part) for part in parts]
        return [np.concatenate(arrays) for arrays in zip(*made, strict=True)]

    def _answer(self, arrays):
        return pb_utils.InferenceResponse(
            [pb_utils.Tensor(name, array) for name, array in zip(self._outputs, arrays, strict=True)]
        )


def tensor(request, name):
    """Return an input as an array that shares memory with Triton: nothing is copied on the way in."""
    return pb_utils.get_input_tensor_by_name(request, name).as_numpy()


def parameters(config):
    """Return the configuration's parameters as texts by name."""
    return {key: one["string_value"] for key, one in config.get("parameters", {}).items()}


def session_options(config):
    """Return the session's options, from the parameters that NVIDIA's backend knows too."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = int(parameters(config).get("intra_op_thread_count", "1"))
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
