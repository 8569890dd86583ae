"""``food_classifier``, as *Serve with Triton* asks for it: base64 text in, class name and probability out.

Triton's Python backend hands over a *list of requests*, and does not put them together
(triton-inference-server/server#5926). Here all images of all requests become one batch, and each gets its rows back.
"""

from __future__ import annotations

import triton_python_backend_utils as pb_utils
from food import labelled, load, to_input


class TritonPythonModel:
    """One instance of the model; Triton runs each in a process of its own."""

    def initialize(self, args):
        """Load the weights that lie beside this file."""
        self.probabilities = load(args)

    def execute(self, requests):
        """Return one answer a request, in their order."""
        inputs, places, responses = [], {}, [None] * len(requests)
        for number, request in enumerate(requests):
            texts = pb_utils.get_input_tensor_by_name(request, "INPUT_IMAGE").as_numpy().ravel()
            try:
                images = [to_input(text) for text in texts]
            except ValueError as error:  # one bad image must not spoil the others' batch
                responses[number] = pb_utils.InferenceResponse(error=pb_utils.TritonError(f"INPUT_IMAGE: {error}"))
                continue
            places[number] = slice(len(inputs), len(inputs) + len(images))
            inputs += images
        rows = self.probabilities(inputs) if inputs else []
        for number, place in places.items():
            tensors = [pb_utils.Tensor(name, values) for name, values in labelled(rows[place]).items()]
            responses[number] = pb_utils.InferenceResponse(tensors)
        return responses
