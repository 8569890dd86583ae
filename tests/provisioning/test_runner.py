"""The runner: side by side, resumable, stoppable, and never waiting for an event that does not come."""

from __future__ import annotations

import dataclasses
import threading

import pytest

from provisioning import errors
from provisioning.setup.plan import Step
from provisioning.setup.run import Run


@pytest.fixture
def run_steps(make_run):
    """Return a function that makes a run of given steps on the memory testbed."""

    def make(*steps: Step) -> Run:
        run = make_run(only=("lease",))
        return Run(steps, run.settings, run.testbed, run.state)

    return make


def step(name: str, body, *needs: str, timeout_s: float = 100) -> Step:
    return Step(name, name, needs, body, 1, timeout_s)


def test_independent_steps_are_really_at_once(run_steps):
    """Each of two steps ends only after the other has begun: one after another would never end."""
    barrier = threading.Barrier(2, timeout=20)
    run_steps(
        step("left", lambda _c: {"n": barrier.wait()}),
        step("right", lambda _c: {"n": barrier.wait()}),
    ).finish()


def test_facts_flow_to_later_steps(run_steps):
    """What a step returns and what it remembers on the way are both there."""

    def first(context):
        context.remember(early=1)
        return {"late": 2}

    seen = {}
    run_steps(step("a", first), step("b", lambda c: seen.update(c.facts("a")) or {}, "a")).finish()
    assert seen == {"early": 1, "late": 2}


def test_a_failure_blocks_only_what_needs_it(run_steps):
    """The other branch goes on, and each blocked step says what it waits for."""

    def bad(_context):
        raise errors.CommandFailedError("no space left")

    run = run_steps(
        step("bad", bad),
        step("after", lambda _c: {}, "bad"),
        step("good", lambda _c: {}),
        step("end", lambda _c: {}, "good"),
    )
    events = list(run.events())
    kinds = {(event.step, event.kind) for event in events}
    assert {("bad", "failed"), ("after", "blocked"), ("good", "done"), ("end", "done")} <= kinds
    assert next(e.text for e in events if e.kind == "blocked") == "waits for bad"
    assert isinstance(run.failures["bad"], errors.CommandFailedError)
    assert "no space left" in run.state.step("bad").error


def test_busy_services_are_asked_again_and_others_are_not(run_steps):
    """A 503 gets three tries; a wrong request gets one."""
    tries = {"busy": 0, "wrong": 0}

    def busy(_context):
        tries["busy"] += 1
        if tries["busy"] < 3:
            raise errors.ServiceBusyError("503")
        return {}

    def wrong(_context):
        tries["wrong"] += 1
        raise errors.WrongRequestError("400")

    run = run_steps(step("busy", busy), step("wrong", wrong))
    events = list(run.events())
    assert tries == {"busy": 3, "wrong": 1}
    assert [e.text for e in events if e.kind == "retrying"] == ["503", "503"]
    assert run.state.step("busy").state == "done"


def test_a_defect_ends_the_run_and_says_where(run_steps):
    """An unforeseen exception must not leave the caller waiting."""
    run = run_steps(step("broken", lambda _c: 1 / 0))
    with pytest.raises(errors.ProvisioningError, match="'broken' broke: ZeroDivisionError"):
        run.finish()


def test_leaving_the_loop_stops_what_runs(run_steps, clock):
    """A cell that is interrupted leaves no thread behind, and the record says what was running."""
    run = run_steps(step("endless", lambda c: c.until(lambda: None, "nothing"), timeout_s=10**9))
    for event in run.events():
        if event.kind == "started":
            break
    assert isinstance(run.failures["endless"], errors.CancelledError)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("step")]
    assert run.state.step("endless").state == "cancelled"


def test_cancel_begins_nothing_new(run_steps):
    """After a cancel, what had not begun is reported as such."""
    run = run_steps(step("first", lambda _c: {}), step("second", lambda _c: {}, "first"))
    events = []
    for event in run.events():
        events.append(event)
        if (event.step, event.kind) == ("first", "started"):
            run.cancel()
    assert ("second", "blocked", "not begun: stopped") in {(e.step, e.kind, e.text) for e in events}


def test_a_lease_that_ends_meanwhile_is_the_reason(memory, run_steps):
    """Everything on a machine fails in its own way when the lease ends; the message names the cause."""
    lease = memory.give_lease("serve-model-ada")

    def cut(_context):
        memory.lease_list = [dataclasses.replace(lease, status="TERMINATED")]
        raise errors.NotReachableError("connection reset")

    run = run_steps(step("lease", lambda _c: {"lease_id": lease.id}), step("work", cut, "lease"))
    list(run.events())
    error = run.failures["work"]
    assert isinstance(error, errors.LeaseEndedError)
    assert "TERMINATED" in error.what
    assert "connection reset" in error.what


def test_waiting_ends_when_the_lease_does(memory, run_steps, clock):
    """A long wait looks at the lease from time to time instead of waiting out its own time."""
    lease = memory.give_lease("serve-model-ada")

    def end_later(_request):
        if clock.elapsed_s > 100:
            memory.lease_list = [dataclasses.replace(lease, status="TERMINATED")]

    memory.before = end_later
    run = run_steps(step("wait", lambda c: c.until(lambda: None, "a boot"), timeout_s=5000))
    list(run.events())
    assert isinstance(run.failures["wait"], errors.LeaseEndedError)
    assert clock.elapsed_s < 200


def test_attempts_and_times_are_recorded(run_steps):
    """The record says how often and how long."""
    run = run_steps(step("a", lambda c: c.settings.clock.sleep(7) or {}))
    run.finish()
    record = run.state.step("a")
    assert (record.state, record.attempts) == ("done", 1)
    assert record.elapsed_s == pytest.approx(7)
