"""The course's models: their configurations and files, and the repository on disk that a server reads.

Any ``config.pbtxt`` is read with Triton's own grammar, the ``ModelConfig`` that its client carries.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from labs.workspace import PROJECT_DIR

#: Where the files are that run inside Triton.
CODE_DIR = Path(__file__).parent / "models"

_IMAGE = 'input [ { name: "INPUT_IMAGE" data_type: TYPE_STRING dims: [ 1 ] } ]'
_LABEL = """output [
  { name: "FOOD_LABEL" data_type: TYPE_STRING dims: [ 1 ] },
  { name: "PROBABILITY" data_type: TYPE_FP32 dims: [ 1 ] }
]"""
_COLOURS = """output [
  { name: "COLOURS" data_type: TYPE_STRING dims: [ 3 ] },
  { name: "SHARES" data_type: TYPE_FP32 dims: [ 3 ] }
]"""
_NUMBERS = '{} [ {{ name: "{}" data_type: TYPE_FP32 dims: [ {} ] }} ]'
_INPUT, _OUTPUT = _NUMBERS.format("input", "input", "3, 224, 224"), _NUMBERS.format("output", "output", "11")

#: How the ONNX Runtime backend and our Python models learn their number of threads.
_ONE_THREAD = 'parameters { key: "intra_op_thread_count" value { string_value: "1" } }'

_STEPS = """ensemble_scheduling {{
  step {{
    model_name: "food_preprocess"
    model_version: -1
    input_map {{ key: "INPUT_IMAGE" value: "INPUT_IMAGE" }}
    output_map {{ key: "input" value: "pixels" }}
  }}
  step {{
    model_name: "{}"
    model_version: -1
    input_map {{ key: "input" value: "pixels" }}
    output_map {{ key: "output" value: "logits" }}
  }}
  step {{
    model_name: "food_label"
    model_version: -1
    input_map {{ key: "output" value: "logits" }}
    output_map {{ key: "FOOD_LABEL" value: "FOOD_LABEL" }}
    output_map {{ key: "PROBABILITY" value: "PROBABILITY" }}
  }}
}}"""

#: Parts of ``labs`` that travel with a Python model: they need numpy and Pillow only.
_TRAVELLING = ("__init__.py", "data/__init__.py", "data/labels.py", "data/preprocess.py")

#: The only version that the course serves of a model.
VERSION = "1"

#: File that marks a model's folder as one that was written here, and that may be written anew.
MARK = ".written-by-the-course"


@dataclass(frozen=True)
class ModelFolder:
    """A model: its configuration, and the files beside it."""

    #: The model's name, which is its folder's.
    name: str
    #: The text of its ``config.pbtxt``.
    config: str
    #: Source by place in the version folder; an ensemble has none.
    files: dict[str, Path]


def instances(count: int = 1, gpus: Iterable[int] = ()) -> str:
    """Return an ``instance_group`` stanza: ``count`` instances on the CPU, or on *each* of some GPUs.

    Args:
        count: Instances on the CPU, or on each GPU.
        gpus: GPUs by number; the CPU when empty.
    """
    numbers = ", ".join(map(str, gpus))
    where = f"KIND_GPU gpus: [ {numbers} ]" if numbers else "KIND_CPU"
    return f"instance_group [ {{ count: {count} kind: {where} }} ]"


def food_classifier(weights: Path, *stanzas: str) -> ModelFolder:
    """Return the classifier in Python: images in, class names out, the network in torch.

    Args:
        weights: The ``.safetensors`` file.
        stanzas: More of its configuration; one instance on the CPU unless one of them says otherwise.
    """
    files = {"network.py": CODE_DIR / "network.py", "model.safetensors": weights}
    return _python("food_classifier", (_IMAGE, _LABEL), stanzas, python_files("classifier.py") | files)


def food_classifier_onnx(model: Path, *stanzas: str, name: str = "food_classifier_onnx") -> ModelFolder:
    """Return the classifier as an ONNX model, which takes ready inputs and returns logits.

    Args:
        model: The ``.onnx`` file.
        stanzas: More of its configuration, as for ``food_classifier``.
        name: Name of the model; a quantized twin has another.
    """
    return ModelFolder(name, _config(name, "onnxruntime", (_INPUT, _OUTPUT), stanzas), {"model.onnx": model})


def food_preprocess(*stanzas: str) -> ModelFolder:
    """Return the ensemble's first step: from base64 text to the model's input."""
    made = _INPUT.replace("input [", "output [")
    return _python("food_preprocess", (_IMAGE, made), stanzas, python_files("preprocess.py"))


def food_label(*stanzas: str) -> ModelFolder:
    """Return the ensemble's last step: from logits to class name and probability."""
    given = _OUTPUT.replace("output [", "input [")
    return _python("food_label", (given, _LABEL), stanzas, python_files("label.py"))


