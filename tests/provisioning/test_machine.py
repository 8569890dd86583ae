"""Lease, server, floating IP, SSH: which existing ones set-up uses, and its messages.

``lab/test_faults.py`` shows a run's reaction to each fault of a testbed, with unmodified
python-chi.
"""

import dataclasses
from datetime import timedelta

import pytest

from provisioning.testbed import Address, Volume, errors
from tests.provisioning.conftest import NOON, facts_of

BOOT = ("lease", "server", "address", "ssh")
NAME = "serve-model-ada"


def failure_of(run) -> errors.ProvisioningError:
    for _ in run.events():
        pass
    assert len(run.failures) == 1, run.failures
    return next(iter(run.failures.values()))


@pytest.mark.parametrize(
    ("leases", "kind", "says"),
    [
        (
            [("serve-model-bob", {}), (NAME, {"status": "TERMINATED"})],
            errors.LeaseMissingError,
            "no usable lease",
        ),
        ([(NAME, {"status": "ERROR"})], errors.LeaseFailedError, "another node"),
        (
            [(NAME, {"status": "PENDING", "start": NOON + timedelta(hours=20)})],
            errors.LeaseMissingError,
            "20.0 h",
        ),
        (
            [(NAME, {"kind": "virtual:floatingip"})],
            errors.LeaseMissingError,
            "floatingip, not a physical:host",
        ),
    ],
    ids=["somebody else's and an ended one", "in ERROR", "tomorrow", "with only a floating IP"],
)
def test_a_lease_that_cannot_be_used_says_why_at_once(memory, make_run, clock, leases, kind, says):
    """python-chi's wait returns normally on ERROR, and an hour of waiting would be useless."""
    for name, changes in leases:
        memory.give_lease(name, **changes)
    error = failure_of(make_run(only=BOOT))
    assert type(error) is kind
    assert says in str(error)
    assert clock.elapsed_s < 60


def test_the_active_one_of_several_leases_is_taken_and_one_that_starts_soon_waited_for(
    memory, make_run, clock
):
    """Duplicate names are allowed; python-chi calls both missing then."""
    memory.give_lease(NAME, status="ERROR")
    memory.give_lease(NAME, status="PENDING", start=NOON + timedelta(days=1))
    active = memory.give_lease(NAME)
    assert facts_of(make_run(only=("lease",)))["lease"]["lease_id"] == active.id
    soon = dataclasses.replace(active, status="PENDING", start=NOON + timedelta(seconds=60))
    memory.lease_list = [soon]

    def later(request):
        if request == "leases" and clock.elapsed_s > 60:
            memory.lease_list = [active]

    memory.before = later
    assert facts_of(make_run(only=("lease",)))["lease"]["lease_id"] == active.id
    assert clock.elapsed_s > 60


FLAVORS = ("g1.h100.pci.1", "g1.h100.vgpu.1g.12gb")


@pytest.mark.parametrize("type", FLAVORS)
def test_an_h100_boots_from_a_volume_of_its_name(memory, make_run, type):
    """Its flavor's disk is too small. A volume that a killed kernel left is used again."""
    memory.give_lease(NAME, kind="flavor:instance")
    facts_of(make_run(only=BOOT[:2], type=type))
    assert [(volume.name, volume.status) for volume in memory.volume_list] == [(NAME, "in-use")]
    memory.machine_list = []
    memory.volume_list = [Volume("v-9", NAME, "available")]
    facts_of(make_run(only=BOOT[:2], type=type))
    assert memory.volume_list == [Volume("v-9", NAME, "in-use")]
    assert memory.requests.count("make_volume") == 1


def test_a_volume_in_error_ends_the_step_and_the_next_run_makes_another(memory, make_run):
    """Not again in the same run: a quota that is used up would make it go on for ever."""
    memory.give_lease(NAME, kind="flavor:instance")
    memory.volume_fate = ["error"]
    error = failure_of(make_run(only=BOOT[:2], type=FLAVORS[0]))
    assert isinstance(error, errors.ServerFailedError)
    assert "volume 'serve-model-ada' is in error" in error.what
    assert "boot" not in memory.requests
    memory.volume_fate = ["available"]
    facts_of(make_run(only=BOOT[:2], type=FLAVORS[0]))
    assert [volume.status for volume in memory.volume_list] == ["in-use"]


@pytest.mark.parametrize("label", ["serve-model-bob", ""], ids=["a classmate's", "nobody's"])
def test_an_idle_address_without_our_name_is_not_taken(memory, make_run, label):
    """In a class's project another student may have allocated it a second ago; the fix names the
    sweep.
    """
    memory.give_lease(NAME)
    memory.pool = 0
    memory.address_list = [Address("a-9", "192.0.2.9", None, label)]
    error = failure_of(make_run(only=BOOT))
    assert isinstance(error, errors.NoAddressError)
    assert "sweep" in error.way_out
    memory.pool = 1
    assert facts_of(make_run(only=BOOT))["address"]["address"] != "192.0.2.9"


def test_an_address_of_a_killed_kernel_is_used_again(memory, make_run):
    """Killed between allocation and binding: its label leads back to it; one that a sweep took away
    is replaced.
    """
    memory.give_lease(NAME)
    memory.pool = 0
    memory.address_list = [Address("a-9", "192.0.2.9", None, NAME)]
    assert facts_of(make_run(only=BOOT))["address"]["address"] == "192.0.2.9"
    memory.pool = 1
    memory.address_list = []
    memory.machine_list = [dataclasses.replace(memory.machine_list[0], addresses=())]
    facts_of(make_run(only=BOOT))
    assert (len(memory.address_list), memory.requests.count("boot")) == (1, 1)


def test_a_machine_that_takes_no_key_says_so(memory, make_run):
    """Never a bare time-out; of one that does not answer, ``lab/flows/faults.py`` tells."""
    memory.give_lease(NAME)
    memory.locked_looks = 10**9
    assert type(failure_of(make_run(only=BOOT))) is errors.NoKeyError
