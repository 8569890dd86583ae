"""Long commands on a machine that outlive the connection: started once, followed from anywhere, never doubled.

A job is a folder ``~/.serving-labs/jobs/NAME`` on the machine with ``log``, ``pid``, ``key`` and, when it has ended,
``rc``. A kernel that dies, or a laptop that sleeps, leaves the job running; the next attempt finds it by its key, which
is made of the command, and follows it. Plain POSIX sh, because it runs over SSH and inside small containers alike.
"""

import hashlib
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast

from provisioning.testbed import Shell
from provisioning.testbed.errors import CommandFailedError, ServiceBusyError

JobState = Literal["running", "ended", "lost"]

#: Bytes of a log in one look.
_CHUNK = 16384

_START = """
set -u
job="$HOME/.serving-labs/jobs/{name}"
mkdir -p "$job" && cd "$job" || exit 70
if [ "$(cat key 2>/dev/null)" = {key} ]; then
  if [ {again} = no ] && [ "$(cat rc 2>/dev/null)" = 0 ]; then echo ended; exit 0; fi
  if [ ! -f rc ] && kill -0 "$(cat pid 2>/dev/null)" 2>/dev/null; then echo running; exit 0; fi
elif [ -f pid ] && [ ! -f rc ]; then
  kill "$(cat pid)" 2>/dev/null || true
fi
rm -f rc && echo {key} > key && : > log
nohup sh -c {wrapped} >> log 2>&1 < /dev/null &
echo $! > pid
echo running
"""

_LOOK = """
cd "$HOME/.serving-labs/jobs/{name}" 2>/dev/null || {{ echo "state lost"; exit 0; }}
if [ -f rc ]; then echo "state ended $(cat rc)"
elif kill -0 "$(cat pid 2>/dev/null)" 2>/dev/null; then echo "state running"
else echo "state lost"; fi
tail -c +{offset} log 2>/dev/null | head -c {chunk}
"""


@dataclass(frozen=True)
class Look:
    """What one look at a job showed."""

    state: JobState
    #: Exit code; None while it runs.
    exit_code: int | None
    text: str


def start(shell: Shell, name: str, command: str, *, again: bool = False) -> str:
    """Start the job unless the same one runs or has succeeded; return ``"running"`` or ``"ended"``.

    Args:
        shell: where.
        name: the job's folder. Another command under this name stops the old job.
        command: for ``sh``; it starts in the job's folder.
        again: start it also when it has succeeded, for what may have changed since.
    """
    key = hashlib.sha256(command.encode()).hexdigest()[:16]
    # rc is written by rename, so that a look never reads half of it.
    wrapped = shlex.quote(f"( {command}\n); echo $? > rc.new; mv rc.new rc")
    done = shell.run(_START.format(name=name, key=key, wrapped=wrapped, again="yes" if again else "no"))
    said = done.output.strip()
    word = said.rpartition("\n")[2]
    if done.exit_code != 0 or word not in ("running", "ended"):
        raise CommandFailedError(f"could not start {name} on the machine (exit {done.exit_code}): {said}")
    return word


def look(shell: Shell, name: str, offset: int = 0) -> Look:
    """Return the job's state and what it printed from a byte offset on (0 for the beginning)."""
    first, _, text = shell.run(_LOOK.format(name=name, offset=offset + 1, chunk=_CHUNK)).output.partition("\n")
    words = first.split()
    if len(words) < 2 or words[0] != "state":
        raise ServiceBusyError(f"the machine gave no clear answer about {name}: {first[:200]!r}")
    return Look(cast(JobState, words[1]), int(words[2]) if words[1] == "ended" else None, text)


def follow(
    shell: Shell,
    name: str,
    command: str,
    title: str,
    *,
    say: Callable[[str], None],
    until: Callable[[Callable[[], Look | None], str], Look],
    again: bool = False,
) -> str:
    """Run a command as a job to its end and return its whole log.

    Args:
        shell: where.
        name: the job's folder.
        command: for ``sh``; it starts in the job's folder.
        title: words for people.
        say: called with each line that it prints.
        until: waits; called with a look and the title, it returns the first thing that the look finds.
        again: run it also when it has succeeded before.

    Raises:
        CommandFailedError: it ended with another exit code than 0; the last lines are in the message.
    """
    start(shell, name, command, again=again)
    log = pending = ""

    def watch() -> Look | None:
        nonlocal log, pending
        seen = look(shell, name, len(log.encode()))
        log += seen.text
        *lines, pending = (pending + seen.text).split("\n")
        for line in lines:
            say(line)
        if seen.state == "lost":
            # The machine was rebooted, or somebody killed it; the next run of the step starts it again.
            raise CommandFailedError(f"{title} vanished without an exit code\n{_tail(log)}")
        # A full chunk means that more is waiting: read on before believing the end.
        return seen if seen.state == "ended" and len(seen.text.encode()) < _CHUNK else None

    ended = until(watch, title)
    if ended.exit_code != 0:
        raise CommandFailedError(f"{title} ended with exit code {ended.exit_code}\n{_tail(log)}")
    return log


def _tail(log: str, lines: int = 15) -> str:
    return "\n".join(f"  | {line}" for line in log.splitlines()[-lines:])
