"""The zip: what has to be in it, what must not, and that it can be made again."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from grading.__main__ import app
from grading.gradescope.package import PACKAGES, Package, build_package, requirements
from labs.workspace import PROJECT_DIR
from tests.grading.gradescope.tree import SEED

pytestmark = pytest.mark.xdist_group("gradescope")

#: Modules whose package has another name.
NAMED = {"PIL": "pillow", "google": "onnx"}

#: Imported where a machine is looked at or a widget or a first cell is shown, which the grader never does.
NOT_THERE = {"IPython", "httpx", "ipywidgets", "openvino", "pynvml", "torch", "torchvision", "yaml"}


@pytest.fixture(scope="module")
def texts(package: Package) -> dict[str, str]:
    """Return what is in the zip, but for pictures."""
    with zipfile.ZipFile(package.path) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist() if not name.endswith((".npz", "/"))}


def test_the_contract_s_files_are_at_the_root_and_secrets_are_closed(package: Package):
    """Both scripts can be run, and only the owner reads the seed and the pictures."""
    with zipfile.ZipFile(package.path) as archive:
        modes = {info.filename: info.external_attr >> 16 & 0o777 for info in archive.infolist()}
    assert modes["setup.sh"] == modes["run_autograder"] == 0o755
    assert modes["secret/"] == 0o700
    secret = {name for name in modes if name.startswith("secret/") and name != "secret/"}
    assert secret == {"secret/assignment.json", "secret/fallback.json", "secret/pictures.npz"}
    assert {modes[name] for name in secret} == {0o600}
    assert package.path.stat().st_mode & 0o077 == 0


def test_no_answer_is_in_the_zip(texts: dict[str, str]):
    """Neither the key's files nor the text of any of its cells."""
    assert not [name for name in texts if re.search(r"answers|solve|demo|tests/|classroom", name)]
    cells = [
        cell.strip()
        for path in (PROJECT_DIR / "grading" / "answers").glob("*.py")
        for cell in re.split(r"^# %%.*\n", path.read_text(), flags=re.MULTILINE)[1:]
    ]
    told = [cell for cell in cells if len(cell) > 60]
    assert len(told) > 30
    everything = "\n".join(texts.values())
    assert [cell for cell in told if cell in everything] == []


def test_the_seed_stands_in_one_file(texts: dict[str, str]):
    """Which is closed."""
    assert [name for name, text in texts.items() if SEED in text] == ["secret/assignment.json"]


def test_what_is_imported_is_what_is_installed(texts: dict[str, str]):
    """Each package that a module in the zip names is pinned, each pin is needed, and torch is not among them."""
    imported = set()
    for name, text in texts.items():
        if name.endswith(".py"):
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.Import):
                    imported |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    imported.add(str(node.module).partition(".")[0])
    outside = imported - set(sys.stdlib_module_names) - {"grading", "labs", "provisioning"} - NOT_THERE
    # Started by name, in the sandbox: nbval on pytest, which talks to a kernel through jupyter_client. And what a
    # student's function may import there.
    by_name = {"nbval", "jupyter_client", "pytest", "scipy"}
    assert {NAMED.get(name, name) for name in outside} | by_name == set(PACKAGES)
    pinned = texts["requirements.txt"].splitlines()
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in pinned)
    assert set(pinned) <= set((PROJECT_DIR / "constraints.txt").read_text().splitlines())
    assert "torch" not in texts["requirements.txt"]


def test_a_package_without_a_pin_is_refused(tmp_path: Path):
    """A range would make grades depend on the day of the upload."""
    path = tmp_path / "constraints.txt"
    path.write_text((PROJECT_DIR / "constraints.txt").read_text().replace("onnxruntime==", "onnxruntime>="))
    with pytest.raises(ValueError, match="no exact pin of onnxruntime"):
        requirements(path)


def test_the_command_makes_the_same_bytes_again(package: Package, tmp_path: Path):
    """Same tree, same part, same seed; a secret may come from the environment instead of a shell's history."""
    out = tmp_path / "again" / "autograder.zip"
    done = CliRunner().invoke(app, ["gradescope", "--out", str(out)], env={"GRADESCOPE_SEED": SEED})
    assert done.exit_code == 0, done.output
    assert SEED not in done.output
    assert out.read_bytes() == package.path.read_bytes()


def test_a_part_that_does_not_exist_and_a_seed_that_is_none_are_refused(tmp_path: Path):
    """In words, and nothing is written."""
    with pytest.raises(ValueError, match="no lessons"):
        build_package(tmp_path / "a.zip", part=9, seed="x")
    with pytest.raises(ValueError, match="no secret"):
        build_package(tmp_path / "a.zip", part=1, seed=" ")
    assert not list(tmp_path.glob("*.zip"))


def test_the_scripts_pass_shellcheck():
    """Every finding of every level."""
    tool = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or shutil.which("shellcheck")
    if tool is None:
        pytest.skip("shellcheck is not installed; the gate installs it")
    scripts = [PROJECT_DIR / "grading" / "gradescope" / name for name in ("setup.sh", "run_autograder")]
    done = subprocess.run(
        [tool, "--severity=style", *map(str, scripts)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout
