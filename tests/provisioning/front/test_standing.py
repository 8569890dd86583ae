"""Where a student stands: the same points as the checks, the next step, leases, all without a network."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

from labs.course.assignment import assignment
from labs.course.lessons import lessons
from labs.course.question import of_lesson
from labs.records import Answer, Ledger
from provisioning.front.page import front_page, next_text
from provisioning.front.standing import stamp, standing
from provisioning.setup.record import Record
from provisioning.sites.spec import resource_name
from tests.honest import earned, honest


def test_an_empty_workspace_begins_with_the_first_lesson():
    """Nothing is done, nothing is begun, and no file is made by looking."""
    found = standing()
    assert found.earned == 0
    assert found.next.lesson == next(one for one in lessons() if one.kind == "core")
    assert [one.lesson for one in found.steps] == lessons()
    assert {one.word for one in found.steps} == {"open"}
    assert found.last is None
    assert stamp() == (0, 0)


def test_points_are_those_of_the_checks(worked: Path):
    """Every question belongs to exactly one lesson, so the sums agree."""
    found = standing()
    right = earned(honest())
    assert {row.id for one in found.steps for row in one.rows if row.points} == right
    assert found.earned == sum(row.possible for one in found.counted for row in one.rows if row.id in right)
    asked = {one.id for one in assignment().lessons()}
    assert {one.lesson.id for one in found.counted} == asked, "what nobody asks for gives no points"
    assert found.earned > 0


def test_what_was_worked_in_last_is_resumed(done: Path):
    """With its first open question; one that is done leads to the next step; at the end there is none."""
    assert (standing().next, standing().resumed) == (None, None)
    path, wrong = done / "ledger.jsonl", Answer("quantize.affine", {"outputs": []}, "2026-01-01T00:00:00+00:00")
    Ledger(path).append(wrong)
    assert standing().next is None, "the last right check counts"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if '"quantize.affine"' not in line))
    Ledger(path).append(wrong)
    found = standing()
    assert found.last == "quantize"
    assert found.resumed.lesson.id == found.next.lesson.id == "quantize"
    assert found.resumed.word == "begun"
    assert next_text(found).endswith("first open question: Scale and zero point of a range")
    assert {one.lesson.id: one.word for one in found.counted if one.word != "done"} == {"quantize": "begun"}


def test_a_lease_that_has_not_ended_is_shown_with_its_minutes():
    """From the record of set-up; one that has ended is left out."""
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for part, end in (("model", now + timedelta(minutes=75)), ("edge", now - timedelta(minutes=1))):
        Record.for_name(resource_name(part)).update("lease", remember={"end": end.isoformat()})
    found = standing(SimpleNamespace(now=lambda: now))
    assert [one.part for one in found.leases] == [1]
    assert "1 h 15 min left" in front_page(found).text


def test_the_page_has_one_scale_of_points_and_says_which_are_predictions(worked: Path):
    """Text and HTML say the same about points; every lesson is a link to its notebook."""
    shown = front_page(standing())
    for form in (shown.text, shown.html):
        for part in assignment().parts.values():
            whole = sum(one.total for lesson in part.asked() for one in of_lesson(lesson.id))
            assert f" of {whole} points; {part.points:g} in the gradebook" in form
        assert "predictions" in form
    for lesson in lessons():
        assert f'data-open="notebooks/{lesson.link}"' in shown.html
