"""``food_preprocess``: base64 text in, the model's input out; the first step of the ensemble."""

from __future__ import annotations

import numpy as np
import triton_python_backend_utils as pb_utils
from food import to_input


class TritonPythonModel:
    """Decodes and scales; knows nothing of classes."""

    def execute(self, requests):
        """Return the inputs of each request's images."""
        return [answer(pb_utils.get_input_tensor_by_name(one, "INPUT_IMAGE").as_numpy().ravel()) for one in requests]


def answer(texts):
    """Return the response to one request."""
    try:
        batch = np.stack([to_input(text) for text in texts])
    except ValueError as error:
        return pb_utils.InferenceResponse(error=pb_utils.TritonError(f"INPUT_IMAGE: {error}"))
    return pb_utils.InferenceResponse([pb_utils.Tensor("input", batch)])
