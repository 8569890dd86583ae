"""Where each student is: by name, whoever needs somebody first."""

from datetime import UTC, timedelta

from provisioning.classroom.leases import watch, watch_table
from provisioning.classroom.roster import Student
from provisioning.testbed import Machine

from ..conftest import NOON

STUDENTS = [
    Student(name, name.title())
    for name in ("ada", "bob", "cyd", "dan", "eve", "fay", "gus", "hal", "ivy")
]


def test_each_state_is_told_and_who_needs_somebody_stands_first(memory):
    """In the instructor's hours, without addresses, by two requests to a site."""
    for name, status, hours in (
        ("ada", "ACTIVE", 3),
        ("bob", "ACTIVE", 3),
        ("cyd", "ACTIVE", 3),
        ("dan", "ACTIVE", 0.9),
        ("eve", "PENDING", 3),
        ("fay", "ERROR", 3),
        ("gus", "TERMINATED", 0.5),
        ("hal", "ACTIVE", 3),
    ):
        memory.give_lease(
            f"serve-model-{name}", status, start=NOON, end=NOON + timedelta(hours=hours)
        )
    for name, status, addresses in (
        ("ada", "ACTIVE", ("192.0.2.7",)),
        ("bob", "BUILD", ()),
        ("dan", "ACTIVE", ("192.0.2.8",)),
        ("hal", "ERROR", ()),
    ):
        memory.machine_list.append(
            Machine(name, f"serve-model-{name}", "server", status, addresses, created=NOON)
        )
    watched = watch(
        [memory], "model", STUDENTS, NOON + timedelta(minutes=40), timedelta(minutes=30)
    )
    assert [(row.student.name, row.state, row.look) for row in watched.rows] == [
        ("cyd", "no machine", "has not come"),
        ("dan", "works", "the lease ends soon"),
        ("fay", "failed", "the lease failed"),
        ("gus", "over", "never released: did anybody come?"),
        ("hal", "failed", "the machine failed"),
        ("ada", "works", ""),
        ("bob", "boots", ""),
        ("eve", "waits", ""),
        ("ivy", "none", ""),
    ]
    text = watch_table(watched, NOON + timedelta(minutes=40), UTC)
    _, _, cyd, *_, said = text.splitlines()
    assert cyd.split() == "Cyd no machine Mon 02 Mar 12:00–15:00 UTC 140 min has not come".split()
    assert (
        said
        == "1 no machine, 2 works, 2 failed, 1 over, 1 boots, 1 waits, 1 none; 5 to look at. As of 12:40 UTC."
    )
    assert "192.0.2" not in text
    assert memory.requests == ["leases", "machines"]
