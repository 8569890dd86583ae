"""The course's model: torchvision's MobileNetV2 with eleven outputs, and its weights as safetensors.

torch is imported inside the functions, so that importing this module stays cheap for code that only needs
a name or a path.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labs.labels import NUM_CLASSES

if TYPE_CHECKING:
    from torch import nn


class WeightsError(ValueError):
    """A weights file does not belong to this model, or is not a safetensors file."""


def build_mobilenet_v2(num_classes: int = NUM_CLASSES, dropout: float = 0.2) -> nn.Module:
    """Return an untrained MobileNetV2 in training mode.

    Args:
        num_classes: Width of the last layer.
        dropout: Probability with which a feature is dropped before the last layer while training.

    Returns:
        A module that maps float32 (N, 3, 224, 224) to logits (N, num_classes).

    Source:
        Sandler et al. 2018, https://arxiv.org/abs/1801.04381, as built by torchvision.
    """
    from torchvision.models import mobilenet_v2

    return mobilenet_v2(weights=None, num_classes=num_classes, dropout=dropout)


def load_weights(model: nn.Module, path: str | Path) -> nn.Module:
    """Return the model with weights from a file, ready for inference.

    Args:
        model: Module to fill, as from `build_mobilenet_v2`.
        path: A `.safetensors` file, which is data only: loading it cannot run code.

    Returns:
        The same module, in evaluation mode.

    Raises:
        FileNotFoundError: There is no file at this path.
        WeightsError: The file is not safetensors, or its tensors are not this model's; often the model was
            built with another number of classes.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no weights at {path}")
    try:
        model.load_state_dict(load_file(path))
    except SafetensorError as error:
        raise WeightsError(f"{path} is not a safetensors file ({error}); a pickled .pth has to be converted") from error
    except RuntimeError as error:
        raise WeightsError(f"{path} holds the weights of another model: {error}") from error
    return model.eval()


def save_weights(model: nn.Module, path: str | Path, metadata: dict[str, str] | None = None) -> None:
    """Write a model's weights to a safetensors file.

    Args:
        model: Module whose parameters and buffers are written.
        path: Where to write; an existing file is replaced in one step.
        metadata: Text pairs kept in the file's header.
    """
    from safetensors.torch import save_file

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    partial = path.with_suffix(".partial")
    save_file(tensors, partial, metadata=metadata)
    partial.replace(path)


def load_mobilenet_v2(path: str | Path, num_classes: int = NUM_CLASSES) -> nn.Module:
    """Return a MobileNetV2 with weights from a file, ready for inference.

    Args:
        path: A `.safetensors` file.
        num_classes: Width of the last layer that the file was saved with.

    Returns:
        A module in evaluation mode that maps float32 (N, 3, 224, 224) to logits (N, num_classes).

    Raises:
        FileNotFoundError: There is no file at this path.
        WeightsError: The file is not safetensors or belongs to another model.
    """
    return load_weights(build_mobilenet_v2(num_classes), path)
