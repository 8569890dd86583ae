"""What students get answers nothing: no published file, text in one, or text that a published function returns."""

import ast
import functools
import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from grading.builder.sources import sources
from grading.grade.artefacts.again import is_model, open_again, reader
from grading.grade.sandbox import Limits, Sandbox, abilities
from labs import assets
from labs.course.question import HANDED, SUBJECT, Question, all_questions
from labs.workspace import PROJECT_DIR
from provisioning.node.archive import source, student_files
from tests.entries import Entries
from tests.honest import handed

#: Questions about a file that the grader opens.
FILES = {id: one for id, one in all_questions().items() if one.kind == "file" and one.opened}

#: What runs, with words that a program must hold to be asked anything; all other files are only read.
PROGRAMS = {
    "http.app": ("app", "/predict"),
    "triton.model": ("TritonPythonModel", "def execute"),
    "files.script": ("onnxruntime", "argv"),
    "platform.router": ("Router", "def build"),
    "whole.app": ("app", "WORKERS"),
    "tokens.app": ("app", "/v1/completions"),
    "kernels.shared": ("cuda", "multiply_shared"),
}

#: Texts shorter than this answer no question about a file.
SHORTEST = 20


@functools.cache
def published_texts() -> dict[str, str]:
    """Return every text that ships, by where it stands: files, and the text constants of their code."""
    found = {}
    for name in student_files(PROJECT_DIR):
        try:
            found[name] = text = source(PROJECT_DIR, name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for place, code in enumerate(code_of(name, text)):
            for line, constant in constants(code):
                found[f"{name}, code {place}, line {line}"] = constant
    return {where: text for where, text in found.items() if len(text) >= SHORTEST}


def code_of(name: str, text: str) -> list[str]:
    """Return the Python of a file, or of a notebook's cells."""
    if name.endswith(".ipynb"):
        return [
            "".join(cell["source"])
            for cell in json.loads(text)["cells"]
            if cell["cell_type"] == "code"
        ]
    return [text] if name.endswith(".py") else []


def constants(code: str) -> Iterator[tuple[int, str]]:
    """Yield the text constants of some Python with their lines; another program's text is a constant itself."""
    if code.startswith("%%writefile"):
        yield 1, code.partition("\n")[2]
        return
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def call_all(folder: str, weights: str) -> None:
    """Write to ``returned.json`` what the public functions of ``labs`` return that need nothing, or only a path.

    It runs in the sandbox, by its source alone, and where it stands it may write.
    """
    import dataclasses
    import importlib
    import inspect
    import json
    import os
    import pkgutil
    import signal
    from pathlib import Path

    import labs

    os.environ["SERVING_LABS_WORKSPACE"] = f"{folder}/workspace"
    given = {"Path": Path(weights), "str | Path": weights, "str": "x", "int": 1, "float": 1.0}
    course = Path(labs.__file__).parents[1]
    texts, called, most_bytes = {}, 0, 64 << 10  # of a text that a check keeps

    def flat(value: object) -> list[str]:
        if isinstance(value, str):
            return [value]
        if isinstance(value, bytes):
            return [value.decode("utf-8", "ignore")]
        if isinstance(value, Path) and not any(
            value.is_relative_to(own) for own in (folder, weights, course)
        ):
            return []  # the system's, such as Python's libraries
        if isinstance(value, Path):
            files = [
                one for one in (value.rglob("*") if value.is_dir() else [value]) if one.is_file()
            ]
            return [
                text
                for one in files
                if one.stat().st_size <= most_bytes
                for text in flat(one.read_bytes())
            ]
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return [
                text for one in dataclasses.fields(value) for text in flat(getattr(value, one.name))
            ]
        if isinstance(value, dict):
            return flat(list(value.values()))
        return (
            [text for one in value for text in flat(one)]
            if isinstance(value, list | tuple | set)
            else []
        )

    def text_of(annotation: object) -> str:
        text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
        return text.replace("pathlib.", "")

    def late(*_: object) -> None:
        raise TimeoutError

    signal.signal(signal.SIGALRM, late)
    for module in pkgutil.walk_packages(labs.__path__, "labs.", onerror=lambda _: None):
        if module.name.endswith("__main__"):
            continue
        try:
            names = vars(importlib.import_module(module.name))
        except BaseException:  # another environment's, or it wants to be told what to serve
            continue
        for name, function in list(names.items()):
            if (
                name.startswith("_")
                or not inspect.isfunction(function)
                or function.__module__ != module.name
            ):
                continue
            needed = [
                one
                for one in inspect.signature(function).parameters.values()
                if one.default is one.empty
            ]
            needed = [
                one for one in needed if one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
            ]
            told = text_of(function.__annotations__.get("return", ""))
            kind = names.get(told.rpartition(".")[2])
            holds_text = any(
                word in told for word in ("str", "Path", "bytes")
            ) or dataclasses.is_dataclass(kind)
            if not holds_text or any(text_of(one.annotation) not in given for one in needed):
                continue
            signal.alarm(10)
            try:
                value = function(**{one.name: given[text_of(one.annotation)] for one in needed})
                called += 1
                texts |= {
                    f"{module.name}.{name}() {place}": text
                    for place, text in enumerate(flat(value))
                }
            except BaseException:  # it has its reasons
                continue
            finally:
                signal.alarm(0)
    Path(folder, "returned.json").write_text(json.dumps([called, texts]))


@functools.cache
def returned_texts() -> tuple[int, dict[str, str]]:
    """Return how many functions of ``labs`` were called, and every text that they returned, by the function."""
    if not abilities().bubblewrap:
        pytest.skip("functions are called in a sandbox alone: without bubblewrap there is none")
    with Sandbox() as sandbox:
        code = f"{inspect.getsource(call_all)}\ncall_all({str(sandbox.folder)!r}, {str(assets.model())!r})"
        # All of the course is imported at once.
        limits = Limits(wall_s=500, cpu_s=500, memory_bytes=16 << 30, together_bytes=4 << 30)
        outcome = sandbox.run([sys.executable, "-c", code], limits=limits)
        kept = sandbox.folder / "returned.json"
        assert kept.is_file(), (outcome.returncode, outcome.errors[-2000:])
        return tuple(json.loads(kept.read_text()))


def nearest(texts: Iterable[str], right: str) -> str:
    """Return the text that shares most of its words with the right one."""
    wanted = set(re.findall(r"\w+", right))
    words = ((text, set(re.findall(r"\w+", text))) for text in texts)
    return max(words, key=lambda one: len(one[1] & wanted) / len(one[1] | wanted | {""}))[0]


@functools.cache
def honest(id: str) -> dict[str, str]:
    """Return the texts that an honest student hands over for a question, by name."""
    lesson = next(one for one in sources() if one.id == id.partition(".")[0])
    return {name: one["text"] for name, one in handed(lesson, id).items()}


def earns(question: Question, text: str, folder: Path) -> bool:
    """Return whether a text earns the points of a question when it is handed over as its file."""
    names = list(honest(question.id))
    if question.id in PROGRAMS:
        entries = Entries()
        entries.observed(SUBJECT + question.id, {HANDED: {name: {"text": text} for name in names}})
        opened = open_again([question], entries.records)[question.id]
        assert opened.verdict, opened.fault
        return opened.verdict.ok
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    module, _, function = reader(question).partition(":")
    path = folder if len(names) > 1 or "/" in names[0] else folder / names[0]
    try:
        return question.by_rules(getattr(importlib.import_module(module), function)(path)).ok
    except Exception:  # each library has its own way of refusing a file
        return False


@pytest.mark.parametrize("id", [id for id in FILES if not is_model(FILES[id])])
def test_nothing_that_ships_earns_a_point(id: str, tmp_path: Path):
    """Each text is handed over as the question's file, and earns nothing, where the solution's own text earns all.

    ``pytest -s`` prints how many were tried, and which hit.
    """
    called, texts = returned_texts()
    assert any(earns(FILES[id], text, tmp_path) for text in honest(id).values()), (
        "not even the solution earns this way"
    )
    texts = published_texts() | texts
    tried = {
        where: text
        for where, text in texts.items()
        if all(word in text for word in PROGRAMS.get(id, ()))
    }
    hits = [where for where, text in tried.items() if earns(FILES[id], text, tmp_path)]
    print(
        f"\n{id}: {len(tried)} of {len(texts)} texts read, {called} functions called; hit: {hits or 'none'}"
    )
    assert hits == []


def test_no_model_ships_that_a_question_asks_for():
    """Weights ship, and a question about an ONNX file wants one that its lesson makes."""
    assert any(map(is_model, FILES.values()))
    assert [name for name in student_files(PROJECT_DIR) if name.endswith(".onnx")] == []
