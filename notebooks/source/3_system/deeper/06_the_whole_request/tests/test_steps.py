"""The steps' own preprocessing: what a service sees of a photo, by the code that students run."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from grading.builder.repository import solved_cells, write_programs
from labs.data.intake import MOST_PIXELS, crop, open_photo, to_input
from labs.serve.photos import photo, sent_photos
from tests.labs.serve.conftest import onnx_path
from tests.sent import stored_both_ways

__all__ = ["onnx_path"]

#: Runs in the programs' folder: what an app sees of each file in a folder, as NumPy files.
_SEEN = """
import importlib, pathlib, sys
import numpy as np

app = importlib.import_module(sys.argv[1])
for path in sorted(pathlib.Path(sys.argv[2]).glob("*.photo")):
    content = path.read_bytes()
    if hasattr(app, "pixels_of"):
        seen = app.square(app.pixels_of(content))
    else:
        from base64 import b64encode
        seen = app.preprocess_image(app.opened(b64encode(content))).numpy()
    np.save(path.with_suffix(f".{sys.argv[1]}.npy"), seen)
"""

#: Runs in the programs' folder: how long each model's last photo took, in ms; 0 before a first one.
_BEGUN = """
import own_models

for models in own_models.free_models:
    for request in models.values():
        print(request.latency)
"""

#: How far two libraries may round apart, of 256 levels: once as they decode, once as they resize.
_ROUNDING_LEVELS = 2


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the lesson's apps, those too that its cell makes of others."""
    folder = tmp_path_factory.mktemp("programs")
    write_programs("whole", folder)
    cells = [cell.source for cell in solved_cells("whole")]
    (changes,) = [source for source in cells if "def change(" in source]
    exec(changes, {"folder": folder})
    for name in ("older", "cut", "half"):
        # The line that opens a photo, as a function.
        path = folder / f"{name}.py"
        text = path.read_text()
        (line,) = [
            line for line in text.splitlines() if "b64decode(request.image)" in line
        ]
        value = line.partition(" = ")[2].replace("request.image", "text")
        path.write_text(f"{text}\n\ndef opened(text):\n    return {value}\n")
    np.save(folder / "levels.npy", np.tile(np.arange(256, dtype=np.uint8), (3, 1)))
    return folder


def seen(
    programs: Path, app: str, model: Path, contents: list[bytes], folder: Path
) -> list[np.ndarray]:
    """Return what an app sees of each photo."""
    folder.mkdir(exist_ok=True)
    for number, content in enumerate(contents):
        (folder / f"{number:03d}.photo").write_bytes(content)
    variables = {"MODEL": str(model), "LEVELS": "levels.npy"}
    subprocess.run(
        [sys.executable, "-c", _SEEN, app, folder],
        cwd=programs,
        env=os.environ | variables,
        check=True,
    )
    return [np.load(path) for path in sorted(folder.glob(f"*.{app}.npy"))]


def bytes_of(image: Image.Image) -> np.ndarray:
    """Return the course's cut of a photo, as bytes (3, 224, 224)."""
    return np.asarray(crop(image)).transpose(2, 0, 1)


def test_a_worker_sees_what_the_intake_sees(programs, onnx_path, tmp_path):
    """Square or of any shape, lying or upright: other libraries decode and resize it, and round
    in another way. A small JPEG is decoded at half scale.
    """
    contents = [photo(0), *[content for content, _ in sent_photos()][::15]]
    for pair in stored_both_ways():
        contents += pair
    for content, pixels in zip(
        contents, seen(programs, "worker", onnx_path, contents, tmp_path), strict=True
    ):
        with Image.open(io.BytesIO(content)) as header:
            is_small = min(header.size) < 640
        least_px = 224 if is_small else 448
        expected = bytes_of(open_photo(content, least_px=least_px))
        assert abs(pixels.astype(int) - expected).max() <= _ROUNDING_LEVELS


@pytest.mark.parametrize("app", ["cut", "half"])
def test_an_app_that_cuts_sees_what_the_course_sees(app, programs, onnx_path, tmp_path):
    """Every pixel decoded, or a part of them, as ``open_photo`` does."""
    contents = [photo(0), *[content for content, _ in sent_photos()][::15]]
    for pair in stored_both_ways():
        contents += pair
    least = {"cut": {"least_px": MOST_PIXELS}, "half": {}}[app]
    for content, tensor in zip(
        contents, seen(programs, app, onnx_path, contents, tmp_path), strict=True
    ):
        expected = to_input(open_photo(content, **least))
        assert np.allclose(tensor, expected, atol=2e-6)


def test_the_starting_app_squeezes_a_photo_and_opens_it_lying(
    programs, onnx_path, tmp_path
):
    """Only a square photo that was stored upright is the same."""
    _, lying = next(stored_both_ways())
    contents = [photo(0), lying]
    square, other = seen(programs, "older", onnx_path, contents, tmp_path)
    assert np.allclose(square, to_input(open_photo(contents[0])), atol=2e-6)
    stored = Image.open(io.BytesIO(lying)).convert("RGB")
    squeezed = stored.resize((224, 224), Image.Resampling.BILINEAR)
    assert np.allclose(other, to_input(squeezed), atol=2e-6)
    assert not np.allclose(other, to_input(open_photo(lying)), atol=0.1)


def test_own_models_compute_a_first_photo_before_there_are_threads(programs, onnx_path):
    """In some starts, two threads at their first photos would wait for each other for ever."""
    variables = {"MODEL": str(onnx_path), "LEVELS": "levels.npy"}
    variables |= {"RUNTIME": "openvino", "WORKERS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", _BEGUN],
        cwd=programs,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    latencies_ms = [float(line) for line in done.stdout.split()]
    assert len(latencies_ms) == 4
    assert min(latencies_ms) > 0
