"""The model's files for Triton, and one real server for a file's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from labs import assets
from labs.data.dataset import iterate
from labs.serve.triton import catalogue
from labs.serve.triton.catalogue import ModelFolder, ModelRepository
from labs.serve.triton.server import LocalTriton, start
from labs.workspace import WORKSPACE_VARIABLE

#: CI is busier than a laptop.
WITHIN_S = 180.0


#: Requests that come together run together.
BATCHING = "dynamic_batching { max_queue_delay_microseconds: 20000 }"


@pytest.fixture(scope="session")
def weights() -> Path:
    """Return the shipped weights."""
    return assets.model()


@pytest.fixture(scope="session")
def pictures() -> list[bytes]:
    """Return six evaluation pictures of six classes."""
    items = list(iterate(assets.dataset("food11-mini"), "evaluation"))
    return [items[index * len(items) // 6][0].read_bytes() for index in range(6)]


@pytest.fixture(scope="module")
def folders(weights: Path, onnx_path: Path) -> dict[str, ModelFolder]:
    """Return the repository's models by name."""
    made = [
        catalogue.food_classifier(weights, BATCHING),
        catalogue.food_classifier_onnx(onnx_path, BATCHING),
        catalogue.food_preprocess(),
        catalogue.food_label(),
        catalogue.food_palette(),
        catalogue.food_ensemble(),
    ]
    return {one.name: one for one in made}


@pytest.fixture(scope="module")
def triton(folders: dict[str, ModelFolder], tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTriton]:
    """Yield a real server with all of them."""
    room = tmp_path_factory.mktemp("triton")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(WORKSPACE_VARIABLE, str(room / "workspace"))
        repository = ModelRepository(room / "models")
        with start(folders.values(), repository=repository, within_s=WITHIN_S) as server:
            yield server
