"""The course's next version in a student's folder: nbgitpuller's real merge of two versions of the
template.
"""

import json
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest

from labs.shell import setup
from labs.workspace import PROJECT_DIR
from provisioning.front.lab import LabError
from provisioning.front.update import update
from provisioning.trovi import TemplateError, write_version
from tests.course import build_all, write_lesson

pytest.importorskip("nbgitpuller", reason="nbgitpuller is not installed: make setup")
# nbgitpuller 1.3 leaves git's output to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")

NOTEBOOK = "notebooks/1_model/10_first.ipynb"
OTHER = "notebooks/1_model/11_second.ipynb"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return the course as its authors have it: sources and notebooks, a few modules, grading and
    tests.
    """
    root = tmp_path / "course"
    copied = [
        "README.md",
        "LICENSE",
        "Makefile",
        "assignment.toml",
        "pyproject.toml",
        "constraints.txt",
        "labs/course/lessons.py",
    ]
    for name in (*copied, "provisioning/student/assistants/tutor.md"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT_DIR / name, root / name)
    for name in (NOTEBOOK, OTHER):
        place = Path(name)
        write_lesson(root / "notebooks", place.stem[3:], name=place.stem, folder=place.parent.name)
    build_all(root / "notebooks")
    for name in (
        "grading/builder.py",
        "notebooks/instructor/90_guide.ipynb",
        "tests/test_secret.py",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


@pytest.fixture
def template(root: Path, tmp_path: Path) -> Path:
    """Return the students' repository with its first version."""
    version = write_version(root, tmp_path / "template", "First version")
    assert version is not None
    assert version.files == version.changed - 1  # and what git is to leave alone
    return tmp_path / "template"


@pytest.fixture
def student(template: Path, tmp_path: Path) -> Path:
    """Return a clone as nbgitpuller and a Hub make it: the newest version only."""
    folder = tmp_path / "student"
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{template}", str(folder))
    return folder


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", folder, *arguments], check=True, capture_output=True, text=True
    ).stdout


def edit(path: Path, cell: int, source: str, output: str = "") -> None:
    """Change a cell of a notebook as JupyterLab writes it, with the output if there is one."""
    notebook = nbformat.read(path, as_version=4)
    edited = notebook.cells[cell]
    edited.source = source
    if output:
        edited.cell_type = "code"
        edited.execution_count = 7
        edited.outputs = [nbformat.v4.new_output("stream", name="stdout", text=output)]
    nbformat.write(notebook, path)


def code_cells(path: Path) -> list[int]:
    cells = nbformat.read(path, as_version=4).cells
    return [place for place, cell in enumerate(cells) if cell.cell_type == "code"]


def update_report(student: Path) -> str:
    lines: list[str] = []
    update(lines.append, student)
    return "\n".join(lines)


def test_students_get_no_answers_in_any_version(root: Path, template: Path):
    """Neither in the files nor in the history; README, Makefile and pins are there, sources of
    lessons are not.
    """
    assert write_version(root, template, "Again") is None
    files = git(template, "ls-files").splitlines()
    assert {"README.md", "Makefile", "constraints.txt", NOTEBOOK, "requirements.txt"} <= set(files)
    ever = git(template, "log", "--all", "--name-only", "--format=").split()
    ours = {name for name in ever if name.startswith(("grading", "tests", "notebooks/"))}
    assert ours == {NOTEBOOK, OTHER}


