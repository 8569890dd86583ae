"""A release gives back all resources. A sweep finds remaining ones, with their age, but never
another person's.
"""

import dataclasses
from datetime import timedelta

import pytest

from provisioning.setup.release import release, survey, sweep, table
from provisioning.testbed import Address, SecurityGroup, Volume
from provisioning.testbed.errors import NotReleasedError, ServiceBusyError

NAME = "serve-model-ada"


@pytest.fixture
def go(memory, clock):
    def release_all(record=None, **options) -> list[str]:
        return list(release(memory, NAME, record=record, clock=clock, **options))

    return release_all


@pytest.fixture
def run(memory, make_run):
    memory.give_lease(NAME)
    run = make_run(only=("lease", "server", "address"))
    run.go()
    return run


@pytest.mark.parametrize("with_record", [True, False])
def test_all_kinds_are_gone_and_a_second_release_has_nothing_to_do(run, memory, go, with_record):
    """A classmate's things are untouched; another kernel, without the record, finds everything by
    name.
    """
    bob = memory.give_lease("serve-model-bob")
    memory.address_list.append(Address("a-b", "192.0.2.99", None, "serve-model-bob"))
    lines = go(run.record if with_record else None)
    assert memory.machine_list == []
    assert memory.lease_list == [bob]
    assert [a.id for a in memory.address_list] == ["a-b"]
    assert run.record.path.exists() != with_record
    deletions = [line for line in lines if line.startswith("deleting")]
    assert [line.split()[1] for line in deletions] == ["server", "floating", "lease"]
    assert go() == [f"nothing named {NAME} is left at CHI@TACC"]


@pytest.mark.parametrize(
    ("label", "left"), [("", 0), ("serve-model-bob", 1)], ids=["by hand", "a classmate's by now"]
)
def test_an_address_without_our_label_goes_only_with_our_machine(run, memory, go, label, left):
    """If it was made by hand on the web page, it is known only while the server exists, so it must
    be released too.
    """
    memory.address_list = [dataclasses.replace(a, label=label) for a in memory.address_list]
    if label:
        memory.machine_list = []
    go(run.record)
    assert len(memory.address_list) == left


def test_a_busy_service_is_asked_again_and_the_rest_waits(run, memory, go):
    """While the server cannot be deleted, the lease stays ours; then everything goes."""
    memory.refuse("delete_machine", *[ServiceBusyError("503")] * 2)
    assert go().count("not yet: 503") == 2
    deleted = [request for request in memory.requests if request.startswith("delete")]
    assert deleted == [*["delete_machine"] * 3, "delete_address", "delete_lease"]
    assert memory.lease_list == []


def test_what_cannot_be_deleted_is_named(run, memory, go):
    """The error lists each thing with the service's reason, and a later run finishes."""
    memory.refuse("delete_address", *[ServiceBusyError("neutron is down")] * 10**6)
    with pytest.raises(
        NotReleasedError, match=r"2 things(?s:.*)floating IP 192(?s:.*)neutron is down(?s:.*)lease"
    ):
        go()
    memory.before = lambda _request: None
    go()
    assert memory.lease_list == memory.address_list == []


def test_survey_tells_orphans_from_what_is_in_use(memory, clock):
    """Each kind of leftover with its reason; orphans first, the oldest first among them; others'
    are not listed.
    """
    now = clock.now()
    memory.give_lease("serve-model-used")
    for name, status in (
        ("serve-model-used", "ACTIVE"),
        ("serve-model-lost", "ACTIVE"),
        ("serve-edge-fresh", "ERROR"),
    ):
        memory.fate = [status]
        memory.make(name, "server")
    memory.give_lease("serve-edge-idle", start=now - timedelta(hours=2))
    memory.give_lease("serve-edge-fresh", start=now - timedelta(minutes=5))
    memory.give_lease("serve-edge-bad", status="ERROR")
    memory.give_lease("serve-edge-soon", status="PENDING", start=now + timedelta(hours=5))
    memory.give_lease("somebody-else", start=now - timedelta(hours=9))
    memory.address_list = [
        Address("a-1", "192.0.2.1", None, "serve-model-lost", now - timedelta(hours=30)),
        Address("a-2", "192.0.2.2", "server-1", "serve-model-used", now),
        Address("a-3", "192.0.2.3", None, "", now),
    ]
    memory.group_list = [
        SecurityGroup(f"g-{n}", n) for n in ("serve-model-used", "serve-model-gone", "default")
    ]
    memory.volume_list = [
        Volume("v-1", "serve-model-used", "in-use", now - timedelta(hours=3)),
        Volume("v-2", "serve-model-gone", "available", now - timedelta(hours=3)),
        Volume("v-3", "serve-edge-soon", "downloading", now - timedelta(minutes=2)),
    ]
    leftovers = survey(memory, now)
    reasons = {(item.kind, item.name): item.reason for item in leftovers}
    expected = {
        ("lease", "serve-model-used"): "",
        ("server", "serve-model-used"): "",
        ("server", "serve-model-lost"): "no active lease of that name",
        ("server", "serve-edge-fresh"): "in ERROR",
        ("lease", "serve-edge-idle"): "active for 2.0 h without a machine",
        ("lease", "serve-edge-fresh"): "",
        ("lease", "serve-edge-bad"): "in ERROR",
        ("lease", "serve-edge-soon"): "",
        ("floating IP", "192.0.2.1"): "bound to nothing",
        ("floating IP", "192.0.2.2"): "",
        ("volume", "serve-model-used"): "",
        ("volume", "serve-model-gone"): "no machine of that name",
        ("volume", "serve-edge-soon"): "",
        ("security group", "serve-model-used"): "",
        ("security group", "serve-model-gone"): "no machine of that name",
    }
    assert reasons == expected
    orphans = [item.orphan for item in leftovers]
    assert orphans == sorted(orphans, reverse=True)
    assert leftovers[0].name == "192.0.2.1"
    for words in ("30.0 h", "to come, 02 Mar 17:00 UTC", "7 of 15 are orphans"):
        assert words in table(leftovers)
    assert table([]) == "Nothing of the labs is left."


def test_sweep_deletes_orphans_only(memory, clock):
    """Resources in use stay, also those that became used after the list was made; 'ada' is not
    'adam'.
    """
    now = clock.now()
    for name in ("serve-model-ada", "serve-model-adam", "serve-edge-ada"):
        memory.give_lease(name)
    adas = {item.name for item in survey(memory, now, owner="ada")}
    assert adas == {"serve-model-ada", "serve-edge-ada"}
    memory.lease_list = []
    memory.fate = ["ACTIVE"]
    memory.make("serve-model-lost", "server")
    memory.make("serve-model-back", "server")
    memory.give_lease("serve-edge-idle", start=now - timedelta(hours=2))
    leftovers = survey(memory, now)
    back = memory.give_lease("serve-model-back")
    assert sweep(memory, leftovers, now) == [
        "deleted server serve-model-lost",
        "deleted lease serve-edge-idle",
    ]
    assert [m.name for m in memory.machine_list] == ["serve-model-back"]
    assert memory.lease_list == [back]
