"""Taking in: only what the allow-list names, regular files only, and a reason for everything that is left."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from grading.grade.intake import DEFAULT_LIMITS, Intake, Kind, take_in
from labs.course import Lesson


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a submission with a notebook, a ledger of one answer, and a model."""
    root = tmp_path / "submission"
    root.mkdir()
    (root / "00_a_lesson.ipynb").write_text("{}")
    (root / "ledger.jsonl").write_text(json.dumps(ANSWER) + "\n")
    (root / "model.onnx").write_bytes(b"onnx")
    return root


ANSWER = {
    "type": "answer",
    "question": "toy.double",
    "value": 2,
    "made_at": "2026-01-01T00:00:00+00:00",
    "record_id": "0" * 32,
}


@pytest.fixture
def take(tmp_path: Path, write_lesson):
    """Return a function that takes a submission in."""
    lesson: Lesson = write_lesson()

    def run(submission: Path, limits=DEFAULT_LIMITS) -> Intake:
        into = tmp_path / "taken"
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir()
        return take_in(submission, into, [lesson], limits)

    return run


def said(intake: Intake) -> str:
    """Return all notes as one text."""
    return "\n".join(f"{note.about}: {note.message}" for note in intake.notes)


def test_the_allow_lists_files_are_taken(take, folder: Path):
    """And nothing is said about them."""
    found = take(folder)
    assert sorted(found.files) == ["00_a_lesson.ipynb", "ledger.jsonl", "model.onnx"]
    assert (found.ledger.entries, found.notes) == ([ANSWER], [])


@pytest.mark.parametrize(
    "name",
    [
        "conftest.py",
        "pytest.ini",
        "ipykernel_launcher.py",
        "model.pth",
        "numpy.py",
        ".hidden.onnx",
        "labs/stats.py",
        "__MACOSX/other.onnx",
        "a;b.onnx",
    ],
)
def test_nothing_else_is_taken(take, folder: Path, name: str):
    """A conftest beside a notebook takes a run over; a module named like a library shadows it."""
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("raise SystemExit")
    found = take(folder)
    assert sorted(found.files) == ["00_a_lesson.ipynb", "ledger.jsonl", "model.onnx"]
    assert "was left" in said(found)


def test_programs_keep_their_folders(take, folder: Path):
    """Two models' configurations have one name; and a workspace that was zipped by hand is read like a hand-in."""
    for name in ("a/config.pbtxt", "b/config.pbtxt", "b/1/model.py", "serving/Dockerfile"):
        path = folder / "workspace" / "programs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    found = take(folder)
    programs = [
        f"programs/{name}" for name in ("a/config.pbtxt", "b/1/model.py", "b/config.pbtxt", "serving/Dockerfile")
    ]
    assert [one.name for one in found.of(Kind.PROGRAM)] == programs
    assert found.files["programs/b/config.pbtxt"].path.read_text() == "b/config.pbtxt"


@pytest.mark.parametrize(
    "name",
    [
        "programs/run.sh",
        "programs/.hidden/app.py",
        "programs/a b/app.py",
        "programs/Dockerfile/app.py",
        "programs/a.b/app.py",
    ],
)
def test_a_program_has_a_plain_path_and_a_known_kind(take, folder: Path, name: str):
    """What is no program that a lesson asks for stays out."""
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_text("raise SystemExit")
    assert not take(folder).of(Kind.PROGRAM)


def test_links_pipes_and_folders_are_not_opened(take, folder: Path, tmp_path: Path):
    """A link would lead the grader to its own files, and a pipe would keep it waiting for ever."""
    secret = tmp_path / "secret.onnx"
    secret.write_text("secret")
    (folder / "link.onnx").symlink_to(secret)
    os.mkfifo(folder / "pipe.onnx")
    (folder / "folder.onnx").mkdir()
    (folder / "models").symlink_to(tmp_path)
    (folder / "ledger.jsonl").unlink()
    (folder / "ledger.jsonl").symlink_to("/etc/passwd")
    found = take(folder)
    assert sorted(found.files) == ["00_a_lesson.ipynb", "model.onnx"]
    assert said(found).count("not a regular file") == 3
    assert "without the ledger there is no evidence" in said(found)


@pytest.mark.parametrize(
    "name",
    [
        "00_a_lesson (1).ipynb",
        "00_a_lesson(2).ipynb",
        "00_a_lesson-Copy1.ipynb",
        "00_a_lesson - Copy.ipynb",
        "00_a_lesson copy 2.ipynb",
        "00_a_lesson.ipynb.txt",
        "00_a_lesson (1).ipynb.json",
        "part one/00_a_lesson.ipynb",
        "notebooks/0_start/00_a_lesson.ipynb",
    ],
)
def test_a_copys_name_and_a_folder_around_it_cost_nothing(take, folder: Path, name: str):
    """Browsers, desktops and Jupyter make such names, and whoever zips a folder has it in the zip; so has a ledger."""
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / "00_a_lesson.ipynb").rename(folder / name)
    (folder / "ledger.jsonl").rename(folder / name.replace("00_a_lesson", "ledger").replace(".ipynb", ".jsonl"))
    found = take(folder)
    assert sorted(found.files) == ["00_a_lesson.ipynb", "ledger.jsonl", "model.onnx"]
    assert (found.ledger.entries, found.notes) == ([ANSWER], [])


