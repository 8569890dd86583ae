"""House rules that a machine can see: who imports whom, no circles, how lessons are written."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import grimp
import pytest

import chameleon_rehearsal
from chameleon_rehearsal import testing
from grading.builder.glossary import GLOSSARY_PATH, glossary_page
from grading.builder.notebook import is_stale
from grading.builder.pages import MAP_PATH, QUESTIONS_PATH, course_map, questions_page
from grading.builder.sources import guides, read_source, sources
from labs.course.lessons import lessons
from labs.workspace import PROJECT_DIR, deeper_packages
from tests.reached import modules, unreached

ROOMS = ("labs", "provisioning", "grading")
#: The package that plays Chameleon. The course uses its public names, like any other user.
PLAYED = "chameleon_rehearsal"

#: Rooms that each room may import from; a room includes everything below it.
MAY_IMPORT = {
    "labs": ["labs"],
    "provisioning": ["labs", "provisioning"],
    # The door leads to every room that students use; no room leads back to it.
    "provisioning/front": ["labs", "provisioning"],
    # The rehearsal is a separate package, without imports from the course.
    "provisioning/rehearsal": [],
    # Grading uses hand-ins, not sites.
    "grading": ["labs", "grading"],
    # Authors' tools run lessons, and reckon what a set-up takes.
    "grading/builder": ["labs", "provisioning", "grading"],
    "notebooks": ["labs", "provisioning"],
    # Packages that only one deep dive needs, in its lesson's folder.
    "labs/deeper": ["labs"],
    # The authors' half of a lesson: cases and rules, in the builder's words.
    "notebooks/questions": ["labs", "grading/builder"],
}

#: Inside labs, data flows asset → bench or load → record → drawing, and nothing flows back.
MUST_NOT_IMPORT = {
    "labs/records": ["labs/bench", "labs/widgets", "labs/optimize", "labs/load", "labs/serve"],
    "labs/machine": ["labs/records", "labs/bench", "labs/widgets"],
    "labs/bench": ["labs/widgets", "labs/load"],
    "labs/load": ["labs/widgets"],
}

#: One word for each thing, the field's own: what is not to be written, and what is. Looked for in
#: lessons' texts.
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
    """Return the Python files below folders of the checkout; of lessons, not their tests."""
    files = (path for folder in folders for path in (PROJECT_DIR / folder).rglob("*.py"))
    is_test = re.compile(r"notebooks/source/(.*/tests/.*|conftest\.py)")
    return sorted(path for path in files if not is_test.fullmatch(shown(path)))


def shown(path: Path) -> str:
    """Return a path as a person reads it in a test's name."""
    return path.relative_to(PROJECT_DIR).as_posix()


def imports(source: str) -> set[str]:
    """Return the full names of the modules, and of the names in them, that a source imports."""
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


def below(module: str, rooms: Iterable[str]) -> bool:
    """Return whether a module is one of these rooms, or is inside one."""
    path = module.replace(".", "/")
    return any(f"{path}/".startswith(f"{room}/") for room in rooms)


#: Modules that a deep dive alone needs.
DEEPER_FILES = {path for package in deeper_packages().values() for path in package.rglob("*.py")}


def room_of(path: Path) -> str:
    """Return whose imports a file may have."""
    name = shown(path)
    if path in DEEPER_FILES:
        return "labs/deeper"
    if path.name == "questions.py" and name.startswith("notebooks/"):
        return "notebooks/questions"
    rooms = [room for room in MAY_IMPORT if f"{name}/".startswith(f"{room}/")]
    return max(rooms, key=len)


def wrong_imports(path: Path) -> set[str]:
    """Return what a file imports from the project and may not."""
    imported = imports(path.read_text(encoding="utf-8"))
    ours = {name for name in imported if below(name, [*ROOMS, "notebooks", "tests"])}
    room = room_of(path)
    wrong = {name for name in ours if not below(name, MAY_IMPORT[room])}
    if room == "provisioning":
        wrong |= {name for name in ours if below(name, ["provisioning/front"])}
    if room not in ("notebooks", "labs/deeper"):
        # It leaves with its lesson; a question may name it in a text.
        wrong |= {name for name in ours if below(name, ["labs/deeper"])}
    for folder, forbidden in MUST_NOT_IMPORT.items():
        if shown(path).startswith(folder + "/"):
            wrong |= {
                name for name in ours if below(name, [room.replace(".", "/") for room in forbidden])
            }
    return wrong


def test_rooms_import_in_their_directions_only():
    """An import in another direction ties two rooms together that must run separately."""
    faults = {shown(path): wrong_imports(path) for path in python_files(*ROOMS, "notebooks")}
    assert {name: wrong for name, wrong in faults.items() if wrong} == {}


