"""``food_label``: logits in, class name and probability out; the last step of the ensemble."""

import numpy as np
import triton_python_backend_utils as pb_utils
from food import labelled


class TritonPythonModel:
    """Names what the logits say."""

    def execute(self, requests):
        """Return names and probabilities for each request."""
        return [answer(pb_utils.get_input_tensor_by_name(request, "output").as_numpy()) for request in requests]


def answer(logits):
    """Return the most probable class of each row."""
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    found = labelled(shares / shares.sum(axis=1, keepdims=True))
    return pb_utils.InferenceResponse([pb_utils.Tensor(name, values) for name, values in found.items()])
