"""The models that lessons are given, and the repository on disk that a server reads.

Any ``config.pbtxt`` is read with Triton's own grammar, the ``ModelConfig`` that its client carries.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

#: Where the files are that run inside Triton.
CODE_DIR = Path(__file__).parent / "models"

#: The intake of photos, there too.
INTAKE = Path(__file__).parents[2] / "data" / "intake.py"

_IMAGE = 'input [ { name: "INPUT_IMAGE" data_type: TYPE_STRING dims: [ 1 ] } ]'
_LABEL = """output [
  { name: "FOOD_LABEL" data_type: TYPE_STRING dims: [ 1 ] },
  { name: "PROBABILITY" data_type: TYPE_FP32 dims: [ 1 ] }
]"""
_COLOURS = """output [
  { name: "COLOURS" data_type: TYPE_STRING dims: [ 3 ] },
  { name: "SHARES" data_type: TYPE_FP32 dims: [ 3 ] }
]"""
_INSTANCES = "instance_group [ { count: 1 kind: KIND_CPU } ]"
_NUMBERS = '{} [ {{ name: "{}" data_type: TYPE_FP32 dims: [ {} ] }} ]'

#: The only version that the course serves of a model.
VERSION = "1"


@dataclass(frozen=True)
class ModelFolder:
    """A model: its configuration, and the files beside it."""

    #: The model's name, which is its folder's.
    name: str
    config: str
    #: Files of the version folder by name, each as a text or as the file that is copied; an
    #: ensemble has none.
    files: dict[str, Path | str]


def beside(weights: Path | None = None) -> dict[str, Path]:
    """Return the files beside a ``model.py`` by name; with weights, those of a classifier."""
    files = {"food.py": CODE_DIR / "food.py", "intake.py": INTAKE}
    if weights:
        files["network.py"] = CODE_DIR / "network.py"
        files["model.safetensors"] = weights
    return files


def food_preprocess() -> ModelFolder:
    """Return the ensemble's first step: from base64 text to the model's input."""
    return _python(
        "food_preprocess",
        "preprocess.py",
        (_IMAGE, _NUMBERS.format("output", "input", "3, 224, 224")),
    )


def food_label() -> ModelFolder:
    """Return the ensemble's last step: from logits to class name and probability."""
    return _python("food_label", "label.py", (_NUMBERS.format("input", "output", "11"), _LABEL))


def food_palette() -> ModelFolder:
    """Return another model beside the classifier: an image's main colours."""
    return _python("food_palette", "palette.py", (_IMAGE, _COLOURS))


def _python(name: str, code: str, tensors: Iterable[str]) -> ModelFolder:
    lines = [f'name: "{name}"', 'backend: "python"', "max_batch_size: 16", *tensors, _INSTANCES]
    config = "\n".join(lines) + "\n"
    return ModelFolder(name, config, {"model.py": CODE_DIR / code, **beside()})


class ConfigError(ValueError):
    """A text is not a model configuration; the message says where."""


def parse(text: str):
    """Return a configuration's text as Triton's ``ModelConfig`` message.

    Raises:
        ConfigError: Unknown field, wrong value or broken brackets, with line and column.
    """
    from google.protobuf import text_format
    from tritonclient.grpc.model_config_pb2 import ModelConfig

    try:
        return text_format.Parse(text, ModelConfig())
    except text_format.ParseError as error:
        raise ConfigError(
            f"config.pbtxt, line:column {error}. Field names are those of Triton's ModelConfig; "
            "look for a misspelt one, a missing bracket or a number in quotes."
        ) from error


def with_instances(text: str, count: int) -> str:
    """Return a configuration with another number of instances in its first ``instance_group``.

    Raises:
        ConfigError: The text is none.
    """
    from google.protobuf import text_format

    config = parse(text)
    if not config.instance_group:
        config.instance_group.add()
    config.instance_group[0].count = count
    return text_format.MessageToString(config)


class ModelRepository:
    """A folder with one folder a model, as Triton reads it."""

    def __init__(self, folder: str | Path) -> None:
        """Use a folder; nothing is written yet."""
        self.folder = Path(folder)

    def write(self, models: Iterable[ModelFolder]) -> None:
        """Write models. Each replaces an existing model of the same name.

        Raises:
            FileNotFoundError: A model's file is missing; the lesson that makes it has not been run.
        """
        for model in models:
            target = self.folder / model.name
            shutil.rmtree(target, ignore_errors=True)
            # Triton needs a version folder for an ensemble too.
            (target / VERSION).mkdir(parents=True)
            for place, source in model.files.items():
                if isinstance(source, str):
                    (target / VERSION / place).write_text(source, encoding="utf-8")
                else:
                    shutil.copyfile(source, target / VERSION / place)
            (target / "config.pbtxt").write_text(model.config, encoding="utf-8")

    def copy(self, other: ModelRepository) -> None:
        """Copy another repository's models. Each replaces an existing model of the same name."""
        for name in other.names():
            shutil.rmtree(self.folder / name, ignore_errors=True)
            shutil.copytree(other.folder / name, self.folder / name)

    def names(self) -> list[str]:
        """Return the models' names, ensembles last: they need the others."""
        models: list[str] = []
        ensembles: list[str] = []
        for path in self.folder.glob("*/config.pbtxt"):
            is_ensemble = 'platform: "ensemble"' in path.read_text(encoding="utf-8")
            names = ensembles if is_ensemble else models
            names.append(path.parent.name)
        return sorted(models) + sorted(ensembles)
