"""House rules that a machine can see: who imports whom, no circles, the length of files, how lessons are written."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

from grading.builder.notebook import is_stale
from grading.builder.pages import MAP_PATH, QUESTIONS_PATH, course_map, questions_page
from grading.builder.sources import guides, read_source, sources
from labs.course.lessons import lessons
from labs.workspace import PROJECT_DIR
from tests.reached import modules, unreached

ROOMS = ("labs", "provisioning", "grading")

#: The modules of labs that import nothing heavy: they run in Chameleon's Jupyter and where submissions are graded.
LIGHT = tuple(
    f"labs.{name}" for name in "course display.format machine records shell stats workspace".split()
)

LIGHT += tuple(
    f"labs.{name}"
    for name in "data.labels optimize.traced runtimes.loopback runtimes.progress".split()
)

#: What each room may import from the project; a name allows everything below it.
MAY_IMPORT = {
    "labs": ("labs",),
    "provisioning": ("provisioning", "labs.display", "labs.widgets", *LIGHT),
    # Images as numpy and Pillow see them, for measuring a submitted model again; of the front, what both sides read.
    "grading": (
        *(
            "grading",
            "labs.data.intake",
            "labs.data.preprocess",
            "labs.data.dataset",
            "labs.checkpoints",
        ),
        *("labs.judge", "labs.serve.triton.catalogue", "provisioning.front.hand_in"),
        *("provisioning.classroom.roster", "provisioning.lab.terminal", "provisioning.sites.spec"),
        # A node's set-up in minutes.
        *("provisioning.setup.plan", "provisioning.setup.steps"),
        *LIGHT,
    ),
    "notebooks": ("labs", "provisioning"),
    # The authors' half of a lesson: cases and rules, in the builder's words.
    "questions": ("grading.builder.questions", "grading.builder.leases", *LIGHT),
    # The door leads to every room that students use; no room leads back to it.
    "front": ("provisioning", "labs.checkpoints", "labs.display", "labs.widgets", *LIGHT),
}

#: Inside labs, data flows asset → bench or load → record → drawing, and nothing flows back.
MUST_NOT_IMPORT = {
    "labs/records": ("labs.bench", "labs.widgets", "labs.optimize", "labs.load", "labs.serve"),
    "labs/machine": ("labs.records", "labs.bench", "labs.widgets"),
    "labs/bench": ("labs.widgets", "labs.load"),
    "labs/load": ("labs.widgets",),
}

#: Files above the ceiling, each with its reason. A file of 50 to 400 lines needs none.
LONG_FILES: dict[str, str] = {
    "labs/stats.py": "every interval of the course with its derivation",
}
CEILING_LINES = 400

#: One word for each thing, the field's own: what is not to be written, and what is. Looked for in lessons' texts.
WORDS = {
    r"senders?": "client, concurrency",
    r"rungs?": "site option",
    r"(?:one|two|four|several|more|another|second) cop(?:y|ies)": "instance",
    r"cop(?:y|ies) of (?:the|a) (?:model|service|server)": "instance",
    r"forms? of (?:INT8|quantization)": "quantization format",
    r"told clock": "fake clock",
    r"turned away": "rejected",
}


def python_files(*folders: str) -> list[Path]:
    """Return the Python files below folders of the checkout."""
    return sorted(path for folder in folders for path in (PROJECT_DIR / folder).rglob("*.py"))


def shown(path: Path) -> str:
    """Return a path as a person reads it in a test's name."""
    return path.relative_to(PROJECT_DIR).as_posix()


