"""Models on Triton and apps, as a student has them after the lessons: built from the lessons'
sources.

Nothing that is published holds them. Whoever needs one without its lesson (a rehearsal of a later
lesson alone, the benchmark, a test) has it from here.
"""

import ast
import shutil
from pathlib import Path

from nbformat import NotebookNode

from grading.builder.notebook import build
from grading.builder.sources import sources
from labs.serve.triton.catalogue import (
    ModelFolder,
    ModelRepository,
    beside,
    food_label,
    food_preprocess,
)
from labs.workspace import PROJECT_DIR


def food_classifier(weights: Path | None = None, *stanzas: str) -> ModelFolder:
    """Return the model in Python of *Serve with Triton*, with these stanzas more in its
    configuration.

    Args:
        weights: The ``.safetensors`` file; without it and the network, as ``lesson_repository``
            finds it, when None.
    """
    config = "\n".join([solved_text("triton.config"), *stanzas])
    files: dict[str, Path | str] = {"model.py": solved_text("triton.model"), **beside(weights)}
    return ModelFolder("food_classifier", config, files)


def food_classifier_onnx(model: Path, *stanzas: str) -> ModelFolder:
    """Return the ONNX model of *Build an ensemble*, with these stanzas more in its
    configuration.
    """
    config = "\n".join([solved_text("ensemble.onnx"), *stanzas])
    return ModelFolder("food_classifier_onnx", config, {"model.onnx": model})


def food_ensemble() -> ModelFolder:
    """Return the ensemble of *Build an ensemble*."""
    return ModelFolder("food_classifier_ensemble", solved_text("ensemble.steps"), {})


def write_solved(repository: Path, model: Path) -> None:
    """Write all models of the lessons' repository from the ONNX file, including the given ones."""
    own = [food_classifier(), food_classifier_onnx(model), food_ensemble()]
    given = [food_preprocess(), food_label()]
    ModelRepository(repository).write([*own, *given])


def write_programs(id: str, folder: Path) -> None:
    """Write a lesson's apps, as its cells write them into its folder of programs, and their
    modules.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("serve/compared/classifier.py", "data/intake.py"):
        shutil.copy(PROJECT_DIR / "labs" / name, folder)
    for cell in solved_cells(id):
        first, _, rest = cell.source.partition("\n")
        if first.startswith("%%writefile {folder}/"):
            (folder / first.partition("/")[2]).write_text(f"{rest}\n", encoding="utf-8")


def solved_text(id: str) -> str:
    """Return the file that a question's solved cell writes: the text after ``%%writefile``, or the
    text constant that it names.
    """
    cells = solved_cells(id.partition(".")[0])
    source = next(cell.source for cell in cells if cell.metadata.get("question") == id)
    first, _, rest = source.partition("\n")
    if first.startswith("%%writefile"):
        return f"{rest}\n"
    for statement in ast.parse(source).body:
        match statement:
            case ast.Assign(value=ast.Constant(value=str(text))):
                return text
    raise LookupError(f"the cell of {id} writes no file and names no text")


def solved_cells(id: str) -> list[NotebookNode]:
    """Return the cells of a solved lesson."""
    return build(next(lesson for lesson in sources() if lesson.id == id), solved=True).cells
