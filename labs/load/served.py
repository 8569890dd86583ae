"""Targets on the course's own servers, with all facts that a record needs about the served
model.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from labs.data.labels import CLASS_NAMES
from labs.load.target import LoadTarget, Served, predict
from labs.machine.version import library_versions
from labs.records import Threads
from labs.records.load import ServerSide
from labs.serve.triton.control import Counters, Triton

if TYPE_CHECKING:
    from labs.serve.ray import RayCluster
    from labs.serve.running import Service

#: One request's inputs by name, with the batch axis.
Inputs = Mapping[str, np.ndarray]

_METHOD = "/inference.GRPCInferenceService/ModelInfer"

#: Files that a model's folder may keep its network in; one without weights is its code.
_NETWORKS = ("model.onnx", "model.safetensors", "model.py")

#: Fields of a configuration that a record keeps.
_SETTINGS = (
    "name",
    "backend",
    "platform",
    "max_batch_size",
    "instance_group",
    "dynamic_batching",
    "parameters",
)


def ray_target(
    cluster: RayCluster, application: str, images: Sequence[bytes], model: Path
) -> LoadTarget:
    """Return a target on an application (its route) of a running Ray cluster that takes a picture's
    own bytes.
    """
    from labs.bench.targets import model_file

    served = Served(model=model_file(model), backend="ray-serve", threads=Threads(1, 1))
    url = f"{cluster.url}/{application}"
    return predict(url, images, served, raw=True, pids=cluster.pids)


def app_target(
    service: Service,
    model: Path,
    images: Sequence[bytes],
    runtime: str = "onnxruntime",
    *,
    threads: int = 1,
    raw: bool = False,
    **settings: object,
) -> LoadTarget:
    """Return a target on a running FastAPI app, the course's or the student's, with the service's
    interface.

    Args:
        model: The file that it serves: ONNX, or safetensors for 'torch'.
        runtime: The runtime that opens the file: 'onnxruntime', 'openvino' or 'torch'.
        threads: Threads of each session or stream; 0 if the app leaves them to the runtime.
        raw: Send the picture's own bytes to ``/predict/raw``; otherwise base64 in JSON to
            ``/predict``.
    """
    from labs.bench.targets import model_file, stored_precision

    libraries = library_versions("fastapi", "uvicorn", runtime, f"{runtime}-gpu")
    served = Served(
        model=model_file(model),
        backend="fastapi-own",
        provider=_provider(service, runtime),
        precision=stored_precision(model.read_bytes()),
        threads=Threads(threads, threads),
        libraries=libraries,
        settings=settings,
    )
    return predict(service.url, images, served, raw=raw, pids=(service.pid,))


def _provider(service: Service, runtime: str) -> str:
    """Return the provider or device that a service's log says that it computes on; without such a
    line, the processor's.
    """
    named = re.findall(r"^\S.* computes on (\S+)$", service.log(100_000), re.MULTILINE)
    on_processor = {"onnxruntime": "CPUExecutionProvider", "openvino": "CPU", "torch": "cpu"}
    return named[0] if named else on_processor[runtime]


def classes_of(target: LoadTarget, images: Sequence[bytes]) -> np.ndarray:
    """Return the class, 0 to 10, that a service under the course's contract answers for each
    encoded picture.

    Raises:
        ValueError: A picture was not answered with a class; the message holds the answer.
    """
    import httpx

    def ask(image: bytes) -> int:
        text = base64.b64encode(image).decode()
        answer = client.post(target.url, json={"image": text}).json()
        if "prediction" not in answer:
            raise ValueError(f"{target.url} answered {answer}")
        return CLASS_NAMES.index(answer["prediction"])

    with httpx.Client(timeout=60) as client, ThreadPoolExecutor(8) as pool:
        return np.array(list(pool.map(ask, images)))


def triton_target(
    triton: Triton, name: str, requests: Sequence[Inputs], *, network: Path | None = None
) -> LoadTarget:
    """Return a target on a model of a running Triton, over gRPC.

    Args:
        requests: Inputs of the requests that are sent in turn; ``image_inputs`` and
            ``tensor_inputs`` make them.
        network: File of the network; needed for an ensemble, which has no own file.
    """
    pids = (triton.pid,) if hasattr(triton, "pid") else ()
    target = triton_grpc(triton.grpc, name, requests, triton_served(triton, name, network))
    return replace(target, counters=lambda: triton.statistics(name), pids=pids)


def triton_grpc(address: str, model: str, requests: Sequence[Inputs], served: Served) -> LoadTarget:
    """Return a target for a model at Triton's gRPC 'host:port', its messages encoded once."""
    from tritonclient.grpc.service_pb2 import ModelInferRequest
    from tritonclient.utils import np_to_triton_dtype, serialize_byte_tensor

    bodies = []
    for inputs in requests:
        message = ModelInferRequest(model_name=model)
        for name, values in inputs.items():
            datatype = np_to_triton_dtype(values.dtype)
            message.inputs.add(name=name, shape=values.shape, datatype=datatype)
            if values.dtype == object:
                content = serialize_byte_tensor(values).item()
            else:
                content = values.tobytes()
            message.raw_input_contents.append(content)
        bodies.append(message.SerializeToString())
    return LoadTarget(f"gRPC {model}", "grpc", address, tuple(bodies), served, {"method": _METHOD})


