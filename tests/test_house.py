"""The house rules that a machine can keep an eye on: who imports whom, how long files are, how lessons are written."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from grading.build import is_stale, read_source
from grading.questions import QUESTIONS_PATH, questions_page
from labs.course import lessons
from labs.workspace import PROJECT_DIR

ROOMS = ("labs", "provisioning", "grading")

#: What each room may import from the project; a name allows everything below it.
MAY_IMPORT = {
    "labs": ("labs",),
    "provisioning": ("provisioning",),
    # Grading runs over submissions, without torch and without a GPU: only the light modules.
    "grading": (
        *("grading", "labs.records", "labs.machine", "labs.stats", "labs.labels", "labs.workspace", "labs.version"),
        # Pictures as numpy and Pillow see them, for measuring a submitted model again.
        *("labs.preprocess", "labs.dataset"),
    ),
    "notebooks": ("labs", "provisioning", "grading.checkpoints"),
}

#: Inside labs, data flows asset → backend → bench → record → widget, and nothing flows back.
MUST_NOT_IMPORT = {
    "labs/records": ("labs.bench", "labs.backends", "labs.widgets", "labs.optimize", "labs.load", "labs.serve"),
    "labs/machine": ("labs.records", "labs.bench", "labs.backends", "labs.widgets"),
    "labs/backends": ("labs.bench", "labs.widgets"),
    "labs/bench": ("labs.widgets", "labs.load"),
    "labs/load": ("labs.widgets",),
}

#: Files above the ceiling, each with its reason.
LONG_FILES: dict[str, str] = {
    "tests/labs/serve/triton/test_serving.py": "one real server, started once, and all that is asked of it",
    "provisioning/chameleon.py": "one adapter, the only importer of chi; splitting it would spread that over files",
    "tests/labs/assets/test_fetch.py": "one server that misbehaves in every way, and what a fetch makes of each",
    "tests/provisioning/conftest.py": "an in-memory testbed, method by method as the protocol has them",
}
CEILING_LINES = 250

#: What every lesson says, in this order.
RHYTHM = (
    "## You will do",
    "## You will learn",
    "## You need",
    "## Predict",
    "## Act",
    "## Measure",
    "## Checkpoint",
    "## On your own",
)

LONGEST_CELL_LINES = 12
LONGEST_FUNCTION_LINES = 10


def python_files(*folders: str) -> list[Path]:
    """Return the Python files below folders of the checkout."""
    return sorted(path for folder in folders for path in (PROJECT_DIR / folder).rglob("*.py"))


def shown(path: Path) -> str:
    """Return a path as a person reads it in a test's name."""
    return path.relative_to(PROJECT_DIR).as_posix()


