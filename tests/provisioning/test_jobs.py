"""Jobs on a machine outlive the connection. The commands here run for real, in a folder that plays
the machine.
"""

import functools
import os
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest

from chameleon_rehearsal.testing import offer
from provisioning.setup import jobs
from provisioning.testbed.errors import CommandFailedError
from tests.provisioning.conftest import COMMANDS


def runs(pid: int) -> bool:
    """Return whether a process runs; a zombie does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def shell(memory, request):
    """The machine: with this computer's util-linux, or with a Mac rehearsal's replacement."""
    machine = memory.folder_shell
    if getattr(request, "param", "") == "stand-ins":
        machine.offered = machine.home.parent / "stand-ins"
        offer(machine.offered, COMMANDS, stand_ins=True)
    return machine


@pytest.fixture
def follow(shell):
    def until(look, _title):
        while (seen := look()) is None:
            time.sleep(0.05)
        return seen

    return functools.partial(
        jobs.follow, shell, title="setting up", say=lambda _line: None, until=until
    )


def test_output_arrives_and_success_is_kept_until_the_command_changes(follow, shell):
    """Lines are told as they come; the same job is not run again, unless that is asked."""
    command, lines = "echo one; echo two >&2; echo run >> runs", []
    for _ in range(2):
        assert follow("setup", command, say=lines.append).split() == ["one", "two"]
    assert lines == ["one", "two"] * 2
    runs = shell.home / ".serving-labs/jobs/setup/runs"
    assert runs.read_text().split() == ["run"]
    follow("setup", command, rerun=True)
    assert runs.read_text().split() == ["run"] * 2
    assert follow("setup", "echo three").split() == ["three"]


def test_a_failure_shows_exit_code_and_last_lines_and_can_be_repeated(follow, shell):
    """The message carries what the student needs; the next attempt really tries again."""
    command = f"echo trying; test -f {shell.home}/mended || {{ echo 'disk is full'; exit 28; }}"
    with pytest.raises(CommandFailedError, match=r"exit code 28\n(?s:.*)disk is full"):
        follow("setup", command)
    (shell.home / "mended").touch()
    assert follow("setup", command).split() == ["trying"]


@pytest.mark.parametrize("shell", ["util-linux", "stand-ins"], indirect=True)
def test_a_running_job_is_followed_not_doubled_and_holds_no_connection(follow, shell):
    """A second kernel finds the job that a dead one started; another command under its name ends
    it.
    """
    command = (
        f"echo run >> runs; while [ ! -f {shell.home}/go ]; do sleep 0.05; done; echo finished; "
        "cat runs"
    )
    assert jobs.start(shell, "setup", command) == jobs.start(shell, "setup", command) == "running"
    threading.Timer(0.3, (shell.home / "go").touch).start()
    assert follow("setup", command).split() == ["finished", "run"]
    jobs.start(shell, "slow", "sleep 30")
    assert jobs.look(shell, "slow").state == "running"
    assert follow("slow", "echo quick").split() == ["quick"]
    assert shell.run("flock file echo locked").output.split() == ["locked"]


OWN_SESSION = "setsid sh -c '. ./beat; beat'"
#: A program that starts a child and hands it nothing.
PROGRAM = 'import subprocess; subprocess.run(["sh", "-c", ". ./beat; beat"])'

#: Children of a job, by what makes each hard to end; all write down that they run, and then go on
#: for long.
CHILDREN = {
    "a child": "beat & wait",
    "grandchildren": "( ( beat & beat & wait ) & wait ) & wait",
    "one that ignores TERM": "( trap '' TERM; beat ) & wait",
    "one whose parent ends first": "( beat & ); beat",
    "one in a session of its own": f"{OWN_SESSION} & wait",
    "one in a group of its own": "timeout 600 sh -c '. ./beat; beat' & wait",
    "one in a session of its own, that lets go of the lock": f"{OWN_SESSION} 9>&- & wait",
    "a program that hands nothing on": f"exec {sys.executable} -c '{PROGRAM}'",
    "the wrapper is killed alone": "beat & kill -9 $$; wait",
}
BEAT = (
    "beat() { sh -c 'echo $PPID' >> pids; for n in $(seq 3000); do echo old >> beats; sleep "
    "0.02; done; }\n"
)


@pytest.mark.parametrize("old", CHILDREN.values(), ids=CHILDREN)
def test_a_changed_job_begins_when_nothing_of_the_old_one_is_left(follow, shell, monkeypatch, old):
    """Whatever it started, and however; the new one runs alone."""
    monkeypatch.setattr(jobs, "GRACE_S", 0.5)
    folder = shell.home / ".serving-labs/jobs/setup"
    folder.mkdir(parents=True)
    (folder / "beat").write_text(BEAT)
    jobs.start(shell, "setup", f". ./beat; {old}")
    while not (folder / "beats").exists():
        time.sleep(0.02)
    assert jobs.look(shell, "setup").state == "running"
    follow("setup", "cp beats before; sleep 0.3; cmp beats before")
    pids = [int(pid) for pid in (folder / "pids").read_text().split()]
    assert pids
    assert [pid for pid in pids if runs(pid)] == []


@pytest.mark.parametrize("there", ["a number used again", "nobody", "no file"])
def test_after_a_reboot_nothing_runs_whatever_the_files_say(follow, shell, there):
    """Lock and process id are left over: the lock has no holder, and the number may be another
    program's by now.
    """
    folder = shell.home / ".serving-labs/jobs/setup"
    jobs.start(shell, "setup", "touch began; sleep 600")
    while not (folder / "began").exists():
        time.sleep(0.02)
    os.killpg(int((folder / "pid").read_text()), signal.SIGKILL)
    while (seen := jobs.look(shell, "setup")).state == "running":
        time.sleep(0.02)
    assert seen.state == "lost"
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as other:
        (folder / "pid").write_text(
            {"a number used again": str(other.pid), "nobody": "999999999"}.get(there, "")
        )
        if there == "no file":
            (folder / "pid").unlink()
        assert jobs.look(shell, "setup").state == "lost"
        with pytest.raises(CommandFailedError, match="vanished without an exit code"):
            follow("setup", "kill -9 $$")
        assert follow("setup", "echo new").split() == ["new"]
        assert other.poll() is None
        other.kill()


def test_two_that_start_at_once_start_one(shell):
    """Two kernels press the same button."""
    command = "echo run >> runs; sleep 0.5"
    both = [threading.Thread(target=jobs.start, args=(shell, "setup", command)) for _ in range(4)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    while (
        jobs.look(shell, "setup").state == "running"
    ):  # it has begun, and may not have written yet
        time.sleep(0.05)
    assert (shell.home / ".serving-labs/jobs/setup/runs").read_text().split() == ["run"]


def test_a_long_log_comes_whole(follow):
    """More than one look's worth of text, at the end of which the job is over at once."""
    log = follow("long", "i=0; while [ $i -lt 4000 ]; do echo line-$i; i=$((i+1)); done")
    assert log.splitlines() == [f"line-{i}" for i in range(4000)]