def image_inputs(images: Sequence[bytes]) -> list[Inputs]:
    """Return requests that carry one encoded picture each as base64 text, as ``food_classifier``
    takes them.
    """
    texts = [base64.b64encode(image) for image in images]
    return [{"INPUT_IMAGE": np.array([[text]], dtype=object)} for text in texts]


def tensor_inputs(images: np.ndarray) -> list[Inputs]:
    """Return requests of one preprocessed image each, of float32 (N, 3, 224, 224), for
    ``food_classifier_onnx``.
    """
    return [{"input": np.ascontiguousarray(image[None])} for image in images]


def triton_served(triton: Triton, name: str, network: Path | None = None) -> Served:
    """Return what a Triton says that it serves under a name, with the network's file from its
    repository.
    """
    from labs.bench.targets import model_file

    config = triton.config(name)
    network = network or _network_in(triton.repository.folder / name / "1")
    backend = config.get("backend") or config["platform"]
    on_gpu = _has_instance_on_gpu(triton, config)
    parameters = config.get("parameters", {})
    threads = parameters.get("intra_op_thread_count", {}).get("string_value", "1")
    return Served(
        model=model_file(network),
        backend=f"triton-{backend}",
        provider="CUDAExecutionProvider" if on_gpu else "CPUExecutionProvider",
        threads=Threads(int(threads), 1),
        libraries={"tritonserver": triton.version()},
        settings={key: config[key] for key in _SETTINGS if key in config},
    )


def _has_instance_on_gpu(triton: Triton, config: Mapping) -> bool:
    """Return whether an instance of a model, or of a step of an ensemble, is on a GPU."""
    groups = list(config.get("instance_group", ()))
    for step in config.get("ensemble_scheduling", {}).get("step", ()):
        groups += triton.config(step["model_name"]).get("instance_group", ())
    return any(group["kind"] == "KIND_GPU" for group in groups)


def _network_in(version: Path) -> Path:
    """Return the network's file in the folder of a model's version.

    Raises:
        ValueError: There is none, as in an ensemble's.
    """
    for name in _NETWORKS:
        if (version / name).is_file():
            return version / name
    raise ValueError(
        f"{version} holds none of {', '.join(_NETWORKS)}: name the network's file (network=…)"
    )


def between(before: Counters, after: Counters) -> ServerSide | None:
    """Return what a server did between two readings; None where it answered nothing."""
    run = after.since(before)
    if run.requests == 0:
        return None

    def mean(stage_s: float) -> float:
        return max(stage_s, 0.0) / run.requests

    batches = {size: count for size, count in run.batches.items() if count > 0}
    return ServerSide(
        run.requests,
        run.executions,
        queue_s=mean(run.queue_s),
        input_s=mean(run.input_s),
        infer_s=mean(run.infer_s),
        output_s=mean(run.output_s),
        batches=batches,
    )
