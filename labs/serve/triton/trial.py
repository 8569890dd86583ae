"""Try folders of models in the real Triton: whether they load, and their answers.

The folders are copied, so a server of the originals is not disturbed. This server is the lessons',
with explicit model control.
"""

import base64
import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from labs import assets
from labs.data.dataset import iterate
from labs.data.labels import CLASS_NAMES
from labs.data.preprocess import load_batch
from labs.serve.triton.catalogue import ConfigError, ModelRepository, parse
from labs.serve.triton.control import Triton, TritonError
from labs.serve.triton.server import start


class ModelRefusedError(Exception):
    """Triton did not load a model, or did not answer; the message is its own."""


@contextlib.contextmanager
def copied(repository: str | Path, *models: str) -> Iterator[Triton]:
    """Yield a Triton on a copy of some models of a repository, loaded.

    Args:
        models: Names in the order in which they are loaded: an ensemble after its steps.

    Raises:
        ModelRefusedError: One of them cannot be loaded.
    """
    with tempfile.TemporaryDirectory() as room:
        try:
            for name in models:
                copy = Path(room) / name
                shutil.copytree(Path(repository) / name, copy)
                # Triton needs a version folder for an ensemble too, and git or a copy loses it
                # while it is empty.
                (copy / "1").mkdir(exist_ok=True)
                parse((copy / "config.pbtxt").read_text(encoding="utf-8"))
            with start(repository=ModelRepository(Path(room)), load=models) as triton:
                yield triton
        except (ConfigError, OSError, TritonError) as error:
            raise ModelRefusedError(str(error)[:500]) from error


def photos(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return evaluation images as base64 texts (count, 1), and as inputs (count, 3, 224, 224)."""
    paths = [path for path, _ in iterate(assets.dataset(), "evaluation")]
    places = [number * len(paths) // count for number in range(count)]
    chosen = [paths[place] for place in places]
    texts = [[base64.b64encode(path.read_bytes())] for path in chosen]
    return np.array(texts, dtype=object), load_batch(chosen)


def expected_classes(tensors: np.ndarray) -> list[str]:
    """Return the classes that the course's model gives these inputs."""
    from labs.data.models import load_mobilenet_v2
    from labs.runtimes.calling import caller

    scores = caller(load_mobilenet_v2(assets.model()))(tensors)
    return [CLASS_NAMES[index] for index in scores.argmax(axis=1)]
