"""Lesson 08's own checkpoints: the stub, plausible mistakes, and the answer."""

from __future__ import annotations

BLOCK = {"start": "2026-05-17T12:00:00+00:00", "end": "2026-05-17T14:50:00+00:00", "hours_away": 26.5}


def test_the_wait_is_predicted_before_the_calendar_is_read(entries, judge):
    """A guess after the planner has shown its blocks predicts nothing."""
    question = "m.reserve.wait_guess"
    assert "No prediction yet" in judge(question, entries).message
    assert judge(question, entries.predicted(question, 12)).state == "missing evidence"
    entries.clear()
    entries.observed("model.block", BLOCK).predicted(question, 26)
    assert "after the measurement" in judge(question, entries).message


def test_a_duration_counts_from_now(entries, judge):
    """The draft's dates decide, and not the three hours that were asked for."""
    question = "m.reserve.draft_hours"
    assert "Not answered yet" in judge(question, entries).message
    assert "No draft" in judge(question, entries.answered(question, 3)).message
    entries.observed("model.draft", {"start": "2026-05-17 12:00", "end": "2026-05-16 12:30"})
    assert "what was asked for" in judge(question, entries).message
    assert "Turned around" in judge(question, entries.answered(question, 23.5)).message
    assert "Subtract" in judge(question, entries.answered(question, -4)).message
    assert "a number" in judge(question, entries.answered(question, "none")).message.lower()
    assert judge(question, entries.answered(question, -23.5)).ok


def test_a_block_ends_ten_minutes_before_the_hour(entries, judge):
    """On the hour is the classic; local time and a slip of the form are told apart."""
    question = "m.reserve.end"
    entries.observed("model.block", BLOCK)
    assert "Not answered yet" in judge(question, entries).message
    for given, says in [
        ("2026-05-17 15:00", "next lease begins"),
        ("2026-05-17 09:50", "the hour is not"),
        ("2026-05-17 14:55", "ten minutes before"),
        ("2026-05-16 14:53", "before it begins"),
        ("14:50", "year-month-day"),
    ]:
        assert says in judge(question, entries.answered(question, given)).message
    assert judge(question, entries.answered(question, " 2026-05-17 14:50 ")).ok


def test_what_a_deletion_leaves_is_named_by_the_site(entries, judge):
    """Lesson 19's prediction is compared with what the site listed."""
    from grading.checkpoints import all_checkpoints

    question = "m.release.left_guess"
    assert not judge(question, entries.predicted(question, "server")).ok
    assert judge(question, entries.predicted(question, "lease")).state == "missing evidence"
    asked = all_checkpoints()[question].asks
    assert asked.measured(entries.records) is None
    entries.observed("model.after_delete", {"held": ["floating IP", "lease"]})
    assert asked.measured(entries.records) == "floating IP and lease"
    assert asked.measured(entries.observed("model.after_delete", {"held": []}).records) == "nothing"
