"""The zip: its required files, its forbidden files, and its reproducible bytes."""

import ast
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from grading.__main__ import app
from grading.grade.artefacts.reopen import is_model
from grading.gradescope.package import PACKAGES, build_package
from labs.course import cells
from labs.course.assignment import assignment
from labs.course.lessons import lessons
from labs.course.question import all_questions, of_lesson
from labs.workspace import PROJECT_DIR
from tests.grading.gradescope.tree import SEED

pytestmark = pytest.mark.xdist_group("gradescope")

#: Modules whose package has another name.
NAMED = {
    "pydantic_core": "pydantic",
    "PIL": "pillow",
    "google": "onnx",
    "jinja2": "Jinja2",
    "markupsafe": "Jinja2",
    "starlette": "fastapi",
}

#: Imported where a machine is looked at or a widget or a first cell is shown, which the grader
#: never does; and what lies beside a student's app under that name.
NOT_THERE = {
    "IPython",
    "intake",
    "ipywidgets",
    "network",
    "openvino",
    "psutil",
    "pynvml",
    "safetensors",
    "timm",
    "torch",
    "torchvision",
}

#: Modules that judge records and answers, and modules that open files again.
READERS = sorted(
    {
        asked.reads.partition(":")[0]
        for asked in all_questions().values()
        if asked.reads and not asked.ledger_only and not is_model(asked)
    }
)


@pytest.fixture(scope="module")
def texts(package: Path) -> dict[str, str]:
    with zipfile.ZipFile(package) as archive:
        return {
            name: archive.read(name).decode()
            for name in archive.namelist()
            if not name.endswith((".npz", "/"))
        }


def test_the_contract_s_files_are_at_the_root_and_secrets_are_closed(package: Path):
    """Both scripts can be run, and only the owner reads cases and pictures."""
    with zipfile.ZipFile(package) as archive:
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in archive.infolist()}
    assert modes["setup.sh"] == modes["run_autograder"] == 0o755
    assert modes["secret/"] == 0o700
    secret = {name for name in modes if name.startswith("secret/") and name != "secret/"}
    assert secret == {
        f"secret/{name}" for name in ("cases.json", "fallback.json", "part.json", "pictures.npz")
    }
    assert {modes[name] for name in secret} == {0o600}
    assert package.stat().st_mode & 0o077 == 0


def test_no_solution_and_no_seed_is_in_the_zip(texts: dict[str, str]):
    """It holds neither authors' files nor the text between a lesson's marks; its cases are already
    drawn.
    """
    assert not [
        name for name in texts if re.search(r"source/|builder|solve|demo|tests/|classroom", name)
    ]
    everything = "\n".join(texts.values())
    assert "### BEGIN SOLUTION" not in everything
    assert SEED not in everything
    code = "\n".join(text for name, text in texts.items() if name.endswith(".ipynb"))
    solved = re.compile(r"### BEGIN SOLUTION\n(.*?)### (?:STUB|END)", re.DOTALL)
    held = [
        text
        for lesson in lessons(part=1)
        for text in solved.findall((lesson.folder / "lesson.py").read_text())
    ]
    lines = [
        json.dumps(line.strip())[1:-1]
        for text in held
        for line in text.splitlines()
        if len(line.strip()) > 30
    ]
    assert lines
    assert [line for line in lines if line in code] == []


def test_secret_cases_are_those_of_the_parts_functions(texts: dict[str, str]):
    """All of them, and others than the notebooks'."""
    secret = json.loads(texts["secret/cases.json"])
    asked = [
        question
        for lesson in assignment().lessons(1)
        for question in of_lesson(lesson.id)
        if question.kind == "function"
    ]
    assert secret.keys() == {question.id for question in asked}
    assert all(secret[question.id] != list(question.cases) for question in asked)


def test_whatever_judges_a_ledger_can_be_imported_from_the_zip_alone(package: Path, tmp_path: Path):
    """Readers of records and answers too: one that is not there would cost every student its
    points.
    """
    with zipfile.ZipFile(package) as archive:
        archive.extractall(tmp_path)
    alone = f"import sys\nsys.path = [one for one in sys.path if one != {str(PROJECT_DIR)!r}]\n"
    code = alone + "".join(f"import {name}\n" for name in ["grading.gradescope.judge", *READERS])
    code += (
        "from grading.grade.result import Result, page\nassert '</html>' in page(Result('ada', "
        "1, ''))\n"
    )
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_what_is_imported_is_what_is_installed(texts: dict[str, str]):
    """Each package that a module in the zip names is pinned, each pin is needed, and torch is not
    among them.
    """
    imported, readers = set(), {f"{name.replace('.', '/')}.py" for name in READERS}
    for name, text in texts.items():
        if name.endswith(".py") and (name in readers or "/reads/" not in name):
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Import):
                    imported |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    imported.add(str(node.module).partition(".")[0])
    outside = (
        imported - set(sys.stdlib_module_names) - {"grading", "labs", "provisioning"} - NOT_THERE
    )
    # Started by name, in the sandbox: nbval on pytest, which talks to a kernel through
    # jupyter_client. And what a student's function may import there. And what programs
    # stand on.
    by_name = {
        "nbval",
        "jupyter_client",
        "pytest",
        "fastapi",
        "fastapi-offline",
        *cells.PACKAGES,
    }
    assert {NAMED.get(name, name) for name in outside} | by_name == set(PACKAGES)
    assert {f"{name.replace('.', '/')}.py" for name in cells.COURSE} <= texts.keys()
    pinned = texts["requirements.txt"].splitlines()
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in pinned)
    assert set(pinned) <= set((PROJECT_DIR / "constraints.txt").read_text().splitlines())
    assert "torch" not in texts["requirements.txt"]


def test_the_command_makes_the_same_bytes_again(package: Path, tmp_path: Path):
    """Same tree, same part, same seed; a secret may come from the environment instead of a shell's
    history.
    """
    out = tmp_path / "again" / "autograder.zip"
    done = CliRunner().invoke(app, ["gradescope", "--out", str(out)], env={"GRADING_SEED": SEED})
    assert done.exit_code == 0, done.output
    assert SEED not in done.output
    assert out.read_bytes() == package.read_bytes()


def test_a_part_that_does_not_exist_and_a_seed_that_is_none_are_refused(tmp_path: Path):
    """In words, and nothing is written."""
    with pytest.raises(ValueError, match="no part 9"):
        build_package(tmp_path / "a.zip", part=9, seed="x")
    with pytest.raises(ValueError, match="no secret"):
        build_package(tmp_path / "a.zip", part=1, seed=" ")
    assert not list(tmp_path.glob("*.zip"))