def test_the_next_version_arrives_and_a_students_work_stays(
    root: Path, template: Path, student: Path
):
    """Edited notebook with outputs, workspace, own file, deleted file: all is kept, and new files
    are there.
    """
    mine, *_ = code_cells(student / NOTEBOOK)
    theirs = code_cells(student / NOTEBOOK)[-1]
    edit(student / NOTEBOOK, mine, "my_answer = 42", "my own output\n")
    (student / "workspace").mkdir()
    (student / "workspace" / "ledger.jsonl").write_text("mine\n")
    (student / "notebooks" / "1_model" / "my_notes.ipynb").write_text("my notes")
    (student / "notebooks" / "1_model" / "17_new.ipynb").write_text("my own seventeenth")
    (student / OTHER).unlink()

    edit(root / NOTEBOOK, theirs, "corrected = True")
    new_name = "notebooks/1_model/17_new.ipynb"
    shutil.copyfile(root / NOTEBOOK, root / new_name)
    (root / "labs" / "course.py").write_text("# corrected\n")
    (root / "LICENSE").unlink()
    (root / "constraints.txt").write_text("changed\n")
    version = write_version(root, template, "Second version")
    assert version is not None
    report = update_report(student)

    merged = nbformat.read(student / NOTEBOOK, as_version=4)
    nbformat.validate(merged)
    assert merged.cells[mine].source == "my_answer = 42"
    assert merged.cells[mine].outputs[0].text == "my own output\n"
    assert merged.cells[theirs].source == "corrected = True"
    assert (student / "workspace" / "ledger.jsonl").read_text() == "mine\n"
    assert (student / "notebooks" / "1_model" / "my_notes.ipynb").read_text() == "my notes"
    (moved_aside,) = student.glob("notebooks/1_model/17_new__*.ipynb")
    assert moved_aside.read_text() == "my own seventeenth"
    assert (student / new_name).read_bytes() == (root / NOTEBOOK).read_bytes()
    assert (student / OTHER).is_file()
    assert (student / "labs" / "course.py").read_text() == "# corrected\n"
    assert not (student / "LICENSE").exists()
    assert "The course is at Second version" in report
    assert f"run `{setup()}`" in report
    assert "as new as it gets" in update_report(student)


def test_where_both_changed_a_cell_the_students_stays(root: Path, template: Path, student: Path):
    """And it stays through a third version too."""
    place = code_cells(student / NOTEBOOK)[1]
    edit(student / NOTEBOOK, place, "mine = 1", "seen\n")
    # Of two lengths: git may take a file of the same size, written in the same second, for the one
    # it knows.
    for number, text in enumerate(("theirs = 2", "theirs = 333"), start=2):
        edit(root / NOTEBOOK, place, text)
        write_version(root, template, f"Version {number}")
        assert f"Version {number}" in update_report(student)
        merged = nbformat.read(student / NOTEBOOK, as_version=4)
        assert merged.cells[place].source == "mine = 1"


def test_a_notebook_that_the_merge_breaks_is_put_right(root: Path, template: Path, student: Path):
    """Git merges lines, and a notebook is JSON: the new version comes whole, and the student's is
    kept beside it.
    """
    path = student / NOTEBOOK
    path.write_text(path.read_text() + "<<<<<<< somebody's unfinished merge\n")
    broken = path.read_bytes()
    first_cell = code_cells(root / NOTEBOOK)[0]
    edit(root / NOTEBOOK, first_cell, "new = 1")
    write_version(root, template, "Second version")
    assert "Yours is beside it" in update_report(student)
    newest = json.loads((root / NOTEBOOK).read_text())
    assert json.loads(path.read_text()) == newest
    assert (student / NOTEBOOK.replace(".ipynb", "_yours.ipynb")).read_bytes() == broken


def test_what_cannot_be_updated_is_a_sentence(
    root: Path, student: Path, template: Path, tmp_path: Path
):
    """An unpacked archive, the course's own repository, an origin that is gone."""
    (root / ".git").mkdir()
    (tmp_path / "unpacked").mkdir()
    with pytest.raises(LabError, match="is no git clone"):
        update(print, tmp_path / "unpacked")
    with pytest.raises(LabError, match="use git pull"):
        update(print, root)
    shutil.rmtree(template)
    with pytest.raises(LabError, match=r"(?s)git .*Fix: connect and try again"):
        update(print, student)


def test_a_version_is_written_to_nothing_but_the_students_repository(
    root: Path, template: Path, tmp_path: Path
):
    """Not over a person's files, not into the course, not beside solutions, not over edits."""
    (template / "README.md").write_text("edited there")
    with pytest.raises(TemplateError, match=r"changes that nobody committed: README\.md"):
        write_version(root, template, "x")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").touch()
    with pytest.raises(TemplateError, match="is not empty"):
        write_version(root, tmp_path / "other", "x")
    with pytest.raises(TemplateError, match="the course's own"):
        write_version(root, root / "new", "x")
    git(root, "init", "--quiet")
    git(root, "add", "grading")
    git(root, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "solutions")
    git(tmp_path, "clone", "--quiet", str(root), "copy")
    with pytest.raises(TemplateError, match="it is no students' repository"):
        write_version(root, tmp_path / "copy", "x")
