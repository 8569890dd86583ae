"""Where a student stands: the same points as the checks, the next step, leases, all without a network."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from grading.checkpoints import reconcile, scoreboard

from labs.course import lessons
from labs.records import Answer, Ledger
from provisioning.front.page import front_page, next_text
from provisioning.front.standing import stamp, standing
from provisioning.setup.record import Record
from provisioning.sites.spec import resource_name


class At:
    """A clock that stands still."""

    def __init__(self, when: datetime) -> None:
        self.when = when

    def now(self) -> datetime:
        """Return its time."""
        return self.when


def test_an_empty_workspace_begins_with_the_first_lesson():
    """Nothing is done, nothing is begun, and no file is made by looking."""
    found = standing()
    assert found.earned == 0
    assert found.next is not None
    assert found.next.lesson.number == "00"
    assert [one.lesson.number for one in found.steps] == [one.number for one in lessons()]
    assert {one.word for one in found.steps} == {"open"}
    assert found.last is None
    assert stamp() == (0, 0)


def test_points_are_those_of_the_scoreboard(part_1: Path):
    """Every public question belongs to exactly one lesson, so the sums agree."""
    found = standing()
    assert f"{found.earned} of {found.possible} points" in str(scoreboard())
    assert found.earned > 90


def test_what_was_worked_in_last_is_resumed(part_1: Path):
    """A lesson with something left is opened again; one that is done leads to the next step."""
    before = standing()
    begun = next(one for one in before.steps if one.lesson.number == "00")
    Ledger(part_1 / "ledger.jsonl").append(Answer(begun.rows[-1].id, "not right", "2026-01-01T00:00:00+00:00"))
    found = standing()
    assert found.last == "00"
    assert found.resumed is not None
    assert found.resumed.lesson.number == "00"
    assert found.resumed.begun
    assert "first open question" in next_text(found)


def test_guesses_stand_on_the_page_in_the_words_of_the_lessons(workspace: Path, entries):
    """Kindly while there is none; then each with what was measured since, as HTML and as text."""
    workspace.mkdir(parents=True)
    empty = front_page(standing())
    for form in (empty.text, empty.html):
        assert "Nothing is predicted yet" in form
    entries.predicted("start.size_guess", 90.0).predicted("start.submit_guess", "returns")
    for entry in entries.measured("size", "torch-eager", [9e6]).records:
        Ledger(workspace / "ledger.jsonl").append(entry)
    full = front_page(standing())
    for form in (full.text, full.html):
        assert "Nothing is predicted yet" not in form
        for _, words in reconcile("start.size_guess").rows:
            assert words in form
        assert "not measured yet" in form


def test_a_lease_that_has_not_ended_is_shown_with_its_minutes():
    """From the record of set-up; one that has ended is left out."""
    now = datetime(2026, 1, 1, 12, tzinfo=UTC)
    for part, end in (("model", now + timedelta(minutes=75)), ("edge", now - timedelta(minutes=1))):
        Record.for_name(resource_name(part)).update("lease", remember={"end": end.isoformat()})
    found = standing(At(now))
    assert [one.part for one in found.leases] == [1]
    assert "1 h 15 min left" in front_page(found).text


def test_a_ledger_with_a_damaged_line_still_counts(part_1: Path):
    """The page says how many lines cannot be read, and shows the rest."""
    before = standing().earned
    with (part_1 / "ledger.jsonl").open("a", encoding="utf-8") as file:
        file.write("{cut\n")
    found = standing()
    assert found.earned == before
    assert len(found.unread) == 1
    assert "1 lines of the ledger cannot be read" in front_page(found).text


def test_the_page_says_which_points_are_predictions_and_which_are_hidden(part_1: Path):
    """Text and HTML say the same about points; every lesson is a link to its notebook."""
    shown = front_page(standing())
    for form in (shown.text, shown.html):
        assert "156 hidden points that only the grader gives" in form
        assert "predictions" in form
    for lesson in lessons():
        assert f'data-open="notebooks/{lesson.link}"' in shown.html
