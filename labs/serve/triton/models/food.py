"""The Python models' module, copied next to each ``model.py``: class names and network."""

from pathlib import Path

import numpy as np

CLASSES = (
    "Bread, Dairy product, Dessert, Egg, Fried food, Meat, Noodles/Pasta, Rice, Seafood, Soup, "
    "Vegetable/Fruit"
)
NAMES = CLASSES.split(", ")


def labelled(probabilities):
    """Return the two outputs for some images, by name: best class and its probability."""
    names = [[NAMES[best].encode()] for best in probabilities.argmax(axis=1)]
    label = np.array(names, dtype=object).reshape(len(names), 1)
    return {"FOOD_LABEL": label, "PROBABILITY": probabilities.max(axis=1, keepdims=True)}


def load(args):
    """Return a function from a list of inputs to their probabilities (images, classes).

    A ``model.onnx`` beside it runs in ONNX Runtime on the CPU. Otherwise torch runs
    ``model.safetensors`` on the device of this instance. On a CPU both have one thread.
    """
    folder = Path(args["model_repository"]) / args["model_version"]
    if (folder / "model.onnx").is_file():
        return _in_onnx_runtime(folder / "model.onnx")
    import torch  # here, since the ensemble's steps need none of it
    from network import mobilenet_v2
    from safetensors.torch import load_file

    device = "cpu"
    if args["model_instance_kind"] == "GPU":
        device = f"cuda:{args['model_instance_device_id']}"
    torch.set_num_threads(1)
    net = mobilenet_v2(len(NAMES)).eval()
    net.load_state_dict(load_file(folder / "model.safetensors"))
    net.to(device)

    def probabilities(inputs):
        batch = torch.from_numpy(np.stack(inputs)).to(device)
        with torch.inference_mode():
            return torch.softmax(net(batch), dim=1).cpu().numpy()

    return probabilities


def softmax(logits):
    """Return probabilities of the same shape (images, classes)."""
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def _in_onnx_runtime(path):
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def probabilities(inputs):
        (logits,) = session.run(None, {"input": np.stack(inputs)})
        return softmax(logits)

    return probabilities
