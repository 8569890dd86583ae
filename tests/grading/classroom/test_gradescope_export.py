"""Gradescope's export: its folders' numbers become students, their attempts are told, and feedback has an address."""

from __future__ import annotations

import csv
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from grading.classroom.feedback import mail, write_mails
from grading.classroom.report import question_statistics, write_report
from grading.classroom.roster import Handed, handed_in
from grading.result import Result, Row

METADATA = """\
submission_300000:
  :submitters:
  - :name: Ada Lovelace
    :sid: '17'
    :email: ada@uni.edu
  :created_at: 2026-03-02 12:00:00.000000000 Z
  :score: 10.0
  :history:
  - :id: 299990
    :score: 3.0
  - :id: 299995
    :score: 5.0
submission_300001:
  :submitters:
  - :name: Grace Hopper
    :sid: 18
    :email: grace@uni.edu
  - :name: Alan Turing
    :sid: 19
    :email: alan@uni.edu
  :history: []
submission_300002:
  :submitters:
  - :name: "Nobody\\nTold"
    :sid:
    :email:
"""


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Return a folder as Gradescope's 'Export submissions' unpacks to."""
    folder = tmp_path / "export"
    for number in range(4):
        (folder / f"submission_30000{number}").mkdir(parents=True)
    (folder / "submission_metadata.yml").write_text(METADATA)
    return folder


def row(points: int, message: str = "") -> Row:
    return Row("m.x.y", "Title", 11, points, 2, message, state="passed" if points else "failed")


def test_submissions_carry_their_students_names(export: Path):
    """Feedback pages were named submission_300000, and submission_metadata.yml was not read (E5)."""
    found = {one.student: one for one in handed_in(export)}
    assert set(found) == {"ada@uni.edu", "alan@uni.edu and grace@uni.edu", "Nobody Told", "submission_300003"}
    assert found["ada@uni.edu"].path == export / "submission_300000"
    assert [one.attempts for one in found.values()] == [3, 1, None, None]
    assert found["alan@uni.edu and grace@uni.edu"].emails == ("grace@uni.edu", "alan@uni.edu")
    assert found["ada@uni.edu"].slug.startswith("ada-uni-edu-")


def test_two_submissions_of_one_student_are_told(export: Path):
    """Nobody can say which of them counts, wherever the names come from."""
    (export / "ada@uni.edu").mkdir()
    assert next(one for one in handed_in(export) if one.student == "ada@uni.edu").beside == ("submission_300000",)


def test_a_damaged_file_of_gradescopes_is_a_sentence(export: Path):
    """Without it all would be graded under numbers, and nobody would notice."""
    (export / "submission_metadata.yml").write_text("a: [")
    with pytest.raises(ValueError, match="nobody knows whose submissions these are"):
        handed_in(export)
    (export / "submission_metadata.yml").write_text("!!python/object/apply:os.system ['true']")
    with pytest.raises(ValueError, match="cannot be read"):
        handed_in(export)


def test_attempts_stand_in_the_tables(export: Path, tmp_path: Path):
    """How often was handed in, and how often a question was answered until it passed or was left (E5)."""
    found = handed_in(export)
    results = [
        Result(one.student, 1, "", rows=(row(2 * (number % 2), "Think again."),), answers={"m.x.y": 1 + number})
        for number, one in enumerate(found)
    ]
    write_report(found, results, [], [], tmp_path)
    with (tmp_path / "class.csv").open() as file:
        assert [line["attempts"] for line in csv.DictReader(file)] == ["3", "1", "", ""]
    (question,) = question_statistics(results)
    assert (question["wrong"], question["answers each"]) == (2, 2.5)


def test_feedback_goes_to_those_whose_address_is_known(export: Path, tmp_path: Path):
    """One mail for a group, the page inside; none where the grader had a fault or the address is none (E5)."""
    found = handed_in(export)
    results = [Result(one.student, 1, "", rows=(row(2),)) for one in found]
    assert write_mails(found, results, tmp_path) == 2
    group = next(one for one in found if len(one.emails) == 2)
    message = message_from_bytes((tmp_path / "mails" / f"{group.slug}.eml").read_bytes(), policy=policy.default)
    assert message["To"] == "grace@uni.edu, alan@uni.edu"
    (attached,) = message.iter_attachments()
    assert "2 of 2 points" in attached.get_content()
    assert write_mails(found, [Result(one.student, 1, "", fault="ours") for one in found], tmp_path / "other") == 0
    for odd in ("nobody", "a@b\r\nBcc: c@d", "", "(x)@y", "a@b,c@d", "josé@uni.edu"):
        assert mail(Handed("x", export, emails=(odd,)), results[0]) is None
