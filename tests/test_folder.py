"""The course is a folder: a copied, moved, renamed or linked one works on itself, and no copy
reaches the first one.
"""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import unpack_course

ROOT = Path(__file__).resolve().parents[1]


def run(*words: object, folder: Path, ends: int = 0, **variables: str) -> str:
    """Return what a command says to a reader who has no environment active; it must end with that
    status.
    """
    given = {"PATH": os.defpath, "HOME": os.environ["HOME"], "LANG": "C.UTF-8", **variables}
    line = [str(word) for word in words]
    done = subprocess.run(line, cwd=folder, env=given, capture_output=True, text=True, check=False)
    assert done.returncode == ends, f"{line}: {done.stdout}{done.stderr}"
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a student's folder with an environment that set-up has finished; its packages are this
    one's.

    The folder's name has a space and a quote, which pip writes into its programs in another way
    than a plain name.
    """
    folder = unpack_course(tmp_path_factory.mktemp("a student's") / "course")
    environment = folder / ".venv"
    python = environment / "bin" / "python"
    run(Path(sys.executable).resolve(), "-m", "venv", environment, folder=folder)
    run(
        python, "-m", "pip", "uninstall", "--yes", "--quiet", "setuptools", folder=folder
    )  # an old one, before 3.12
    (environment / "bin" / "uv").symlink_to(Path(sys.executable).with_name("uv"))
    lent = Path(
        run(
            python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=folder
        ).strip()
    )
    (lent / "lent.pth").write_text(f"{sysconfig.get_path('purelib')}\n")
    offline = ("--offline", "--no-deps", "--no-build-isolation")
    run(
        environment / "bin" / "uv",
        "pip",
        "install",
        *offline,
        "--python",
        python,
        "--editable",
        ".",
        folder=folder,
    )
    finish = (
        "from provisioning import environment; environment._relocate(); environment._stamp('labs')"
    )
    run(python, "-c", finish, folder=folder)
    return folder


def copied(first: Path, folder: Path) -> Path:
    """Copy a folder, with everything in it."""
    run("cp", "-a", first, folder / "copy", folder=folder)
    return folder / "copy"


def copied_with_hard_links(first: Path, folder: Path) -> Path:
    """Copy a folder by links: a file is shared until a program writes a new one."""
    run("cp", "-al", first, folder / "copy", folder=folder)
    return folder / "copy"


def moved(first: Path, folder: Path) -> Path:
    """Move a folder to another one, and rename it."""
    copy = copied(first, folder)
    run("make", "EXTRAS=labs", "setup", folder=copy)
    (folder / "below").mkdir()
    return copy.rename(folder / "below" / "renamed")


def with_a_space(first: Path, folder: Path) -> Path:
    """Copy a folder to a path with a space and an accent."""
    (folder / "serving läbs").mkdir()
    return copied(first, folder / "serving läbs")


def through_a_link(first: Path, folder: Path) -> Path:
    """Copy a folder, and reach it by a link."""
    (folder / "link").symlink_to(copied(first, folder))
    return folder / "link"


#: A folder whose name has a space is the hardest copy; the others take long, too.
PLACES = [
    with_a_space,
    pytest.param(copied, marks=pytest.mark.slow),
    pytest.param(copied_with_hard_links, marks=pytest.mark.slow),
    pytest.param(moved, marks=pytest.mark.slow),
    pytest.param(through_a_link, marks=pytest.mark.slow),
]


@pytest.fixture(params=PLACES, ids=lambda place: place.__name__)
def place(request: pytest.FixtureRequest, first: Path, tmp_path: Path) -> Path:
    """Return a folder that was made from the first one, in one of the ways that people have."""
    make: Callable[[Path, Path], Path] = request.param
    return make(first, tmp_path)


def results(output: str) -> Path:
    """Return the folder of results that ``msl doctor`` names."""
    (line,) = re.findall("^ok    results: are kept in (.+)$", output, re.MULTILINE)
    return Path(line)


SAY = "from labs.workspace import workspace_dir; print(workspace_dir())"
#: A kernel as Jupyter's server starts it: by the kernel's own specification, in the notebook's
#: folder.
KERNEL = textwrap.dedent(
    f"""
    from jupyter_client.manager import start_new_kernel

    def show(message):
        content = message["content"]
        print(content.get("text") or "\\n".join(content.get("traceback", ())), end="")

    manager, client = start_new_kernel()
    cell = {f"{SAY}; from labs.checkpoints.begin import begin; begin('start')"!r}
    client.execute_interactive(cell, output_hook=show)
    manager.shutdown_kernel(now=True)
    """
)


def kernel(python: Path, folder: Path) -> str:
    """Return what the first cell of a lesson says in a folder of notebooks, to which a kernel
    belongs.
    """
    return run(python, "-c", KERNEL, folder=folder)


def test_every_way_to_the_course_works_on_the_folder_that_it_is_in(place: Path):
    """Make, the program, the program from another folder, an activated shell, pytest's Python and a
    kernel.
    """
    own = place.resolve() / "workspace"
    program, python = place / ".venv" / "bin" / "msl", place / ".venv" / "bin" / "python"
    assert results(run(program, "doctor", folder=Path("/"))) == own
    assert results(run(program, "doctor", folder=place)) == own
    activated = f'. "{place}/.venv/bin/activate" && msl doctor && python -c "{SAY}"'
    output = run("bash", "-c", activated, folder=Path("/"))
    assert results(output) == own
    assert output.splitlines()[-1] == str(own)
    assert str(own) in kernel(python, place / "notebooks" / "0_start")
    assert results(run("make", "EXTRAS=labs", "doctor", folder=place)) == own
    assert f"from {place.resolve()}/.venv/lib" in run(
        program.with_name("pip"), "--version", folder=Path("/")
    )


def test_set_up_repairs_what_names_another_folder_and_downloads_nothing(place: Path, first: Path):
    """Also programs and an activation that still name the first folder; in the first one, no byte
    changes.
    """
    watched = [
        path
        for path in first.rglob(".venv/**/*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    before = {path: path.read_bytes() for path in watched}
    program = place / ".venv" / "bin" / "msl"
    program.unlink()
    program.write_text(
        f"#!{first}/.venv/bin/python\nfrom provisioning.front.command import app\napp()\n"
    )
    program.chmod(0o755)
    stamp = place / ".venv" / ".installed"
    stamp.unlink()
    stamp.write_text(f"{first}\n{(first / '.venv' / '.installed').read_text().splitlines()[1]}\n")
    output = run("make", "EXTRAS=labs", "setup", folder=place, PIP_NO_INDEX="1", UV_OFFLINE="1")
    assert "Nothing was downloaded" in output
    assert "downloaded" not in run(
        "make", "EXTRAS=labs", "setup", folder=place
    )  # the second time there is nothing to do
    assert results(run(program, "doctor", folder=Path("/"))) == place.resolve() / "workspace"
    texts = [
        *(place / ".venv" / "bin").iterdir(),
        *(place / ".venv").glob("lib/python*/site-packages/*.pth"),
        stamp,
    ]
    naming = [
        path.name for path in texts if path.is_file() and str(first).encode() in path.read_bytes()
    ]
    assert naming == []
    assert {path: path.read_bytes() for path in watched} == before


def test_who_uses_one_folders_environment_on_a_copy_is_told(first: Path, tmp_path: Path):
    """A kernel, an activated terminal, and a program of the copy that still names the first
    folder's Python.
    """
    copy = copied(first, tmp_path)
    python, notebooks = first / ".venv" / "bin" / "python", copy / "notebooks" / "0_start"
    assert re.search(
        rf"This notebook is in {copy}, but .* runs the course in {first}", kernel(python, notebooks)
    )
    activated = f'. "{first}/.venv/bin/activate" && msl status'
    output = run("bash", "-c", activated, folder=notebooks, ends=1)
    assert f"Your terminal is in {copy}" in output
    assert f"{copy}/.venv/bin/msl" in output
    old = copy / ".venv" / "bin" / "old"
    old.write_text("from provisioning.front.command import app\napp()\n")
    assert f"This `msl` is in {copy}" in run(python, old, "status", folder=Path("/"), ends=1)
    assert not (copy / "workspace").exists()
    assert not (first / "workspace").exists()


def test_an_environment_elsewhere_is_told_how_to_run_the_folder(first: Path, tmp_path: Path):
    """As with conda, where one environment imports the folder that it was installed from; a copy
    has no .venv.
    """
    copy = copied(first, tmp_path)
    shutil.rmtree(copy / ".venv")
    environment = tmp_path / "conda"
    (first / ".venv").rename(environment)
    try:
        (link,) = environment.glob("lib/python*/site-packages/__editable__*.pth")
        link.write_text(f"{first}\n")
        output = kernel(environment / "bin" / "python", copy / "notebooks" / "0_start")
    finally:
        link.write_text("../../../..\n")
        environment.rename(first / ".venv")
    (line,) = re.findall("run `(cd .+?)`", output)
    assert line == f"cd {copy} && {environment}/bin/python -m pip install --no-deps --editable ."


def recipes() -> Iterator[tuple[str, str]]:
    """Yield each line of the files that a checkout runs by itself, with the file's name."""
    for name in ("Makefile", "provisioning/student/Makefile", ".pre-commit-config.yaml"):
        for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
            yield name, line


def test_no_recipe_starts_a_program_that_names_a_folder():
    """A program in Python names the Python that it was made for; uv is a binary."""
    started = [
        (name, word)
        for name, line in recipes()
        for word in re.findall(r"(?:\$\(BIN\)|\.venv/bin)/(\w+)", line)
    ]
    assert ("Makefile", "python") in started
    assert {word for _, word in started} <= {"python", "uv"}