@pytest.mark.parametrize("name", ["final_FINAL.ipynb", "00_a_lesson (one).ipynb", "00_a_lesson.py"])
def test_a_missing_notebook_is_named(take, folder: Path, name: str):
    """So that the student can send the right one."""
    (folder / "00_a_lesson.ipynb").rename(folder / name)
    assert "00_a_lesson.ipynb: Missing, or under another name" in said(take(folder))


@pytest.mark.parametrize("name", ["00_a_lesson (1).ipynb", "0 old/00_a_lesson.ipynb"])
def test_a_second_file_of_the_same_name_does_not_replace_the_first(take, folder: Path, name: str):
    """The one under its own name counts, further out; otherwise the order of a listing would decide."""
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text("another")
    found = take(folder)
    assert found.files["00_a_lesson.ipynb"].path.read_text() == "{}"
    assert "only the first one counts" in said(found)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_ledger_is_read_in_the_encoding_that_an_editor_gave_it(take, folder: Path, encoding: str):
    """With a mark at its beginning or without; and lines that end as on Windows."""
    lines = [ANSWER, {**ANSWER, "record_id": "1" * 32, "value": "Müller"}]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\r\n" for line in lines)
    (folder / "ledger.jsonl").write_bytes(text.encode(encoding))
    found = take(folder)
    assert (found.ledger.entries, found.notes) == (lines, [])


def test_three_passes_through_all_parts_are_read_to_their_end(take, folder: Path):
    """The same records under new ids, some ten megabytes."""
    recordings = sorted((Path(__file__).parents[1] / "fixtures").glob("*.jsonl.gz"))
    entries = [json.loads(line) for path in recordings for line in gzip.decompress(path.read_bytes()).splitlines()]
    again = [{**entry, "record_id": f"{number:032x}"} for number, entry in enumerate(entries * 4)]
    text = "".join(json.dumps(entry) + "\n" for entry in again)
    assert len(text) > 8 << 20
    (folder / "ledger.jsonl").write_text(text)
    found = take(folder)
    assert (len(found.ledger.entries), found.notes) == (len(again), [])


def test_of_a_ledger_that_is_too_long_the_part_that_was_left_is_named(take, folder: Path):
    """And how to go on; what stands before it counts."""
    lines = [json.dumps({**ANSWER, "record_id": f"{number:032x}"}) + "\n" for number in range(9)]
    (folder / "ledger.jsonl").write_text("".join(lines))
    found = take(folder, replace(DEFAULT_LIMITS, ledger_memory_bytes=5 * 5_000))
    assert len(found.ledger.entries) == 5
    assert "lines 6 to 9 were left" in said(found)
    cut = take(folder, replace(DEFAULT_LIMITS, ledger_bytes=len(lines[0]) * 3))
    assert len(cut.ledger.entries) == 3
    assert "move the lines of an earlier pass" in said(cut)


def test_caps_hold_for_one_file_for_all_and_for_their_number(take, folder: Path):
    """Whoever fills the disk fills it for everybody."""
    assert "Larger than" in said(take(folder, replace(DEFAULT_LIMITS, model_bytes=3)))
    assert sorted(take(folder, replace(DEFAULT_LIMITS, total_bytes=5)).files) == ["00_a_lesson.ipynb", "ledger.jsonl"]
    for number in range(30):
        (folder / f"m{number}.onnx").write_bytes(b"x")
    assert "More than 2 models" in said(take(folder, replace(DEFAULT_LIMITS, models=2)))
    (folder / "programs").mkdir()
    for number in range(3):
        (folder / "programs" / f"p{number}.py").write_text("pass")
    assert "More than 2 programs" in said(take(folder, replace(DEFAULT_LIMITS, programs=2)))
    assert "programs/p0.py: Larger than" in said(take(folder, replace(DEFAULT_LIMITS, program_bytes=3)))
    assert "More than 5 files" in said(take(folder, replace(DEFAULT_LIMITS, files=5)))


def test_bad_lines_cost_themselves_only(take, folder: Path):
    """One cut line must not hide the evidence around it."""
    lines = [
        json.dumps(ANSWER),
        '{"type": "answer", "value": NaN}',
        "<html>",
        "[]",
        json.dumps({**ANSWER, "record_id": "1" * 32, "value": None}),
        json.dumps(ANSWER),
        '{"type": "answer"',
    ]
    (folder / "ledger.jsonl").write_text("\n".join(lines))
    found = take(folder)
    assert found.ledger.entries == [ANSWER]
    assert [number for number, _ in found.ledger.refused] == [2, 3, 4, 5, 6, 7]


