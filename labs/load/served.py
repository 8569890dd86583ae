"""Targets on the course's own servers, with everything that a record says about what is served there.

Requests to Triton are encoded once, by its own client. Source: KServe's open inference protocol v2 and Triton's binary
tensor data extension (triton-inference-server/server, docs/protocol/extension_binary_data.md).
"""

from __future__ import annotations

import base64
import contextlib
import re
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labs.load.target import Served, Target, predict, predict_raw
from labs.machine.version import library_versions
from labs.records import Threads
from labs.records.load import ServerSide
from labs.serve.triton.control import Counters, Triton, TritonError

if TYPE_CHECKING:
    from labs.serve.ray import RayCluster
    from labs.serve.running import Service

#: One request's inputs by name, with the batch axis.
Inputs = Mapping[str, np.ndarray]

_METHOD = "/inference.GRPCInferenceService/ModelInfer"

#: Files that a model's folder may keep its network in; one without weights is its code.
_NETWORKS = ("model.onnx", "model.safetensors", "model.py")

#: What a record keeps of a configuration.
_SETTINGS = ("name", "backend", "platform", "max_batch_size", "instance_group", "dynamic_batching", "parameters")


def ray_target(cluster: RayCluster, application: str, images: Sequence[bytes], model: Path) -> Target:
    """Return a target on an application of a running Ray cluster that takes a picture's own bytes.

    Args:
        cluster: The cluster.
        application: Its route, without the slash.
        images: Encoded pictures, one a request.
        model: File of the network that it serves.
    """
    from labs.bench.targets import model_file

    served = Served(model=model_file(model), backend="ray-serve", threads=Threads(1, 1))
    return predict_raw(f"{cluster.url}/{application}", images, served, pids=cluster.pids)


def app_target(
    service: Service, model: Path, images: Sequence[bytes], *, raw: bool = False, **settings: object
) -> Target:
    """Return a target on a running FastAPI app, the course's or one's own, that keeps the contract of the service.

    Args:
        service: The app, as ``labs.serve.running`` starts it.
        model: The ONNX file that it serves, each session with one thread.
        images: Encoded pictures, one a request.
        raw: Send the picture's own bytes to ``/predict/raw``; else base64 in JSON to ``/predict``.
        settings: What else it was told; kept with the records.
    """
    from labs.bench.targets import model_file

    libraries = library_versions("fastapi", "uvicorn", "onnxruntime")
    served = Served(model_file(model), "fastapi-own", threads=Threads(1, 1), libraries=libraries, settings=settings)
    make = predict_raw if raw else predict
    return make(service.url, images, served, counters=service_counters(service.url), pids=(service.pid,))


def triton_target(
    triton: Triton,
    name: str,
    requests: Sequence[Inputs],
    *,
    transport: str = "grpc",
    network: Path | None = None,
) -> Target:
    """Return a target on a model of a running Triton.

    Args:
        triton: The server.
        name: The model's name.
        requests: Inputs of the requests that are sent in turn; ``image_inputs`` and ``tensor_inputs`` make them.
        transport: 'grpc' or 'http'.
        network: File of the network; needed for an ensemble, which has none of its own.
    """
    make, address = (triton_http, triton.url) if transport == "http" else (triton_grpc, triton.grpc)
    pids = (triton.pid,) if hasattr(triton, "pid") else ()
    served = _served(triton, name, network)
    return make(address, name, requests, served, counters=triton_counters(triton, name), pids=pids)


def triton_http(url: str, model: str, requests: Sequence[Inputs], served: Served, **more: object) -> Target:
    """Return a target for a model of a Triton server over HTTP; tensors travel as bytes, not as JSON.

    Args:
        url: Triton's HTTP address, such as 'http://127.0.0.1:8000'.
        model: The model's name.
        requests: Inputs of the requests that are sent in turn, all of one shape.
        served: What is served there.
        more: Further fields of ``Target``.
    """
    from tritonclient.http import InferenceServerClient, InferInput

    encoded = []
    for inputs in requests:
        given = [InferInput(name, list(values.shape), _datatype(values)) for name, values in inputs.items()]
        for one in given:
            one.set_data_from_numpy(inputs[one.name()])
        body, length = InferenceServerClient.generate_request_body(given)
        encoded.append((body[:length], body[length:]))
    # All requests share their headers, so all heads are made as long as the longest: JSON may end in blanks.
    length = max(len(head) for head, _ in encoded)
    bodies = tuple(head.ljust(length) + tail for head, tail in encoded)
    headers = {"content-type": "application/octet-stream", "inference-header-content-length": str(length)}
    address = f"{url.rstrip('/')}/v2/models/{model}/infer"
    size = _batch_size(requests)
    return Target(f"HTTP {model}", "http", address, bodies, served, headers, batch_size=size, **more)


