"""A whole model repository, tried in the real Triton on a copy: versions, caches and ensembles can be asked there."""

from __future__ import annotations

import base64
import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from labs import assets
from labs.dataset import iterate
from labs.labels import CLASS_NAMES
from labs.preprocess import load_batch
from labs.serve.triton.config import ConfigError
from labs.serve.triton.control import TritonError
from labs.serve.triton.repository import ModelRepository
from labs.serve.triton.server import LocalTriton, start


class RefusedError(Exception):
    """Triton did not load a model, or did not answer; the message is what it said."""


@contextlib.contextmanager
def copied(repository: str | Path, *models: str) -> Iterator[LocalTriton]:
    """Yield a Triton on a copy of some models of a repository, loaded; whatever serves the original goes on.

    Args:
        repository: The folder with one folder a model.
        models: Names in the order in which they are loaded: an ensemble after its steps.

    Raises:
        RefusedError: One of them cannot be loaded.
    """
    with tempfile.TemporaryDirectory() as room:
        for name in models:
            shutil.copytree(Path(repository) / name, Path(room) / name)
            # Triton wants a version folder of an ensemble too, and git or a copy loses it while it is empty.
            (Path(room) / name / "1").mkdir(exist_ok=True)
        try:
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
    from labs.bench import caller
    from labs.models import load_mobilenet_v2

    return [CLASS_NAMES[index] for index in caller(load_mobilenet_v2(assets.model()))(tensors).argmax(axis=1)]


def ask(triton: LocalTriton, model: str, name: str, values: np.ndarray, *, version: str = "") -> dict[str, np.ndarray]:
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


def counted(triton: LocalTriton, model: str) -> dict[str, dict]:
    """Return Triton's statistics of a model by the version that is served: ``inference_stats`` and more."""
    from tritonclient.http import InferenceServerClient

    with InferenceServerClient(triton.http) as client:
        return {str(one["version"]): one for one in client.get_inference_statistics(model)["model_stats"]}
