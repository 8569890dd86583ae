"""Targets on the course's own servers, with everything that a record says about what is served there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from labs.bench.targets import model_file
from labs.load.server_side import service_counters
from labs.load.target import Served, Target, predict, predict_raw
from labs.load.triton import Inputs, triton_grpc, triton_http
from labs.records import Threads
from labs.serve.running import Service
from labs.serve.settings import Settings
from labs.serve.triton.control import Triton
from labs.version import library_versions

#: Files that a model's folder may keep its network in.
_NETWORKS = ("model.onnx", "model.safetensors")

#: What a record keeps of a configuration.
_SETTINGS = ("name", "backend", "platform", "max_batch_size", "instance_group", "dynamic_batching", "parameters")


def service_target(
    service: Service, settings: Settings, images: Sequence[bytes], *, raw: bool = True, precision: str = "fp32"
) -> Target:
    """Return a target on a running FastAPI service.

    Args:
        service: The service, as ``labs.serve.running`` starts it.
        settings: What it was started with.
        images: Encoded pictures, one a request.
        raw: Send the picture's own bytes to ``/predict/raw``; else base64 in JSON to ``/predict``.
        precision: Precision that the model computes in.
    """
    served = Served(
        model=model_file(settings.model_path),
        backend=f"fastapi-{settings.kind}",
        provider=settings.provider,
        precision=precision,
        threads=Threads(settings.intra_op_threads, 1),
        libraries=library_versions("fastapi", "uvicorn", settings.kind),
        settings=settings.model_dump(mode="json", exclude={"model"}) | {"instances": settings.instance_count},
    )
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
    served = _served(triton, name, network)
    pids = (triton.pid,) if hasattr(triton, "pid") else ()
    if transport == "http":
        return triton_http(triton.url, name, requests, served, pids=pids)
    return triton_grpc(triton.grpc, name, requests, served, http_url=triton.url, pids=pids)


def _served(triton: Triton, name: str, network: Path | None) -> Served:
    """Return what a Triton says that it serves under a name, with the network's file from its repository."""
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
