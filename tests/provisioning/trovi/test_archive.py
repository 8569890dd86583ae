"""The files that leave the repository: an allow-list, without solutions, the same bytes each time;
and Trovi's form.
"""

import io
import json
import os
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from labs.course.assignment import PATH
from provisioning.node import archive
from provisioning.trovi import app

ROOT = Path(__file__).parents[3]

#: What leaves a small course, and what stays: solutions, tests, hidden files, and folders that
#: nobody named.
LEAVE = [
    ".binder/postBuild",
    ".devcontainer/devcontainer.json",
    "README.md",
    "assets/manifest.json",
    "assignment.toml",
    "labs/bench.py",
    "labs/course/questions.json",
    "notebooks/1_model/11_measure.ipynb",
    "provisioning/node/bin/setup.sh",
    "pyproject.toml",
    "trovi.json",
]
STAY = [
    "provisioning/student/README.md",
    "provisioning/student/assistants/tutor.md",
    "labs/__pycache__/bench.cpython-311.pyc",
    "notebooks/1_model/.ipynb_checkpoints/11_measure.ipynb",
    "notebooks/1_model/11_solved.ipynb",
    "notebooks/instructor/90_publish.ipynb",
    "notebooks/source/1_model/11_measure/lesson.py",
    "notebooks/source/1_model/11_measure/questions.py",
    "grading/builder/notebook.py",
    "tests/test_x.py",
    ".env",
    "labs/.secret",
    ".devcontainer/.env",
    "secret/notes.txt",
]
PROJECT = """
[project]
dependencies = ["rich>=13"]
[project.optional-dependencies]
provisioning = ["python-chi>=1.2.6,<1.3"]
labs = ["torch>=2.9"]
"""


@pytest.fixture
def course(tmp_path: Path) -> Path:
    root = tmp_path / "course"
    texts = {"provisioning/student/README.md": "For students.", "pyproject.toml": PROJECT}
    texts["assignment.toml"] = PATH.read_text(encoding="utf-8")
    for name in (*LEAVE, *STAY):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(texts.get(name, "x"))
    return root


def test_only_the_allowed_files(course):
    """Links are left out too, because they could lead to any other file; a machine gets code and
    data separately.
    """
    (course / "labs" / "leak.py").symlink_to(
        course / "notebooks" / "source" / "1_model" / "11_measure" / "lesson.py"
    )
    assert archive.student_files(course) == tuple(LEAVE)
    assert archive.materials_files(course, assets=True) == ("assets/manifest.json",)
    assert {"assets/manifest.json", *archive.materials_files(course, assets=False)} == set(LEAVE)
    for secret in ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "x = 1\n### BEGIN SOLUTION\n"):
        (course / "labs" / "oops.py").write_text(secret)
        with pytest.raises(
            ValueError, match=r"labs/oops\.py holds"
        ):  # better no archive than one with a secret
            archive.student_files(course)


def test_a_deep_dives_package_leaves_without_its_lesson(course):
    """As a plain folder of labs, from which students import it; solutions and tests stay."""
    folder = course / "notebooks" / "source" / "1_model" / "deeper" / "01_dive"
    for name in (
        "lesson.py",
        "questions.py",
        "dive/__init__.py",
        "dive/reads.py",
        "tests/test_x.py",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"# {name}")
    package = {"labs/deeper/dive/__init__.py", "labs/deeper/dive/reads.py"}
    assert set(archive.student_files(course)) == {*LEAVE, *package}
    path = archive.source(course, "labs/deeper/dive/reads.py")
    assert path.read_text() == "# dive/reads.py"


def test_the_same_tree_gives_the_same_bytes(course, tmp_path):
    """At any time, by any user, in any order; scripts are executable, and files have no owner."""
    first = archive.build_archive(course, LEAVE, tmp_path / "a.tar.gz")
    for number, name in enumerate(LEAVE):
        os.utime(course / name, (number, number))
        (course / name).chmod(0o600)
    second = archive.build_archive(course, reversed(LEAVE), tmp_path / "b.tar.gz")
    assert first.sha256 == second.sha256
    with tarfile.open(second.path) as tar:
        modes = {member.name: member.mode for member in tar}
        assert {(member.uid, member.uname) for member in tar} == {(0, "")}
    assert (modes["provisioning/node/bin/setup.sh"], modes["labs/bench.py"]) == (0o755, 0o644)
    (course / "labs" / "bench.py").write_text("x = 2")
    assert archive.build_archive(course, LEAVE, tmp_path / "c.tar.gz").sha256 != first.sha256


def test_the_command_packs_the_students_own_texts_and_light_requirements(course, tmp_path):
    """Chameleon's Jupyter installs them at each start, in one GB of memory: no torch, and the
    course itself.
    """
    path = tmp_path / "out" / "labs.tar.gz"
    for number, name in enumerate(LEAVE):
        os.utime(course / name, (1e9 + number, 1e9 + number))
    assert CliRunner().invoke(app, ["build", str(path), "--root", str(course)]).exit_code == 0
    with tarfile.open(path) as packed:
        # Unpacked without overwriting a person's files, and as old as the course.
        assert {Path(member.name).parts[0] for member in packed} == {"model-serving-labs"}
        assert {member.mtime for member in packed} == {1e9 + len(LEAVE) - 1}
    assert (
        CliRunner().invoke(app, ["build", str(path), "--root", str(course), "--flat"]).exit_code
        == 0
    )
    with tarfile.open(path) as packed:
        assert packed.extractfile("README.md").read() == b"For students."
        text = packed.extractfile("requirements.txt").read().decode()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines == ["python-chi>=1.2.6,<1.3", "rich>=13", "--editable ."]


@pytest.mark.parametrize("filters", [True, False], ids=["this Python", "3.11.2"])
def test_nothing_is_unpacked_outside_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filters: bool
):
    """Debian 12's Python knows no filters for archives, and unpacks as carefully."""
    if not filters:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    folder, packed = tmp_path / "folder", io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, kind in {
            "a/b.sh": tarfile.REGTYPE,
            "a/link": tarfile.SYMTYPE,
            "../c": tarfile.REGTYPE,
        }.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.mode = kind, "/etc", 0o755
            tar.addfile(entry)
    packed.seek(0)
    with tarfile.open(fileobj=packed) as tar, pytest.raises(tarfile.TarError):
        archive.unpack(tar, folder)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["b.sh"]
    assert (folder / "a" / "b.sh").stat().st_mode & 0o100


# Trovi

ENTITIES = {
    entity["@id"]: entity
    for entity in json.loads((ROOT / "trovi.json").read_text("utf-8"))["@graph"]
}


def test_texts_tags_authors_and_the_launch_button_have_the_form_that_the_importer_reads():
    """Trovi answers a text that is too long with status 200 and an error in the body."""
    root = ENTITIES["./"]
    for key, limit in {"name": 140, "disambiguatingDescription": 200, "description": 5000}.items():
        assert 0 < len(root[key].strip()) <= limit, key
    assert ENTITIES["trovi.json"]["about"] == {"@id": "./"}
    assert all(word.strip() for word in root["keywords"].split(","))
    people = [ENTITIES[each["@id"]] for each in root["author"]]
    assert people
    assert all(person.get(key) for person in people for key in ("name", "email", "affiliation"))
    applications = [ENTITIES[each["@id"]] for each in root["actionApplication"]]
    assert any(
        each["@type"] == "SoftwareApplication" and each.get("trovi_type") for each in applications
    )