def zipped(path: Path, members: dict[str, bytes], **attributes: int) -> Path:
    """Write a zip with these members; ``attributes`` are external attributes by name without its dots."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = attributes.get(name.replace(".", "_").replace("/", "_"), 0)
            archive.writestr(info, content)
    return path


@pytest.mark.parametrize("odd", [False, True], ids=["slashes", "backslashes"])
def test_a_zip_is_read_like_its_folder_even_inside_a_folder(take, folder: Path, tmp_path: Path, odd: bool):
    """Gradescope unpacks zips, students hand in zips of zips, and packers add what is theirs."""
    members = {f"mine\\{path.name}" if odd else f"mine/{path.name}": path.read_bytes() for path in folder.iterdir()}
    members |= {f"__MACOSX/mine/._{path.name}": b"" for path in folder.iterdir()}
    upload = tmp_path / "upload"
    upload.mkdir()
    zipped(upload / "my work.zip", members)
    assert sorted(take(upload).files) == ["00_a_lesson.ipynb", "ledger.jsonl", "model.onnx"]


def test_a_zip_can_neither_leave_its_folder_nor_blow_up(take, tmp_path: Path):
    """Traversal, an absolute path, a link, a bomb: each is left, and the honest member stays."""
    bomb = bytes(40 << 20)
    members = {
        "../../outside.onnx": b"x",
        "/tmp/absolute.onnx": b"x",
        "models/../../x.onnx": b"x",
        "link.onnx": b"/etc/passwd",
        "bomb.onnx": bomb,
        "ledger.jsonl": json.dumps(ANSWER).encode(),
    }
    path = zipped(tmp_path / "evil.zip", members, link_onnx=0o120777 << 16)
    found = take(path)
    assert list(found.files) == ["ledger.jsonl"]
    assert not (tmp_path / "outside.onnx").exists()
    assert not (tmp_path / "taken" / "bomb.onnx").exists()
    assert "A link or device in the zip" in said(found)
    assert "Larger than" in said(found)


def test_a_zip_that_is_nothing_but_its_list_of_members_is_not_read(take, tmp_path: Path):
    """A million members of no bytes make ten times the zip's size of Python's objects."""
    path = zipped(tmp_path / "list.zip", {f"{number}.onnx": b"" for number in range(40)} | {"ledger.jsonl": b"{}"})
    found = take(path, replace(DEFAULT_LIMITS, directory_bytes=1_000))
    assert found.files == {}
    assert "lists far more files than a submission has" in said(found)
    assert "ledger.jsonl" in take(path).files


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"<html>"])
def test_what_is_no_zip_is_an_empty_submission_that_says_so(take, tmp_path: Path, content: bytes):
    """An error page that was uploaded must not be the grader's error."""
    path = tmp_path / "submission.zip"
    path.write_bytes(content)
    found = take(path)
    assert found.files == {}
    assert "Neither a folder nor a whole zip" in said(found)


def test_a_damaged_member_is_one_file_lost(take, tmp_path: Path):
    """Whatever a zip was packed with: the others are read."""
    path = tmp_path / "lzma.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("model.onnx", os.urandom(4000))
        archive.writestr("ledger.jsonl", json.dumps(ANSWER))
    with zipfile.ZipFile(path) as archive:
        begin = archive.getinfo("model.onnx").header_offset + len("model.onnx") + 30
    content = bytearray(path.read_bytes())
    content[begin + 4] = 0xFF  # of the packer's own settings
    path.write_bytes(content)
    found = take(path)
    assert "model.onnx: Damaged in the zip" in said(found)
    assert found.ledger.entries == [ANSWER]


@pytest.mark.parametrize(
    ("flags", "name", "length"),
    [
        pytest.param(0, b"x", 0, id="no name"),
        pytest.param(0x800, b"\xff", 1, id="no UTF-8 in its own header"),
    ],
)
def test_a_member_with_a_broken_name_is_at_most_one_file_lost(take, tmp_path: Path, flags, name, length):
    """In the zip's directory, or where the member itself begins; Python's reader raises what is no error of a zip."""
    path = tmp_path / "names.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mine/ledger.jsonl", json.dumps(ANSWER))
        archive.writestr("mine/00_a_lesson.ipynb", "{}")
        archive.writestr("mine/model.onnx" if length else "x", b"onnx")
    content = bytearray(path.read_bytes())
    header, listed, end = (content.rindex(mark) for mark in (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"))
    struct.pack_into("<H", content, header + 6, flags)
    content[header + 30 : header + 31] = name
    if not length:
        struct.pack_into("<I", content, end + 12, struct.unpack_from("<I", content, end + 12)[0] - 1)
        struct.pack_into("<H", content, listed + 28, 0)
        del content[listed + 46]
    path.write_bytes(content)
    found = take(path)
    assert sorted(found.files) == ["00_a_lesson.ipynb", "ledger.jsonl"]
    assert found.ledger.entries == [ANSWER]


def test_equal_submissions_have_equal_digests(take, folder: Path):
    """What a batch knows its finished work by."""
    first = take(folder).digest
    assert take(folder).digest == first
    (folder / "model.onnx").write_bytes(b"another")
    assert take(folder).digest != first
