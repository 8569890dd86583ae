"""The service that most tutorials end with. It works; benchmarks measure what it costs.

Kept as such apps are written: the model loads at import, threads are left to the library, one request at a time, and
errors come with status 200. Nothing else in this course does any of that; ``labs.serve.app`` is the service to use.
"""

import base64
import io
import os

import numpy as np
import onnxruntime as ort
from fastapi import FastAPI
from PIL import Image
from pydantic import BaseModel
from torchvision import transforms

from labs.data.labels import CLASS_NAMES

app = FastAPI()
session = ort.InferenceSession(os.environ["LABS_MODEL"], providers=["CPUExecutionProvider"])
preprocess = transforms.Compose(
    [
        transforms.Resize(224),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
    ]
)


class ImageRequest(BaseModel):
    """An image as base64 text."""

    #: The text.
    image: str


@app.get("/readyz")
def readyz():
    """Return that the model is loaded: it was, when this module was imported."""
    return {"status": "ready"}


@app.post("/predict")
def predict(request: ImageRequest):
    """Return the class and its probability, or a dictionary with the error."""
    try:
        image = Image.open(io.BytesIO(base64.b64decode(request.image))).convert("RGB")
        batch = preprocess(image).unsqueeze(0).numpy()
        logits = session.run(None, {session.get_inputs()[0].name: batch})[0]
        probabilities = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
        best = int(probabilities.argmax())
        return {"prediction": CLASS_NAMES[best], "probability": float(probabilities[0, best])}
    except Exception as e:
        return {"error": str(e)}
