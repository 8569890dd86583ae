"""Lease, server, floating IP, SSH: real statuses are asserted, and every fault is named with a way out."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from provisioning import errors
from provisioning.testbed import Address

BOOT = ("lease", "server", "address", "ssh")


def failure_of(run) -> errors.ProvisioningError:
    for _ in run.events():
        pass
    assert len(run.failures) == 1, run.failures
    return next(iter(run.failures.values()))


def test_a_machine_comes_up(memory, make_run):
    """From an active lease to a shell, with the facts that the later steps need."""
    lease = memory.give_lease("serve-model-ada")
    memory.deaf_looks = 2
    facts = make_run(only=BOOT).finish()
    assert facts["lease"]["lease_id"] == lease.id
    assert facts["lease"]["reservation_id"] == lease.reservations[0].id
    assert facts["server"]["machine_id"] == memory.machine_list[0].id
    assert facts["address"]["address"] == memory.address_list[0].address
    assert facts["ssh"]["kernel"].split()[0] in {"Linux", "Darwin"}
    assert memory.address_list[0].label == "serve-model-ada"


def test_a_second_run_makes_nothing(memory, make_run):
    """Re-running goes over what is there: one server, one address."""
    memory.give_lease("serve-model-ada")
    first = make_run(only=BOOT).finish()
    memory.requests.clear()
    assert make_run(only=BOOT).finish() == first
    assert not {"boot", "allocate_address", "attach_address", "reserve"} & set(memory.requests)
    assert len(memory.machine_list) == len(memory.address_list) == 1


def test_a_second_run_without_the_record_finds_everything_too(memory, make_run, tmp_path):
    """The testbed is looked at, not only the file: a lost record costs a few requests."""
    memory.give_lease("serve-model-ada")
    make_run(only=BOOT).finish()
    (tmp_path / "state" / "model.json").unlink()
    make_run(only=BOOT).finish()
    assert len(memory.machine_list) == len(memory.address_list) == 1


def test_no_lease(memory, make_run):
    """A lease of another student, or one that has ended, is not ours."""
    memory.give_lease("serve-model-bob")
    memory.give_lease("serve-model-ada", status="TERMINATED")
    assert isinstance(failure_of(make_run(only=BOOT)), errors.LeaseMissingError)


def test_the_active_one_of_two_leases_is_taken(memory, make_run):
    """Duplicate names are allowed; python-chi calls both missing then."""
    memory.give_lease("serve-model-ada", status="ERROR")
    memory.give_lease("serve-model-ada", status="PENDING", start=memory.give_lease("other").start + timedelta(days=1))
    active = memory.give_lease("serve-model-ada")
    assert make_run(only=("lease",)).finish()["lease"]["lease_id"] == active.id


def test_a_lease_in_error_is_not_success(memory, make_run):
    """python-chi's wait returns normally on ERROR."""
    memory.give_lease("serve-model-ada", status="ERROR")
    error = failure_of(make_run(only=BOOT))
    assert isinstance(error, errors.LeaseFailedError)
    assert "another node" in error.way_out


def test_a_lease_that_starts_tomorrow_is_not_waited_for(memory, make_run, clock):
    """The message says when to come back, and no hour of waiting passes."""
    memory.give_lease("serve-model-ada", status="PENDING", start=clock.now() + timedelta(hours=20))
    error = failure_of(make_run(only=BOOT))
    assert isinstance(error, errors.LeaseNotStartedError)
    assert "20.0 h" in error.what
    assert clock.elapsed_s < 60


def test_a_lease_that_starts_in_a_minute_is_waited_for(memory, make_run, clock):
    """PENDING, then ACTIVE."""
    lease = memory.give_lease("serve-model-ada", status="PENDING", start=clock.now() + timedelta(seconds=60))

    def later(request):
        if request == "leases" and clock.elapsed_s > 60:
            memory.lease_list = [dataclasses.replace(lease, status="ACTIVE")]

    memory.before = later
    assert make_run(only=("lease",)).finish()["lease"]["lease_id"] == lease.id
    assert clock.elapsed_s > 60


def test_a_lease_of_another_kind_says_what_it_holds(memory, make_run):
    """A lease made with only a floating IP in Horizon is a common mistake."""
    memory.give_lease("serve-model-ada", kind="virtual:floatingip")
    error = failure_of(make_run(only=BOOT))
    assert isinstance(error, errors.LeaseMissingError)
    assert "virtual:floatingip, not a physical:host" in error.what


def test_a_server_in_error_fails_and_the_next_run_boots_another(memory, make_run):
    """python-chi's submit returns normally on ERROR; nothing of the failed one may stay behind."""
    memory.give_lease("serve-model-ada")
    memory.fate = ["BUILD", "ERROR"]
    error = failure_of(make_run(only=BOOT))
    assert isinstance(error, errors.ServerFailedError)
    assert "ERROR" in error.what
    failed_id = memory.machine_list[0].id
    memory.fate = ["BUILD", "ACTIVE"]
    facts = make_run(only=BOOT).finish()
    assert [machine.id for machine in memory.machine_list] == [facts["server"]["machine_id"]]
    assert facts["server"]["machine_id"] != failed_id


