"""Long commands on a machine that outlive the connection: each is started only once and can be
followed from anywhere.

A job is a folder ``~/.serving-labs/jobs/NAME`` on the machine with ``log``, ``pid``, ``key``,
``lock`` and, when it has ended, ``rc``. A kernel that dies, or a laptop that sleeps, leaves the job
running; the next attempt finds it by its key, which is made of the command, and follows it. It is a
separate session, and runs as long as its lock is held. The scripts use POSIX sh and util-linux
only, because they run over SSH and inside small containers.
"""

import hashlib
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from provisioning.setup.causes import cause_of
from provisioning.testbed import Shell
from provisioning.testbed.errors import CommandFailedError, ServiceBusyError

JobState = Literal["running", "ended", "lost"]

#: Bytes of a log in one look.
_CHUNK = 16384
#: Seconds that an old job has to end by itself when another one takes its name, and again once it
#: is killed.
GRACE_S = 10.0
#: Seconds of a start at most: its turn, both graces, and the connection.
_START_S = 120.0

_SHELL = Path(__file__).with_name("shell")


def script(*tasks: str, **words: str | int) -> str:
    """Return the text of scripts in ``shell/``, one behind the other, for ``sh``: words in front,
    without comments.
    """
    lines = []
    for name, word in words.items():
        lines.append(f"{name}={shlex.quote(str(word))}\n")
    for task in tasks:
        text = (_SHELL / f"{task}.sh").read_text(encoding="utf-8")
        lines += [line for line in text.splitlines(True) if not line.lstrip().startswith("#")]
    return "".join(lines)


@dataclass(frozen=True)
class Look:
    """The state of a job at one moment."""

    state: JobState
    #: Exit code; None while it runs.
    exit_code: int | None
    text: str


def start(shell: Shell, name: str, command: str, *, rerun: bool = False) -> str:
    """Start the job unless the same one runs or has succeeded; return ``"running"`` or ``"ended"``.

    Args:
        name: the job's folder. Another command under this name ends the old job first, with all
            that it started.
        command: for ``sh``; it starts in the job's folder.
        rerun: start it even if it has succeeded, because its inputs may have changed.
    """
    key = hashlib.sha256(command.encode()).hexdigest()[:16]
    # rc is written by rename, so that a look never reads half of it.
    wrapped = f"( {command}\n); echo $? > rc.new; mv rc.new rc"
    start_script = script(
        "make_job",
        "locks",
        "start",
        name=name,
        key=key,
        wrapped=wrapped,
        rerun="yes" if rerun else "no",
        grace=round(GRACE_S * 10),
    )
    done = shell.run(start_script, timeout_s=_START_S)
    output = done.output.strip()
    state = output.rpartition("\n")[2]
    if done.exit_code != 0 or state not in ("running", "ended"):
        raise CommandFailedError(
            f"could not start {name} on the machine (exit {done.exit_code}): {output}"
        )
    return state


def look(shell: Shell, name: str, offset: int = 0) -> Look:
    """Return the job's state and its output from a byte offset on (0 for the beginning)."""
    look_script = script("enter_job", "locks", "look", name=name, offset=offset + 1, chunk=_CHUNK)
    first_line, _, text = shell.run(look_script).output.partition("\n")
    words = first_line.split()
    if len(words) < 2 or words[0] != "state":
        answer = first_line[:200]
        raise ServiceBusyError(f"the machine gave no clear answer about {name}: {answer!r}")
    state = cast(JobState, words[1])
    exit_code = int(words[2]) if state == "ended" else None
    return Look(state, exit_code, text)


def follow(
    shell: Shell,
    name: str,
    command: str,
    title: str,
    *,
    say: Callable[[str], None],
    until: Callable[[Callable[[], Look | None], str], Look],
    rerun: bool = False,
) -> str:
    """Run a command as a job to its end and return its whole log.

    Args:
        until: waits; called with a look and the title, it returns the first thing that the look
            finds.
        rerun: run it also when it has succeeded before.

    Raises:
        CommandFailedError: it ended with another exit code than 0; the last lines are in the
            message.
    """
    start(shell, name, command, rerun=rerun)
    log = pending = ""

    def watch() -> Look | None:
        nonlocal log, pending
        seen = look(shell, name, len(log.encode()))
        log += seen.text
        *lines, pending = (pending + seen.text).split("\n")
        for line in lines:
            say(line)
        if seen.state == "lost":
            # The machine was rebooted, or the job was killed; the next run of the step starts it
            # again.
            raise _failed(f"{title} vanished without an exit code", log)
        # A full chunk means that more is waiting: read on before believing the end.
        read_whole = len(seen.text.encode()) < _CHUNK
        return seen if seen.state == "ended" and read_whole else None

    ended = until(watch, title)
    if ended.exit_code != 0:
        raise _failed(f"{title} ended with exit code {ended.exit_code}", log)
    return log


def _failed(what: str, log: str) -> CommandFailedError:
    """Return the error of a job, with the last lines of its log and, where they tell, the cause."""
    last_lines = log.splitlines()[-15:]
    tail = "\n".join(f"  | {line}" for line in last_lines)
    cause = cause_of("\n".join([what, *last_lines]))
    likely, way_out = (cause.likely, cause.way_out) if cause else ("", "")
    return CommandFailedError(f"{what}\n{tail}", likely=likely, way_out=way_out)
