"""What leaves the repository: an allow-list, without solutions, the same bytes each time; and what Trovi takes."""

import io
import json
import os
import re
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from provisioning.node.archive import (
    build_archive,
    light_requirements,
    materials_files,
    pack,
    student_files,
    unpack,
)
from provisioning.trovi import app

ROOT = Path(__file__).parents[3]


def test_only_the_allowed_files(course):
    """No solutions, tests, hidden files, unnamed folders, or links, which could lead to any of them."""
    (course / "labs" / "leak.py").symlink_to(course / "notebooks" / "source" / "1_model" / "11_measure" / "lesson.py")
    assert student_files(course) == (
        "README.md",
        "assets/manifest.json",
        "assignment.toml",
        "labs/bench.py",
        "labs/course/questions.json",
        "notebooks/1_model/11_measure.ipynb",
        "provisioning/node/bin/setup.sh",
        "pyproject.toml",
        "trovi.json",
    )
    # What goes to a machine: code and data apart.
    assert materials_files(course, assets=True) == ("assets/manifest.json",)
    assert {"assets/manifest.json", *materials_files(course, assets=False)} == set(student_files(course))
    for secret in ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "x = 1\n### BEGIN SOLUTION\n"):
        (course / "labs" / "oops.py").write_text(secret)
        with pytest.raises(ValueError, match=r"labs/oops\.py holds"):  # better no archive than one with a secret
            student_files(course)


def test_the_same_tree_gives_the_same_bytes(course, tmp_path):
    """Whenever, whoever, in whatever order; scripts can be run, and nobody owns anything."""
    files = student_files(course)
    first = build_archive(course, files, tmp_path / "a.tar.gz")
    for number, name in enumerate(files):
        os.utime(course / name, (number, number))
        (course / name).chmod(0o600)
    second = build_archive(course, reversed(files), tmp_path / "b.tar.gz")
    assert first.sha256 == second.sha256
    with tarfile.open(second.path) as tar:
        modes = {member.name: member.mode for member in tar}
        assert {(member.uid, member.uname) for member in tar} == {(0, "")}
    assert (modes["provisioning/node/bin/setup.sh"], modes["labs/bench.py"]) == (0o755, 0o644)
    (course / "labs" / "bench.py").write_text("x = 2")
    assert build_archive(course, files, tmp_path / "c.tar.gz").sha256 != first.sha256


def test_requirements_are_light(course, tmp_path):
    """Chameleon's Jupyter installs them at each start, in one GB of memory: no torch, and the course itself."""
    archive = pack(course, tmp_path / "out" / "labs.tar.gz")
    with tarfile.open(archive.path) as tar:
        text = tar.extractfile("requirements.txt").read().decode()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert lines == ["python-chi>=1.2.6,<1.3", "rich>=13", "--editable ."]
    ours = {re.split(r"[^\w-]", line)[0] for line in light_requirements(ROOT / "pyproject.toml").splitlines()}
    assert "python-chi" in ours
    assert not ours & {*"torch torchvision onnxruntime openvino onnxscript jupyterlab scipy".split()}


@pytest.mark.parametrize("filters", [True, False], ids=["this Python", "3.11.2"])
def test_nothing_is_unpacked_outside_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, filters: bool):
    """Debian 12's Python knows no filters for archives, and unpacks as carefully."""
    if not filters:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
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


# Trovi

ENTITIES = {entity["@id"]: entity for entity in json.loads((ROOT / "trovi.json").read_text("utf-8"))["@graph"]}


def test_texts_tags_authors_and_the_launch_button_have_the_form_that_the_importer_reads():
    """One text with commas, a list of people who can be written to, and an application with a type of Trovi's.

    Trovi answers a text that is too long with status 200 and an error in the body.
    """
    root = ENTITIES["./"]
    for key, limit in {"name": 140, "disambiguatingDescription": 200, "description": 5000}.items():
        assert 0 < len(root[key].strip()) <= limit, key
    assert ENTITIES["trovi.json"]["about"] == {"@id": "./"}
    assert all(word.strip() for word in root["keywords"].split(","))
    people = [ENTITIES[each["@id"]] for each in root["author"]]
    assert people
    assert all(person.get(key) for person in people for key in ("name", "email", "affiliation"))
    applications = [ENTITIES[each["@id"]] for each in root["actionApplication"]]
    assert any(each["@type"] == "SoftwareApplication" and each.get("trovi_type") for each in applications)


def test_the_command_packs(course, tmp_path):
    """Without a network; the students' own texts stand in place of ours."""
    packed = tmp_path / "out" / "a.tar.gz"
    assert CliRunner().invoke(app, ["build", str(packed), "--root", str(course)]).exit_code == 0
    with tarfile.open(packed) as archive:
        assert archive.extractfile("README.md").read() == b"For students."
