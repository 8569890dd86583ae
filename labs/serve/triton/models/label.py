"""``food_label``: logits in, class name and probability out; the last step of the ensemble."""

from __future__ import annotations

import triton_python_backend_utils as pb_utils
from pictures import texts

from labs.data.labels import CLASS_NAMES
from labs.data.preprocess import softmax


class TritonPythonModel:
    """Names what the logits say."""

    def execute(self, requests):
        """Return names and probabilities for each request."""
        return [answer(pb_utils.get_input_tensor_by_name(request, "output").as_numpy()) for request in requests]


def answer(logits):
    """Return the most probable class of each row."""
    probs = softmax(logits)
    label = texts("FOOD_LABEL", [CLASS_NAMES[index] for index in probs.argmax(axis=1)])
    return pb_utils.InferenceResponse([label, pb_utils.Tensor("PROBABILITY", probs.max(axis=1, keepdims=True))])
