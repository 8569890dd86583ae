"""The course's models: torchvision's MobileNetV2 with eleven outputs and its rivals, and their
weights as safetensors.

torch is imported inside the functions, so that importing this module stays cheap for code that only
needs a name.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from labs.data.labels import NUM_CLASSES

if TYPE_CHECKING:
    from torch import nn

#: The architectures that come with the checkout, by the last part of the model's name: the library
#: that defines each, its name there, and what it is built with. The first is the course's own;
#: `assets.recipes` trains them.
ARCHITECTURES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "mobilenetv2": ("torchvision", "mobilenet_v2", {}),
    "mobilenetv2-075": ("torchvision", "mobilenet_v2", {"width_mult": 0.75}),
    "mobilenetv2-050": ("torchvision", "mobilenet_v2", {"width_mult": 0.5}),
    "efficientnet-lite0": ("timm", "efficientnet_lite0", {}),
}


def build_model(architecture: str) -> nn.Module:
    """Return a network of ``ARCHITECTURES`` with random weights and eleven outputs, in training
    mode.
    """
    library, name, options = ARCHITECTURES[architecture]
    if library == "timm":
        from timm import create_model

        return create_model(name, num_classes=NUM_CLASSES, **options)
    from torchvision.models import get_model

    return get_model(name, num_classes=NUM_CLASSES, **options)


def load_model(architecture: str, path: str | Path) -> nn.Module:
    """Return a network of ``ARCHITECTURES`` in evaluation mode, with a `.safetensors` file's
    weights as float32.

    It maps float32 (N, 3, 224, 224) to logits (N, 11).
    """
    from safetensors.torch import load_file

    net = build_model(architecture)
    net.load_state_dict(load_file(path))
    return net.eval()


def load_mobilenet_v2(path: str | Path) -> nn.Module:
    """Return the course's MobileNetV2 with the weights of a file, as ``load_model``.

    Source: Sandler et al. 2018, https://arxiv.org/abs/1801.04381, as built by torchvision.
    """
    return load_model("mobilenetv2", path)


def save_weights(
    model: nn.Module, path: str | Path, metadata: dict[str, str] | None = None
) -> None:
    """Write a model's weights to a safetensors file in one step; ``metadata`` are texts in its
    header.
    """
    from safetensors.torch import save_file

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {}
    for name, tensor in model.state_dict().items():
        tensors[name] = tensor.detach().cpu().contiguous()
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata=metadata)
    partial.replace(path)
