"""A run carries out a plan side by side, can be resumed and stopped, and waits only for events that
come.
"""

import dataclasses
import threading
from graphlib import CycleError
from pathlib import Path

import pytest

from labs.sites.spec import PARTS, load_spec
from provisioning.setup.plan import SetupStep, plan
from provisioning.setup.record import Record, state_folder
from provisioning.setup.run import Event, SetupRun
from provisioning.setup.steps import steps_for
from provisioning.testbed import errors

UP = ("lease", "server", "address", "ssh")


def step(
    name: str, body=lambda _context: {}, *needs: str, expected_s: float = 1, timeout_s: float = 100
) -> SetupStep:
    return SetupStep(name, name.title(), needs, body, expected_s, timeout_s)


@pytest.fixture
def run_steps(make_run):
    """Return a function that makes a run of given steps on the memory testbed."""

    def make(*steps: SetupStep) -> SetupRun:
        run = make_run(only=("lease",))
        return SetupRun(steps, run.settings, run.testbed, run.record)

    return make


@pytest.fixture
def run(make_run, memory) -> SetupRun:
    memory.give_lease("serve-model-ada")
    return make_run(only=UP)


def states(run: SetupRun) -> list[str]:
    return [row.state for row in run.rows.values()]


# The plan


def test_independent_steps_run_side_by_side_and_the_slow_one_is_critical():
    """Two branches between a beginning and an end: the total is the slow branch's, and the text
    marks it.
    """
    steps = [
        ("end", 300, "slow", "quick"),
        ("quick", 6, "start"),
        ("slow", 60, "start"),
        ("start", 60),
    ]
    setup_plan = plan(
        step(name, nothing, *needs, expected_s=expected_s) for name, expected_s, *needs in steps
    )
    assert (setup_plan.total_s, setup_plan.serial_s) == (420, 426)
    assert setup_plan.critical_path == ("start", "slow", "end")
    assert setup_plan.begins_s == {"start": 0, "slow": 60, "quick": 60, "end": 120}
    for words in ("* end", "  quick", "about 7.0 min of the lease", "7.1 min"):
        assert words in setup_plan.text()
    with pytest.raises(CycleError):
        plan([step("a", nothing, "b"), step("b", nothing, "a")])


def nothing(_context) -> dict:
    """The body of a step that does nothing."""
    return {}


@pytest.mark.parametrize(
    ("part", "option"),
    [(part, option) for part in PARTS for option in load_spec(part).options],
    ids=lambda value: getattr(value, "name", value),
)
def test_every_list_of_steps_can_run_and_waits_for_nothing_in_the_background(part, option):
    """Each step comes after its prerequisites; no step waits for the gigabytes of images and
    execution providers.
    """
    steps = steps_for(load_spec(part), option)
    setup_plan = plan(steps)
    seen: set[str] = set()
    needed: set[str] = set()
    ends_s = {}
    for each in setup_plan.steps:
        assert seen.issuperset(each.needs)
        seen.add(each.name)
        needed.update(each.needs)
        ends_s[each.name] = setup_plan.begins_s[each.name] + each.expected_s
    background = {"providers", "containers"} & seen
    assert background == {"model": {"providers"}, "edge": set(), "system": {"containers"}}[part]
    assert background.isdisjoint(needed)
    assert background.isdisjoint(setup_plan.critical_path)
    if part == "model":
        # By the site file's own seconds, from the first command that runs there to the links.
        assert ends_s["links"] - ends_s["ssh"] <= 360
        assert setup_plan.critical_path[-1] == "links"


# Steps


def test_independent_steps_are_really_at_once(run_steps):
    """Each of two steps ends only after the other has begun: one after another would never end."""
    barrier = threading.Barrier(2, timeout=20)

    def meet(_context) -> dict:
        return {"n": barrier.wait()}

    run_steps(step("left", meet), step("right", meet)).go()


def test_a_failure_blocks_only_what_needs_it(run_steps):
    """The other branch continues with the results of earlier steps, and each blocked step names the
    step it waits for.
    """

    def bad(_context):
        raise errors.CommandFailedError("no space left")

    def good(context) -> dict:
        context.settings.clock.sleep(7)
        return {"n": 1}

    seen = {}

    def end(context) -> dict:
        seen.update(context.record.facts("good"))
        return {}

    run = run_steps(
        step("bad", bad),
        step("after", nothing, "bad"),
        step("good", good),
        step("end", end, "good"),
    )
    events = list(run.events())
    kinds = {(event.step, event.kind) for event in events}
    assert kinds >= {("bad", "failed"), ("after", "blocked"), ("good", "done"), ("end", "done")}
    assert seen == {"n": 1}
    assert [event.text for event in events if event.kind == "blocked"] == ["waits for bad"]
    assert isinstance(run.error, errors.CommandFailedError)
    record = run.record.step("good")
    assert (record.state, record.attempts) == ("done", 1)
    assert record.elapsed_s == pytest.approx(7)
    text = run.text()
    assert all(words in text for words in ("x Bad", "no space left", "Fix:", "- After", "v Good"))


def test_busy_services_are_asked_again_and_others_are_not(run_steps):
    """A 503 gets three tries; a wrong request gets one; a defect of ours ends the run and says
    where.
    """
    tries = {"busy": 0, "wrong": 0}

    def busy(_context):
        tries["busy"] += 1
        if tries["busy"] < 3:
            raise errors.ServiceBusyError("503")
        return {}

    def wrong(_context):
        tries["wrong"] += 1
        raise errors.RefusedError("400")

    run = run_steps(step("busy", busy), step("wrong", wrong), step("broken", lambda _c: 1 / 0))
    events = list(run.events())
    assert tries == {"busy": 3, "wrong": 1}
    assert [e.text for e in events if e.kind == "retrying"] == ["503", "503"]
    assert run.rows["busy"].state == "done"
    assert "'broken' broke: ZeroDivisionError" in run.failures["broken"].what


