"""The intake takes only the allow-list's names and regular files, and gives a reason for every
excluded file.
"""

import json
import os
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grading.grade.intake import Intake, Kind, take_in
from labs.course.limits import DEFAULT_LIMITS
from tests.grading.recorded import WHOLE, recorded

ANSWER = {
    "type": "answer",
    "question": "toy.double",
    "value": 2,
    "made_at": "2026-01-01T00:00:00+00:00",
    "record_id": "0" * 32,
}

NOTEBOOK = "00_a_lesson.ipynb"
HONEST = {"ledger.jsonl": json.dumps(ANSWER).encode() + b"\n", "model.onnx": b"onnx"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a submission with a notebook, a ledger of one answer, and a model."""
    root = tmp_path / "submission"
    root.mkdir()
    for name, content in {NOTEBOOK: b"{}", **HONEST}.items():
        (root / name).write_bytes(content)
    return root


@pytest.fixture
def take(tmp_path: Path):
    def run(submission: Path, limits=DEFAULT_LIMITS) -> Intake:
        into = tmp_path / "taken"
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir()
        return take_in(submission, into, limits)

    return run


def notes_of(intake: Intake) -> str:
    return "\n".join(f"{note.about}: {note.message}" for note in intake.notes)


def put(folder: Path, name: str, content: bytes = b"raise SystemExit") -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def test_the_allow_lists_files_are_taken_and_equal_ones_have_equal_digests(take, folder: Path):
    """Nothing is said about them; a batch knows its finished work by the digest."""
    intake = take(folder)
    assert (intake.files.keys(), intake.ledger.entries, intake.notes) == (
        HONEST.keys(),
        [ANSWER],
        [],
    )
    assert take(folder).digest == intake.digest
    put(folder, "model.onnx", b"another")
    assert take(folder).digest != intake.digest


@pytest.mark.parametrize(
    "name",
    [
        *(
            "conftest.py",
            "pytest.ini",
            "ipykernel_launcher.py",
            "sitecustomize.py",
            "numpy.py",
            "labs/stats.py",
        ),
        *(
            "model.pth",
            ".hidden.onnx",
            "__MACOSX/other.onnx",
            "a;b.onnx",
            "ledger.json",
            "00_a_lesson.py",
        ),
        *(
            "programs/run.sh",
            "programs/.hidden/app.py",
            "programs/a b/app.py",
            "programs/serving/Dockerfile",
        ),
        "programs/a.b/app.py",
    ],
)
def test_nothing_else_is_taken(take, folder: Path, name: str):
    """A conftest beside a notebook takes a run over; a module named like a library shadows it."""
    put(folder, name)
    intake = take(folder)
    assert intake.files.keys() == HONEST.keys()
    assert "was left" in notes_of(intake) or "/.hidden/" in name


def test_programs_keep_their_folders(take, folder: Path):
    """Two models' configurations have one name; and a workspace that was zipped by hand is read
    like a hand-in.
    """
    names = ("a/config.pbtxt", "b/1/model.py", "b/config.pbtxt", "serving/app.py")
    for name in names:
        put(folder, f"workspace/programs/{name}", name.encode())
    intake = take(folder)
    assert [row.name for row in intake.of(Kind.PROGRAM)] == [f"programs/{name}" for name in names]
    assert intake.files["programs/b/config.pbtxt"].path.read_text() == "b/config.pbtxt"


def test_links_pipes_and_folders_are_not_opened(take, folder: Path, tmp_path: Path):
    """A link would lead the grader to its own files, and a pipe would keep it waiting for ever."""
    put(tmp_path, "secret.onnx")
    (folder / "link.onnx").symlink_to(tmp_path / "secret.onnx")
    os.mkfifo(folder / "pipe.onnx")
    (folder / "folder.onnx").mkdir()
    (folder / "models").symlink_to(tmp_path)
    (folder / "ledger.jsonl").unlink()
    (folder / "ledger.jsonl").symlink_to("/etc/passwd")
    intake = take(folder)
    assert sorted(intake.files) == ["model.onnx"]
    assert notes_of(intake).count("not a regular file") == 3
    assert "without the ledger there is no evidence" in notes_of(intake)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "ledger (1).jsonl",
            "ledger(2).jsonl",
            "ledger-Copy1.jsonl",
            "ledger - Copy.jsonl",
            "ledger - Kopie.jsonl",
        ),
        *(
            "Copy of ledger.jsonl",
            "ledger copy 2.jsonl",
            "ledger.jsonl.txt",
            "ledger (1).jsonl.json",
            "ledger-1.jsonl",
        ),
        *(
            "LEDGER.JSONL",
            "ada_ledger-2.jsonl",
            "part one/ledger.jsonl",
            "a/b/Kopie von ledger.jsonl",
        ),
    ],
)
def test_a_name_and_a_folder_around_a_ledger_cost_nothing(take, folder: Path, name: str):
    """Browsers, desktops, platforms and Jupyter make such names, and a zip of a folder contains
    that folder.

    Beside the file under its own name, such a copy is ignored.
    """
    put(folder, name, b"another")
    intake = take(folder)
    assert (intake.files["ledger.jsonl"].path.read_bytes(), intake.ledger.entries) == (
        HONEST["ledger.jsonl"],
        [ANSWER],
    )
    assert "only the first one counts" in notes_of(intake)
    (folder / "ledger.jsonl").replace(folder / name)
    intake = take(folder)
    assert (intake.files.keys(), intake.ledger.entries, intake.notes) == (
        HONEST.keys(),
        [ANSWER],
        [],
    )


@pytest.mark.parametrize("content", [b"{}", b"", b"[" * 100_000, b"x" * (20 << 20)])
@pytest.mark.parametrize(
    "name", [NOTEBOOK, "Copy of 00_a_lesson.ipynb", "FINAL-1.IPYNB", "x.ipynb.txt"]
)
def test_notebooks_are_for_people(take, folder: Path, name: str, content: bytes):
    """Whatever they are called and hold: nothing is said about them, and the digest stays what it
    was.
    """
    before = take(folder)
    (folder / NOTEBOOK).unlink()
    put(folder, name, content)
    intake = take(folder)
    assert (intake.files.keys(), intake.notes, intake.digest) == (HONEST.keys(), [], before.digest)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_ledger_is_read_in_the_encoding_that_an_editor_gave_it(take, folder: Path, encoding: str):
    """With a mark at its beginning or without; and lines that end as on Windows."""
    lines = [ANSWER, {**ANSWER, "record_id": "1" * 32, "value": "Müller"}]
    text = "".join(json.dumps(line, ensure_ascii=False) + "\r\n" for line in lines)
    put(folder, "ledger.jsonl", text.encode(encoding))
    intake = take(folder)
    assert (intake.ledger.entries, intake.notes) == (lines, [])


def test_of_a_ledger_that_is_too_long_the_part_that_was_left_is_named(take, folder: Path):
    """Three passes through all parts are read to their end; in a longer ledger, only the lines
    before the cap count.
    """
    entries = [entry for part in WHOLE for entry in recorded(part)] * 4
    renumbered = [{**entry, "record_id": f"{number:032x}"} for number, entry in enumerate(entries)]
    put(folder, "ledger.jsonl", "".join(json.dumps(entry) + "\n" for entry in renumbered).encode())
    intake = take(folder)
    assert (len(intake.ledger.entries), intake.notes) == (len(renumbered), [])
    lines = [json.dumps({**ANSWER, "record_id": f"{number:032x}"}) + "\n" for number in range(9)]
    put(folder, "ledger.jsonl", "".join(lines).encode())
    intake = take(folder, replace(DEFAULT_LIMITS, ledger_memory_bytes=5 * 5_000))
    assert len(intake.ledger.entries) == 5
    assert "lines 6 to 9 were left" in notes_of(intake)
    cut = take(folder, replace(DEFAULT_LIMITS, ledger_bytes=len(lines[0]) * 3))
    assert len(cut.ledger.entries) == 3
    assert "move the lines of an earlier pass" in notes_of(cut)


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"model_bytes": 3}, "model.onnx: Larger than"),
        ({"program_bytes": 3}, "programs/p0.py: Larger than"),
        ({"models": 2}, "More than 2 models"),
        ({"programs": 2}, "More than 2 programs"),
        ({"files": 5}, "More than 5 files"),
        ({"total_bytes": 5}, "model.onnx: "),
    ],
)
def test_caps_hold_for_one_file_for_all_and_for_their_number(
    take, folder: Path, limits: dict, says: str
):
    """Whoever fills the disk fills it for everybody."""
    for number in range(3):
        put(folder, f"z{number}.onnx", b"x")
        put(folder, f"programs/p{number}.py")
    assert says in notes_of(take(folder, replace(DEFAULT_LIMITS, **limits)))


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30
)
@given(
    st.lists(
        st.binary(max_size=40)
        | st.sampled_from([b"<html>", b"[]", b'{"type": "answer"', b'{"value": NaN}'])
    )
)
def test_bad_lines_cost_themselves_only(take, folder: Path, bad: list[bytes]):
    """Whatever they are: one cut line must not hide the evidence around it, and a repeated one
    counts once.
    """
    bad = [line.replace(b"\n", b"").replace(b"\0", b"") for line in bad]
    put(
        folder,
        "ledger.jsonl",
        b"\n".join([HONEST["ledger.jsonl"].strip(), *bad, HONEST["ledger.jsonl"].strip()]),
    )
    intake = take(folder)
    assert intake.ledger.entries == [ANSWER]
    assert len(intake.ledger.refused) >= 1


def zipped(path: Path, members: dict[str, bytes], links: tuple[str, ...] = ()) -> Path:
    """Write a zip with these members; some of them are links."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o120777 << 16 if name in links else 0
            archive.writestr(info, content)
    return path


@pytest.mark.parametrize("separator", ["/", "\\"])
def test_a_zip_is_read_like_its_folder_even_inside_a_folder(take, tmp_path: Path, separator: str):
    """Gradescope unpacks zips, students hand in zips of zips, and packers add what is theirs."""
    members = {f"mine{separator}{name}": content for name, content in HONEST.items()}
    members |= {f"__MACOSX/mine/._{name}": b"" for name in HONEST}
    (tmp_path / "upload").mkdir()
    zipped(tmp_path / "upload" / "my work.zip", members)
    assert take(tmp_path / "upload").files.keys() == HONEST.keys()


def test_a_zip_can_neither_leave_its_folder_nor_blow_up(take, tmp_path: Path):
    """Traversal, an absolute path, a link, a bomb: each is left, and the honest member stays.

    A zip that is only a list of members is not read, because its Python objects would take ten
    times its size.
    """
    members = dict.fromkeys(
        ("../../outside.onnx", "/tmp/absolute.onnx", "models/../../x.onnx", "link.onnx"), b"x"
    )
    members |= {"bomb.onnx": bytes(40 << 20), "ledger.jsonl": HONEST["ledger.jsonl"]}
    intake = take(zipped(tmp_path / "evil.zip", members, links=("link.onnx",)))
    assert list(intake.files) == ["ledger.jsonl"]
    assert not (tmp_path / "outside.onnx").exists()
    assert "A link or device in the zip" in notes_of(intake)
    assert "bomb.onnx: Larger than" in notes_of(intake)
    path = zipped(tmp_path / "list.zip", {f"{number}.onnx": b"" for number in range(40)} | HONEST)
    listed = take(path, replace(DEFAULT_LIMITS, directory_bytes=1_000))
    assert listed.files == {}
    assert "lists far more files than a submission has" in notes_of(listed)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"<html>"])
def test_what_is_no_zip_is_an_empty_submission_that_says_so(take, tmp_path: Path, content: bytes):
    """An error page that was uploaded must not be the grader's error."""
    put(tmp_path, "submission.zip", content)
    intake = take(tmp_path / "submission.zip")
    assert intake.files == {}
    assert "Neither a folder nor a whole zip" in notes_of(intake)


def test_a_damaged_member_is_at_most_one_file_lost(take, tmp_path: Path):
    """Python's reader raises what is no error of a zip: the others are read all the same."""
    path = tmp_path / "damaged.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mine/ledger.jsonl", HONEST["ledger.jsonl"])
        archive.writestr("mine/model.onnx", b"onnx")
    content = bytearray(path.read_bytes())
    content[content.index(b"onnx", content.rindex(b"PK\x03\x04")) - 3] ^= 0xFF
    path.write_bytes(content)
    intake = take(path)
    assert sorted(intake.files) == ["ledger.jsonl"]
    assert intake.ledger.entries == [ANSWER]
