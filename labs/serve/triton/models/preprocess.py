"""``food_preprocess``: base64 text in, the model's input out; the first step of the ensemble."""

import numpy as np
import triton_python_backend_utils as pb_utils
from intake import PhotoError, from_base64, open_photo, to_input


class TritonPythonModel:
    """Decodes and scales; knows nothing of classes."""

    def execute(self, requests):
        """Return the inputs of each request's images."""
        images = [pb_utils.get_input_tensor_by_name(request, "INPUT_IMAGE") for request in requests]
        return [answer(image.as_numpy().ravel()) for image in images]


def answer(texts):
    """Return the response to one request."""
    try:
        batch = np.stack([to_input(open_photo(from_base64(text))) for text in texts])
    except PhotoError as error:
        refusal = pb_utils.TritonError(f"INPUT_IMAGE: {error}", pb_utils.TritonError.INVALID_ARG)
        return pb_utils.InferenceResponse(error=refusal)
    return pb_utils.InferenceResponse([pb_utils.Tensor("input", batch)])
