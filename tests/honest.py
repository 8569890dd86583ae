"""Honest work, made from the lessons' own solutions: the ledger and the notebooks of a diligent
student.

It answers the functions, files and predictions of each present lesson. Answers and records that
depend on measurements come from a recording (``tests.grading.recorded``).
"""

import ast
import copy
import functools
import hashlib
import json
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import httpx
from nbformat import NotebookNode

from grading.builder.compiled import solutions
from grading.builder.notebook import build
from grading.builder.questions import written
from grading.builder.repository import solved_text
from grading.builder.solve import guesses
from grading.grade.artefacts.reopen import is_model
from labs.assets.manifest import sha256_of
from labs.checkpoints.notebook import kept_of
from labs.course.assignment import assignment
from labs.course.lessons import Lesson, lessons
from labs.course.question import HANDED, SUBJECT, all_questions, question
from labs.judge.calls import call
from tests.entries import Entries
from tests.grading.exported import NAME, exported
from tests.grading.recorded import MODEL

#: Times that a clock may have taken, and that fit into the run around them.
_TIMES_S = [0.01 + 1.7e-5 * (place * 7 % 41) for place in range(60)]
_SAMPLES = {"latency": _TIMES_S, "throughput": _TIMES_S, "size": [9_000_000.0]}

#: The measured objects.
FILE = {
    "name": "model.onnx",
    "sha256": hashlib.sha256(b"a model").hexdigest(),
    "size_bytes": 9_000_000,
}


def honest(part: int | None = None) -> Entries:
    """Return a ledger in which whatever needs no recording is answered right, new at each call:
    predictions first.
    """
    asked = tuple(lessons() if part is None else assignment().lessons(part))
    return copy.deepcopy(_honest(asked))


@functools.cache
def _honest(lessons: tuple[Lesson, ...]) -> Entries:
    asked = [(lesson, id, source) for lesson in lessons for id, source in written(lesson).items()]
    predictions = [(id, source) for _, id, source in asked if source.values["kind"] == "prediction"]
    entries = Entries()
    for id, source in predictions:
        entries.predicted(id, guesses(source))
    for place, (_, source) in enumerate(predictions):
        about = dict(source.values["about"])
        if "subject" in about:
            entries.observed(about["subject"], {})
        elif about["kind"] in _SAMPLES:
            # No two runs have the same times.
            samples = [sample * (1 - place / 1e3) for sample in _SAMPLES[about["kind"]]]
            entries.measured(
                about.pop("kind"), about.pop("option", "x"), samples, model=FILE, **about
            )
    for lesson, id, source in asked:
        if source.values["kind"] == "function":
            outputs = call(solutions(lesson)[id], [case["args"] for case in question(id).cases])
            cell = next(
                cell
                for cell in build(lesson, solved=True).cells
                if cell.metadata.get("question") == id
            )
            entries.answered(id, {"source": cell.source, "outputs": outputs})
        elif source.values["kind"] == "file":
            entries.observed(SUBJECT + id, dict(source.good) | {HANDED: handed(lesson, id)})
    return entries


def handed(lesson: Lesson, id: str) -> dict[str, dict]:
    """Return what a solved cell hands over for a question about a file; of a model, the recorded
    one's hash.
    """
    asked = question(id)
    cells = [cell for cell in build(lesson, solved=True).cells if cell.cell_type == "code"]
    if asked.ledger_only:
        return {}
    if id == "compile.export":
        return {NAME: {"sha256": sha256_of(exported())}}
    if is_model(asked):
        return {MODEL.name: {"sha256": hashlib.sha256(MODEL.read_bytes()).hexdigest()}}
    source = next(cell.source for cell in cells if cell.metadata.get("question") == id)
    first, _, rest = source.partition("\n")
    if first.startswith("%%writefile"):
        return {first.partition("/")[2]: {"text": f"{rest}\n"}}
    if "inspect.getsource" in source:  # which knows no source that a test runs
        nodes = ast.parse(source).body
        functions = [ast.unparse(node) for node in nodes if isinstance(node, ast.FunctionDef)]
        text = "\n".join(["from numba import cuda, float32", "TILE = 8", *functions])
        return {"shared_kernel.py": {"text": text}}
    files: list[dict] = []
    with tempfile.TemporaryDirectory() as folder:
        # Inputs of such cells from earlier cells: texts, and places to write to.
        places = {
            name: Path(folder) / name for name in ("folder", "model", "repository", "network")
        }
        scope = (
            _texts(cells)
            | places
            | {"path": Path(folder) / "config.pbtxt", "json": json, "httpx": httpx}
        )
        scope |= {
            "PLAIN": solved_text("triton.config"),
            "service": SimpleNamespace(url="http://127.0.0.1:8000"),
            "deploy": lambda *_: None,
        }
        for place in places.values():
            place.mkdir()
        exec(source, scope | {"check": lambda _, answer: files.append(kept_of(answer))})
    return files[0]


def _texts(cells: Iterable[NotebookNode]) -> dict[str, object]:
    """Return the texts to which cells give names."""
    texts = {}
    for cell in cells:
        with suppress(SyntaxError):  # another program's text
            for node in ast.parse(cell.source).body:
                if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                    names = [target.id for target in node.targets if isinstance(target, ast.Name)]
                    texts |= dict.fromkeys(names, node.value.value)
    return texts


def earned(entries: list[dict]) -> set[str]:
    """Return the questions that a ledger has answered right."""
    return {id for id, asked in all_questions().items() if asked.verdict(entries).ok}