def imports(source: str) -> set[str]:
    """Return the full names of the modules (and what is taken from them) that a source imports."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, (
                f"a relative import of {node.module}: rooms are packages, name them in full"
            )
            names |= {f"{node.module}.{name.name}" for name in node.names}
    return names


def below(name: str, allowed: tuple[str, ...]) -> bool:
    """Return whether a module is one of these, or lies below one."""
    return any(name == one or name.startswith(one + ".") for one in allowed)


def room_of(path: Path) -> str:
    """Return whose imports a file may have."""
    name = shown(path)
    if name.startswith("provisioning/front/"):
        return "front"
    return (
        "questions"
        if path.name == "questions.py" and name.startswith("notebooks/")
        else name.split("/")[0]
    )


def wrong_imports(path: Path) -> set[str]:
    """Return what a file imports from the project and may not."""
    ours = {
        name
        for name in imports(path.read_text(encoding="utf-8"))
        if below(name, (*ROOMS, "notebooks", "tests"))
    }
    room = room_of(path)
    wrong = {name for name in ours if not below(name, MAY_IMPORT[room])}
    if room == "provisioning":
        wrong |= {name for name in ours if below(name, ("provisioning.front",))}
    for folder, forbidden in MUST_NOT_IMPORT.items():
        if shown(path).startswith(folder + "/"):
            wrong |= {name for name in ours if below(name, forbidden)}
    return wrong


def test_rooms_import_in_their_directions_only():
    """An import in another direction ties two rooms together that must run apart."""
    faults = {shown(path): wrong_imports(path) for path in python_files(*ROOMS, "notebooks")}
    assert {name: wrong for name, wrong in faults.items() if wrong} == {}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Return who imports whom; what is imported lazily or for its type counts too: the reader has to know it."""
    return grimp.build_graph(*ROOMS, exclude_type_checking_imports=False, cache_dir=None)


def test_there_are_no_circles(graph: grimp.ImportGraph):
    """In a circle nothing can be read, tested or moved alone."""
    closing = {package: graph.nominate_cycle_breakers(package) for package in graph.modules}
    assert {package: imports for package, imports in closing.items() if imports} == {}


def test_no_module_is_left_that_nothing_reaches():
    """What no lesson, command, machine's script or gate imports or starts would only be maintained."""
    left = [name for name in unreached() if name.startswith(tuple(f"{room}." for room in ROOMS))]
    assert left == [], "nothing reaches these any more: remove each, with its tests"


def test_a_deep_dive_leaves_with_its_folder():
    """Its own reader serves nobody else, so that the test above names it once the folder is gone."""
    own = {
        f"labs.checkpoints.reads.{each.id}": each.folder
        for each in sources()
        if each.kind == "deeper"
    }
    own = {name: folder for name, folder in own.items() if name in modules()}
    assert own
    assert [
        name for name, folder in own.items() if name not in unreached(without=shown(folder))
    ] == []


PLAYED = "provisioning.rehearsal"
#: What may know that a rehearsal exists: its commands, its widget, and the block that a lesson rehearsed alone begins.
REHEARSES = {
    f"provisioning.{name}" for name in ("__main__", "front.command", "widgets.faults", "lab.device")
}


def test_what_runs_on_chameleon_does_not_import_the_rehearsal(graph: grimp.ImportGraph):
    """It is turned towards one by variables alone."""
    importers = {
        importer
        for module in (PLAYED, *graph.find_descendants(PLAYED))
        for importer in graph.find_modules_that_directly_import(module)
    }
    assert {
        name for name in importers if not f"{name}.".startswith(f"{PLAYED}.")
    } - REHEARSES == set()


