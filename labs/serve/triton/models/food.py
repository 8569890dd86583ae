"""What a student's ``model.py`` stands on, copied beside it: from base64 text to an input, and the network itself."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import torch
from network import mobilenet_v2
from PIL import Image, ImageOps
from safetensors.torch import load_file

CLASSES = "Bread, Dairy product, Dessert, Egg, Fried food, Meat, Noodles/Pasta, Rice, Seafood, Soup, Vegetable/Fruit"
NAMES = CLASSES.split(", ")
MEAN, STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


def to_input(text):
    """Return an image's base64 text as the network's input (3, 224, 224), or raise ValueError or OSError."""
    image = Image.open(io.BytesIO(base64.b64decode(text, validate=True))).convert("RGB")
    pixels = np.asarray(ImageOps.fit(image, (224, 224), Image.Resampling.BILINEAR), np.float32) / 255
    return ((pixels - MEAN) / STD).transpose(2, 0, 1)


def load(args):
    """Return a function from a list of inputs to their probabilities (images, classes).

    It runs on the device that Triton gives this instance, a CPU's with one thread.
    """
    folder = Path(args["model_repository"]) / args["model_version"]
    device = f"cuda:{args['model_instance_device_id']}" if args["model_instance_kind"] == "GPU" else "cpu"
    torch.set_num_threads(1)
    net = mobilenet_v2(len(NAMES)).eval()
    net.load_state_dict(load_file(folder / "model.safetensors"))
    net.to(device)

    def probabilities(inputs):
        batch = torch.from_numpy(np.stack(inputs)).to(device)
        with torch.inference_mode():
            return torch.softmax(net(batch), dim=1).cpu().numpy()

    return probabilities
