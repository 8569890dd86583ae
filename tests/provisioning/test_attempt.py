"""A run that is tried as often as it takes."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest

from provisioning.setup.run import Attempt
from provisioning.testbed.errors import CancelledError, NoAddressError, ServerFailedError

UP = ("lease", "server", "address", "ssh")


@pytest.fixture
def attempt(make_run, memory, clock):
    memory.give_lease("serve-model-ada")
    return Attempt(make_run(only=UP), clock)


def states(attempt: Attempt) -> list[str]:
    return [row.state for row in attempt.progress.rows.values()]


def test_a_go_runs_to_the_end_and_tells_each_event(attempt):
    """Waiting, running, done."""
    seen = []
    assert attempt.state == "waiting"
    attempt.go(lambda event: seen.append((event.step, event.kind, attempt.state)))
    assert attempt.state == "done"
    assert [step for step, kind, _ in seen if kind == "done"] == list(UP)
    assert {state for _, _, state in seen} == {"running"}
    assert attempt.fraction == 1.0


def test_a_failed_go_is_resumed_where_it_stopped(attempt, memory):
    """The server stays the one that was made; the rest follows."""
    memory.pool = 0
    with pytest.raises(NoAddressError):
        attempt.go()
    assert attempt.state == "failed"
    assert states(attempt) == ["done", "done", "failed", "blocked"]
    memory.pool = 1
    at_first: list[str] = []
    attempt.go(lambda _event: at_first or at_first.extend(states(attempt)))
    assert at_first == ["running", "done", "failed", "waiting"]
    assert states(attempt) == ["done"] * 4
    assert attempt.error is None
    assert memory.requests.count("boot") == 1


def test_a_new_kernel_shows_what_was_done_and_goes_on(attempt, memory, make_run, clock):
    """The record has it; 'running' there is not running."""
    memory.fate = ["BUILD", "ERROR"]
    with pytest.raises(ServerFailedError):
        attempt.go()
    reborn = Attempt(make_run(only=UP), clock)
    assert reborn.state == "waiting"
    assert states(reborn) == ["done", "failed", "waiting", "waiting"]
    assert reborn.progress.rows["server"].error
    memory.fate = ["BUILD", "ACTIVE"]
    reborn.go()
    assert reborn.state == "done"
    assert Attempt(make_run(only=UP), clock).state == "done"


def test_a_record_of_another_machine_says_nothing(attempt, make_run, clock):
    """Part 1 moved from one site to the other: its old steps are not done there."""
    attempt.go()
    attempt.run.state.describe(part="model", site="CHI@UC", type="compute_gigaio")
    attempt.run.state.update("server", state="done")
    assert states(Attempt(make_run(only=UP), clock)) == ["waiting"] * 4


def test_cancel_stops_a_wait_and_the_next_go_resumes(attempt, memory):
    """What waits stops at its next look; what is done stays."""
    memory.fate = ["BUILD"]
    memory.before = lambda request: attempt.cancel() if request == "machines" and memory.machine_list else None
    with pytest.raises(CancelledError):
        attempt.go()
    assert attempt.state == "stopped"
    assert states(attempt)[0] == "done"
    memory.before = lambda request: None
    memory._fates = {machine.id: ["ACTIVE"] for machine in memory.machine_list}
    attempt.go()
    assert attempt.state == "done"


def test_two_goes_at_once_make_one_of_everything(attempt, memory):
    """A click and a cell: the second waits, and finds everything done."""
    goes = [threading.Thread(target=attempt.go) for _ in range(2)]
    for go in goes:
        go.start()
    for go in goes:
        go.join(60)
    assert attempt.state == "done"
    assert memory.requests.count("boot") == 1


def test_a_caller_that_breaks_off_leaves_it_stopped(attempt):
    """As the toolbar's stop button does."""

    def interrupt(event):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attempt.go(interrupt)
    assert attempt.state == "stopped"
    attempt.go()
    assert attempt.state == "done"


def test_a_running_step_grows_older_without_events(attempt, clock):
    """Elapsed is what the last event said, and what has passed since."""
    row = attempt.progress.rows["server"]
    looks = []

    def look(event):
        if event.step == "server" and event.kind == "started":
            before = attempt.elapsed_s(row)
            clock.sleep(7)
            looks.append(attempt.elapsed_s(row) - before)

    attempt.go(look)
    assert looks[0] >= 7
    assert attempt.elapsed_s(row) == row.elapsed_s


def test_what_is_left_of_the_lease_follows_the_clock(attempt, clock):
    """Three hours from noon; nothing is claimed before the lease is known."""
    assert attempt.lease_left(60) is None
    attempt.go()
    left = attempt.lease_left(0)
    assert timedelta(hours=2, minutes=55) < left.left <= timedelta(hours=3)
    assert left.warning == ""
    clock.sleep(2.5 * 3600)
    assert "more than is left" in attempt.lease_left(3600).warning


def test_links_come_with_their_step_and_in_the_order_of_use(make_run, memory, clock):
    """Tunnel first, since the address works through it only."""
    attempt = Attempt(make_run(), clock)
    assert attempt.links == ()
    run = attempt.run
    run.state.describe(part="model", site="CHI@TACC", type="compute_liqid")
    links = {"ssh": "ssh cc@192.0.2.7", "jupyter": "http://127.0.0.1:8888/lab?token=t", "tunnel": "ssh -N …"}
    links["forward"] = "msl lease forward model"
    for item in run.plan.schedule:
        run.state.update(item.step.name, state="done", remember=links if item.step.name == "links" else {})
    attempt = Attempt(make_run(), clock)
    # A record made by another object: what the run's own state has is shown.
    attempt.run.state = run.state
    assert [link.name for link in attempt.links] == ["forward", "jupyter", "tunnel", "ssh"]
    assert [link.is_address for link in attempt.links] == [False, True, False, False]
    assert "ssh cc@192.0.2.7" in attempt.text()
