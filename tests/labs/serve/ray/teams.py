"""The application of a cluster under test: one deployment that decodes and classifies."""

import onnxruntime as ort
from ray import serve

from labs.data.intake import open_photo, to_input


@serve.deployment
class Food:
    """A model behind HTTP."""

    def __init__(self, model: str):
        """Open the model."""
        self.session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])

    async def __call__(self, request):
        """Return an image's class."""
        pixels = to_input(open_photo(await request.body()))[None]
        return {"class": int(self.session.run(None, {"input": pixels})[0].argmax())}


def build(args):
    """Return the application."""
    return Food.bind(args["model"])
