"""``backends/onnxruntime/model.py``: ONNX Runtime as a Python-based backend.

It serves an unchanged ``backend: "onnxruntime"`` model.

NVIDIA's container has this backend in C++; the wheel does not. Triton takes a folder with a
``model.py`` as a backend of the folder's name, and calls it for every model that asks for it. It
honours what the C++ one does and the course uses: instance groups, max_batch_size, dynamic
batching, intra_op_thread_count.
"""

import itertools
import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """One session; each instance is a process by itself, so their threads never share a lock."""

    def initialize(self, args):
        """Open the session, on this instance's GPU or on the CPU."""
        config = json.loads(args["model_config"])
        path = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        parameters = config.get("parameters", {})
        threads = parameters.get("intra_op_thread_count", {}).get("string_value", "1")
        options = ort.SessionOptions()
        options.intra_op_num_threads = int(threads)
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # A thread that spins while it waits takes the processor away from the server and from the
        # other instances.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = ["CPUExecutionProvider"]
        if args["model_instance_kind"] == "GPU":
            device = {"device_id": args["model_instance_device_id"]}
            providers.insert(0, ("CUDAExecutionProvider", device))
        self._session = ort.InferenceSession(str(path), options, providers=providers)
        self._inputs = [entry["name"] for entry in config["input"]]
        self._outputs = [entry["name"] for entry in config["output"]]
        require_names(self._inputs, self._session.get_inputs())
        require_names(self._outputs, self._session.get_outputs())

    def execute(self, requests):
        """Run all requests as one batch, and hand each request its rows."""
        parts = [self._arrays(request) for request in requests]
        # One request's inputs share memory with Triton; several are put together, which copies
        # them.
        if len(parts) == 1:
            inputs = parts[0]
        else:
            inputs = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
        feed = dict(zip(self._inputs, inputs, strict=True))
        outputs = self._session.run(self._outputs, feed)
        sizes = [len(arrays[0]) for arrays in parts]
        edges = np.cumsum([0, *sizes])
        replies = []
        for first, end in itertools.pairwise(edges):
            replies.append(self._reply([array[first:end] for array in outputs]))
        return replies

    def _arrays(self, request):
        tensors = [pb_utils.get_input_tensor_by_name(request, name) for name in self._inputs]
        return [tensor.as_numpy() for tensor in tensors]

    def _reply(self, arrays):
        named = zip(self._outputs, arrays, strict=True)
        return pb_utils.InferenceResponse([pb_utils.Tensor(name, array) for name, array in named])


def require_names(wanted, tensors):
    """Refuse a configuration that names what the file does not have."""
    names = [tensor.name for tensor in tensors]
    if not set(wanted) <= set(names):
        raise pb_utils.TritonModelException(
            f"config.pbtxt names {wanted}, and the ONNX file has {names}"
        )