def triton_grpc(address: str, model: str, requests: Sequence[Inputs], served: Served, **more: object) -> Target:
    """Return a target for a model of a Triton server over gRPC.

    Args:
        address: Triton's gRPC address, such as '127.0.0.1:8001'.
        model: The model's name.
        requests: Inputs of the requests that are sent in turn.
        served: What is served there.
        more: Further fields of ``Target``.
    """
    from tritonclient.grpc.service_pb2 import ModelInferRequest
    from tritonclient.utils import serialize_byte_tensor

    bodies = []
    for inputs in requests:
        message = ModelInferRequest(model_name=model)
        for name, values in inputs.items():
            message.inputs.add(name=name, shape=values.shape, datatype=_datatype(values))
            raw = serialize_byte_tensor(values).item() if values.dtype == object else values.tobytes()
            message.raw_input_contents.append(raw)
        bodies.append(message.SerializeToString())
    size, headers = _batch_size(requests), {"method": _METHOD}
    return Target(f"gRPC {model}", "grpc", address, tuple(bodies), served, headers, batch_size=size, **more)


def image_inputs(images: Sequence[bytes]) -> list[Inputs]:
    """Return requests that carry one encoded picture each as base64 text, as ``food_classifier`` takes them.

    Args:
        images: Encoded pictures (JPEG, PNG, …).
    """
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


def _served(triton: Triton, name: str, network: Path | None) -> Served:
    """Return what a Triton says that it serves under a name, with the network's file from its repository."""
    from labs.bench.targets import model_file

    config = triton.config(name)
    version = triton.repository.folder / name / "1"
    network = network or next((version / one for one in _NETWORKS if (version / one).is_file()), None)
    if network is None:
        raise ValueError(f"{version} holds none of {', '.join(_NETWORKS)}: name the network's file (network=…)")
    on_gpu = any(group["kind"] == "KIND_GPU" for group in config.get("instance_group", ()))
    threads = config.get("parameters", {}).get("intra_op_thread_count", {}).get("string_value", "1")
    return Served(
        model=model_file(network),
        backend=f"triton-{config.get('backend') or config['platform']}",
        provider="CUDAExecutionProvider" if on_gpu else "CPUExecutionProvider",
        threads=Threads(int(threads), 1),
        settings={key: config[key] for key in _SETTINGS if key in config},
    )


def _datatype(values: np.ndarray) -> str:
    from tritonclient.utils import np_to_triton_dtype

    return np_to_triton_dtype(values.dtype)


def _batch_size(requests: Sequence[Inputs]) -> int:
    return len(next(iter(requests[0].values())))


def between(before: Counters | None, after: Counters | None) -> ServerSide | None:
    """Return what happened between two readings; None where there is nothing to tell."""
    if after is None:
        return None
    run = after if before is None else after.since(before)
    if run.requests == 0:
        return None
    stages = ("queue_s", "input_s", "infer_s", "output_s")
    means = {name: max(getattr(run, name), 0.0) / run.requests for name in stages}
    batches = {str(size): count for size, count in sorted(run.batches.items()) if count > 0}
    return ServerSide(run.requests, run.executions, **means, batches=batches)


def triton_counters(triton: Triton, model: str) -> Callable[[], Counters | None]:
    """Return a reader of a Triton model's statistics.

    Args:
        triton: The server.
        model: The model's name.
    """

    def read() -> Counters | None:
        with contextlib.suppress(TritonError, LookupError):
            return triton.statistics(model)
        return None

    return read


def service_counters(url: str) -> Callable[[], Counters | None]:
    """Return a reader of the course's own service (``labs.serve``), from its Prometheus metrics; None from another.

    Args:
        url: The service's address, such as 'http://127.0.0.1:8000'.
    """
    address = f"{url.rstrip('/')}/metrics"

    def read() -> Counters | None:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return counters_from_metrics(answer.read().decode())
        except (OSError, ValueError):
            return None

    return read


def counters_from_metrics(text: str) -> Counters:
    """Return the totals in the metrics of the course's service.

    Its stages are 'queue', 'prepare' (the picture's decoding) and 'model'; an output of eleven numbers is no stage.
    """
    found = {
        (kind, stage): float(value)
        for kind, stage, value in re.findall(
            r'^serving_stage_seconds_(sum|count)\{stage="(\w+)"\} (\S+)$', text, re.MULTILINE
        )
    }
    seconds = {stage: found.get(("sum", stage), 0.0) for stage in ("queue", "prepare", "model")}
    requests = int(found.get(("count", "model"), 0))
    return Counters(requests, 0, seconds["queue"], seconds["prepare"], seconds["model"], 0.0)
