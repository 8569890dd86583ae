"""What a student's own app stands on, copied beside it: the model, and the places in front of it.

With ``intake.py`` beside it, it stands alone, so that it travels into a container: onnxruntime, numpy, Pillow and
FastAPI, and nothing of the course. ``MODEL`` names the ONNX file, ``WORKERS`` says how many photos are computed at once
(each with ``THREADS`` threads), ``MAY_WAIT`` how many may wait.
"""

import contextlib
import os
import threading

import numpy as np
import onnxruntime as ort
from fastapi import HTTPException

try:
    from intake import to_input
except ModuleNotFoundError:  # in the course's own service, which needs no copy
    from labs.data.intake import to_input

CLASSES = "Bread, Dairy product, Dessert, Egg, Fried food, Meat, Noodles/Pasta, Rice, Seafood, Soup, Vegetable/Fruit"

WORKERS, MAY_WAIT = int(os.environ.get("WORKERS", 1)), int(os.environ.get("MAY_WAIT", 1000))
workers, places = threading.Semaphore(WORKERS), threading.Semaphore(WORKERS + MAY_WAIT)

options = ort.SessionOptions()
options.intra_op_num_threads = int(
    os.environ.get("THREADS", 1)
)  # a worker keeps one processor busy
session = ort.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])


@contextlib.contextmanager
def place():
    """Wait for a free worker, and keep it; where too many wait already, refuse at once."""
    if not places.acquire(blocking=False):
        raise HTTPException(503, "too many photos are waiting", {"Retry-After": "1"})
    try:
        with workers:
            yield
    finally:
        places.release()


def classify(images):
    """Return class and probability of each of some PIL images, in one call of the model."""
    if not images:
        return []
    inputs = np.stack([to_input(image) for image in images])
    (logits,) = session.run(None, {session.get_inputs()[0].name: inputs})
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    names = CLASSES.split(", ")
    return [(names[row.argmax()], float(row.max() / row.sum())) for row in odds]
