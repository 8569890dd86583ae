"""What Gradescope tells of a submission: the extension counts, damage says nothing, and no hidden point leaks."""

from __future__ import annotations

import copy
import json
from datetime import timedelta
from pathlib import Path

import pytest

from grading.gradescope.metadata import Handed, read
from grading.gradescope.told import with_history
from tests.grading.gradescope.tree import METADATA

RESULTS = {"output": "90 of 119 points in public checks.", "extra_data": {"digest": "abc"}, "score": 90}


def read_from(tmp_path: Path, **changes: object) -> Handed:
    """Return what is read from the metadata with some fields changed."""
    path = tmp_path / "submission_metadata.json"
    path.write_text(json.dumps({**copy.deepcopy(METADATA), **changes}))
    return read(path)


def test_a_student_s_own_extension_counts(tmp_path: Path):
    """It would be twelve hours late without."""
    handed = read_from(tmp_path)
    assert (handed.id, handed.late) == ("4711", timedelta())
    assert read_from(tmp_path, users=[]).late == timedelta(hours=12)


def test_staff_reads_names_and_addresses_and_a_missing_one_is_a_number(tmp_path: Path):
    """A group has several; they stand where students do not look."""
    handed = read_from(tmp_path, users=[{"name": "Ada", "email": "ada@example.edu"}, {"name": "Bob"}, {"email": None}])
    told = with_history(RESULTS, handed)
    assert handed.who == "Ada, Bob"
    assert told["extra_data"]["students"] == ["Ada <ada@example.edu>", "Bob", ""]
    assert "ada@" not in told["output"]
    assert read_from(tmp_path, users=[]).who == "4711"


def test_a_late_submission_is_told_and_loses_nothing(tmp_path: Path):
    """How late, and by which date; the points are Gradescope's business."""
    handed = read_from(tmp_path, created_at="2026-11-03T01:30:00.000000-08:00")
    told = with_history(RESULTS, handed)
    assert "1 d 2 h after it was due, 01 November 2026, 23:00 (UTC-0800)" in told["output"]
    assert told["extra_data"]["late_s"] == 95_400
    assert told["score"] == 90


def test_in_a_group_the_furthest_extension_counts(tmp_path: Path):
    """Members may have different ones."""
    users = [{"assignment": {"due_date": f"2026-10-{day}T23:00:00-07:00"}} for day in (20, 31, 25)]
    handed = read_from(tmp_path, users=[*users, {"name": "no date"}])
    assert handed.due is not None
    assert handed.due.day == 31


def test_earlier_public_points_are_told_and_hidden_ones_are_not(tmp_path: Path):
    """The total of an earlier submission would tell what its hidden checks gave."""
    tests = [
        {"score": 70, "visibility": "visible"},
        {"score": 1.5},
        {"score": 24, "visibility": "after_published"},
        {"score": True},
        {"score": "9"},
        {"score": 1e300},
        "junk",
    ]
    before = [{"score": "95.5"}, {"score": "95.5", "results": {"tests": tests}}, "junk"]
    handed = read_from(tmp_path, previous_submissions=before)
    told = with_history(RESULTS, handed)
    assert "This is submission 3. The one before had 71.5 points in public checks." in told["output"]
    assert "95" not in told["output"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '"text"', "[" * 100_000, "\x00\x01", "<html>Log in</html>", '{"users": [[], 3, {}]}']
    + [json.dumps({**METADATA, name: junk}) for name in METADATA for junk in (None, 3, "x", [], {}, [[None]], [{}])]
    + [json.dumps({**METADATA, "created_at": "2026-11-01T10:00:00"}), json.dumps({**METADATA, "created_at": "9" * 99})],
)
def test_whatever_the_file_holds_something_is_told(tmp_path: Path, text: str):
    """And the points are as they were."""
    path = tmp_path / "submission_metadata.json"
    path.write_text(text)
    told = with_history(RESULTS, read(path))
    assert told["score"] == 90
    assert told["output"].startswith(RESULTS["output"])
    json.dumps(told, allow_nan=False)


def test_a_missing_file_is_told_to_staff_alone(tmp_path: Path):
    """The student can do nothing about it."""
    told = with_history(RESULTS, read(tmp_path / "absent.json"))
    assert told["output"] == RESULTS["output"]
    assert "cannot be read" in told["extra_data"]["metadata_fault"]