def test_the_course_uses_the_rehearsals_public_names_only():
    """Like any other user of the package."""
    public = {PLAYED, *(f"{PLAYED}.{name}" for name in chameleon_rehearsal.__all__)}
    for_tests = {f"{PLAYED}.testing.{name}" for name in testing.__all__}
    for_tests |= {f"{PLAYED}.testing", f"{PLAYED}.catalogue.catalogue"}
    private = {}
    for path in python_files(*ROOMS, "notebooks", "tests"):
        name = shown(path)
        if name.startswith("provisioning/rehearsal/"):
            continue
        imported = imports(path.read_text(encoding="utf-8"))
        private[name] = {module for module in imported if below(module, [PLAYED])} - public
        if name.startswith("tests/"):
            private[name] -= for_tests
    assert {name: wrong for name, wrong in private.items() if wrong} == {}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    """Return which module imports which. Lazy imports and imports for types count too, because a
    reader has to know them.
    """
    return grimp.build_graph(*ROOMS, PLAYED, exclude_type_checking_imports=False, cache_dir=None)


def test_there_are_no_circles(graph: grimp.ImportGraph):
    """In a circle nothing can be read, tested or moved alone."""
    closing = {package: graph.nominate_cycle_breakers(package) for package in graph.modules}
    assert {package: imports for package, imports in closing.items() if imports} == {}


def test_no_module_is_left_that_nothing_reaches():
    """A module that no lesson, command, machine's script or gate imports or starts would be useless
    work.
    """
    rooms = tuple(f"{room}." for room in (*ROOMS, PLAYED))
    left = [name for name in unreached() if name.startswith(rooms)]
    assert left == [], "nothing reaches these any more: remove each, with its tests"


DEEP_DIVES = [lesson for lesson in sources() if lesson.kind == "deeper"]


@pytest.mark.parametrize("dive", DEEP_DIVES, ids=lambda dive: dive.id)
def test_a_deep_dive_leaves_with_its_folder(dive):
    """Its folder holds everything that only it needs: without the folder, every remaining module is
    still reached.
    """
    folder = shown(dive.folder)
    left = [
        name
        for name in set(unreached(without=folder)) - set(unreached())
        if not modules()[name].startswith(f"{folder}/")
    ]
    assert sorted(left) == [], f"only {dive.title} needs these: move them to {folder}/{dive.id}/"


def test_a_deep_dives_package_is_named_by_its_id():
    """Lessons import it as ``labs.deeper.<id>``."""
    ids = {dive.folder: dive.id for dive in DEEP_DIVES}
    names = {package.parent: id for id, package in deeper_packages().items()}
    assert names.items() <= ids.items()


def test_no_lesson_needs_the_package_of_another_one():
    """A deep dive would not leave with its folder."""
    faults = {}
    for lesson in sources():
        for path in python_files(shown(lesson.folder)):
            names = imports(path.read_text(encoding="utf-8"))
            of_deep_dives = {name for name in names if below(name, ["labs/deeper"])}
            own = f"labs.deeper.{lesson.id}"
            others = {name for name in of_deep_dives if not f"{name}.".startswith(f"{own}.")}
            if others:
                faults[shown(path)] = others
    assert faults == {}


#: What may know that a rehearsal exists: the course's side of it, its commands, its widget, and
#: the block that a lesson rehearsed alone begins.
REHEARSES = {
    f"provisioning.{name}"
    for name in ("lab.rehearsal", "__main__", "front.command", "widgets.faults", "lab.device")
}


def test_what_runs_on_chameleon_does_not_import_the_rehearsal(graph: grimp.ImportGraph):
    """It is turned towards one by variables alone."""
    importers = {
        importer
        for module in ("provisioning.lab.rehearsal", PLAYED, *graph.find_descendants(PLAYED))
        for importer in graph.find_modules_that_directly_import(module)
    }
    assert {
        name for name in importers if not f"{name}.".startswith(f"{PLAYED}.")
    } - REHEARSES == set()


def test_a_module_is_named_after_its_subject():
    """A module for everything has no subject, so readers would not search there."""
    drawers = {"utils", "helpers", "common", "misc"}
    paths = [*python_files(*ROOMS), *DEEPER_FILES]
    assert [shown(path) for path in paths if drawers & set(path.with_suffix("").parts)] == []


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


#: The command that rebuilds a file that is older than its sources.
STALE = "make notebooks"


def test_every_source_is_built_and_every_notebook_has_a_source():
    """Students see what authors see."""
    assert lessons() == sources(), STALE


