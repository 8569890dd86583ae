"""The course's models, as settings and as the files that make up their folders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from labs.serve.triton.settings import EnsembleSettings, InstanceGroup, ModelSettings, Settings, Step, Tensor
from labs.workspace import PROJECT_DIR

#: Where the files are that run inside Triton.
CODE_DIR = Path(__file__).parent / "models"

_IMAGE = Tensor(name="INPUT_IMAGE", data_type="TYPE_STRING", dims=(1,))
_LABEL = Tensor(name="FOOD_LABEL", data_type="TYPE_STRING", dims=(1,))
_PROBABILITY = Tensor(name="PROBABILITY", data_type="TYPE_FP32", dims=(1,))
_INPUT = Tensor(name="input", data_type="TYPE_FP32", dims=(3, 224, 224))
_OUTPUT = Tensor(name="output", data_type="TYPE_FP32", dims=(11,))

#: Parts of ``labs`` that travel with a Python model: they need numpy and Pillow only.
_TRAVELLING = ("__init__.py", "labels.py", "preprocess.py")


@dataclass(frozen=True)
class ModelFolder:
    """A model: its settings, and the files beside its configuration."""

    #: What Triton is told.
    settings: Settings
    #: Source by place in the version folder; an ensemble has none.
    files: dict[str, Path]

    @property
    def name(self) -> str:
        """The model's name."""
        return self.settings.name


def food_classifier(weights: Path, **changes: object) -> ModelFolder:
    """Return the classifier in Python: pictures in, class names out, the network in torch.

    Args:
        weights: The ``.safetensors`` file.
        changes: Settings that differ from the simplest (one copy, no batching across requests).
    """
    return _python("food_classifier", (_IMAGE,), (_LABEL, _PROBABILITY), "classifier.py", changes, weights)


def food_classifier_onnx(model: Path, *, name: str = "food_classifier_onnx", **changes: object) -> ModelFolder:
    """Return the classifier as an ONNX model, which takes ready inputs and returns logits.

    Args:
        model: The ``.onnx`` file.
        name: Name of the model; a quantized twin has another.
        changes: Settings that differ from the simplest.
    """
    settings = ModelSettings(name=name, backend="onnxruntime", inputs=(_INPUT,), outputs=(_OUTPUT,)).but(**changes)
    return ModelFolder(settings, {"model.onnx": model})


def food_classifier_int8(model: Path, **changes: object) -> ModelFolder:
    """Return the quantized twin: the same tensors under the name ``food_classifier_int8``."""
    return food_classifier_onnx(model, name="food_classifier_int8", **changes)


def food_preprocess(**changes: object) -> ModelFolder:
    """Return the ensemble's first step: from base64 text to the model's input."""
    return _python("food_preprocess", (_IMAGE,), (_INPUT,), "preprocess.py", changes)


def food_label(**changes: object) -> ModelFolder:
    """Return the ensemble's last step: from logits to class name and probability."""
    return _python("food_label", (_OUTPUT,), (_LABEL, _PROBABILITY), "label.py", changes)


def food_palette(**changes: object) -> ModelFolder:
    """Return another model beside the classifier: a picture's main colours."""
    colours = Tensor(name="COLOURS", data_type="TYPE_STRING", dims=(3,))
    shares = Tensor(name="SHARES", data_type="TYPE_FP32", dims=(3,))
    return _python("food_palette", (_IMAGE,), (colours, shares), "palette.py", changes)


def food_ensemble(model: str = "food_classifier_onnx") -> ModelFolder:
    """Return the ensemble: the same tensors as ``food_classifier``, with the network in another model.

    Args:
        model: The model between the two Python steps.
    """
    steps = (
        Step(model="food_preprocess", inputs={"INPUT_IMAGE": "INPUT_IMAGE"}, outputs={"input": "pixels"}),
        Step(model=model, inputs={"input": "pixels"}, outputs={"output": "logits"}),
        Step(
            model="food_label",
            inputs={"output": "logits"},
            outputs={"FOOD_LABEL": "FOOD_LABEL", "PROBABILITY": "PROBABILITY"},
        ),
    )
    settings = EnsembleSettings(
        name="food_classifier_ensemble", inputs=(_IMAGE,), outputs=(_LABEL, _PROBABILITY), steps=steps
    )
    return ModelFolder(settings, {})


def copies(count: int, gpus: Iterable[int] = ()) -> tuple[InstanceGroup, ...]:
    """Return an instance group: ``count`` instances on the CPU, or on *each* of some GPUs, as Triton counts them.

    Args:
        count: Instances on the CPU, or on each GPU.
        gpus: GPUs by number; the CPU when empty.
    """
    gpus = tuple(gpus)
    return (InstanceGroup(count=count, kind="KIND_GPU" if gpus else "KIND_CPU", gpus=gpus),)


def python_files(code: str) -> dict[str, Path]:
    """Return the files of one of the course's Python models by their place in its version folder.

    Args:
        code: Its source in ``labs/serve/triton/models``, such as 'palette.py'.
    """
    files = {f"labs/{part}": PROJECT_DIR / "labs" / part for part in _TRAVELLING}
    return files | {"model.py": CODE_DIR / code, "pictures.py": CODE_DIR / "pictures.py"}


def _python(name, inputs, outputs, code: str, changes: dict, weights: Path | None = None) -> ModelFolder:
    settings = ModelSettings(name=name, backend="python", inputs=inputs, outputs=outputs).but(**changes)
    files = python_files(code)
    if weights:
        files |= {"network.py": CODE_DIR / "network.py", "model.safetensors": weights}
    return ModelFolder(settings, files)
