"""Clock, store, expressions, states and other people's calendar: the parts without HTTP."""

import itertools
from pathlib import Path

import pytest

from provisioning.rehearsal.bookings import bookings
from provisioning.rehearsal.catalogue import catalogue
from provisioning.rehearsal.clock import Clock, blazar_stamp, created_stamp
from provisioning.rehearsal.faults import FAULTS, Faults, parse_fault
from provisioning.rehearsal.lifecycle import container_status, lease_status, server_answers_ssh, server_status
from provisioning.rehearsal.matching import BadExpressionError, matches, parse
from provisioning.rehearsal.store import Store

DAY_S = 86_400.0


def test_speed_shortens_waits_and_leaves_the_calendar_alone() -> None:
    clock = Clock(speed=120.0, real=lambda: 1000.0)
    assert clock.shortened(600.0) == 5.0
    assert clock.now() == 1000.0
    assert clock.advance(50.0) == clock.now() == 1050.0


def test_time_does_not_run_backwards() -> None:
    with pytest.raises(ValueError, match="only moves forward"):
        Clock().advance(-1.0)


def test_dates_have_the_two_forms_that_python_chi_parses() -> None:
    assert blazar_stamp(0.5) == "1970-01-01T00:00:00.500000"
    assert created_stamp(0.5) == "1970-01-01 00:00:00"


def test_a_store_opened_again_remembers_documents_in_order(tmp_path: Path) -> None:
    store = Store(tmp_path / "s.sqlite3")
    for name in ("b", "a", "c"):
        store.put("thing", {"id": name, "even": name != "a"})
    store.put("thing", {"id": "b", "even": True, "changed": 1})
    store.set_setting("x", [1])
    store.close()
    again = Store(tmp_path / "s.sqlite3")
    assert [d["id"] for d in again.find("thing", even=True)] == ["b", "c"]
    assert again.get("thing", "b") == {"id": "b", "even": True, "changed": 1}
    assert again.setting("x") == [1]
    again.remove("thing", "b")
    assert again.get("thing", "b") is None
    again.close()


@pytest.mark.parametrize(
    ("expression", "verdict"),
    [
        ('["==", "$node_type", "compute_liqid"]', True),
        ('["!=", "$node_type", "compute_liqid"]', False),
        ('["and", ["==", "$node_type", "compute_liqid"], [">", "$architecture.smt_size", 48]]', True),
        ('["and", ["==", "$node_type", "compute_liqid"], [">", "$architecture.smt_size", "256"]]', False),
        ('["or", ["==", "$node_type", "x"], ["==", "$gpu.gpu_model", "A100"]]', True),
        ('["==", "$no_such_property", "x"]', False),
        ("", True),
        ("[]", True),
    ],
)
def test_expressions_choose_as_blazar_does(expression: str, verdict: bool) -> None:
    properties = {"node_type": "compute_liqid", "architecture.smt_size": 256, "gpu.gpu_model": "A100"}
    assert matches(parse(expression), properties) is verdict


@pytest.mark.parametrize("expression", ["{", '{"a": 1}', '["~", "$a", 1]', '["==", "$a"]'])
def test_an_expression_that_blazar_cannot_read_is_an_error(expression: str) -> None:
    with pytest.raises(BadExpressionError):
        matches(parse(expression), {"a": 1})


def test_a_lease_waits_runs_and_ends() -> None:
    lease = {"active_at_s": 10.0, "end_s": 20.0, "fate": "ACTIVE"}
    assert [lease_status(lease, t) for t in (9.9, 10.0, 19.9, 20.0)] == ["PENDING", "ACTIVE", "ACTIVE", "TERMINATED"]
    assert lease_status(lease | {"fate": "ERROR"}, 10.0) == "ERROR"


def test_a_server_is_active_before_it_answers_ssh() -> None:
    server = {"settled_at_s": 10.0, "ssh_at_s": 15.0, "fate": "ACTIVE"}
    assert [server_status(server, t) for t in (9.0, 10.0)] == ["BUILD", "ACTIVE"]
    assert [server_answers_ssh(server, t) for t in (10.0, 15.0)] == [False, True]
    assert not server_answers_ssh(server | {"stopped": True}, 15.0)
    assert server_status(server | {"fate": "ERROR"}, 10.0) == "ERROR"


def test_a_container_runs_after_it_was_created() -> None:
    container = {"settled_at_s": 10.0, "fate": "Running"}
    assert [container_status(container, t) for t in (9.0, 10.0)] == ["Creating", "Running"]
    assert container_status(container | {"stopped": True}, 10.0) == "Stopped"


def test_other_peoples_calendar_is_the_same_for_everybody_and_never_overlaps_itself() -> None:
    booked = bookings("liqid03", 2, 10, 0.0, 60 * DAY_S)
    assert booked == bookings("liqid03", 2, 10, 0.0, 60 * DAY_S)
    assert len(booked) > 60
    for earlier, later in itertools.pairwise(booked):
        assert earlier.start_s < earlier.end_s <= later.start_s


@pytest.mark.parametrize("kind", ["host", "device"])
def test_of_every_type_something_is_free_for_a_lesson_at_any_hour_and_something_is_taken(kind: str) -> None:
    for site in catalogue().sites:
        resources = catalogue().at(site, kind)
        for wanted in {r.type for r in resources}:
            peers = [r for r in resources if r.type == wanted]
            for hour in range(0, 24 * 30, 5):
                span = (hour * 3600.0, (hour + 3) * 3600.0)
                assert any(not bookings(r.name, r.rank, r.peers, *span) for r in peers), (wanted, hour)
            month = [b for r in peers for b in bookings(r.name, r.rank, r.peers, 0.0, 30 * DAY_S)]
            assert month or len(peers) <= 2


def test_the_catalogue_holds_what_the_course_needs() -> None:
    found = {(r.site, r.type): r for r in catalogue().resources}
    assert found["tacc", "compute_gigaio"].hardware["gpu"]["model"] == "A30"
    assert found["uc", "compute_gigaio"].hardware["gpu"]["model"] == "A100"
    assert found["tacc", "gpu_p100"].hardware["gpu"]["count"] == 2
    assert found["edge", "raspberrypi5"].peers == 7
    assert len({r.uid for r in catalogue().resources}) == len(catalogue().resources)
    for part in catalogue().parts.values():
        assert (part["site"], part["type"]) in found


def test_a_fault_is_spelt_with_seconds_times_and_user() -> None:
    assert parse_fault("slow-boot=7200:3@mary") == {
        "id": "slow-boot@mary",
        "name": "slow-boot",
        "seconds": 7200.0,
        "times": 3,
        "user": "mary",
    }
    assert parse_fault("no-hosts:always")["times"] == -1
    assert parse_fault("ssh-late")["seconds"] == FAULTS["ssh-late"].seconds
    with pytest.raises(ValueError, match=r"NAME one of .*ssh-late"):
        parse_fault("ssh-latte")


def test_a_fault_strikes_as_often_as_it_was_armed_and_only_its_user() -> None:
    faults = Faults(Store(":memory:"))
    faults.arm("no-hosts:2@mary")
    assert faults.strike("no-hosts", "john") is None
    assert [bool(faults.strike("no-hosts", "mary")) for _ in range(3)] == [True, True, False]
    faults.arm("no-hosts:always")
    assert all(faults.strike("no-hosts", "anybody") for _ in range(5))
    faults.clear("no-hosts")
    assert faults.armed() == []
