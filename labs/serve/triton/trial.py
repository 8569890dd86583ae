"""A model's folder, tried in the real Triton away from its own repository: does it load, and what does it answer?

The folder is copied, so whatever serves the original goes on. The server is the one of the lessons, with explicit model
control; it asks for images, or for tensors where the model takes numbers.
"""

from __future__ import annotations

import base64
import contextlib
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil

from labs import assets
from labs.dataset import iterate
from labs.labels import CLASS_NAMES
from labs.preprocess import load_batch, softmax
from labs.serve.triton.config import ConfigError, parse
from labs.serve.triton.control import Triton, TritonError
from labs.serve.triton.repository import ModelRepository
from labs.serve.triton.server import start

#: Images that are asked about; requests that are under way at once, and all of them.
IMAGES, CLIENTS, BURST = 6, 8, 48

#: What a model is given for the trial where its configuration batches nothing: several requests in one `execute`.
_TOGETHER = "\ndynamic_batching { max_queue_delay_microseconds: 100000 }\n"


def tried(folder: str | Path, *, together: bool = False) -> dict:
    """Return plain facts about a model's folder.

    Args:
        folder: With ``config.pbtxt`` and a version; its name is the model's. Inputs and outputs are those of the
            course's ``food_classifier`` (images), or of its ONNX file (tensors).
        together: Let the server hand over several requests at once, where the configuration does not, and hide one
            that is no image among them.

    Returns:
        ``loaded``, and ``reason`` in Triton's own words where it is not; what Triton reports of its configuration
        (``backend``, ``max_batch_size``, ``instance_group``, ``dynamic_batching``); ``instances``, counted as
        processes; right answers to single images (``right`` of ``asked``), to one request of several (``rows`` of
        ``asked``) and to a burst (``burst`` of ``sent``); ``batch_sizes`` of that burst by Triton's statistics;
        ``refused``, whether the hidden request alone was; and ``said``, the first error that a client saw.
    """
    folder = Path(folder)
    with tempfile.TemporaryDirectory() as room:
        copy = Path(room) / "models" / folder.name
        shutil.copytree(folder, copy)
        try:
            text = (copy / "config.pbtxt").read_text(encoding="utf-8")
            if together and not parse(text).HasField("dynamic_batching"):
                (copy / "config.pbtxt").write_text(text + _TOGETHER, encoding="utf-8")
            triton = start(repository=ModelRepository(copy.parent))
        except (ConfigError, OSError) as error:
            return {"loaded": False, "reason": str(error)[:500]}
        with triton:
            try:
                triton.load(folder.name)
            except TritonError as error:
                return {"loaded": False, "reason": str(error)[:500]}
            return {
                "loaded": True,
                "reason": "",
                **_served(triton, folder.name),
                **_asked(triton, folder.name, together),
            }


def instances_of(pid: int, model: str) -> int:
    """Return how many instances a server with this process runs of a model: each is a process of that name.

    Args:
        pid: Of the server or of what keeps it.
        model: The model's name; its instances are called such as 'food_classifier_0_1'.
    """
    words: list[str] = []
    for one in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # one from before a change may be ending just now
            words += one.cmdline()
    return sum(word.startswith(f"{model}_0_") for word in words)


def _served(triton: Triton, model: str) -> dict:
    config = triton.config(model)
    groups = [{name: one[name] for name in ("kind", "count", "gpus")} for one in config["instance_group"]]
    kept = {name: config[name] for name in ("backend", "max_batch_size", "dynamic_batching") if name in config}
    return {**kept, "instance_group": groups, "instances": instances_of(triton.pid, model)}


def _asked(triton: Triton, model: str, hide: bool) -> dict:
    takes_images = any(one["name"] == "INPUT_IMAGE" for one in triton.config(model)["input"])
    paths = [path for path, _ in iterate(assets.dataset(), "evaluation")]
    paths = [paths[place * len(paths) // IMAGES] for place in range(IMAGES)]
    tensors = load_batch(paths)
    if takes_images:
        values = np.array([[base64.b64encode(path.read_bytes())] for path in paths], dtype=object)
    else:
        values = tensors
    expected, errors = _expected(tensors), []
    first = _said(triton, model, values[:1], errors)
    if first is None:  # whoever has no answer for one has none for a burst, and may take a minute to say so each time
        nothing = {"right": 0, "rows": 0, "burst": 0, "refused": False, "batch_sizes": {}, "said": errors[0][:300]}
        return {"asked": IMAGES, "sent": BURST, **nothing}
    singles = [first, *(_said(triton, model, values[place : place + 1], errors) for place in range(1, IMAGES))]
    rows = _said(triton, model, values, errors)
    before = triton.statistics(model)
    places = [place % IMAGES for place in range(BURST)]
    with ThreadPoolExecutor(CLIENTS) as clients:
        burst = list(clients.map(lambda place: _said(triton, model, values[place : place + 1], errors), places))
    counted = triton.statistics(model).since(before)
    facts = {
        "asked": IMAGES,
        "right": sum(said == [expected[place]] for place, said in enumerate(singles)),
        "rows": sum(said == wanted for said, wanted in zip(rows or [], expected, strict=False)),
        "sent": BURST,
        "burst": sum(said == [expected[place]] for place, said in zip(places, burst, strict=True)),
        "batch_sizes": {str(one.batch_size): one.executions for one in counted.batches},
        "said": errors[0][:300] if errors else "",
    }
    if hide and takes_images:
        bad = np.array([[base64.b64encode(b"no image")]], dtype=object)
        with ThreadPoolExecutor(CLIENTS) as clients:
            given = [bad if place == 2 else values[place : place + 1] for place in range(IMAGES)]
            answers = list(clients.map(lambda one: _said(triton, model, one, []), given))
        facts["refused"] = all((said is None) == (place == 2) for place, said in enumerate(answers))
    return facts


def _expected(tensors: np.ndarray) -> list[str]:
    """Return the classes that the course's model gives these inputs."""
    from labs.bench import caller
    from labs.models import load_mobilenet_v2

    return _names(softmax(caller(load_mobilenet_v2(assets.model()))(tensors)))


def _names(scores: np.ndarray) -> list[str]:
    return [CLASS_NAMES[index] for index in scores.argmax(axis=1)]


def _said(triton: Triton, model: str, values: np.ndarray, errors: list[str]) -> Sequence[str] | None:
    """Return the classes that a model gives the rows of one request, or None where it refuses it."""
    from tritonclient.grpc import InferenceServerClient, InferInput
    from tritonclient.utils import InferenceServerException, np_to_triton_dtype

    given = InferInput(
        "INPUT_IMAGE" if values.dtype == object else "input", list(values.shape), np_to_triton_dtype(values.dtype)
    )
    given.set_data_from_numpy(values)
    try:
        with InferenceServerClient(triton.grpc) as client:
            found = client.infer(model, [given], client_timeout=20)
    except InferenceServerException as error:
        errors.append(str(error.message()))
        return None
    if values.dtype == object:
        return [one.decode() for one in found.as_numpy("FOOD_LABEL").ravel()]
    return _names(found.as_numpy("output"))
