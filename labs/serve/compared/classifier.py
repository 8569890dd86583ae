"""The given module of a student's app, copied next to it: the model, and the places in its queue.

``RUNTIME`` is ``onnxruntime``, which opens the file that ``MODEL`` names, or ``torch``. Both use
CUDA where this machine and its packages have it, and the service's log names the provider that
really computed. ``WORKERS`` photos are computed at once (each with ``THREADS`` threads), and
``MAY_WAIT`` photos may wait.

With ``intake.py`` beside it, you can copy it into a container. ONNX Runtime's route needs
onnxruntime, numpy, Pillow and FastAPI, and nothing of the course; PyTorch's needs the course.
"""

import contextlib
import json
import os
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import Any

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

RUNTIME = os.environ.get("RUNTIME", "onnxruntime")
WORKERS = int(os.environ.get("WORKERS", 1))
MAY_WAIT = int(os.environ.get("MAY_WAIT", 1000))
# A worker keeps one processor busy.
THREADS = int(os.environ.get("THREADS", 1))
workers = threading.Semaphore(WORKERS)
places = threading.Semaphore(WORKERS + MAY_WAIT)


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


def classify_with(run):
    """Return a function ``classify(images)``: class and probability of each PIL image.

    It calls ``run(inputs)`` once. Inputs are float32 (images, 3, 224, 224), and ``run`` returns
    their logits (images, 11).
    """

    def classify(images):
        if not images:
            return []
        logits = run(np.stack([to_input(image) for image in images]))
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        names = CLASSES.split(", ")
        answers = []
        for row in odds:
            probability = float(row.max() / row.sum())
            answers.append((names[row.argmax()], probability))
        return answers

    return classify


def open_session(path):
    """Return an ONNX Runtime session, on CUDA where this machine and this build have it."""
    providers = ["CPUExecutionProvider"]
    if "CUDAExecutionProvider" in ort.get_available_providers():
        ort.preload_dlls()  # CUDA's libraries are packages, where the system does not search
        # TF32 keeps ten bits of a number.
        providers.insert(0, ("CUDAExecutionProvider", {"use_tf32": "0"}))
    options = ort.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.enable_profiling = True  # until the first photo is computed: see provider_of
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        opened = ort.InferenceSession(path, options, providers=providers)
        print("ONNX Runtime computes on", provider_of(opened), flush=True)
    return opened


def provider_of(opened):
    """Return the provider that takes most time of a first photo, from the session's profile.

    The list of requested providers does not show it: ONNX Runtime takes the CPU where CUDA cannot
    be loaded.
    """
    image = np.zeros((1, 3, 224, 224), np.float32)
    opened.run(None, {opened.get_inputs()[0].name: image})
    profile = Path(opened.end_profiling()).read_text(encoding="utf-8")
    durations_us = Counter()
    for event in json.loads(profile or "[]"):
        if provider := event.get("args", {}).get("provider"):
            durations_us[provider] += event["dur"]
    return max(durations_us, key=durations_us.get, default="nothing")


def open_network():
    """Return the PyTorch model, and the device that it is on."""
    import torch  # here, since the other route needs none of these

    from labs import assets
    from labs.data.models import load_mobilenet_v2

    torch.set_num_threads(THREADS)
    torch.backends.cudnn.allow_tf32 = False
    best = "cuda" if torch.cuda.is_available() else "cpu"
    opened = load_mobilenet_v2(assets.model()).to(best)
    print("PyTorch computes on", next(opened.parameters()).device, flush=True)
    return opened, best


session: Any = None
network: Any = None
device = ""
if RUNTIME == "torch":
    network, device = open_network()
else:
    session = open_session(os.environ["MODEL"])
    input_name = session.get_inputs()[0].name
