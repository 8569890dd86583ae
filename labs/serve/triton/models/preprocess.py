"""``food_preprocess``: base64 text in, the model's input out; the first step of the ensemble."""

from __future__ import annotations

import numpy as np
import triton_python_backend_utils as pb_utils
from pictures import decoded, refused

from labs.data.preprocess import to_input


class TritonPythonModel:
    """Decodes and scales; knows nothing of classes."""

    def execute(self, requests):
        """Return the inputs of each request's pictures."""
        return [self._answer(request) for request in requests]

    def _answer(self, request):
        try:
            images = decoded(request)
        except pb_utils.TritonModelException as error:
            return refused(error)
        batch = np.empty((len(images), 3, 224, 224), np.float32)
        for row, image in zip(batch, images, strict=True):
            to_input(image, out=row)
        return pb_utils.InferenceResponse([pb_utils.Tensor("input", batch)])
