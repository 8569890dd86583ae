"""A student's archive holds no answers and no hidden checkpoints, and can hand in all the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from labs.workspace import PROJECT_DIR
from provisioning.node.archive import student_files


def test_what_students_get_can_collect_and_look(tmp_path: Path):
    """Every module that `python -m grading submit` imports is on the allow-list, or imported where it is used."""
    for name in student_files(PROJECT_DIR):
        if name.startswith(("grading/", "labs/", "notebooks/", "assets/reference/")) and name.endswith(
            (".py", ".json", ".toml", ".ipynb")
        ):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT_DIR / name, tmp_path / name)
    assert not (tmp_path / "grading" / "grade" / "hidden.py").exists()
    assert not (tmp_path / "grading" / "answers").exists()
    (tmp_path / "mine").mkdir()
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines.pop() == "megabytes was called"
    assert lines[0] == str(tmp_path / "grading" / "submission" / "show.py")
    assert any("is written, and not complete" in line for line in lines)
    with zipfile.ZipFile(tmp_path / "mine" / "submission-part-1.zip") as archive:
        assert "11_measure_the_torch_model.ipynb" in archive.namelist()


#: The checkout is installed editable here, and would lend what the archive lacks.
ALONE = """
import sys
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
import grading.__main__
import provisioning.front.hand_in
print(provisioning.front.hand_in.__file__)
grading.__main__.app(["submit", "--part", "1", "--workspace", "mine"], standalone_mode=False)
# What a check of a function imports when it is asked for, too.
from grading.checkpoints import all_checkpoints
from labs.records import Records
asked = all_checkpoints()["start.megabytes"].asks
if asked.tried(asked.reference, Records()).answer["outputs"]:
    print("megabytes was called")
"""
