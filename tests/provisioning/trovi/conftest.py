"""A small course to publish."""

from pathlib import Path

import pytest

from labs.course.assignment import PATH


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course with what may leave and what may not."""
    root = tmp_path / "course"
    files = {
        "README.md": "For authors.",
        "provisioning/student/README.md": "For students.",
        "provisioning/student/assistants/tutor.md": "Ask.",
        "assignment.toml": PATH.read_text(encoding="utf-8"),
        "trovi.json": "{}",
        "pyproject.toml": '[project]\ndependencies = ["rich>=13"]\n[project.optional-dependencies]\n'
        'provisioning = ["python-chi>=1.2.6,<1.3"]\nlabs = ["torch>=2.9"]\n',
        "labs/bench.py": "x = 1",
        "labs/__pycache__/bench.cpython-311.pyc": "x",
        "notebooks/1_model/11_measure.ipynb": '{"cells": []}',
        "notebooks/1_model/.ipynb_checkpoints/11_measure.ipynb": "{}",
        "notebooks/instructor/90_publish.ipynb": "{}",
        "notebooks/source/1_model/11_measure/lesson.py": "### BEGIN SOLUTION\nx = 42\n### END SOLUTION",
        "notebooks/source/1_model/11_measure/questions.py": "question = 1",
        "labs/course/questions.json": "{}",
        "provisioning/node/bin/setup.sh": "#!/bin/sh\n",
        "grading/builder/notebook.py": "build = 1",
        "tests/test_x.py": "assert True",
        "assets/manifest.json": "{}",
        ".env": "TOKEN=1",
        "labs/.secret": "x",
        "notebooks/1_model/11_solved.ipynb": "{}",
        "secret/notes.txt": "x",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root
