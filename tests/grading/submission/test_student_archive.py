"""A student's archive holds no answers and no hidden checkpoints, and can hand in all the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from labs.workspace import PROJECT_DIR
from provisioning.trovi.archive import student_files


def test_what_students_get_can_collect_and_look(tmp_path: Path):
    """Every module that `python -m grading submit` imports is on the allow-list, or imported where it is used."""
    for name in student_files(PROJECT_DIR):
        if name.startswith(("grading/", "labs/")) and name.endswith((".py", ".json", ".toml")):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT_DIR / name, tmp_path / name)
    assert not (tmp_path / "grading" / "hidden").exists()
    assert not (tmp_path / "grading" / "answers").exists()
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(tmp_path / "grading" / "submission" / "button.py")


#: The checkout is installed editable here, and would lend what the archive lacks.
ALONE = """
import sys
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder).lower()]
import grading.__main__
import grading.submission.button
print(grading.submission.button.__file__)
"""
