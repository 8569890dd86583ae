"""Students' files contain no answers: no file, no text in a file, and no text that a published
function returns.
"""

import ast
import functools
import importlib
import inspect
import json
import re
import sys
from collections.abc import Iterable, Iterator

import pytest

from grading.builder.sources import sources
from grading.grade.artefacts.reopen import is_model, open_again
from grading.grade.sandbox import Sandbox, SandboxLimits, abilities
from labs import assets
from labs.course.question import HANDED, SUBJECT, Question, all_questions
from labs.workspace import PROJECT_DIR
from provisioning.node.archive import source, student_files
from tests.entries import Entries
from tests.honest import handed
from tests.questions.test_programs import FORMS
from tests.tools import labs_in_the_sandbox

#: Questions about a file that the grader opens.
FILES = {
    id: question
    for id, question in all_questions().items()
    if question.kind == "file" and question.opened
}

#: Programs that run, with words that a program must contain to get requests.
PROGRAMS: dict[str, list[str]] = {id: forms["words"] for id, forms in FORMS.items()}

#: Texts shorter than this answer no question about a file.
SHORTEST = 20


@functools.cache
def published_texts() -> dict[str, str]:
    """Return every text that ships, by where it stands: files, and the text constants of their
    code.
    """
    texts = {}
    for name in student_files(PROJECT_DIR):
        try:
            text = source(PROJECT_DIR, name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        texts[name] = text
        for place, code in enumerate(code_of(name, text)):
            for line, constant in constants(code):
                texts[f"{name}, code {place}, line {line}"] = constant
    return {where: text for where, text in texts.items() if len(text) >= SHORTEST}


def code_of(name: str, text: str) -> list[str]:
    """Return the Python of a file, or of a notebook's cells."""
    if name.endswith(".ipynb"):
        cells = json.loads(text)["cells"]
        return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return [text] if name.endswith(".py") else []


def constants(code: str) -> Iterator[tuple[int, str]]:
    """Yield the text constants of some Python with their lines; another program's text is a
    constant itself.
    """
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
    """Write to ``returned.json`` what the public functions of ``labs`` return that need nothing, or
    only a path.

    It runs in the sandbox, by its source alone, and where it stands it may write.
    """
    import dataclasses
    import inspect
    import json
    import os
    import pkgutil
    import signal
    import types
    from pathlib import Path

    import labs

    os.environ["SERVING_LABS_WORKSPACE"] = f"{folder}/workspace"
    given = {"Path": Path(weights), "str | Path": weights, "str": "x", "int": 1, "float": 1.0}
    course = Path(labs.__file__).parents[1]
    texts, called = {}, 0
    # Of a text that a check keeps.
    most_bytes = 64 << 10

    def of_files(path: Path) -> list[str]:
        if not any(path.is_relative_to(own) for own in (folder, weights, course)):
            return []  # the system's, such as Python's libraries
        paths = path.rglob("*") if path.is_dir() else [path]
        files = [path for path in paths if path.is_file() and path.stat().st_size <= most_bytes]
        return flat([file.read_bytes() for file in files])

    def flat(value: object) -> list[str]:
        if isinstance(value, str):
            return [value]
        if isinstance(value, bytes):
            return [value.decode("utf-8", "ignore")]
        if isinstance(value, Path):
            return of_files(value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return flat([getattr(value, field.name) for field in dataclasses.fields(value)])
        if isinstance(value, dict):
            return flat(list(value.values()))
        if isinstance(value, list | tuple | set):
            return [text for part in value for text in flat(part)]
        return []

    def text_of(annotation: object) -> str:
        text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
        return text.replace("pathlib.", "")

    def returns_text(annotation: str, names: dict[str, object]) -> bool:
        if any(word in annotation for word in ("str", "Path", "bytes")):
            return True
        return dataclasses.is_dataclass(names.get(annotation.rpartition(".")[2]))

    def needed(function: types.FunctionType) -> dict[str, str]:
        """Return the annotations of the parameters that have no default."""
        parameters = inspect.signature(function).parameters.values()
        required = [parameter for parameter in parameters if parameter.default is parameter.empty]
        several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        named = [parameter for parameter in required if parameter.kind not in several]
        return {parameter.name: text_of(parameter.annotation) for parameter in named}

    def public_functions(module: str, names: dict[str, object]) -> list[types.FunctionType]:
        public = [value for name, value in names.items() if not name.startswith("_")]
        functions = [value for value in public if inspect.isfunction(value)]
        return [function for function in functions if function.__module__ == module]

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
        for function in public_functions(module.name, names):
            if not returns_text(text_of(function.__annotations__.get("return", "")), names):
                continue
            wanted = needed(function)
            if not set(wanted.values()) <= set(given):
                continue
            signal.alarm(10)
            try:
                value = function(**{name: given[kind] for name, kind in wanted.items()})
                called += 1
                for place, text in enumerate(flat(value)):
                    texts[f"{module.name}.{function.__name__}() {place}"] = text
            except BaseException:  # it has its reasons
                continue
            finally:
                signal.alarm(0)
    Path(folder, "returned.json").write_text(json.dumps([called, texts]))


@functools.cache
def returned_texts() -> tuple[int, dict[str, str]]:
    """Return how many functions of ``labs`` were called, and every text that they returned, by the
    function.
    """
    if not abilities().bubblewrap:
        pytest.skip("functions are called in a sandbox alone: without bubblewrap there is none")
    with labs_in_the_sandbox(), Sandbox() as sandbox:
        arguments = f"{str(sandbox.folder)!r}, {str(assets.model())!r}"
        code = f"{inspect.getsource(call_all)}\ncall_all({arguments})"
        # All of the course is imported at once.
        limits = SandboxLimits(wall_s=500, cpu_s=500, memory_bytes=16 << 30, together_bytes=4 << 30)
        outcome = sandbox.run([sys.executable, "-c", code], limits=limits)
        path = sandbox.folder / "returned.json"
        assert path.is_file(), (outcome.returncode, outcome.errors[-2000:])
        return tuple(json.loads(path.read_text()))


def nearest(texts: Iterable[str], right: str) -> str:
    """Return the text that shares most of its words with the right one."""
    wanted = set(re.findall(r"\w+", right))

    def likeness(text: str) -> float:
        words = set(re.findall(r"\w+", text))
        return len(words & wanted) / len(words | wanted | {""})

    return max(texts, key=likeness)


@functools.cache
def honest(id: str) -> dict[str, str]:
    """Return the texts that an honest student hands over for a question, by name."""
    lesson_id = id.partition(".")[0]
    lesson = next(lesson for lesson in sources() if lesson.id == lesson_id)
    return {name: file["text"] for name, file in handed(lesson, id).items()}


def earns(question: Question, text: str) -> bool:
    """Return whether a text earns a question's points when it is handed over as its program."""
    entries = Entries()
    files = {name: {"text": text} for name in honest(question.id)}
    entries.observed(SUBJECT + question.id, {HANDED: files})
    opened = open_again([question], entries.records)[question.id]
    assert opened.verdict, opened.fault
    return opened.verdict.ok


@pytest.mark.parametrize("id", [id for id in FILES if not is_model(FILES[id])])
def test_nothing_that_ships_earns_a_point(id: str):
    """Each text is handed over as the question's file, and earns nothing, where the solution's own
    text earns all.

    ``pytest -s`` prints how many were tried, and which hit.
    """
    question = FILES[id]
    called, returned = returned_texts()
    solution = honest(id).values()
    earned = [earns(question, text) for text in solution]
    assert any(earned), "not even the solution earns this way"
    texts = published_texts() | returned
    tried = {
        where: text for where, text in texts.items() if all(word in text for word in PROGRAMS[id])
    }
    hits = [where for where, text in tried.items() if earns(question, text)]
    print(f"\n{id}: {len(tried)} of {len(texts)} texts read, {called} functions called")
    print(f"hit: {hits or 'none'}")
    assert hits == []


def test_no_model_ships_that_a_question_asks_for():
    """Weights ship, but a question about an ONNX file requires one that its lesson makes."""
    assert any(map(is_model, FILES.values()))
    assert [name for name in student_files(PROJECT_DIR) if name.endswith(".onnx")] == []