def test_leaving_the_loop_stops_what_runs(run_steps):
    """An interrupted cell leaves no thread, begins nothing new, and can be run again."""
    endless = step("endless", lambda c: c.until(lambda: None, "nothing"), timeout_s=10**9)
    run = run_steps(endless, step("next", lambda _c: {}, "endless"))
    for event in run.events():
        if event.kind == "started":
            break
    assert (run.state, run.record.step("endless").state) == ("stopped", "cancelled")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("step")]
    run = run_steps(step("first"), step("second", lambda _c: {}, "first"))
    seen = []
    with pytest.raises(errors.CancelledError):
        run.go(lambda event: seen.append((event.step, event.kind, event.text)) or run.cancel())
    assert seen[-1] == ("second", "blocked", "not begun: stopped")
    run.go()
    assert run.state == "done"


def test_a_lease_that_ends_meanwhile_is_the_reason(memory, run_steps):
    """Everything fails in its own way then, and the message names the cause; a wait is
    ``lab/test_faults.py``'s.
    """
    lease = memory.give_lease("serve-model-ada")

    def work(_context):
        memory.lease_list = [dataclasses.replace(lease, status="TERMINATED")]
        raise errors.NotReachableError("connection reset")

    run = run_steps(
        step("lease", lambda _c: {"lease_id": lease.id}),
        step("work", work, "lease", timeout_s=5000),
    )
    with pytest.raises(errors.LeaseEndedError, match="is gone") as raised:
        run.go()
    assert "connection reset" in raised.value.what


# Goes at one run


def test_a_failed_go_is_resumed_by_a_new_kernel_that_shows_the_record(run, memory, make_run):
    """'running' in the record of a dead kernel is over; ``widgets/test_progress.py`` resumes by a
    click.
    """
    memory.pool = 0
    with pytest.raises(errors.NoAddressError):
        run.go()
    assert (run.state, states(run)) == ("failed", ["done", "done", "failed", "blocked"])
    run.record.update("ssh", state="running")
    reborn = make_run(only=UP)
    assert (reborn.state, states(reborn)) == ("waiting", ["done", "done", "failed", "waiting"])
    assert reborn.rows["address"].error
    memory.pool = 1
    reborn.go()
    assert (reborn.state, reborn.error, reborn.fraction, states(reborn)) == (
        "done",
        None,
        1.0,
        ["done"] * 4,
    )
    assert make_run(only=UP).state == "done"
    run.record.describe(part="model", site="CHI@UC", type="compute_gigaio")
    run.record.update("server", state="done")
    # A record of another machine says nothing about this one.
    assert (run.record.facts("address"), states(make_run(only=UP))) == ({}, ["waiting"] * 4)


def test_two_goes_at_once_make_one_of_everything(run, memory):
    """A click and a cell: the second waits, and finds everything done."""
    goes = [threading.Thread(target=run.go) for _ in range(2)]
    for go in goes:
        go.start()
    for go in goes:
        go.join(60)
    assert run.state == "done"
    assert memory.requests.count("boot") == 1


def test_a_running_step_grows_older_without_events_and_says_each_thing_once(run, clock):
    """The elapsed time is the last event's plus the time since then."""
    row, looks = run.rows["server"], []

    def look(event):
        if (event.step, event.kind) == ("server", "started"):
            before = run.elapsed_s(row)
            clock.sleep(7)
            looks.append(run.elapsed_s(row) - before)

    run.go(look)
    assert looks[0] >= 7
    assert run.elapsed_s(row) == row.elapsed_s
    row.take(Event("server", "started"))
    for text in ("removing server 7", *["server is BUILD"] * 30):
        row.take(Event("server", "line", text, elapsed_s=100))
    assert list(row.tail) == ["removing server 7", "server is BUILD"]
    assert run.left_s == row.expected_s - 100


# The record


def test_facts_are_on_disk_when_update_returns_and_only_the_owner_reads_them(tmp_path: Path):
    """``lab/test_parts.py`` tests a process killed right after it; a link in it holds a token."""
    record = Record(tmp_path / "s.json")
    record.update("work", state="running", remember={"known": "a-1"})
    with pytest.raises(TypeError):
        record.update("work", remember={"bad": object()})
    assert (Record(record.path).facts("work"), record.step("work").state) == (
        {"known": "a-1"},
        "running",
    )
    assert record.path.stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["s.json"]


@pytest.mark.parametrize(
    "text", ['{"about": {}, "steps"', '{"steps": {"lease": {"odd": 1}}, "about": {}}', "[]", "{}"]
)
def test_an_unreadable_record_never_stops_a_student(tmp_path: Path, text):
    """Half a file, or one of another version: every step looks at the site anyway."""
    (tmp_path / "s.json").write_text(text)
    record = Record(tmp_path / "s.json")
    assert record.step("lease").state == "waiting"
    record.update("lease", state="done")
    assert Record(record.path).step("lease").state == "done"


def test_on_chameleon_the_record_lies_where_it_lasts(tmp_path: Path, monkeypatch):
    """Chameleon keeps ~/work when the Jupyter server goes."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    (tmp_path / "work").mkdir()
    assert state_folder({"NB_USER": "ada"}) == tmp_path / "work" / ".serving-labs"
    assert state_folder({"LABS_STATE": "/x/y", "NB_USER": "ada"}) == Path("/x/y")
    assert tmp_path / "work" not in state_folder({}).parents
