"""The unpacked archive as a student meets it: each command of its README and Makefile works, each
link too.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

from labs.course.lessons import lessons
from tests.course import links

ROOT = Path(__file__).parents[3]
STUDENT = ROOT / "provisioning" / "student"

#: What opens a server, needs a lease or another version, or installs packages: asked for its help
#: here.
LONG = ("msl lab", "msl pull", "msl update", "conda env")

#: Statuses and words of commands in a folder where nothing is done yet: points are left, and the
#: instructor has sent no file.
REFUSED = {"check": (1, ""), "submit": (1, ""), "unlock": (2, "does not exist")}


def commands() -> list[str]:
    text = (STUDENT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    words = [line for block in blocks for line in block.splitlines()] + re.findall(
        r"`([^`\n]+)`", text
    )
    return list(
        dict.fromkeys(
            word for word in words if re.match(r"(\.venv/bin/\S+|make|conda|python) ", word)
        )
    )


def run(folder: Path, *words: str, ends: int = 0, says: str = "") -> str:
    """Run a command there and return what it printed; it must end with that status, and those words
    must be in its output or its errors.
    """
    variables = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SERVING_LABS", "OS_", "MAKE"))
    }
    # The course is installed from its own repository here, and would lend what the archive lacks.
    environment = {**variables, "PYTHONPATH": str(folder), "HOME": str(folder.parent)}
    done = subprocess.run(
        words, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == ends, f"{words}: {done.stdout}{done.stderr}"
    assert "Traceback" not in done.stdout + done.stderr
    assert says in done.stdout + done.stderr
    return done.stdout


def test_the_readme_names_the_commands_that_a_student_needs():
    """Opening, standing, next step, checks, trouble, leases, bringing home, handing in,
    updating.
    """
    named = " ".join(commands())
    assert "make lab" in commands()
    for word in ["status", "next", "check", "doctor", "lease", "pull", "submit", "update"]:
        assert f"msl {word}" in named


@pytest.mark.parametrize(
    "command", [command for command in commands() if not command.startswith("conda")]
)
def test_every_command_of_the_readme_works(unpacked: Path, command: str):
    """Exactly as written; commands that take long or need a lease at least exist."""
    program, *rest = shlex.split(command)
    if program == "make":
        run(unpacked, "make", "--dry-run", *rest)
    elif any(long in command for long in LONG):
        run(unpacked, program, rest[0], "--help")
    else:
        ends, says = REFUSED.get(rest[0], (0, ""))
        run(unpacked, program, *rest, ends=ends, says=says)


def test_every_target_of_the_makefile_works(unpacked: Path):
    """`make help` shows each, and make can plan each; the quick one is run, and the slow ones'
    commands exist.
    """
    shown = run(unpacked, "make", "help")
    for target in re.findall(
        r"^([a-z]+):.*##", (STUDENT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE
    ):
        assert f"make {target} " in shown
        run(unpacked, "make", "--dry-run", target)
    assert "ok    packages" in run(unpacked, "make", "doctor")
    run(unpacked, ".venv/bin/python", "-m", "labs", "edge", "emulate", "--help")


def test_every_link_leads_somewhere(unpacked: Path):
    """In the README, in every other page and in every notebook; none leads out of the folder."""
    pairs = links([*unpacked.rglob("*.md"), *unpacked.rglob("*.ipynb")])
    inside = unpacked.resolve()
    assert [
        pair for pair in pairs if not (pair[1].exists() and pair[1].is_relative_to(inside))
    ] == []
    assert len(pairs) > 20


def test_no_solution_and_no_test_is_in_it(unpacked: Path):
    """The archive also leaves out graders' files, sources of lessons, instructors' pages and
    recipes. Its only hidden files are those with which a Codespace and Binder begin.
    """
    inside = {
        path.relative_to(unpacked).as_posix()
        for path in unpacked.rglob("*")
        # The last two are not unpacked: set-up and lessons make them.
        if not {".venv", "workspace"} & set(path.parts)
    }
    ours = ("grading", "tests", "notebooks/source", "notebooks/instructor", "assets/recipes")
    assert [name for name in inside if name.startswith(ours)] == []
    hidden = {PurePosixPath(name).parts[0] for name in inside if "/." in f"/{name}"}
    assert hidden == {".binder", ".devcontainer"}
    lessons_there = {f"notebooks/{lesson.link}" for lesson in lessons()}
    assert {
        "provisioning/lab/__init__.py",
        "labs/course/questions.json",
        "requirements.txt",
    } <= inside
    assert lessons_there <= inside
    written = "".join((unpacked / name).read_text(encoding="utf-8") for name in lessons_there)
    assert not re.search("SOLUTION|### STUB", written)


def test_nothing_in_it_imports_what_stays_home(unpacked: Path):
    """Every module of the checks, of handing in and of the front page can be imported without the
    graders' room.
    """
    rooms = ("labs/checkpoints", "labs/course", "provisioning/front")
    names = [
        path.relative_to(unpacked)
        for room in rooms
        for path in sorted((unpacked / room).rglob("*.py"))
    ]
    modules = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in names]
    # The checkout is installed editable here, and would lend what the archive lacks.
    alone = f"import sys\nsys.path = [one for one in sys.path if one != {str(ROOT)!r}]\n"
    code = "; ".join(
        [*(f"import {name}" for name in modules), "print('grading' in str(list(sys.modules)))"]
    )
    assert run(unpacked, sys.executable, "-c", alone + code).strip() == "False"
    assert len(modules) > 15


def test_students_and_authors_set_up_alike():
    """One recipe; students leave out what only grading a class and developing take."""
    own, ours = ((folder / "Makefile").read_text(encoding="utf-8") for folder in (STUDENT, ROOT))
    recipe = re.compile(r"^\$\(STAMP\):.*?^\n", re.MULTILINE | re.DOTALL)
    assert recipe.search(own).group() == recipe.search(ours).group()
    (extras,) = re.findall(r"^EXTRAS \?= (\S+)$", own, re.MULTILINE)
    (all_of_ours,) = re.findall(r"^EXTRAS [:?]= (\S+)$", ours, re.MULTILINE)
    assert set(extras.split(",")) == set(all_of_ours.split(",")) - {"cluster", "site", "dev"}
