"""Where a student stands: the same points as the checks, the next step, leases, all without a
network.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from markupsafe import escape

from labs.course.assignment import PATH, assignment
from labs.course.lessons import MINUTES_NOTE, PART_TITLES, lessons
from labs.records import Answer, Ledger
from labs.sites.spec import resource_name
from provisioning.front import words
from provisioning.front.page import front_page
from provisioning.front.standing import points, stamp, standing
from provisioning.setup.record import Record
from tests.honest import earned, honest


def test_an_empty_workspace_begins_with_the_first_lesson():
    """All lessons are open, and looking creates no file."""
    stands = standing()
    core = [lesson for lesson in lessons() if lesson.kind == "core"]
    assert stands.next.lesson == core[0]
    assert [step.lesson for step in stands.steps] == lessons()
    assert {step.word for step in stands.steps} == {"open"}
    assert points(stands.steps)["points"] == 0
    assert stands.last is None
    assert stamp() == (0, 0)


def test_points_are_those_of_the_checks_in_the_gradebooks_scale(worked: Path):
    """Right answers are shown, and questions outside the assignment give no points."""
    stands = standing()
    right = earned(honest())
    rows = [row for step in stands.steps for row in step.rows]
    assert {row.id for row in rows if row.state == "passed"} == right
    for number, part in assignment().parts.items():
        steps = stands.of_part(number)
        assert points(steps)["possible"] == part.worth
        for row in (row for step in steps for row in step.rows):
            assert (row.points > 0) == (row.id in right), row.id
    counted = {step.lesson.id for step in stands.steps if step.counts}
    assert counted == {lesson.id for lesson in assignment().lessons()}


def test_what_was_worked_in_last_is_resumed(done: Path):
    """With its first open question; one that is done leads to the next step; at the end there is
    none.
    """
    assert (standing().next, standing().resumed) == (None, None)
    path = done / "ledger.jsonl"
    wrong = Answer("quantize.affine", {"outputs": []}, "2026-01-01T00:00:00+00:00")
    Ledger(path).append(wrong)
    assert standing().next is None, "the last right check counts"
    lines = path.read_text().splitlines(True)
    others = [line for line in lines if '"quantize.affine"' not in line]
    path.write_text("".join(others))
    Ledger(path).append(wrong)
    stands = standing()
    assert stands.last == "quantize"
    assert stands.resumed.lesson.id == stands.next.lesson.id == "quantize"
    assert words.next_text(stands).endswith("first open question: Scale and zero point of a range")
    counted = [step for step in stands.steps if step.counts]
    not_done = {step.lesson.id: step.word for step in counted if not step.done}
    assert not_done == {"quantize": "begun"}


def test_leases_that_run_or_come_are_shown_and_no_others(workspace: Path):
    """By set-up's record, or by a lesson's facts about the site; leases that ended, were given back
    or were rehearsed are left out.
    """
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    ledger = Ledger(workspace / "ledger.jsonl")

    def lease(begins_in_min: int, **more: bool) -> dict:
        start = now + timedelta(minutes=begins_in_min)
        end = start + timedelta(minutes=110)
        return {"start": start.isoformat(), "end": end.isoformat(), **more}

    def shown() -> dict[int, str]:
        stands = standing(SimpleNamespace(now=lambda: now))
        return {lease.part: lease.text for lease in stands.leases}

    for part, begins_in_min in (("model", -35), ("edge", -111)):
        Record.for_name(resource_name(part)).update("lease", remember=lease(begins_in_min))
    ledger.observe("system.lease", lease(3000, rehearsed=True))
    assert [*shown()] == [1]
    assert "1 h 15 min left" in shown()[1]
    ledger.observe("system.lease", lease(3000, rehearsed=False))
    assert "your block is" in shown()[3]
    ledger.observe("system.release", {"held": []})
    assert [*shown()] == [1]


@pytest.mark.parametrize("at_hub", [False, True])
def test_where_is_told_for_the_machine_on_which_it_is_read(
    at_hub: bool, monkeypatch: pytest.MonkeyPatch
):
    """A laptop plays every place but a lease; Chameleon's Jupyter has no torch."""
    monkeypatch.setenv("OS_ACCESS_TOKEN", "real" * at_hub)
    for step in standing().steps:
        if step.lesson.machine_minutes:
            place = "of them on a lease"
        elif not at_hub:
            place = "min at home"
        elif "hub" in step.lesson.where:
            place = "min here"
        else:
            place = "min on your own computer"
        assert step.time.endswith(f" {place}")


def test_page_and_text_say_what_is_due_and_what_it_gives(
    worked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Each part with its points in one scale, its talk and its date; every lesson with its time,
    linked on the page.
    """
    dated = tmp_path / "assignment.toml"
    text = PATH.read_text(encoding="utf-8").replace(
        "[[part]]", "[[part]]\ndue = 2020-03-20T12:00:00\ndefence = 5"
    )
    dated.write_text(text, encoding="utf-8")
    monkeypatch.setattr("labs.course.assignment.PATH", dated)
    stands = standing()
    page = front_page(stands)
    shown = words.text_of(stands)
    for number, part in assignment().parts.items():
        points_of_part = f"of {part.worth:g} points, and 5 for the talk"
        assert f", and {part.lease:g} for leases (pending)" in page
        assert f", and {part.lease:g} for leases (pending)" in shown
        for sentence in (PART_TITLES[number], points_of_part, "was due Fri 20 March"):
            assert sentence in page
            assert sentence in shown
    for note in (words.POINTS_NOTE, MINUTES_NOTE):
        assert escape(note) in page
        assert note in shown
    for step in stands.steps:
        assert f"{words.points_of(step)}  {step.time}" in shown
        assert f'data-open="notebooks/{step.lesson.link}"' in page
        assert step.time in page
