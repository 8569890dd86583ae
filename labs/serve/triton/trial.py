"""Folders of models, tried in the real Triton away from their own repository: do they load, and what do they answer?

The folders are copied, so whatever serves the originals goes on. The server is the one of the lessons, with explicit
model control.
"""

from __future__ import annotations

import base64
import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from labs import assets
from labs.data.dataset import iterate
from labs.data.labels import CLASS_NAMES
from labs.data.preprocess import load_batch
from labs.serve.triton.catalogue import ConfigError, ModelRepository, parse
from labs.serve.triton.control import Triton, TritonError
from labs.serve.triton.server import start

#: Images that are asked about; requests that are under way at once, and all of them.
IMAGES, CLIENTS, BURST = 6, 8, 48

#: What a model is given for the trial where its configuration batches nothing: several requests in one `execute`.
_TOGETHER = "\ndynamic_batching { max_queue_delay_microseconds: 100000 }\n"


class RefusedError(Exception):
    """Triton did not load a model, or did not answer; the message is what it said."""


@contextlib.contextmanager
def copied(repository: str | Path, *models: str, together: bool = False) -> Iterator[Triton]:
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
                if not parse(text).HasField("dynamic_batching") and together:
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

    scores = caller(load_mobilenet_v2(assets.model()))(tensors)
    return [CLASS_NAMES[index] for index in scores.argmax(axis=1)]


def ask(triton: Triton, model: str, texts: np.ndarray) -> dict[str, np.ndarray]:
    """Return a model's outputs by name for images, which are base64 texts with the batch axis.

    Raises:
        RefusedError: It gives no answer.
    """
    from tritonclient.grpc import InferenceServerClient, InferInput
    from tritonclient.utils import InferenceServerException

    given = InferInput("INPUT_IMAGE", list(texts.shape), "BYTES")
    given.set_data_from_numpy(texts)
    try:
        with InferenceServerClient(triton.grpc) as client:
            found = client.infer(model, [given], client_timeout=20)
    except InferenceServerException as error:
        raise RefusedError(str(error.message())[:500]) from error
    return {one.name: found.as_numpy(one.name) for one in found.get_response().outputs}


def tried(folder: str | Path) -> dict:
    """Return plain facts about the folder of a model that takes images, as the course's ``food_classifier`` does.

    The server hands over several requests at once, also where the configuration does not say so.

    Args:
        folder: With ``config.pbtxt`` and a version; its name is the model's.

    Returns:
        ``loaded``, and ``reason`` in Triton's own words where it is not; right answers to single images (``right``), to
        one request of six (``rows``) and to a burst of 48 (``burst``); ``refused``, whether one request that holds no
        image among others was refused alone; and ``said``, the first error that a client saw.
    """
    folder = Path(folder)
    facts = {"loaded": True, "reason": "", "right": 0, "rows": 0, "burst": 0, "refused": False, "said": ""}
    texts, tensors = photos(IMAGES)
    expected, errors = expected_classes(tensors), []

    def said(triton: Triton, values: np.ndarray) -> list[str] | None:
        try:
            return [one.decode() for one in ask(triton, folder.name, values)["FOOD_LABEL"].ravel()]
        except (RefusedError, KeyError) as error:
            errors.append(f"the answer holds no {error}" if isinstance(error, KeyError) else str(error))
            return None

    try:
        with copied(folder.parent, folder.name, together=True) as triton, ThreadPoolExecutor(CLIENTS) as clients:
            singles = [texts[place : place + 1] for place in range(IMAGES)]
            if (first := said(triton, singles[0])) is None:  # none for one, none for many, each after a long time
                return facts | {"said": errors[0][:300]}
            answers = [first, *(said(triton, one) for one in singles[1:])]
            rows = said(triton, texts) or []
            places = [place % IMAGES for place in range(BURST)]
            burst = list(clients.map(lambda place: said(triton, singles[place]), places))
            facts["said"] = errors[0][:300] if errors else ""
            singles[2] = np.array([[base64.b64encode(b"no image")]], dtype=object)
            mixed = list(clients.map(lambda one: said(triton, one), singles))
    except RefusedError as error:
        return facts | {"loaded": False, "reason": str(error)}
    return facts | {
        "right": sum(one == [label] for one, label in zip(answers, expected, strict=True)),
        "rows": sum(one == label for one, label in zip(rows, expected, strict=False)),
        "burst": sum(one == [expected[place]] for one, place in zip(burst, places, strict=True)),
        "refused": all((one is None) == (place == 2) for place, one in enumerate(mixed)),
    }
