"""The target of a load: an address, the requests' bytes, made once, and the served model.

Bodies are made before the run. A sender that encoded a picture for each request would measure its
own encoder.
"""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from labs.records import ModelFile, Threads
from labs.serve.triton.control import Counters


@dataclass(frozen=True)
class Served:
    """The server behind an address: the part of a record that only the server knows."""

    model: ModelFile
    #: Server and runtime, such as 'fastapi-onnxruntime' or 'triton-onnxruntime'.
    backend: str
    #: Requested execution provider or device.
    provider: str = "CPUExecutionProvider"
    precision: str = "fp32"
    threads: Threads = field(default_factory=Threads)
    libraries: dict[str, str] = field(default_factory=dict)
    #: The server's settings (instances, batching, …), as plain JSON; kept with the record.
    settings: dict = field(default_factory=dict)


@dataclass(frozen=True)
class LoadTarget:
    """One kind of request to one server."""

    #: The request, such as 'POST /predict'; stored with the record, so it holds no address.
    name: str
    #: 'http' or 'grpc'.
    transport: str
    #: 'http://host:port/path', or 'host:port' for gRPC.
    url: str
    bodies: tuple[bytes, ...]
    served: Served
    #: HTTP headers of every request; for gRPC, the method's full name under 'method'.
    headers: dict[str, str] = field(default_factory=dict)
    #: Reads the server's own counters; None where it does not tell.
    counters: Callable[[], Counters] | None = None
    #: Processes of the server, whose CPU use is recorded (with their children's).
    pids: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.bodies:
            raise ValueError("a target needs at least one body to send")


def predict(
    url: str,
    images: Sequence[bytes],
    served: Served,
    *,
    raw: bool = False,
    pids: tuple[int, ...] = (),
) -> LoadTarget:
    """Return a target for ``POST /predict`` with the picture as base64 in JSON, or for
    ``POST /predict/raw``.
    """
    if raw:
        path = "/predict/raw"
        content_type = "image/jpeg"
        bodies = tuple(images)
    else:
        path = "/predict"
        content_type = "application/json"
        bodies = tuple(_json_body(image) for image in images)
    address = url.rstrip("/") + path
    headers = {"content-type": content_type}
    return LoadTarget(f"POST {path}", "http", address, bodies, served, headers, pids=pids)


def _json_body(image: bytes) -> bytes:
    text = base64.b64encode(image).decode()
    return json.dumps({"image": text}).encode()
