"""Where each student is: by name, with students who need help first."""

from datetime import UTC, timedelta

from labs.course.roster import Student
from provisioning.classroom.leases import watch, watch_table
from provisioning.testbed import Machine
from tests.provisioning.conftest import NOON

NAMES = ("ada", "bob", "cyd", "dan", "eve", "fay", "gus", "hal", "ivy")
#: Status and hours of each student's lease.
LEASES = {
    "ada": ("ACTIVE", 3),
    "bob": ("ACTIVE", 3),
    "cyd": ("ACTIVE", 3),
    "dan": ("ACTIVE", 0.9),
    "eve": ("PENDING", 3),
    "fay": ("ERROR", 3),
    "gus": ("TERMINATED", 0.5),
    "hal": ("ACTIVE", 3),
}
#: Status and addresses of each student's server.
SERVERS = {
    "ada": ("ACTIVE", ("192.0.2.7",)),
    "bob": ("BUILD", ()),
    "dan": ("ACTIVE", ("192.0.2.8",)),
    "hal": ("ERROR", ()),
}
#: Where each student is, and why the instructor should look, in the table's order.
WHEREABOUTS = {
    "cyd": ("no machine", "has not come"),
    "dan": ("works", "the lease ends soon"),
    "fay": ("failed", "the lease failed"),
    "gus": ("over", "never released: did anybody come?"),
    "hal": ("failed", "the machine failed"),
    "ada": ("works", ""),
    "bob": ("boots", ""),
    "eve": ("waits", ""),
    "ivy": ("none", ""),
}


def test_each_state_is_told_and_who_needs_somebody_stands_first(memory):
    """In the instructor's hours, without addresses, by two requests to a site."""
    for name, (status, hours) in LEASES.items():
        end = NOON + timedelta(hours=hours)
        memory.give_lease(f"serve-model-{name}", status, start=NOON, end=end)
    for name, (status, addresses) in SERVERS.items():
        machine_name = f"serve-model-{name}"
        machine = Machine(name, machine_name, "server", status, addresses, created=NOON)
        memory.machine_list.append(machine)
    now = NOON + timedelta(minutes=40)
    students = [Student(name, name.title()) for name in NAMES]
    watched = watch([memory], "model", students, now, timedelta(minutes=30))
    seen = {row.student.name: (row.state, row.look) for row in watched.rows}
    assert seen == WHEREABOUTS
    assert list(seen) == list(WHEREABOUTS)
    text = watch_table(watched, now, UTC)
    _, _, cyd, *_, summary = text.splitlines()
    words = " ".join(cyd.split())
    assert words == "Cyd no machine Mon 02 Mar 12:00–15:00 UTC 140 min has not come"
    assert summary == (
        "1 no machine, 2 works, 2 failed, 1 over, 1 boots, 1 waits, 1 none; 5 to look at. "
        "As of 12:40 UTC."
    )
    assert "192.0.2" not in text
    assert memory.requests == ["leases", "machines"]