def test_the_committed_notebook_is_fresh_and_holds_no_outputs(lesson):
    """Students open the .ipynb: it must be built from the reviewed source, without a run's
    outputs.
    """
    assert not is_stale(lesson), STALE
    code = [
        cell
        for cell in json.loads(lesson.notebook.read_text())["cells"]
        if cell["cell_type"] == "code"
    ]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_the_pages_that_are_derived_are_fresh():
    """Their points are the checkpoints' points, and their facts the lessons'."""
    assert QUESTIONS_PATH.read_text(encoding="utf-8") == questions_page(), STALE
    assert MAP_PATH.read_text(encoding="utf-8") == (page := course_map()), STALE
    assert GLOSSARY_PATH.read_text(encoding="utf-8") == glossary_page(), STALE
    assert all(f"| [{lesson.title}]({lesson.link})" in page for lesson in lessons())
    assert [guide.name for guide in guides() if is_stale(guide)] == [], STALE


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
    prose = re.sub(r"`[^`]*`|\]\([^)]*\)", "", texts_of(lesson))
    instead_of = {
        match[0]: instead
        for word, instead in WORDS.items()
        for match in re.finditer(rf"\b{word}\b", prose, re.IGNORECASE)
    }
    assert instead_of == {}


def test_no_lesson_can_reach_the_graders_room(lesson):
    """Lessons do not import or name it, and students' files hold no solution."""
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
    """No other test imports them, so without this test only a user of the benchmarks would notice a
    moved name.
    """
    assert "--only" in printed("-m", "tests.benchmarks", "--help")


def test_the_machines_tests_lie_where_make_machines_looks():
    """make's two commands would miss a test in another folder."""
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


#: What takes seconds to import, and lacks in Chameleon's Jupyter and where submissions are graded.
FRAMEWORKS = ["torch", "onnxruntime", "openvino", "scipy", "matplotlib", "altair"]

#: What modules of labs do without, by the modules' names: a measurement begins at once, and a page
#: of Chameleon's Jupyter shows what provisioning shares.
DO_WITHOUT = {
    "labs.assets": [*FRAMEWORKS, "onnx", "httpx", "typer"],
    "labs.bench": FRAMEWORKS,
    "labs.data.preprocess": FRAMEWORKS,
    "labs.display.shown": [*FRAMEWORKS, "pydantic", "psutil"],
    "labs.display.theme": [*FRAMEWORKS, "pydantic", "psutil"],
    "labs.load": FRAMEWORKS,
    "labs.runtimes.opening": FRAMEWORKS,
    "labs.widgets.controls": [*FRAMEWORKS, "pydantic", "psutil"],
    "chameleon_rehearsal.pytest_plugin": ["chi", "fastapi", "asyncssh", "pydantic"],
    "provisioning.lab.rehearsal": [*FRAMEWORKS, "chi", "fastapi", "asyncssh"],
}


def brought_in(imported: Iterable[str], heavy: Iterable[str]) -> set[str]:
    """Return which heavy modules a new process has after it imported others."""
    code = f"import sys, {', '.join(imported)}; print(*sys.modules, sep='\\n')"
    return set(printed("-c", code).split()) & set(heavy)


@pytest.mark.parametrize("room", ["labs/course", "labs/sites", "provisioning", "grading"])
def test_rooms_bring_in_no_framework(room: str):
    """They run in Chameleon's Jupyter, and where submissions are graded."""
    prefix = room.replace("/", ".")
    names = [name for name in modules() if f"{name}.".startswith(f"{prefix}.")]
    # A machine's scripts, a rehearsed machine's startup and what a worker serves run elsewhere.
    elsewhere = ("provisioning.node.", "chameleon_rehearsal.startup.", "__main__")
    imported = [name for name in names if not any(part in name for part in elsewhere)]
    # SciPy's linkage groups hand-ins that are alike; a grader has it.
    heavy = set(FRAMEWORKS) - {"scipy"} if room == "grading" else FRAMEWORKS
    assert brought_in(imported, heavy) == set()


@pytest.mark.parametrize("module", DO_WITHOUT)
def test_light_modules_import_nothing_heavy(module: str):
    """Importing one must not import a framework, chart library or client that it does not need."""
    assert brought_in([module], DO_WITHOUT[module]) == set()


@pytest.mark.parametrize("module", ["labs.charts", "grading.builder.notebook"])
def test_no_kernel_compiles_a_grammar_of_addresses(module: str) -> None:
    """Altair and nbformat would each time, for a second; both work without it."""
    code = (
        f"import {module}, sys; print(sys.modules['rfc3987_syntax'], 'jsonschema' in sys.modules)"
    )
    assert printed("-c", code).split() == ["None", "True"]
