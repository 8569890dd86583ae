"""The notebooks as students get them: pressing Shift + Enter alone earns nothing, and says what has
to come first.
"""

import contextlib
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from grading.builder.execute import CELL_TIMEOUT_S, PollingClient
from grading.builder.notebook import build
from grading.builder.rehearse import own_testbed, scores
from grading.builder.sources import sources
from labs.course.lessons import Lesson, lessons
from labs.course.question import of_lesson
from labs.edge.files import PART_1_FILES
from labs.records import Answer, Ledger, Prediction

MODEL = Path(__file__).parents[1] / "grading" / "fixtures" / "int8-static-qdq.onnx"

#: How an untouched notebook may end before its last cell: at the measurement that waits for a
#: prediction, or where it says in a sentence that a file, a lease or an earlier lesson's records
#: are not there yet.
EXPECTED = (
    "NotImplementedError",
    "FileNotFoundError",
    "LeaseMissingError",
    "NotThereYetError",
    "NotWrittenError",
)


def expected(lesson: Lesson) -> set[str]:
    """Return the errors in which an untouched lesson may end: those of all, and its own, which
    `untouched.toml` beside it names.
    """
    path = lesson.folder / "untouched.toml"
    own = tomllib.loads(path.read_text(encoding="utf-8"))["ends_in"] if path.exists() else []
    return {*EXPECTED, *own}


@pytest.mark.timeout(1800)
def test_untouched_notebooks_stop_with_a_reason_and_score_nothing(
    part: int, tmp_path: Path, workspace: Path, kernels_run
):
    """No crash at a stub before that, and not a point for having pressed Shift + Enter."""
    kernels_run("hasty", *(["torchscript"] if part == 0 else []))
    wanted = lessons(part=part)
    ended = {}
    with own_testbed(tmp_path / "testbed", wanted), one_kernel(wanted[0].notebook.parent) as end_of:
        for lesson in wanted:
            shutil.rmtree(workspace / "models", ignore_errors=True)
            if part > 1:
                bring_part_1(workspace / "models")
            ended[lesson.id] = end_of(build(lesson))
    allowed = {lesson.id: expected(lesson) for lesson in sources() if lesson.id in ended}
    assert {id: how for id, how in ended.items() if how and how not in allowed[id]} == {}
    entries = Ledger(workspace / "ledger.jsonl").read()
    assert [entry for entry in entries if isinstance(entry, Answer | Prediction)] == []
    earned = scores(workspace, wanted)
    assert {score.id: score.points for score in earned if score.points} == {}


def test_every_prediction_guards_the_measurement_that_it_is_about():
    asked = [
        (lesson.id, question.id)
        for lesson in lessons()
        for question in of_lesson(lesson.id)
        if question.kind == "prediction"
    ]
    sources = {
        lesson.id: lesson.notebook.read_text(encoding="utf-8").replace('\\"', '"')
        for lesson in lessons()
    }
    assert asked
    assert [id for lesson, id in asked if f'predicted("{id}")' not in sources[lesson]] == []


def bring_part_1(folder: Path) -> None:
    """Put files under the names of part 1's there, as from a student who has finished it, so that
    nothing is exported on the way.
    """
    folder.mkdir(parents=True)
    for name in PART_1_FILES.values():
        shutil.copy(MODEL, folder / name)


@contextlib.contextmanager
def one_kernel(folder: Path) -> Iterator[Callable[[NotebookNode], str]]:
    """Run notebooks one after the other in one kernel, which has imported torch once; each begins
    without names.
    """
    settings = {
        "timeout": CELL_TIMEOUT_S,
        "kernel_name": "python3",
        "extra_arguments": ["--log-level=ERROR"],
    }
    client = PollingClient(
        new_notebook(), resources={"metadata": {"path": str(folder)}}, **settings
    )

    def end_of(notebook: NotebookNode) -> str:
        client.nb = notebook
        client.execute_cell(new_code_cell("%reset -sf"), 0)
        try:
            for index, cell in enumerate(notebook.cells):
                client.execute_cell(cell, index)
        except CellExecutionError as error:
            return error.ename
        return ""

    client.reset_execution_trackers()
    with client.setup_kernel():
        yield end_of
