"""Processes of rehearsed machines: each in a group of its own, ended when the machine goes."""

import asyncio
import contextlib
import os
import signal
from collections import defaultdict
from dataclasses import dataclass

from provisioning.rehearsal.machines.scratch import Scratch


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    Attributes:
        output: What it wrote to stdout and stderr, in the order written.
        exit_code: Its exit code; 128 plus the signal's number when a signal ended it.
    """

    output: str
    exit_code: int


class Processes:
    """Starts commands in machines and remembers their process groups."""

    def __init__(self) -> None:
        """Start with no process."""
        self._groups: dict[str, set[int]] = defaultdict(set)

    async def start(
        self, machine_id: str, scratch: Scratch, command: list[str], environment: dict[str, str]
    ) -> asyncio.subprocess.Process:
        """Start a command with three pipes, in the machine's home.

        Raises:
            FileNotFoundError: There is no such program.
        """
        scratch.prepare()
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=scratch.home,
            env=environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        self._groups[machine_id].add(process.pid)
        return process

    async def run(
        self, machine_id: str, scratch: Scratch, command: list[str], environment: dict[str, str], limit_s: float
    ) -> Outcome:
        """Run a command to its end and return its output, stderr included.

        Args:
            machine_id: The machine that runs it.
            scratch: That machine's folder.
            command: Program and arguments; no shell reads them.
            environment: The whole environment.
            limit_s: Seconds after which the command is ended.

        Returns:
            The outcome; exit code 127 when there is no such program, 124 when the limit was reached.
        """
        scratch.prepare()
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=scratch.home,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                start_new_session=True,
            )
        except (FileNotFoundError, PermissionError):
            why = "executable file not found in $PATH"
            return Outcome(f'OCI runtime exec failed: exec: "{command[0]}": {why}: unknown\n', 127)
        self._groups[machine_id].add(process.pid)
        try:
            output, _ = await asyncio.wait_for(process.communicate(), limit_s)
        except TimeoutError:
            self._signal(process.pid)
            return Outcome(f"ended after {limit_s:.0f} s, the longest a command may run here\n", 124)
        code = process.returncode or 0
        return Outcome(output.decode(errors="replace"), code if code >= 0 else 128 - code)

    def end(self, machine_id: str) -> None:
        """End everything that was started in a machine, background jobs included."""
        for group in self._groups.pop(machine_id, set()):
            self._signal(group)

    def end_one(self, machine_id: str, group: int) -> None:
        """End one process group of a machine, when the session that started it was cut."""
        self._groups[machine_id].discard(group)
        self._signal(group)

    def end_all(self) -> None:
        """End everything that was started in any machine."""
        for machine_id in list(self._groups):
            self.end(machine_id)

    @staticmethod
    def _signal(group: int) -> None:
        """Kill a process group that may be gone already."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
