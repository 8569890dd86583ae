"""The child: ``python -m grading.grade.artefacts.child pixels.npy saturates model …`` prints one
JSON line a model; ``saturates`` is ``yes`` where this processor's sums of 8-bit products saturate.

It runs inside the sandbox. A line comes out as soon as its model is done, so that a model that
hangs takes no other's result with it.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

#: The course's recipe. ``labs.data.preprocess`` has the same numbers (a test compares them), and
#: imports Pillow.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)

#: Pictures in one call: more would only fill memory.
_BATCH = 4


def main(pixels_file: str, saturates: str, *models: str) -> None:
    """Print each file's kind and its classes for the pictures; only their pixels are here."""
    pixels = np.load(pixels_file, allow_pickle=False)
    for path in map(Path, models):
        print(json.dumps({"name": path.name, "begun": True}), flush=True)
        reply = {"name": path.name, **facts(path, pixels, saturates == "yes")}
        print(json.dumps(reply), flush=True)


def facts(path: Path, pixels: np.ndarray, saturates: bool) -> dict:
    """Return a file's facts, or its fault as ``{"fault": sentence}``."""
    from grading.grade.artefacts.graph import UnfitModelError, read

    if path.suffix != ".onnx":
        return {"fault": "it is not an ONNX model, which alone is measured again"}
    try:
        model = read(path)
        model["predicted"] = _classes(path, pixels, in_integers=not saturates)
        if saturates:
            model["saturated"] = _classes(path, pixels)
    except UnfitModelError as error:
        return {"fault": str(error)}
    except MemoryError:
        return {"fault": "it needs more memory than the grader has for a model"}
    except Exception as error:  # a runtime reports what it cannot run in many ways
        message = " ".join(str(error).split())
        return {"fault": f"the runtime refused it: {message[:200]}"}
    return model


def _classes(path: Path, pixels: np.ndarray, in_integers: bool = True) -> list[int]:
    """Return the class of each picture. Without integers, a quantized file's numbers are multiplied
    as floats, which gives the classes of processors that add in 32 bits.
    """
    import onnxruntime

    onnxruntime.set_default_logger_severity(4)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    if not in_integers:
        options.add_session_config_entry("session.disable_quant_qdq", "1")
    # From bytes, in a folder with nothing in it: there is no path from which a file beside it could
    # be reached.
    session = onnxruntime.InferenceSession(
        path.read_bytes(), options, providers=["CPUExecutionProvider"]
    )
    (given,) = session.get_inputs()
    if given.type != "tensor(float)" or len(given.shape) != 4:
        raise ValueError(
            f"its input is {given.type} of shape {given.shape}, not a batch of pictures"
        )
    most, _, side_px, _ = given.shape
    size = min(most, _BATCH) if isinstance(most, int) else _BATCH
    predicted: list[int] = []
    for batch in _batches(_at(pixels, side_px), max(1, size)):
        logits = session.run(None, {given.name: batch})[0]
        if logits.shape != (len(batch), 11) or not np.isfinite(logits).all():
            raise ValueError(
                f"its output has shape {logits.shape}, not 11 finite numbers a picture"
            )
        predicted += [int(label) for label in logits.argmax(1)]
    return predicted


def _batches(pixels: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Yield the pictures as models take them, float32 (N, 3, side, side), each batch in the memory
    of the one before.

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
    images = [Image.fromarray(picture) for picture in pixels]
    smaller = [image.resize(size, Image.Resampling.BILINEAR) for image in images]
    return np.stack([np.asarray(image) for image in smaller])


if __name__ == "__main__":
    main(*sys.argv[1:])
