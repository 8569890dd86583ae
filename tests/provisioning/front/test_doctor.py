"""The doctor: one sentence a finding, a way out wherever something is wrong, and nothing is changed."""

from __future__ import annotations

from pathlib import Path

from provisioning.front.doctor import findings


def test_a_course_in_order_has_no_way_out_to_say(workspace: Path):
    """Where the tests run, the course runs; looking makes no folder."""
    found = findings()
    assert [one for one in found if not one.ok] == []
    assert not workspace.exists()


def test_a_damaged_ledger_is_named(worked: Path):
    """With the line's number, and the promise that nothing else is lost."""
    with (worked / "ledger.jsonl").open("a", encoding="utf-8") as file:
        file.write("{cut\n")
    wrong = [one for one in findings() if not one.ok]
    assert [one.name for one in wrong] == ["ledger"]
    assert "1 lines cannot be read" in wrong[0].said
    assert "nothing else is lost" in wrong[0].way_out
