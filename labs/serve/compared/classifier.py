"""The given module of a student's app, copied next to it: the model, and the places in its queue.

With ``intake.py`` beside it, you can copy it into a container: it needs onnxruntime, numpy, Pillow
and FastAPI, and nothing of the course. ``MODEL`` names the ONNX file. ``WORKERS`` photos are
computed at once (each with ``THREADS`` threads), and ``MAY_WAIT`` photos may wait.
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

CLASSES = (
    "Bread, Dairy product, Dessert, Egg, Fried food, Meat, Noodles/Pasta, Rice, Seafood, Soup, "
    "Vegetable/Fruit"
)

WORKERS = int(os.environ.get("WORKERS", 1))
MAY_WAIT = int(os.environ.get("MAY_WAIT", 1000))
workers = threading.Semaphore(WORKERS)
places = threading.Semaphore(WORKERS + MAY_WAIT)

options = ort.SessionOptions()
# A worker keeps one processor busy.
options.intra_op_num_threads = int(os.environ.get("THREADS", 1))
session = ort.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])
input_name = session.get_inputs()[0].name


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
    (logits,) = session.run(None, {input_name: inputs})
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    names = CLASSES.split(", ")
    answers = []
    for row in odds:
        probability = float(row.max() / row.sum())
        answers.append((names[row.argmax()], probability))
    return answers
