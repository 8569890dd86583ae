"""The package alone: its imports are declared, and another course's notebook runs on it completely.

`notebooks/2_create_server.ipynb` is the page on which *Model optimizations for serving* of
teaching-on-testbeds brings up its server, as it is published (github.com/teaching-on-testbeds/
serve-model-chi at 76264163; `notebooks/LICENSE`).
"""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "chameleon_rehearsal"
NOTEBOOK = Path(__file__).with_name("notebooks") / "2_create_server.ipynb"
#: The lease that the notebook looks for by its name.
LEASE = "serve_model_netID"
#: Runs a notebook in its folder, and writes it with its outputs.
RUN = """
import sys
import nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""


def imported() -> set[str]:
    """Return the top-level names that the package's modules import."""
    names = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add((node.module or "").partition(".")[0])
    return names


def test_it_declares_what_it_imports_and_no_more() -> None:
    """python-chi is the reader's own, pytest loads the plugin itself, Starlette is FastAPI's."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.match(r"[\w-]+", line)[0] for line in project["dependencies"]}
    beside = {"chameleon_rehearsal", "chi", "pytest", "starlette", "sockets"}
    outside = imported() - sys.stdlib_module_names - beside
    owners = packages_distributions()
    assert {owners.get(name, [name])[0].lower() for name in outside} == declared


def test_the_shipped_table_is_whole() -> None:
    """Each image that another one extends is there, and so are the two that stand for all."""
    images = json.loads((PACKAGE / "software.json").read_text(encoding="utf-8"))["images"]
    extended = {entry["extends"] for entry in images.values() if "extends" in entry}
    assert {"ubuntu", "CC-Ubuntu24.04"} | extended <= set(images)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that has the package, python-chi and Jupyter, but not the course."""
    room = tmp_path_factory.mktemp("empty")
    # A copy: a build leaves files in the folder.
    shutil.copytree(ROOT, room / "source", ignore=shutil.ignore_patterns("tests", "__pycache__"))
    subprocess.run([sys.executable, "-m", "venv", room / "venv"], check=True)
    python = room / "venv" / "bin" / "python"
    # PyPI's python-chi declares neither of the two clients that it imports.
    clients = ["chameleon-blazarclient", "chameleon-zunclient"]
    wanted = [room / "source", "python-chi", "jupyter", "nbclient", "pytest", *clients]
    command = [python, "-m", "pip", "install", "--quiet", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if "No matching distribution" in done.stderr:
        pytest.skip(f"no package index can be reached: {done.stderr[-200:]}")
    assert done.returncode == 0, done.stderr[-2000:]
    return room


def run(room: Path, script: str) -> str:
    """Run a script of a shell in the environment, with nothing of this one's variables."""
    variables = {
        "PATH": f"{room / 'venv' / 'bin'}{os.pathsep}{os.defpath}",
        "HOME": str(room),
        "LANG": "C.UTF-8",
        "REHEARSAL_HOME": str(room / "rehearsal"),
    }
    command = ["sh", "-euc", script]
    done = subprocess.run(
        command, cwd=room, env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_somebody_elses_notebook_runs_whole(empty: Path) -> None:
    """It runs unmodified, by nbclient: the printed variables alone direct it to the rehearsal."""
    assert "no course" in run(empty, "python -c 'import labs' 2>/dev/null || echo no course")
    (empty / "run.py").write_text(RUN, encoding="utf-8")
    # The node clones the notebook's own repository; this is a short version.
    repository = empty / "serve-model-chi"
    git = "git -c user.name=a -c user.email=a@b"
    run(
        empty,
        f"git init -q {repository.name} && cd {repository.name}\n"
        f"{git} commit -q --allow-empty -m 'As it is published'",
    )
    mirrored = (
        "export GIT_CONFIG_COUNT=1\n"
        f"export GIT_CONFIG_KEY_0=url.file://{repository}.insteadOf\n"
        "export GIT_CONFIG_VALUE_0=https://github.com/teaching-on-testbeds/serve-model-chi\n"
    )
    try:
        output = run(
            empty,
            f"{mirrored}"
            'variables="$(chameleon-rehearsal up --speed 10000)" && eval "$variables"\n'
            f"chameleon-rehearsal lease {LEASE} --type compute_liqid\n"
            f"python run.py '{NOTEBOOK}' done.ipynb\n"
            "chameleon-rehearsal status\n",
        )
        journal = (empty / "rehearsal" / "journal.txt").read_text(encoding="utf-8")
    finally:
        run(empty, "chameleon-rehearsal down")
    assert re.search(r"servers: node-serve-model-\S+ ACTIVE at CHI@TACC", output)
    assert "rehearsed, not run: sudo nvidia-ctk runtime configure --runtime=docker" in journal


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_fixture_is_there_wherever_the_package_is_installed(empty: Path) -> None:
    """By pytest's entry point: the reader's tests name it and nothing else."""
    test = "def test_one(chameleon):\n    assert chameleon.status()['leases'] == []\n"
    (empty / "test_one.py").write_text(test, encoding="utf-8")
    assert "1 passed" in run(empty, "python -m pytest -q test_one.py")
