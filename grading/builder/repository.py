"""The models of the lessons on Triton as a student leaves them who has solved those lessons: from the lessons' sources.

Nothing that is published holds them. Whoever needs one without its lesson (a rehearsal of a later lesson alone, the
benchmark, a test) has it from here.
"""

import ast
from pathlib import Path

from grading.builder.notebook import build
from grading.builder.sources import sources
from labs.serve.triton.catalogue import ModelFolder, ModelRepository, beside, food_label, food_preprocess


def food_classifier(weights: Path | None = None, *stanzas: str) -> ModelFolder:
    """Return the model in Python of *Serve with Triton*, with these stanzas more in its configuration.

    Args:
        weights: The ``.safetensors`` file; without it and the network, as ``lesson_repository`` finds it, when None.
    """
    files: dict[str, Path | str] = {"model.py": solved_text("triton.model"), **beside(weights)}
    return ModelFolder("food_classifier", "\n".join([solved_text("triton.config"), *stanzas]), files)


def food_classifier_onnx(model: Path, *stanzas: str) -> ModelFolder:
    """Return the ONNX model of *Build an ensemble*, with these stanzas more in its configuration."""
    config = "\n".join([solved_text("ensemble.onnx"), *stanzas])
    return ModelFolder("food_classifier_onnx", config, {"model.onnx": model})


def food_ensemble() -> ModelFolder:
    """Return the ensemble of *Build an ensemble*."""
    return ModelFolder("food_classifier_ensemble", solved_text("ensemble.steps"), {})


def write_solved(repository: Path, model: Path) -> None:
    """Write all models of the lessons' repository, those that lessons give among them, from the ONNX file."""
    given = [food_preprocess(), food_label()]
    ModelRepository(repository).write([food_classifier(), food_classifier_onnx(model), *given, food_ensemble()])


def solved_text(id: str) -> str:
    """Return what a question's solved cell writes: what follows ``%%writefile``, or the text constant that it names."""
    lesson = next(one for one in sources() if one.id == id.partition(".")[0])
    source = next(one.source for one in build(lesson, solved=True).cells if one.metadata.get("question") == id)
    first, _, rest = source.partition("\n")
    if first.startswith("%%writefile"):
        return f"{rest}\n"
    values = (one.value for one in ast.parse(source).body if isinstance(one, ast.Assign))
    return next(one.value for one in values if isinstance(one, ast.Constant) and isinstance(one.value, str))
