"""Targets on a Triton server, over HTTP and gRPC: requests encoded once, in the protocol that both transports share.

Source: KServe's open inference protocol v2 and Triton's binary tensor data extension (triton-inference-server/server,
docs/protocol/extension_binary_data.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np

from labs.load.server_side import triton_counters
from labs.load.target import Served, Target

#: One request's inputs by name, with the batch axis.
Inputs = Mapping[str, np.ndarray]

_METHOD = "/inference.GRPCInferenceService/ModelInfer"


def triton_http(url: str, model: str, requests: Sequence[Inputs], served: Served, **more: object) -> Target:
    """Return a target for a model of a Triton server over HTTP; tensors travel as bytes, not as JSON.

    Args:
        url: Triton's HTTP address, such as 'http://127.0.0.1:8000'.
        model: The model's name.
        requests: Inputs of the requests that are sent in turn, all of one shape.
        served: What is served there.
        more: Further fields of ``Target``.
    """
    encoded = [_http_parts(inputs) for inputs in requests]
    # All requests share their headers, so all heads are made as long as the longest: JSON may end in blanks.
    length = max(len(head) for head, _ in encoded)
    headers = {"content-type": "application/octet-stream", "inference-header-content-length": str(length)}
    return Target(
        f"HTTP {model}",
        "http",
        f"{url.rstrip('/')}/v2/models/{model}/infer",
        tuple(head.ljust(length) + tail for head, tail in encoded),
        served,
        headers,
        batch_size=_batch_size(requests[0]),
        **{"counters": triton_counters(url, model), **more},
    )


def triton_grpc(
    address: str, model: str, requests: Sequence[Inputs], served: Served, *, http_url: str = "", **more: object
) -> Target:
    """Return a target for a model of a Triton server over gRPC.

    Args:
        address: Triton's gRPC address, such as '127.0.0.1:8001'.
        model: The model's name.
        requests: Inputs of the requests that are sent in turn.
        served: What is served there.
        http_url: Triton's HTTP address, from which its counters are read; they are not read when it is empty.
        more: Further fields of ``Target``.
    """
    counters = triton_counters(http_url, model) if http_url else None
    return Target(
        f"gRPC {model}",
        "grpc",
        address.removeprefix("http://").rstrip("/"),
        tuple(_grpc_message(model, inputs) for inputs in requests),
        served,
        {"method": _METHOD},
        batch_size=_batch_size(requests[0]),
        **{"counters": counters, **more},
    )


def image_inputs(images: Sequence[bytes]) -> list[Inputs]:
    """Return requests that carry one encoded picture each as base64 text, as ``food_classifier`` takes them.

    Args:
        images: Encoded pictures (JPEG, PNG, …).
    """
    import base64

    return [{"INPUT_IMAGE": np.array([[base64.b64encode(image)]], dtype=object)} for image in images]


def tensor_inputs(images: np.ndarray, *, batch_size: int = 1) -> list[Inputs]:
    """Return requests that carry ``batch_size`` preprocessed pictures each, as ``food_classifier_onnx`` takes them.

    Args:
        images: float32 (N, 3, 224, 224); N a multiple of ``batch_size``.
        batch_size: Pictures in one request.
    """
    return [
        {"input": np.ascontiguousarray(images[begin : begin + batch_size])}
        for begin in range(0, len(images), batch_size)
    ]


def _tensor(name: str, values: np.ndarray) -> tuple[str, list[int], str, bytes]:
    """Return a tensor's name, shape, Triton's name of its type, and its bytes."""
    from tritonclient.utils import np_to_triton_dtype, serialize_byte_tensor

    raw = serialize_byte_tensor(values).item() if values.dtype == object else values.tobytes()
    return name, list(values.shape), np_to_triton_dtype(values.dtype), raw


def _http_parts(inputs: Inputs) -> tuple[bytes, bytes]:
    """Return a request's JSON head, and the bytes of its tensors."""
    tensors = [_tensor(*one) for one in inputs.items()]
    described = [
        {"name": name, "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": len(raw)}}
        for name, shape, datatype, raw in tensors
    ]
    head = json.dumps({"inputs": described, "parameters": {"binary_data_output": True}}).encode()
    return head, b"".join(raw for *_, raw in tensors)


def _grpc_message(model: str, inputs: Inputs) -> bytes:
    from tritonclient.grpc.service_pb2 import ModelInferRequest

    message = ModelInferRequest(model_name=model)
    for name, shape, datatype, raw in (_tensor(*one) for one in inputs.items()):
        message.inputs.add(name=name, shape=shape, datatype=datatype)
        message.raw_input_contents.append(raw)
    return message.SerializeToString()


def _batch_size(inputs: Inputs) -> int:
    return len(next(iter(inputs.values())))
