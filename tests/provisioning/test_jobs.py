"""Jobs on a machine outlive the connection. The commands here run for real, in a folder that plays the machine."""

from __future__ import annotations

import threading

import pytest

from provisioning.setup import jobs
from provisioning.setup.context import StepContext
from provisioning.testbed.errors import CommandFailedError
from provisioning.testbed.surroundings import MachineClock


@pytest.fixture
def context(memory, make_run):
    """A step's context on the memory testbed with one machine up, real time, and the lines it said."""
    memory.give_lease("serve-model-ada")
    make_run(only=("lease", "server")).finish()
    run = make_run(clock=MachineClock(), poll_s=0.05)
    lines: list[str] = []
    made = StepContext(run.settings, memory, run.state, "environment", 30, lines.append, threading.Event())
    made.lines = lines
    return made


def test_output_arrives_and_success_is_kept(context, memory):
    """Lines are shown as they come; the same job is not run again."""
    home = memory.folder_shell.home
    command = f"echo one; echo two >&2; echo run >> {home}/runs"
    log = jobs.follow(context, "setup", command, title="setting up")
    assert log.split() == ["one", "two"]
    assert context.lines == ["one", "two"]
    assert jobs.follow(context, "setup", command, title="setting up").split() == ["one", "two"]
    assert (home / "runs").read_text().split() == ["run"]


def test_a_changed_command_is_another_job(context, memory):
    """New arguments or new materials run again."""
    jobs.follow(context, "setup", "echo one", title="x")
    assert jobs.follow(context, "setup", "echo three", title="x").split() == ["three"]


def test_a_failure_shows_exit_code_and_last_lines_and_can_be_repeated(context, memory):
    """The message carries what the student needs; the next attempt really tries again."""
    home = memory.folder_shell.home
    command = f"echo trying; test -f {home}/mended || {{ echo 'disk is full'; exit 28; }}"
    with pytest.raises(CommandFailedError, match=r"exit code 28\n(?s:.*)disk is full"):
        jobs.follow(context, "setup", command, title="setting up")
    (home / "mended").touch()
    assert jobs.follow(context, "setup", command, title="setting up").split() == ["trying"]


def test_a_job_that_succeeded_runs_once_more_when_that_is_asked(context):
    """What a script started may have died since: only the script can tell."""
    command = "echo run >> runs; wc -l < runs"
    jobs.follow(context, "setup", command, title="x", again=True)
    assert jobs.follow(context, "setup", command, title="x", again=True).strip() == "2"
    assert jobs.follow(context, "setup", command, title="x").strip() == "2"


def test_a_running_job_is_followed_not_doubled(context, memory):
    """A second kernel finds the job that a dead one started."""
    home = memory.folder_shell.home
    command = f"echo run >> {home}/runs; while [ ! -f {home}/go ]; do sleep 0.05; done; echo finished"
    assert jobs.start(context.shell(), "setup", command, jobs_key(command)) == "running"
    threading.Timer(0.3, (home / "go").touch).start()
    assert "finished" in jobs.follow(context, "setup", command, title="x")
    assert (home / "runs").read_text().split() == ["run"]


def jobs_key(command: str) -> str:
    import hashlib

    return hashlib.sha256(command.encode()).hexdigest()[:16]


def test_a_job_that_vanished_is_started_once_more(context, memory):
    """After a reboot there is neither a process nor an exit code; a second time is reported."""
    home = memory.folder_shell.home
    command = f"echo run >> {home}/runs; [ -f {home}/second ] && exit 0; touch {home}/second; kill -9 $$"
    jobs.follow(context, "setup", command, title="x")
    assert (home / "runs").read_text().split() == ["run", "run"]
    always = f"echo run >> {home}/always; kill -9 $$"
    with pytest.raises(CommandFailedError, match="vanished twice"):
        jobs.follow(context, "gone", always, title="setting up")


def test_a_long_log_comes_whole(context):
    """More than one look's worth of text, at the end of which the job is over at once."""
    log = jobs.follow(context, "long", "i=0; while [ $i -lt 4000 ]; do echo line-$i; i=$((i+1)); done", title="x")
    assert log.splitlines() == [f"line-{i}" for i in range(4000)]


def test_lines_for_the_steps_are_not_shown(context):
    """`report` and `check` lines are data."""
    log = jobs.follow(context, "r", "echo report a=1; echo hello; echo 'check {}'", title="x")
    assert context.lines == ["hello"]
    assert "report a=1" in log


def test_a_job_does_not_hold_the_connection(context):
    """Starting returns at once, though the job goes on."""
    jobs.start(context.shell(), "slow", "sleep 30", "k")
    assert jobs.look(context.shell(), "slow", 0).state == "running"
    jobs.start(context.shell(), "slow", "true", "other")
