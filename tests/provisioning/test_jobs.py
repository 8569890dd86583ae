"""Jobs on a machine outlive the connection. The commands here run for real, in a folder that plays the machine."""

import functools
import threading
import time

import pytest

from provisioning.setup import jobs
from provisioning.testbed.errors import CommandFailedError


@pytest.fixture
def shell(memory):
    return memory.folder_shell


@pytest.fixture
def follow(shell):
    """Follow a command to its end, in real time."""

    def until(look, _title):
        while (seen := look()) is None:
            time.sleep(0.05)
        return seen

    return functools.partial(jobs.follow, shell, title="setting up", say=lambda _line: None, until=until)


def test_output_arrives_and_success_is_kept_until_the_command_changes(follow, shell):
    """Lines are told as they come; the same job is not run again, unless that is asked."""
    command, lines = "echo one; echo two >&2; echo run >> runs", []
    for _ in range(2):
        assert follow("setup", command, say=lines.append).split() == ["one", "two"]
    assert lines == ["one", "two"] * 2
    runs = shell.home / ".serving-labs/jobs/setup/runs"
    assert runs.read_text().split() == ["run"]
    follow("setup", command, again=True)
    assert runs.read_text().split() == ["run"] * 2
    assert follow("setup", "echo three").split() == ["three"]


def test_a_failure_shows_exit_code_and_last_lines_and_can_be_repeated(follow, shell):
    """The message carries what the student needs; the next attempt really tries again."""
    command = f"echo trying; test -f {shell.home}/mended || {{ echo 'disk is full'; exit 28; }}"
    with pytest.raises(CommandFailedError, match=r"exit code 28\n(?s:.*)disk is full"):
        follow("setup", command)
    (shell.home / "mended").touch()
    assert follow("setup", command).split() == ["trying"]


def test_a_running_job_is_followed_not_doubled_and_holds_no_connection(follow, shell):
    """A second kernel finds the job that a dead one started; another command under its name ends it."""
    command = f"echo run >> runs; while [ ! -f {shell.home}/go ]; do sleep 0.05; done; echo finished; cat runs"
    assert jobs.start(shell, "setup", command) == jobs.start(shell, "setup", command) == "running"
    threading.Timer(0.3, (shell.home / "go").touch).start()
    assert follow("setup", command).split() == ["finished", "run"]
    jobs.start(shell, "slow", "sleep 30")
    assert jobs.look(shell, "slow").state == "running"
    assert follow("slow", "echo quick").split() == ["quick"]


def test_a_job_that_vanished_is_said_and_the_next_run_starts_it_again(follow, shell):
    """After a reboot there is neither a process nor an exit code."""
    command = "echo run >> runs; [ -f second ] && exit 0; touch second; kill -9 $$"
    with pytest.raises(CommandFailedError, match="vanished without an exit code"):
        follow("setup", command)
    follow("setup", command)
    assert (shell.home / ".serving-labs/jobs/setup/runs").read_text().split() == ["run", "run"]


def test_a_long_log_comes_whole(follow):
    """More than one look's worth of text, at the end of which the job is over at once."""
    log = follow("long", "i=0; while [ $i -lt 4000 ]; do echo line-$i; i=$((i+1)); done")
    assert log.splitlines() == [f"line-{i}" for i in range(4000)]
