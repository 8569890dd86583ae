"""The course's contract behind Ray Serve; ``labs.load.servers`` deploys it, in an environment of its own."""

import base64

import onnxruntime as ort
from fastapi import FastAPI
from pydantic import BaseModel
from ray import serve

from labs.data.labels import CLASS_NAMES
from labs.data.preprocess import load_image, softmax, to_input

api = FastAPI()


class PredictRequest(BaseModel):
    """One image."""

    image: str


@serve.deployment
@serve.ingress(api)
class FoodClassifier:
    """A JPEG as base64 text in, class and probability out; each replica is a process with one session."""

    def __init__(self, model: str):
        """Open the session, with one thread: there are as many replicas as processors."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])

    @api.post("/predict")
    def predict(self, request: PredictRequest) -> dict:
        """Return the reply."""
        tensor = to_input(load_image(base64.b64decode(request.image)))[None]
        (logits,) = self.session.run(None, {self.session.get_inputs()[0].name: tensor})[0]
        probabilities = softmax(logits)
        best = int(probabilities.argmax())
        return {"prediction": CLASS_NAMES[best], "probability": float(probabilities[best])}


def build(args: dict):
    """Return the application: ``model`` is the file's path."""
    return FoodClassifier.bind(args["model"])
