"""The child: ``python -m grading.grade.artefacts.child pixels.npy model …`` prints one JSON line a model.

It runs inside the sandbox. A line comes out as soon as its model is done, so that a model that hangs takes no other's
result with it.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

#: The course's recipe. ``labs.data.preprocess`` has the same numbers (a test compares them), and imports Pillow.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

#: Pictures in one call: more would only fill memory.
_BATCH = 4


def main(pixels_file: str, *models: str) -> None:
    """Print what each file is and which classes it gives the pictures, of which nothing but their pixels is here."""
    pixels = np.load(pixels_file, allow_pickle=False)
    for name in models:
        print(json.dumps({"name": Path(name).name, "begun": True}), flush=True)
        print(json.dumps({"name": Path(name).name, **facts(Path(name), pixels)}), flush=True)


def facts(path: Path, pixels: np.ndarray) -> dict:
    """Return a file's facts, or its fault as ``{"fault": sentence}``."""
    from grading.grade.artefacts.graph import UnfitModelError, read

    if path.suffix != ".onnx":
        return {"fault": "it is not an ONNX model, which alone is measured again"}
    try:
        found = read(path)
        found["predicted"] = _classes(path, pixels)
    except UnfitModelError as error:
        return {"fault": str(error)}
    except MemoryError:
        return {"fault": "it needs more memory than the grader has for a model"}
    except Exception as error:  # a runtime reports what it cannot run in many ways
        return {"fault": f"the runtime refused it: {' '.join(str(error).split())[:200]}"}
    return found


def _classes(path: Path, pixels: np.ndarray) -> list[int]:
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # From bytes, in a folder with nothing in it: there is no path from which a file beside it could be reached.
    session = onnxruntime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    (given,) = session.get_inputs()
    if given.type != "tensor(float)" or len(given.shape) != 4:
        raise ValueError(
            f"its input is {given.type} of shape {given.shape}, not a batch of pictures"
        )
    pixels = _at(pixels, given.shape[2])
    size = given.shape[0] if isinstance(given.shape[0], int) else _BATCH
    predicted: list[int] = []
    for batch in _batches(pixels, max(1, min(size, _BATCH))):
        logits = session.run(None, {given.name: batch})[0]
        if logits.shape != (len(batch), 11) or not np.isfinite(logits).all():
            raise ValueError(
                f"its output has shape {logits.shape}, not 11 finite numbers a picture"
            )
        predicted += [int(label) for label in logits.argmax(1)]
    return predicted


def _batches(pixels: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Yield the pictures as models take them, float32 (N, 3, side, side), each batch in the place of the one before.

    New memory for each step of each batch would cost ten times what the arithmetic does.
    """
    mean, std = (np.array(numbers, np.float32)[:, None, None] for numbers in (MEAN, STD))
    place = np.empty((size, 3, *pixels.shape[1:3]), np.float32)
    for begin in range(0, len(pixels), size):
        some = pixels[begin : begin + size]
        batch = place[: len(some)]
        batch[...] = some.transpose(0, 3, 1, 2)
        batch /= 255.0
        batch -= mean
        batch /= std
        yield batch


def _at(pixels: np.ndarray, side_px: object) -> np.ndarray:
    """Return the pictures in the size that a model takes: part 2 makes models of fewer pixels."""
    if not isinstance(side_px, int) or side_px == pixels.shape[1]:
        return pixels
    if not 32 <= side_px < pixels.shape[1]:
        raise ValueError(
            f"it takes pictures of {side_px} pixels; the course's have {pixels.shape[1]} at most"
        )
    from PIL import Image

    size = (side_px, side_px)
    return np.stack(
        [np.asarray(Image.fromarray(one).resize(size, Image.Resampling.BILINEAR)) for one in pixels]
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