def test_a_boot_that_never_ends_is_given_up_and_found_again(memory, make_run, clock):
    """The time-out does not orphan the server: the next run waits for the same one."""
    memory.give_lease("serve-model-ada")
    memory.fate = ["BUILD"]
    error = failure_of(make_run(only=BOOT))
    assert isinstance(error, errors.StepTimeoutError)
    assert 1800 <= clock.elapsed_s < 1900
    memory.machine_list[0] = dataclasses.replace(memory.machine_list[0], status="ACTIVE")
    assert make_run(only=BOOT).finish()["server"]["machine_id"] == memory.machine_list[0].id
    assert memory.requests.count("boot") == 1


def test_no_floating_ip_left(memory, make_run):
    """The way out names the sweep; a run after it goes through."""
    memory.give_lease("serve-model-ada")
    memory.pool = 0
    error = failure_of(make_run(only=BOOT))
    assert isinstance(error, errors.NoAddressError)
    assert "sweep" in error.way_out
    memory.pool = 1
    make_run(only=BOOT).finish()


def test_a_classmates_idle_address_is_not_taken(memory, make_run):
    """In a class's project an idle address may have been allocated by somebody a second ago."""
    memory.give_lease("serve-model-ada")
    memory.address_list = [Address("a-9", "192.0.2.9", None, "serve-model-bob")]
    facts = make_run(only=BOOT).finish()
    assert facts["address"]["address"] != "192.0.2.9"
    memory.address_list = [Address("a-9", "192.0.2.9", None, "serve-model-bob")]
    memory.machine_list = []
    memory.pool = 0
    assert isinstance(failure_of(make_run(only=BOOT)), errors.NoAddressError)


def test_an_unlabelled_idle_address_is_the_last_resort(memory, make_run):
    """When the pool is empty, an idle address that nobody claimed will do."""
    memory.give_lease("serve-model-ada")
    memory.pool = 0
    memory.address_list = [Address("a-9", "192.0.2.9", None, "")]
    assert make_run(only=BOOT).finish()["address"]["address"] == "192.0.2.9"


def test_an_address_of_a_killed_kernel_is_used_again(memory, make_run):
    """Killed between allocation and binding: the record and the label both lead back to it."""
    memory.give_lease("serve-model-ada")

    def killed(request):
        if request == "attach_address":
            raise KeyboardInterrupt

    memory.before = killed
    failure_of(make_run(only=BOOT))
    memory.before = lambda _request: None
    make_run(only=BOOT).finish()
    assert len(memory.address_list) == 1


def test_ssh_that_never_answers_says_so(memory, make_run):
    """Reachable means reachable: no localhost, no silence."""
    memory.give_lease("serve-model-ada")
    memory.deaf_looks = 10**9
    error = failure_of(make_run(only=BOOT))
    assert isinstance(error, errors.NotReachableError)
    assert "port 22" in error.what


def test_a_virtual_machine_that_never_answers_points_to_its_security_groups(memory, make_run):
    """On the virtual machines' site the web page decides who comes in, not the machine's own firewall."""
    memory.give_lease("serve-model-ada", kind="flavor:instance")
    memory.deaf_looks = 10**9
    run = make_run(only=BOOT)
    virtual = next(option for option in run.settings.spec.options if option.resource == "flavor")
    run.settings = dataclasses.replace(run.settings, option=virtual)
    assert "Edit Security Groups" in failure_of(run).way_out


def test_a_daemon_that_restarts_after_its_port_has_opened_is_waited_for(memory, make_run, monkeypatch):
    """The first boot makes its host keys while the port answers already; one refused greeting is not the end."""
    memory.give_lease("serve-model-ada")
    shell, cut = memory.shell, iter([errors.NotReachableError("no SSH connection"), None])

    def greeted(machine, user):
        if (error := next(cut, None)) is not None:
            raise error
        return shell(machine, user)

    monkeypatch.setattr(memory, "shell", greeted)
    make_run(only=BOOT).finish()


def test_a_key_that_is_accepted_late_is_waited_for(memory, make_run):
    """The port opens some seconds before the key is there."""
    memory.give_lease("serve-model-ada")
    memory.locked_looks = 3
    make_run(only=BOOT).finish()


def test_a_key_that_is_never_accepted_is_named(memory, make_run):
    """Not a time-out but the key is what to look at."""
    memory.give_lease("serve-model-ada")
    memory.locked_looks = 10**9
    error = failure_of(make_run(only=BOOT))
    assert isinstance(error, errors.NoKeyError)
    assert "OS_KEYPAIR_PRIVATE_KEY" in error.way_out
