"""One deployment that decodes and classifies: what a cluster under test serves."""

import numpy as np
import onnxruntime as ort
from fastapi import FastAPI, Request
from ray import serve

from labs.data.preprocess import load_image, to_input

api = FastAPI()


@serve.deployment
@serve.ingress(api)
class Food:
    """A model behind HTTP."""

    def __init__(self, model: str):
        """Open the model."""
        self.session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])

    @api.post("/predict/raw")
    async def predict(self, request: Request) -> dict:
        """Return an image's class."""
        pixels = to_input(load_image(await request.body()))[None]
        return {"class": int(np.argmax(self.session.run(None, {"input": pixels})[0]))}


def build(args):
    """Return the application."""
    return Food.bind(args["model"])
