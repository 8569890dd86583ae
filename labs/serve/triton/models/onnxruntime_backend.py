"""``backends/onnxruntime/model.py``: a Python-based backend that serves an unchanged ``backend: "onnxruntime"`` model.

NVIDIA's container has this backend in C++; the wheel does not. Triton takes a folder with a ``model.py`` as a backend
of the folder's name, and calls it for every model that asks for it. It honours what the C++ one does and the course
uses: instance groups, max_batch_size, dynamic batching, intra_op_thread_count.
"""

import itertools
import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
import triton_python_backend_utils as pb_utils


class TritonPythonModel:
    """One session; each instance of the model is a process of its own, so their threads never share a lock."""

    def initialize(self, args):
        """Open the session, on this instance's GPU or on the CPU."""
        config = json.loads(args["model_config"])
        path = Path(args["model_repository"]) / args["model_version"] / "model.onnx"
        threads = (
            config.get("parameters", {}).get("intra_op_thread_count", {}).get("string_value", "1")
        )
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = int(threads), 1
        options.log_severity_level = 3
        # A thread that spins while it waits takes the processor away from the server and from the other instances.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        on_gpu = [("CUDAExecutionProvider", {"device_id": args["model_instance_device_id"]})]
        providers = [
            *(on_gpu if args["model_instance_kind"] == "GPU" else []),
            "CPUExecutionProvider",
        ]
        self._session = ort.InferenceSession(str(path), options, providers=providers)
        self._inputs, self._outputs = (
            [one["name"] for one in config[kind]] for kind in ("input", "output")
        )
        for wanted, found in (
            (self._inputs, self._session.get_inputs()),
            (self._outputs, self._session.get_outputs()),
        ):
            names = [one.name for one in found]
            if not set(wanted) <= set(names):
                raise pb_utils.TritonModelException(
                    f"config.pbtxt names {wanted}, and the ONNX file has {names}"
                )

    def execute(self, requests):
        """Run all requests as one batch, and hand each request its rows."""
        fed = [
            [pb_utils.get_input_tensor_by_name(one, name).as_numpy() for name in self._inputs]
            for one in requests
        ]
        # One request's inputs share memory with Triton; several are put together, which copies them.
        inputs = (
            fed[0]
            if len(fed) == 1
            else [np.concatenate(arrays) for arrays in zip(*fed, strict=True)]
        )
        made = self._session.run(self._outputs, dict(zip(self._inputs, inputs, strict=True)))
        edges = np.cumsum([0, *(len(arrays[0]) for arrays in fed)])
        return [self._answer([array[i:j] for array in made]) for i, j in itertools.pairwise(edges)]

    def _answer(self, arrays):
        tensors = [
            pb_utils.Tensor(name, array) for name, array in zip(self._outputs, arrays, strict=True)
        ]
        return pb_utils.InferenceResponse(tensors)
