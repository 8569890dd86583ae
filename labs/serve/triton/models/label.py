"""``food_label``: logits in, class name and probability out; the last step of the ensemble."""

import triton_python_backend_utils as pb_utils
from food import labelled, softmax


class TritonPythonModel:
    """Names what the logits say."""

    def execute(self, requests):
        """Return names and probabilities for each request."""
        return [
            answer(pb_utils.get_input_tensor_by_name(request, "output").as_numpy())
            for request in requests
        ]


def answer(logits):
    """Return the most probable class of each row."""
    outputs = labelled(softmax(logits))
    tensors = [pb_utils.Tensor(name, values) for name, values in outputs.items()]
    return pb_utils.InferenceResponse(tensors)