def imports(source: str) -> set[str]:
    """Return the full names of the modules (and what is taken from them) that a source imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"a relative import of {node.module}: rooms are packages, name them in full"
            found |= {f"{node.module}.{name.name}" for name in node.names}
    return found


def below(name: str, allowed: tuple[str, ...]) -> bool:
    """Return whether a module is one of these, or lies below one."""
    return any(name == one or name.startswith(one + ".") for one in allowed)


def wrong_imports(path: Path) -> set[str]:
    """Return what a file imports from the project and may not."""
    ours = {name for name in imports(path.read_text(encoding="utf-8")) if below(name, (*ROOMS, "notebooks", "tests"))}
    wrong = {name for name in ours if not below(name, MAY_IMPORT[shown(path).split("/")[0]])}
    for folder, forbidden in MUST_NOT_IMPORT.items():
        if shown(path).startswith(folder + "/"):
            wrong |= {name for name in ours if below(name, forbidden)}
    return wrong


def test_rooms_import_in_their_directions_only():
    """An import in another direction ties two rooms together that must run apart."""
    found = {shown(path): wrong_imports(path) for path in python_files(*ROOMS, "notebooks")}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("notebooks", "from grading.answers import x"),
        ("notebooks", "import grading"),
        ("labs", "import grading.checkpoints"),
        ("grading", "from labs import bench"),
        ("provisioning", "from labs.records import Ledger"),
    ],
)
def test_an_import_in_a_wrong_direction_would_be_found(room: str, line: str):
    """The test above is worth something only if it can fail."""
    assert [name for name in imports(line) if not below(name, MAY_IMPORT[room])]


def test_files_stay_within_the_ceiling():
    """A file of more than 250 lines has more than one subject, or stands in the list with its reason."""
    lines = {shown(path): len(path.read_text(encoding="utf-8").splitlines()) for path in python_files(*ROOMS, "tests")}
    long = {name: count for name, count in lines.items() if count > CEILING_LINES}
    assert {name: count for name, count in long.items() if name not in LONG_FILES} == {}
    assert set(LONG_FILES) <= set(long), "short enough by now: take it off the list"


def test_no_file_is_named_for_nothing():
    """A file is named for a concept or an act."""
    empty = {"utils", "helpers", "common", "misc"}
    assert [shown(path) for path in python_files(*ROOMS) if empty & set(path.with_suffix("").parts)] == []


@pytest.fixture(params=lessons(), ids=lambda lesson: lesson.name)
def lesson(request: pytest.FixtureRequest):
    """Return each lesson in turn."""
    return request.param


def test_there_are_lessons():
    """Every test below would pass without any."""
    assert len(lessons()) >= 3


def test_the_committed_twin_is_fresh_and_holds_no_outputs(lesson):
    """Students open the .ipynb: it must be what the reviewed source builds, and nobody's run."""
    assert not is_stale(lesson), "run: python -m grading build"
    code = [cell for cell in json.loads(lesson.notebook.read_text())["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_the_page_of_questions_is_fresh():
    """Its points are the checkpoints' points."""
    assert QUESTIONS_PATH.read_text(encoding="utf-8") == questions_page(), "run: python -m grading build"


def test_a_lesson_keeps_the_rhythm(lesson):
    """One title, then the same headings in the same order in every lesson."""
    text = "\n".join(cell.source for cell in read_source(lesson.source).cells if cell.cell_type == "markdown")
    headings = [line for line in text.splitlines() if line.startswith("#")]
    assert [line for line in headings if line.startswith("# ")] == headings[:1]
    assert [line for line in headings if line in RHYTHM] == list(RHYTHM)


def test_a_lesson_stays_within_the_ceiling(lesson):
    """What is read counts: text and code, without the markers and blank lines that part some sixty cells."""
    lines = lesson.source.read_text(encoding="utf-8").splitlines()
    assert len([line for line in lines if line and not line.startswith("# %%")]) <= CEILING_LINES


def test_a_lessons_cells_are_short_and_define_no_long_function(lesson):
    """Whatever is longer belongs into labs, where it is tested."""
    for cell in read_source(lesson.source).cells:
        if cell.cell_type != "code":
            continue
        assert len(cell.source.splitlines()) <= LONGEST_CELL_LINES, cell.source
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.FunctionDef | ast.Lambda):
                assert node.end_lineno - node.lineno < LONGEST_FUNCTION_LINES, cell.source


def test_a_lesson_keeps_no_time_and_builds_no_paths(lesson):
    """Clocks belong into labs.bench, and places into labs.assets and labs.workspace."""
    source = lesson.source.read_text(encoding="utf-8")
    names = {getattr(node, "id", getattr(node, "attr", "")) for node in ast.walk(ast.parse(source))}
    assert not names & {"perf_counter", "monotonic", "process_time", "timeit", "os", "sys", "Path", "open"}
    assert not {name for name in imports(source) if below(name, ("time", "timeit", "os", "sys", "pathlib"))}


def test_no_lesson_can_reach_an_answer(lesson):
    """Answers stay in their room; a lesson neither imports nor names them."""
    source = lesson.source.read_text(encoding="utf-8")
    assert "grading.answers" not in source
    assert "grading/answers" not in source
    assert not {
        name for name in imports(source) if below(name, ("grading",)) and not below(name, ("grading.checkpoints",))
    }
