"""Everything is given back, and what was left is found, with its age, and never somebody else's."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import pytest

from provisioning.setup.record import Record
from provisioning.setup.release import release, survey, sweep, table
from provisioning.testbed import Address, Volume
from provisioning.testbed.errors import NotReleasedError, ServiceBusyError

NAME = "serve-model-ada"
BOOT = ("lease", "server", "address")


def go(memory, clock, state=None, **options):
    return list(release(memory, NAME, state, clock=clock, **options))


def test_all_five_kinds_are_gone(memory, make_run, clock, tmp_path):
    """Server, floating IP, volume and lease; a classmate's are untouched; the record is cleared."""
    memory.give_lease(NAME)
    bob = memory.give_lease("serve-model-bob")
    run = make_run(only=BOOT)
    run.finish()
    memory.volume_list = [
        Volume("v-1", f"{NAME}-data", "AVAILABLE"),
        Volume("v-2", "serve-model-bob", "AVAILABLE"),
    ]
    memory.address_list.append(Address("a-b", "192.0.2.99", None, "serve-model-bob"))
    lines = go(memory, clock, run.state)
    assert memory.machine_list == []
    assert memory.lease_list == [bob]
    assert [a.id for a in memory.address_list] == ["a-b"]
    assert [v.id for v in memory.volume_list] == ["v-2"]
    assert not run.state.path.exists()
    kinds = [line.split()[1] for line in lines if line.startswith("deleting")]
    assert kinds == ["server", "floating", "volume", "lease"]


def test_a_second_release_has_nothing_to_do(memory, clock):
    """Releasing twice is no error."""
    assert go(memory, clock) == [f"nothing named {NAME} is left at CHI@TACC"]


def test_an_address_without_our_label_goes_with_its_machine(memory, make_run, clock):
    """Made by hand in the web page, it is known only while the server is there, and must not be left behind."""
    memory.give_lease(NAME)
    run = make_run(only=BOOT)
    run.finish()
    memory.address_list = [dataclasses.replace(a, label="") for a in memory.address_list]
    go(memory, clock)
    assert memory.address_list == []


def test_an_address_that_went_to_a_classmate_stays(memory, make_run, clock):
    """The record may be old: what carries another's label is not ours any more."""
    memory.give_lease(NAME)
    run = make_run(only=BOOT)
    run.finish()
    memory.machine_list = []
    memory.address_list = [dataclasses.replace(a, label="serve-model-bob") for a in memory.address_list]
    go(memory, clock, run.state)
    assert len(memory.address_list) == 1


def test_a_busy_service_is_asked_again_and_the_rest_waits(memory, make_run, clock):
    """While the server cannot be deleted, the lease stays ours; then everything goes."""
    memory.give_lease(NAME)
    make_run(only=BOOT).finish()
    refusals = iter([True, True])

    def busy(request):
        if request == "delete_machine" and next(refusals, False):
            raise ServiceBusyError("503")
        if request == "delete_lease":
            assert memory.machine_list == []

    memory.before = busy
    lines = go(memory, clock)
    assert lines.count("not yet: 503") == 2
    assert memory.lease_list == []


def test_what_cannot_be_deleted_is_named(memory, make_run, clock):
    """The error lists each thing with the service's reason, and a later run finishes."""
    memory.give_lease(NAME)
    make_run(only=BOOT).finish()

    def stuck(request):
        if request == "delete_address":
            raise ServiceBusyError("neutron is down")

    memory.before = stuck
    with pytest.raises(NotReleasedError, match=r"2 things(?s:.*)floating IP 192(?s:.*)neutron is down(?s:.*)lease"):
        go(memory, clock)
    memory.before = lambda _request: None
    go(memory, clock)
    assert memory.lease_list == memory.address_list == []


def test_keeping_the_lease(memory, make_run, clock, tmp_path):
    """To boot again on the same node."""
    lease = memory.give_lease(NAME)
    run = make_run(only=BOOT)
    run.finish()
    go(memory, clock, run.state, keep_lease=True)
    assert memory.lease_list == [lease]
    assert memory.machine_list == memory.address_list == []


def test_survey_tells_orphans_from_what_is_in_use(memory, clock):
    """Each kind of leftover with its reason; orphans first."""
    now = clock.now()
    memory.give_lease("serve-model-used")
    memory.fate = ["ACTIVE"]
    for name in ("serve-model-used", "serve-model-lost"):
        memory._make(type("Request", (), {"name": name}), "server")
    memory.give_lease("serve-edge-idle", start=now - timedelta(hours=2))
    memory.give_lease("serve-edge-fresh", start=now - timedelta(minutes=5))
    memory.give_lease("serve-edge-bad", status="ERROR")
    memory.give_lease("somebody-else", start=now - timedelta(hours=9))
    memory.address_list = [
        Address("a-1", "192.0.2.1", None, "serve-model-lost", now - timedelta(hours=30)),
        Address("a-2", "192.0.2.2", "server-1", "serve-model-used", now),
        Address("a-3", "192.0.2.3", None, "", now),
    ]
    memory.volume_list = [Volume("v-1", "serve-model-lost-data", "AVAILABLE")]
    found = survey(memory, now)
    reasons = {item.name: item.reason for item in found}
    assert reasons == {
        "serve-model-used": "",
        "serve-model-lost": "no active lease of that name",
        "serve-edge-idle": "active for 2.0 h without a machine",
        "serve-edge-fresh": "",
        "serve-edge-bad": "in ERROR",
        "192.0.2.1": "bound to nothing",
        "192.0.2.2": "",
        "serve-model-lost-data": "",
    }
    orphans = [item.orphan for item in found]
    assert orphans == sorted(orphans, reverse=True)
    assert found[0].name == "192.0.2.1"
    assert "30.0 h" in table(found)
    assert "4 of 9 are orphans" in table(found)


def test_sweep_deletes_orphans_only(memory, clock):
    """What is in use stays, and so does what became used after the list was made."""
    now = clock.now()
    memory.fate = ["ACTIVE"]
    memory._make(type("Request", (), {"name": "serve-model-lost"}), "server")
    memory._make(type("Request", (), {"name": "serve-model-back"}), "server")
    memory.give_lease("serve-edge-idle", start=now - timedelta(hours=2))
    found = survey(memory, now)
    back = memory.give_lease("serve-model-back")
    lines = sweep(memory, found, now)
    assert sorted(lines) == ["deleted lease serve-edge-idle", "deleted server serve-model-lost"]
    assert [m.name for m in memory.machine_list] == ["serve-model-back"]
    assert memory.lease_list == [back]


def test_one_students_leftovers(memory, clock):
    """A student sees and sweeps their own: 'ada' is not 'adam'."""
    memory.give_lease("serve-model-ada")
    memory.give_lease("serve-model-adam")
    memory.volume_list = [
        Volume("v", "serve-edge-ada-data", "AVAILABLE"),
        Volume("w", "serve-edge-adam-data", "x"),
    ]
    names = {item.name for item in survey(memory, clock.now(), owner="ada")}
    assert names == {"serve-model-ada", "serve-edge-ada-data"}


def test_an_empty_list_says_so():
    """Nothing is good news."""
    assert table([]) == "Nothing of the labs is left."


def test_state_file_is_optional(memory, make_run, clock, tmp_path):
    """A release in another kernel, without the record, finds everything by name."""
    memory.give_lease(NAME)
    make_run(only=BOOT).finish()
    go(memory, clock, Record(tmp_path / "other.json"))
    assert memory.machine_list == memory.address_list == memory.lease_list == []