def test_files_stay_within_the_ceiling():
    """A longer one has more than one subject, or stands in the list with its reason; its name is no drawer for all."""
    empty = {"utils", "helpers", "common", "misc"}
    assert [
        shown(path) for path in python_files(*ROOMS) if empty & set(path.with_suffix("").parts)
    ] == []
    lines = {
        shown(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in python_files(*ROOMS, "tests")
    }
    long = {name: count for name, count in lines.items() if count > CEILING_LINES}
    assert {name: count for name, count in long.items() if name not in LONG_FILES} == {}
    assert set(LONG_FILES) <= set(long), "short enough by now: take it off the list"


@pytest.fixture(params=sources(), ids=lambda lesson: lesson.name)
def lesson(request: pytest.FixtureRequest):
    """Return each lesson in turn."""
    return request.param


def texts_of(lesson) -> str:
    """Return what a lesson says outside its code."""
    return "\n".join(
        cell.source
        for cell in read_source(lesson.folder / "lesson.py").cells
        if cell.cell_type == "markdown"
    )


def test_every_source_is_built_and_every_notebook_has_a_source():
    """Students see what authors see."""
    assert lessons() == sources()


def test_the_committed_notebook_is_fresh_and_holds_no_outputs(lesson):
    """Students open the .ipynb: it must be what the reviewed source builds, and nobody's run."""
    assert not is_stale(lesson), "run: python -m grading build"
    code = [
        cell
        for cell in json.loads(lesson.notebook.read_text())["cells"]
        if cell["cell_type"] == "code"
    ]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_the_pages_that_are_derived_are_fresh():
    """Their points are the checkpoints' points, and their facts the lessons'."""
    assert QUESTIONS_PATH.read_text(encoding="utf-8") == questions_page(), (
        "run: python -m grading build"
    )
    assert MAP_PATH.read_text(encoding="utf-8") == (page := course_map()), (
        "run: python -m grading build"
    )
    assert all(f"| [{lesson.title}]({lesson.link})" in page for lesson in lessons())
    assert [one.name for one in guides() if is_stale(one)] == [], (
        "the instructors' notebooks are built like lessons"
    )


def test_a_lesson_has_one_title(lesson):
    """The front matter's, before anything else."""
    headings = [line for line in texts_of(lesson).splitlines() if line.startswith("#")]
    assert (
        [line for line in headings if line.startswith("# ")]
        == headings[:1]
        == [f"# {lesson.title}"]
    )


def test_a_lesson_uses_the_fields_words(lesson):
    """One word for each thing, and the one that the field's own pages use."""
    said = re.sub(r"`[^`]*`|\]\([^)]*\)", "", texts_of(lesson))
    instead_of = {
        match[0]: instead
        for word, instead in WORDS.items()
        for match in re.finditer(rf"\b{word}\b", said, re.IGNORECASE)
    }
    assert instead_of == {}


def test_no_lesson_can_reach_the_graders_room(lesson):
    """A lesson neither imports nor names it, and what is handed out holds no solution."""
    assert not re.search(
        r"\bgrading[./]", (lesson.folder / "lesson.py").read_text(encoding="utf-8")
    )
    assert "SOLUTION" not in lesson.notebook.read_text(encoding="utf-8")


def printed(*arguments: str) -> str:
    """Return what a fresh Python prints."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_benchmarks_can_be_started():
    """No other test imports them, so a name that moved would be noticed by whoever wants a number."""
    assert "--only" in printed("-m", "tests.benchmarks", "--help")


def test_the_machines_tests_lie_where_make_machines_looks():
    """Neither of make's two commands would run one that lay elsewhere."""
    (named,) = re.findall(
        r"^MACHINES = (.+)$", (PROJECT_DIR / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    )
    marked = [
        path.relative_to(PROJECT_DIR).as_posix()
        for path in (PROJECT_DIR / "tests").rglob("test_*.py")
        if path != Path(__file__)
        and re.search(r"mark\.machine\b", path.read_text(encoding="utf-8"))
    ]
    assert marked
    assert [
        name
        for name in marked
        if not name.startswith(tuple(f"{folder}/" for folder in named.split()))
    ] == []


_FRAMEWORKS = "torch onnxruntime openvino scipy matplotlib"

#: Heavy modules by what must not import them.
HEAVY = dict.fromkeys(
    (*LIGHT, *(f"labs.{name}" for name in "data.preprocess bench runtimes.opening load".split())),
    _FRAMEWORKS,
) | {
    # Asking for what is here costs neither torch nor a client for HTTP.
    "labs.assets": "torch onnx onnxruntime httpx typer",
    # What provisioning shares brings in neither a chart library nor a model's, which Chameleon's Jupyter lacks.
    "labs.widgets.controls, labs.display.shown, labs.display.theme": "altair torch onnxruntime scipy pydantic psutil",
    "provisioning.rehearsal": "chi fastapi asyncssh torch",
    "provisioning.widgets": "torch",
}


@pytest.mark.parametrize("modules", HEAVY)
def test_light_modules_import_nothing_heavy(modules: str) -> None:
    """Importing them brings in no framework, no chart library and no client that they are to do without."""
    heavy = f"[name for name in {HEAVY[modules].split()} if name in sys.modules]"
    assert printed("-c", f"import sys, {modules}; print({heavy})").strip() == "[]"


@pytest.mark.parametrize("module", ["labs.charts", "grading.builder.notebook"])
def test_no_kernel_compiles_a_grammar_of_addresses(module: str) -> None:
    """Altair and nbformat would each time, for a second; both work without it."""
    code = (
        f"import {module}, sys; print(sys.modules['rfc3987_syntax'], 'jsonschema' in sys.modules)"
    )
    assert printed("-c", code).split() == ["None", "True"]
