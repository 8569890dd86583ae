"""What leaves the repository: an allow-list, without answers, the same bytes each time."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path, PurePosixPath

import pytest

from provisioning.archive import allowed, build_archive, materials_files, student_files, unpack
from provisioning.trovi.package import build, light_requirements, problems

ROOT = Path(__file__).parents[3]


def test_only_the_allowed_files(course):
    """No answers, tests, instructor's notebooks, hidden files or folders that nobody named."""
    assert student_files(course) == (
        "README.md",
        "assets/manifest.json",
        "grading/checkpoints/model.py",
        "labs/bench.py",
        "notebooks/1_model/11_measure.ipynb",
        "provisioning/node/bin/setup.sh",
        "pyproject.toml",
        "trovi.json",
    )


def test_this_repository_ships_no_answer():
    """The real tree: every path is allowed, and none is an answer, a test or hidden."""
    files = student_files(ROOT)
    assert "provisioning/lab/__init__.py" in files
    for name in files:
        assert not name.startswith(("grading/answers", "tests/", "notebooks/instructor", ".venv", ".git"))
        assert "/." not in f"/{name}"


@pytest.mark.parametrize(
    "name",
    ["grading/answers/x.py", "tests/x.py", "notebooks/1_model/11_solved.ipynb", "labs/.secret", ".env", "new/file.py",
     "grading/checkpoints/hidden_model.py", "labs/__pycache__/x.pyc", "notebooks/instructor/90.ipynb",
     "notebooks/source/1_model/11_measure.py", "grading/build.py", "grading/course.py"],
)  # fmt: skip
def test_refused_names(name):
    """Each kind of file that must stay home."""
    assert not allowed(PurePosixPath(name))


def test_links_are_left_out(course):
    """A link could lead to the answers."""
    (course / "labs" / "leak.py").symlink_to(course / "grading" / "answers" / "model.py")
    assert "labs/leak.py" not in student_files(course)


@pytest.mark.parametrize("text", ["-----BEGIN OPENSSH PRIVATE KEY-----\n", "# answer for checkpoint m.q1\nx = 1\n"])
def test_a_key_or_an_answer_in_an_allowed_place_stops_the_build(course, text):
    """Better no archive than one with a secret."""
    (course / "labs" / "oops.py").write_text(text)
    with pytest.raises(ValueError, match=r"labs/oops\.py holds"):
        student_files(course)


def test_the_same_tree_gives_the_same_bytes(course, tmp_path):
    """Whenever, whoever, in whatever order: so a digest says whether a machine has this copy."""
    files = student_files(course)
    first = build_archive(course, files, tmp_path / "a.tar.gz")
    for number, name in enumerate(files):
        os.utime(course / name, (number, number))
        (course / name).chmod(0o600)
    second = build_archive(course, reversed(files), tmp_path / "b.tar.gz")
    assert first.sha256 == second.sha256
    (course / "labs" / "bench.py").write_text("x = 2")
    assert build_archive(course, files, tmp_path / "c.tar.gz").sha256 != first.sha256


def test_scripts_stay_executable_and_nobody_owns_anything(course, tmp_path):
    """Unpacking on a machine must not need chmod, nor make files of a strange user."""
    archive = build_archive(course, student_files(course), tmp_path / "a.tar.gz")
    with tarfile.open(archive.path) as tar:
        modes = {member.name: member.mode for member in tar}
        assert {(member.uid, member.uname) for member in tar} == {(0, "")}
    assert modes["provisioning/node/bin/setup.sh"] == 0o755
    assert modes["labs/bench.py"] == 0o644


def test_materials_are_the_course_without_its_pictures(course):
    """Code and data travel apart."""
    assert "assets/manifest.json" not in materials_files(course, assets=False)
    assert materials_files(course, assets=True) == ("assets/manifest.json",)


def test_the_built_archive_has_light_requirements(course, tmp_path):
    """Chameleon's Jupyter installs them at each start: base and provisioning, nothing of the labs, and the course."""
    archive = build(course, tmp_path / "out" / "labs.tar.gz")
    with tarfile.open(archive.path) as tar:
        text = tar.extractfile("requirements.txt").read().decode()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines == ["python-chi>=1.2.6,<1.3", "rich>=13", "--editable ."]


def test_a_heavy_package_is_refused(course):
    """One GB of memory: torch among the base packages would stop every student's server."""
    path = course / "pyproject.toml"
    path.write_text(path.read_text().replace('"rich>=13"', '"rich>=13", "torch>=2.9"'))
    with pytest.raises(ValueError, match="too heavy"):
        light_requirements(path)
    assert any("too heavy" in line for line in problems(course))


def test_this_projects_own_requirements_are_light():
    """The real project."""
    assert "python-chi" in light_requirements(ROOT / "pyproject.toml")


@pytest.mark.parametrize("filters", [True, False], ids=["this Python", "3.11.2"])
def test_nothing_is_unpacked_outside_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filters: bool):
    """(D1) Debian 12's Python knows no filters for archives, and unpacks as carefully."""
    if not filters:
        monkeypatch.delattr(tarfile, "data_filter")
    folder, packed = tmp_path / "folder", io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, kind in {"a/b.sh": tarfile.REGTYPE, "a/link": tarfile.SYMTYPE, "../c": tarfile.REGTYPE}.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.mode = kind, "/etc", 0o755
            archive.addfile(entry)
    packed.seek(0)
    with tarfile.open(fileobj=packed) as archive, pytest.raises(tarfile.TarError):
        unpack(archive, folder)
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["b.sh"]
    assert (folder / "a" / "b.sh").stat().st_mode & 0o100
