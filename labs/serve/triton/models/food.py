"""What the Python models stand on, copied beside each ``model.py``: from base64 text to an input, and the network."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = "Bread, Dairy product, Dessert, Egg, Fried food, Meat, Noodles/Pasta, Rice, Seafood, Soup, Vegetable/Fruit"
NAMES = CLASSES.split(", ")
MEAN, STD = np.array([0.485, 0.456, 0.406], np.float32), np.array([0.229, 0.224, 0.225], np.float32)


def decode(text):
    """Return an image's base64 text as an RGB image, or raise ValueError."""
    try:
        image = Image.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=("JPEG", "PNG", "WEBP"))
        if image.width * image.height > 25e6 or max(image.size) > 32 * min(image.size):
            raise ValueError
        return image.convert("RGB")
    except (ValueError, OSError, SyntaxError, Image.DecompressionBombError):
        raise ValueError("no base64 text of a JPEG, PNG or WebP file with 25 million pixels at most") from None


def to_input(text):
    """Return an image's base64 text as the network's input (3, 224, 224), or raise ValueError.

    The recipe is ``labs.data.preprocess``'s: the shorter side becomes 224 pixels, and the middle is taken.
    """
    image = decode(text)
    width, height = (max(224, int(224 * side / min(image.size))) for side in image.size)
    left, top = round((width - 224) / 2), round((height - 224) / 2)
    middle = image.resize((width, height), Image.Resampling.BILINEAR).crop((left, top, left + 224, top + 224))
    return (np.asarray(middle, np.float32).transpose(2, 0, 1) / 255 - MEAN[:, None, None]) / STD[:, None, None]


def labelled(probabilities):
    """Return the two outputs for some images, by name: each image's best class, and how probable it is."""
    names = [[NAMES[best].encode()] for best in probabilities.argmax(axis=1)]
    label = np.array(names, dtype=object).reshape(len(names), 1)
    return {"FOOD_LABEL": label, "PROBABILITY": probabilities.max(axis=1, keepdims=True)}


def load(args):
    """Return a function from a list of inputs to their probabilities (images, classes).

    It runs on the device that Triton gives this instance, a CPU's with one thread.
    """
    import torch  # here, since the ensemble's steps need none of it
    from network import mobilenet_v2
    from safetensors.torch import load_file

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
