"""Processes of rehearsed machines: each in a group of its own, ended when the machine goes."""

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import defaultdict
from typing import Any

from provisioning.rehearsal.machines.scratch import Scratch


class Processes:
    """Starts commands in machines and remembers their process groups."""

    def __init__(self) -> None:
        """Start with no process."""
        self._groups: dict[str, set[int]] = defaultdict(set)

    async def start(
        self, machine_id: str, scratch: Scratch, command: list[str], environment: dict[str, str], **streams: Any
    ) -> Process:
        """Start a command in the machine's home; three pipes lead to it unless `streams` say otherwise.

        Raises:
            FileNotFoundError: There is no such program.
            PermissionError: It is none that can be run.
        """
        scratch.prepare()
        pipes = {"stdin": PIPE, "stdout": PIPE, "stderr": PIPE} | streams
        process = await asyncio.create_subprocess_exec(
            *command, cwd=scratch.home, env=environment, start_new_session=True, **pipes
        )
        self._groups[machine_id].add(process.pid)
        return process

    async def run(
        self, machine_id: str, scratch: Scratch, command: list[str], environment: dict[str, str], limit_s: float
    ) -> tuple[str, int]:
        """Run a command to its end, for at most some seconds.

        Returns:
            What it wrote to stdout and stderr, and its exit code: 128 plus the signal's number when a signal ended it,
            127 when there is no such program, 124 when the limit was reached.
        """
        try:
            process = await self.start(machine_id, scratch, command, environment, stdin=DEVNULL, stderr=STDOUT)
        except (FileNotFoundError, PermissionError):
            why = "executable file not found in $PATH"
            return f'OCI runtime exec failed: exec: "{command[0]}": {why}: unknown\n', 127
        try:
            output, _ = await asyncio.wait_for(process.communicate(), limit_s)
        except TimeoutError:
            self._signal(process.pid)
            return f"ended after {limit_s:.0f} s, the longest a command may run here\n", 124
        code = process.returncode or 0
        return output.decode(errors="replace"), code if code >= 0 else 128 - code

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
