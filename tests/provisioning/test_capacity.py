"""A class on shared machines."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from provisioning.errors import NoCapacityError
from provisioning.planning.capacity import RosterError, assign, holders, read_roster, reserve_all, watch, watch_table
from provisioning.sites.spec import load_spec
from provisioning.testbed import Booking, Resource

MODEL = load_spec("model")
OPTION = MODEL.options[0]
SLOTS = [datetime(2026, 3, 10, hour, tzinfo=UTC) for hour in (12, 15, 18)]


def nodes(*names: str) -> list[Resource]:
    return [Resource("CHI@TACC", name, "compute_liqid") for name in names]


def roster(tmp_path, text: str, encoding="utf-8"):
    path = tmp_path / "roster.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_a_spreadsheets_roster_is_read(tmp_path):
    """Byte-order mark, other columns, capitals, addresses, quotes."""
    path = roster(tmp_path, 'Name,Email\n"Lovelace, Ada",Ada@x.edu\nBob,bob_2@x.edu\n', "utf-8-sig")
    assert read_roster(path) == ("ada", "bob-2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Name,Section\nAda,1\n", "columns name, section"),
        ("username\nada\nADA@x.edu\n", "lines 2 and 3 both give 'ada'"),
        ("username,x\nada,1\n ,2\n", "line 3: no name"),
        ("username\n", "names no student"),
        ("", "columns none"),
    ],
)
def test_a_roster_that_cannot_be_used(tmp_path, text, message):
    """Each says what is wrong and where."""
    with pytest.raises(RosterError, match=message):
        read_roster(roster(tmp_path, text))


def test_a_roster_that_is_not_there_or_not_utf8_is_a_sentence(tmp_path):
    """A missing file was a traceback, and Windows' encoding a codec's error (E3)."""
    with pytest.raises(RosterError, match="cannot be read: No such file"):
        read_roster(tmp_path / "none.csv")
    with pytest.raises(RosterError, match=r"not UTF-8[\s\S]*CSV UTF-8"):
        read_roster(roster(tmp_path, "username\nJosé\n", "cp1252"))


def test_seats_never_share_a_machine_at_a_time():
    """Seven students, two machines, three slots: six seats, one student without."""
    students = tuple(f"s{n}" for n in range(7))
    seats, without = assign(students, MODEL, OPTION, nodes("b", "a"), SLOTS)
    assert [seat.student for seat in seats] == list(students[:6])
    assert without == ("s6",)
    places = {(seat.block.resource, seat.block.start) for seat in seats}
    assert len(places) == 6
    assert seats[0].block.resource == "a"
    assert {seat.block.end.minute for seat in seats} == {50}


def test_others_bookings_and_overlapping_slots_are_respected():
    """A booked machine is skipped, and slots an hour apart do not double a machine."""
    booked = dataclasses.replace(nodes("a")[0], bookings=(Booking(SLOTS[0], SLOTS[1]),))
    seats, _ = assign(("x", "y", "z"), MODEL, OPTION, [booked], [SLOTS[0], SLOTS[1], SLOTS[1] + timedelta(hours=1)])
    assert [seat.block.start for seat in seats] == [SLOTS[1]]


def test_reserving_again_fills_the_gaps_only(memory):
    """A refusal does not stop the others; a second run makes only what is missing."""
    seats, _ = assign(("ada", "bob", "cyd"), MODEL, OPTION, nodes("a", "b", "c"), SLOTS[:1])
    refused = iter([False, True])

    def refuse(request):
        if request == "reserve" and next(refused, False):
            raise NoCapacityError("taken meanwhile")

    memory.before = refuse
    assert [what for _, what in reserve_all(memory, "model", seats)] == [
        "reserved",
        "refused: taken meanwhile",
        "reserved",
    ]
    memory.before = lambda _request: None
    assert [what for _, what in reserve_all(memory, "model", seats)] == ["there already", "reserved", "there already"]
    assert sorted(lease.name for lease in memory.lease_list) == [
        "serve-model-ada",
        "serve-model-bob",
        "serve-model-cyd",
    ]


def test_a_second_run_keeps_leases_and_seats_the_late_names(memory):
    """Own leases counted as strangers', so 159 of 200 got 'no seat', and late names at the roster's end none (E1)."""
    first, _ = assign(("ada", "bob"), MODEL, OPTION, nodes("a", "b", "c", "d"), SLOTS[:1])
    reserve_all(memory, "model", first)
    late = ("ada", "bob", "cyd", "dan")
    kept = holders(memory, "model", late)
    assert {student: lease.start for student, lease in kept.items()} == {"ada": SLOTS[0], "bob": SLOTS[0]}
    booked = [
        Resource(
            "CHI@TACC", seat.block.resource, "compute_liqid", bookings=(Booking(seat.block.start, seat.block.end),)
        )
        for seat in first
    ]
    waiting = [student for student in late if student not in kept]
    seats, without = assign(waiting, MODEL, OPTION, [*booked, *nodes("c", "d")], SLOTS[:1])
    assert [(seat.student, seat.block.resource) for seat in seats] == [("cyd", "c"), ("dan", "d")]
    assert without == ()


def test_who_is_where(memory, clock):
    """Every state has its word, from a fixed number of requests however large the class."""
    for name, status in (
        ("ada", "ACTIVE"),
        ("bob", "ACTIVE"),
        ("cyd", "PENDING"),
        ("dan", "TERMINATED"),
        ("eve", "ERROR"),
    ):
        memory.give_lease(f"serve-model-{name}", status=status)
    memory.fate = ["ACTIVE"]
    memory._make(type("Request", (), {"name": "serve-model-ada"}), "server")
    memory.machine_list[0] = dataclasses.replace(memory.machine_list[0], addresses=("192.0.2.7",))
    memory.requests.clear()
    rows = watch(memory, "model", ("ada", "bob", "cyd", "dan", "eve", "fay"))
    assert {row.student: row.state for row in rows} == {
        "ada": "works", "bob": "no machine", "cyd": "waits", "dan": "over", "eve": "failed", "fay": "none",
    }  # fmt: skip
    assert len(memory.requests) == 2
    text = watch_table(rows, clock.now(), UTC)
    assert "192.0.2.7" in text
    assert "180 min" in text
    assert "1 works, 1 no machine" in text