def food_palette(*stanzas: str) -> ModelFolder:
    """Return another model beside the classifier: an image's main colours."""
    return _python("food_palette", (_IMAGE, _COLOURS), stanzas, python_files("palette.py"))


def food_ensemble(model: str = "food_classifier_onnx") -> ModelFolder:
    """Return the ensemble: the same tensors as ``food_classifier``, with the network in another model.

    Args:
        model: The model between the two Python steps.
    """
    name = "food_classifier_ensemble"
    head = (f'name: "{name}"', 'platform: "ensemble"', "max_batch_size: 16")
    return ModelFolder(name, _text(*head, _IMAGE, _LABEL, _STEPS.format(model)), {})


def python_files(code: str) -> dict[str, Path]:
    """Return the files of one of the course's Python models by their place in its version folder.

    Args:
        code: Its source in ``labs/serve/triton/models``, such as 'palette.py'.
    """
    files = {f"labs/{part}": PROJECT_DIR / "labs" / part for part in _TRAVELLING}
    return files | {"model.py": CODE_DIR / code, "pictures.py": CODE_DIR / "pictures.py"}


def _python(name: str, tensors: Iterable[str], stanzas: Iterable[str], files: dict[str, Path]) -> ModelFolder:
    return ModelFolder(name, _config(name, "python", tensors, stanzas), files)


def _config(name: str, backend: str, tensors: Iterable[str], stanzas: Iterable[str]) -> str:
    stanzas = list(stanzas)
    if not any(one.startswith("instance_group") for one in stanzas):
        stanzas.insert(0, instances())
    return _text(f'name: "{name}"', f'backend: "{backend}"', "max_batch_size: 16", *tensors, *stanzas, _ONE_THREAD)


def _text(*lines: str) -> str:
    return "\n".join(lines) + "\n"


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
            f"config.pbtxt, line:column {error}. Field names are those of Triton's ModelConfig; look for a "
            "misspelt one, a missing bracket or a number in quotes."
        ) from error


class ModelRepository:
    """A folder with one folder a model, as Triton reads it."""

    def __init__(self, folder: str | Path) -> None:
        """Use a folder; nothing is written yet."""
        self.folder = Path(folder)

    def write(self, models: Iterable[ModelFolder]) -> None:
        """Write models, each in place of what was written here under its name before.

        Raises:
            FileNotFoundError: A model's file is missing; the lesson that makes it has not been run.
            FileExistsError: Somebody else made a folder of that name; nothing is written then.
        """
        models = list(models)
        for model in models:
            missing = [path for path in model.files.values() if not path.is_file()]
            if missing:
                raise FileNotFoundError(f"{model.name} needs {missing[0]}: run the lesson that makes it first")
            self._require_own(model.name)
        for model in models:
            target = self._emptied(model.name)
            # Triton wants a version folder of an ensemble too, and git or a copy loses it while it is empty.
            (target / VERSION).mkdir()
            for place, source in model.files.items():
                (target / VERSION / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source, target / VERSION / place)
            self.write_config(model.name, model.config)

    def copy(self, other: ModelRepository) -> None:
        """Copy another repository's models, each in place of what was written here under its name before.

        Raises:
            FileExistsError: Somebody else made a folder of that name here; nothing is copied then.
        """
        for name in other.names():
            self._require_own(name)
        for name in other.names():
            shutil.copytree(other.folder / name, self._emptied(name), dirs_exist_ok=True)

    def _require_own(self, name: str) -> None:
        target = self.folder / name
        if target.exists() and not (target / MARK).is_file():
            raise FileExistsError(
                f"{target} was not made by the course, and stays as it is: name another repository, or serve this one "
                "as it lies there: labs.serve.triton.opening.serve"
            )

    def _emptied(self, name: str) -> Path:
        target = self.folder / name
        if target.exists():
            shutil.rmtree(target)
        target.mkdir(parents=True)
        (target / MARK).touch()
        return target

    def names(self) -> list[str]:
        """Return the models' names, ensembles last: they need the others."""
        found = [path.parent.name for path in self.folder.glob("*/config.pbtxt")]
        return sorted(found, key=lambda name: ('platform: "ensemble"' in self.config(name), name))

    def config(self, name: str) -> str:
        """Return the text of a model's configuration.

        Raises:
            FileNotFoundError: There is no such model.
        """
        path = self.folder / name / "config.pbtxt"
        if not path.is_file():
            raise FileNotFoundError(f"no model {name!r} in {self.folder}; it has {', '.join(self.names()) or 'none'}")
        return path.read_text(encoding="utf-8")

    def write_config(self, name: str, text: str) -> None:
        """Replace a configuration in one step: a server that reads at this moment sees the old or the new one."""
        path = self.folder / name / "config.pbtxt"
        partial = path.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
