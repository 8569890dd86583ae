"""The published archive as Chameleon's Jupyter starts it: unpacked, its requirements installed, its lessons opened."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import nbformat
import pytest

from labs.course import lessons
from provisioning.trovi.package import STORAGE_LIMIT_BYTES, build

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.machine


def imports_of(notebook: Path) -> list[str]:
    """Return the import statements of a notebook's cells."""
    cells = [cell.source for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == "code"]
    nodes = [node for source in cells for node in ast.parse(source).body]
    return [ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]


@pytest.fixture(scope="module")
def launched(tmp_path_factory) -> tuple[Path, Path]:
    """The work folder, and a Python that has what the folder's list asks for and nothing else of this course."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not installed")
    folder = tmp_path_factory.mktemp("chameleon")
    work, environment = folder / "work", folder / "environment"
    with tarfile.open(build(ROOT, folder / "labs.tar.gz").path) as packed:
        packed.extractall(work, filter="data")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(environment)], check=True)
    python = environment / "bin" / "python"
    # In the work folder, as Chameleon does it; pinned, so that another release does not break this over night.
    install = [uv, "pip", "install", "--quiet", "--python", str(python), "-r", "requirements.txt"]
    done = subprocess.run([*install, "-c", str(ROOT / "constraints.txt")], cwd=work, capture_output=True, text=True)
    if any(words in done.stderr for words in ("dns error", "Failed to fetch", "error sending request")):
        pytest.skip(f"no package index: {done.stderr[:100]}")
    assert done.returncode == 0, done.stderr
    return work, python


@pytest.mark.slow
def test_every_lesson_that_runs_there_finds_what_it_imports(launched):
    """From the notebook's own folder, which is where its kernel starts."""
    work, python = launched
    opened = [one.notebook for one in lessons(root=work / "notebooks") if "hub" in one.where]
    assert len(opened) >= 10
    for folder in sorted({path.parent for path in opened}):
        code = "\n".join(line for path in opened if path.parent == folder for line in imports_of(path))
        code += f"\nimport sys, provisioning\nassert provisioning.__path__[0].startswith({str(work)!r})"
        code += "\nassert not {'torch', 'onnxruntime'} & set(sys.modules)"
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        done = subprocess.run(
            [str(python), "-c", code], cwd=folder, env=kept | {"HOME": str(work.parent)}, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{folder.name}: {done.stderr[-2000:]}"


@pytest.mark.slow
def test_it_all_fits_into_the_users_storage(launched):
    """Although most of these packages are in Chameleon's image already."""
    work, python = launched
    folders = (work, python.parents[1])
    size_bytes = sum(path.lstat().st_size for folder in folders for path in folder.rglob("*") if path.is_file())
    print(f"work folder and packages: {size_bytes / 2**20:.0f} MB", file=sys.stderr)
    assert size_bytes < STORAGE_LIMIT_BYTES
