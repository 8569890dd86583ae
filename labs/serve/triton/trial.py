"""Folders of models, tried in the real Triton away from their own repository: do they load, and what do they answer?

The folders are copied, so whatever serves the originals goes on. The server is the one of the lessons, with explicit
model control.
"""

from __future__ import annotations

import base64
import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil

from labs import assets
from labs.data.dataset import iterate
from labs.data.labels import CLASS_NAMES
from labs.data.preprocess import load_batch
from labs.serve.triton.catalogue import ConfigError, ModelRepository, parse
from labs.serve.triton.control import Triton, TritonError
from labs.serve.triton.server import LocalTriton, start

#: Images that are asked about; requests that are under way at once, and all of them.
IMAGES, CLIENTS, BURST = 6, 8, 48

#: What a model is given for the trial where its configuration batches nothing: several requests in one `execute`.
_TOGETHER = "\ndynamic_batching { max_queue_delay_microseconds: 100000 }\n"


class RefusedError(Exception):
    """Triton did not load a model, or did not answer; the message is what it said."""


@contextlib.contextmanager
def copied(repository: str | Path, *models: str, together: bool = False) -> Iterator[LocalTriton]:
    """Yield a Triton on a copy of some models of a repository, loaded; whatever serves the original goes on.

    Args:
        repository: The folder with one folder a model.
        models: Names in the order in which they are loaded: an ensemble after its steps.
        together: Let the server hand over several requests at once, where a configuration does not.

    Raises:
        RefusedError: One of them cannot be loaded.
    """
    with tempfile.TemporaryDirectory() as room:
        try:
            for name in models:
                copy = Path(room) / name
                shutil.copytree(Path(repository) / name, copy)
                # Triton wants a version folder of an ensemble too, and git or a copy loses it while it is empty.
                (copy / "1").mkdir(exist_ok=True)
                text = (copy / "config.pbtxt").read_text(encoding="utf-8")
                if together and not parse(text).HasField("dynamic_batching"):
                    (copy / "config.pbtxt").write_text(text + _TOGETHER, encoding="utf-8")
            with start(repository=ModelRepository(Path(room)), load=models) as triton:
                yield triton
        except (ConfigError, OSError, TritonError) as error:
            raise RefusedError(str(error)[:500]) from error


def photos(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return evaluation images as base64 texts (count, 1), and as the network's inputs (count, 3, 224, 224)."""
    paths = [path for path, _ in iterate(assets.dataset(), "evaluation")]
    paths = [paths[place * len(paths) // count] for place in range(count)]
    texts = np.array([[base64.b64encode(path.read_bytes())] for path in paths], dtype=object)
    return texts, load_batch(paths)


def expected_classes(tensors: np.ndarray) -> list[str]:
    """Return the classes that the course's model gives these inputs."""
    from labs.data.models import load_mobilenet_v2
    from labs.runtimes.calling import caller

    return _names(caller(load_mobilenet_v2(assets.model()))(tensors))


def ask(triton: Triton, model: str, name: str, values: np.ndarray, *, version: str = "") -> dict[str, np.ndarray]:
    """Return a model's outputs by name.

    Args:
        triton: The server.
        model: The model's name.
        name: Of its one input.
        values: The input, with the batch axis.
        version: Asked for by number; the one that Triton chooses when empty.

    Raises:
        RefusedError: It gives no answer.
    """
    from tritonclient.grpc import InferenceServerClient, InferInput
    from tritonclient.utils import InferenceServerException, np_to_triton_dtype

    given = InferInput(name, list(values.shape), np_to_triton_dtype(values.dtype))
    given.set_data_from_numpy(values)
    try:
        with InferenceServerClient(triton.grpc) as client:
            found = client.infer(model, [given], model_version=version, client_timeout=20)
    except InferenceServerException as error:
        raise RefusedError(str(error.message())[:500]) from error
    return {one.name: found.as_numpy(one.name) for one in found.get_response().outputs}


def counted(triton: Triton, model: str) -> dict[str, dict]:
    """Return Triton's statistics of a model by the version that is served: ``inference_stats`` and more."""
    from tritonclient.http import InferenceServerClient

    with InferenceServerClient(triton.http) as client:
        return {str(one["version"]): one for one in client.get_inference_statistics(model)["model_stats"]}


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
    try:
        with copied(folder.parent, folder.name, together=together) as triton:
            served = _served(triton, folder.name)
            return {"loaded": True, "reason": "", **served, **_asked(triton, folder.name, together)}
    except RefusedError as error:
        return {"loaded": False, "reason": str(error)}


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
    texts, tensors = photos(IMAGES)
    values = texts if takes_images else tensors
    expected, errors = expected_classes(tensors), []
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
    since = triton.statistics(model).since(before)
    facts = {
        "asked": IMAGES,
        "right": sum(said == [expected[place]] for place, said in enumerate(singles)),
        "rows": sum(said == wanted for said, wanted in zip(rows or [], expected, strict=False)),
        "sent": BURST,
        "burst": sum(said == [expected[place]] for place, said in zip(places, burst, strict=True)),
        "batch_sizes": {str(size): count for size, count in since.batches.items()},
        "said": errors[0][:300] if errors else "",
    }
    if hide and takes_images:
        bad = np.array([[base64.b64encode(b"no image")]], dtype=object)
        with ThreadPoolExecutor(CLIENTS) as clients:
            given = [bad if place == 2 else values[place : place + 1] for place in range(IMAGES)]
            answers = list(clients.map(lambda one: _said(triton, model, one, []), given))
        facts["refused"] = all((said is None) == (place == 2) for place, said in enumerate(answers))
    return facts


def _said(triton: Triton, model: str, values: np.ndarray, errors: list[str]) -> Sequence[str] | None:
    """Return the classes that a model gives the rows of one request, or None where it refuses it."""
    texts = values.dtype == object
    try:
        found = ask(triton, model, "INPUT_IMAGE" if texts else "input", values)
    except RefusedError as error:
        errors.append(str(error))
        return None
    wanted = "FOOD_LABEL" if texts else "output"
    if wanted not in found:
        errors.append(f"the answer holds {', '.join(found) or 'no output'}, not {wanted}")
        return None
    return [one.decode() for one in found[wanted].ravel()] if texts else _names(found[wanted])


def _names(scores: np.ndarray) -> list[str]:
    return [CLASS_NAMES[index] for index in scores.argmax(axis=1)]
