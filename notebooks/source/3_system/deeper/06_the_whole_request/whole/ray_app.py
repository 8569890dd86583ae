"""The course's contract behind Ray Serve; ``labs.deeper.whole.servers`` deploys it."""

import onnxruntime as ort
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from ray import serve

from labs.data.intake import PhotoError, from_base64, guard, open_photo, to_input
from labs.data.labels import CLASS_NAMES
from labs.data.preprocess import softmax

api = FastAPI()
guard(api)


class Photo(BaseModel):
    """A photo's file as base64 text."""

    image: str


@serve.deployment
@serve.ingress(api)
class FoodClassifier:
    """A photo as base64 text in, class and probability out; each replica is a process with one
    session.
    """

    def __init__(self, model: str):
        """Open the session, with one thread, because each processor has a replica."""
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = ort.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )

    @api.post("/predict")
    def predict(self, photo: Photo) -> dict:
        """Return the reply."""
        try:
            tensor = to_input(open_photo(from_base64(photo.image)))[None]
        except PhotoError as error:
            raise HTTPException(error.status, str(error)) from None
        (logits,) = self.session.run(None, {self.session.get_inputs()[0].name: tensor})[0]
        probabilities = softmax(logits)
        best = int(probabilities.argmax())
        return {
            "prediction": CLASS_NAMES[best],
            "probability": float(probabilities[best]),
        }


def build(args: dict):
    """Return the application: ``model`` is the file's path."""
    deployment: serve.Deployment = FoodClassifier  # its decorators made it one
    return deployment.bind(args["model"])
