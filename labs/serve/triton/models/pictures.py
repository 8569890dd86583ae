"""From a request's base64 text to the model's input: shared by all Python models, copied beside their ``model.py``."""

from __future__ import annotations

import base64
import binascii

import numpy as np
import triton_python_backend_utils as pb_utils

from labs.data.preprocess import ImageDecodeError, load_image

#: Most pixels of a picture, and its formats: those of the course's HTTP service.
MAX_PIXELS, FORMATS = 25_000_000, ("JPEG", "PNG", "WEBP")


def decoded(request):
    """Return a request's pictures, decoded.

    Raises:
        TritonModelException: One is not base64, or not a picture.
    """
    texts = pb_utils.get_input_tensor_by_name(request, "INPUT_IMAGE").as_numpy().ravel()
    try:
        return [
            load_image(base64.b64decode(text, validate=True), formats=FORMATS, max_pixels=MAX_PIXELS) for text in texts
        ]
    except binascii.Error as error:
        raise pb_utils.TritonModelException(
            f"INPUT_IMAGE is not base64 ({error}): send the base64 text of a JPEG, PNG or WebP file"
        ) from error
    except ImageDecodeError as error:
        raise pb_utils.TritonModelException(f"INPUT_IMAGE: {error}") from error


def refused(error):
    """Return the answer to a request whose own fault it is."""
    return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error), pb_utils.TritonError.INVALID_ARG))


def texts(name, values):
    """Return a tensor of strings, one row a picture."""
    return pb_utils.Tensor(name, np.array([[value.encode()] for value in values], dtype=object).reshape(len(values), 1))
