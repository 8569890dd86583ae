"""A program that serves photos, as a process that attacks may end and that is started again."""

import os
import socket
import sys
from collections import Counter
from pathlib import Path

import pandas as pd

from labs.deeper.fire.engine import DURATION_S, fire
from labs.load.served import app_target
from labs.machine.busy import slowdown
from labs.records import Measurement
from labs.runtimes import child
from labs.runtimes.child import Child
from labs.runtimes.loopback import listen
from labs.runtimes.progress import OnProgress, silent
from labs.serve.contract.cases import Target
from labs.serve.contract.exchange import ask
from labs.serve.contract.interface import photos
from labs.serve.photos import photo
from labs.serve.running import Service, wait_until_ready
from labs.workspace import require_written, workspace_dir

#: Seconds that a process gets to end before it is killed.
_STOP_S = 5.0

#: Seconds in which a service must answer its health check at the end of an attack.
HEALTHY_S = 5.0


class FireService:
    """A service that ``python PROGRAM`` starts on the listening socket whose number is in ``FD``;
    use it as a context.
    """

    def __init__(self, program: Path, **variables: object) -> None:
        """Name a program and its environment variables, beside those of this process.

        Raises:
            NotWrittenError: The program is not written yet.
        """
        require_written([program])
        self.program = program
        # Made here: its large bodies take a second, which would be the first attack's.
        self._interface = photos()
        self._variables = {name: str(value) for name, value in variables.items()}
        self._port = 0
        self._logs: list[Path] = []
        #: Each attack's name, and the part of the log from its beginning to its end.
        self._marks: list[tuple[str, int, int]] = []

    def __enter__(self) -> "FireService":
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._service.stop(_STOP_S)

    @property
    def url(self) -> str:
        """Its address, which stays the same when it is started again."""
        return self._service.url

    @property
    def target(self) -> Target:
        """It as attacks see it."""
        return Target(self.url, self._interface, (self._service.pid,))

    @property
    def service(self) -> Service:
        """The process that runs now."""
        return self._service

    def revive(self) -> bool:
        """Start it again if it has ended, or its health does not answer, as a person does who was
        woken; return whether this was necessary.
        """
        if self._service.alive:
            target = self.target
            within_s = HEALTHY_S / slowdown()
            health = ask(target.url, "GET", target.interface.health, within_s=within_s)
            if health.status == 200:
                return False
            self._service.kill()
        self._start()
        return True

    def mark(self, attack: str) -> None:
        """Remember where in the log an attack begins; an empty name ends the last one."""
        at_byte = len(self._log())
        if attack:
            self._marks.append((attack, at_byte, at_byte))
        elif self._marks:
            name, begin, _ = self._marks[-1]
            self._marks[-1] = (name, begin, at_byte)

    def log_of(self, attack: str, most: int = 5) -> pd.DataFrame:
        """Return an attack's most frequent lines of the log, with their numbers, without clients'
        addresses and the inner lines of tracebacks.
        """
        counts: Counter[str] = Counter()
        for name, begin, end in self._marks:
            if name == attack:
                text = self._log()[begin:end].decode(errors="replace")
                counts.update(map(_without_address, filter(_is_outer, text.splitlines())))
        rows = [(number, line[:100]) for line, number in counts.most_common(most)]
        return pd.DataFrame(rows, columns=["times", f"the log during {attack}"])

    def _log(self) -> bytes:
        return b"".join(path.read_bytes() for path in self._logs)

    def _start(self) -> None:
        log_path = workspace_dir() / "logs" / f"{self.program.stem}-{len(self._logs)}.log"
        self._logs.append(log_path)
        with listen(ports=self._port) as ours:
            ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            host, self._port = ours.getsockname()
            process = self._child(log_path, ours.fileno())
        self._service = Service(f"http://{host}:{self._port}", process)
        wait_until_ready(self._service)

    def _child(self, log_path: Path, descriptor: int) -> Child:
        variables = {**self._variables, "FD": str(descriptor), "PYTHONUNBUFFERED": "1"}
        return child.start(
            [sys.executable, self.program.name],
            log_path,
            environment=os.environ | variables,
            folder=self.program.parent,
            sockets=[descriptor],
        )


def _is_outer(line: str) -> bool:
    """Return whether a line is neither empty nor inside a traceback."""
    return bool(line.strip()) and not line.startswith(
        (" ", "Traceback", "During handling")
    )


def _without_address(line: str) -> str:
    """Return a line of uvicorn's access log without the client's address and port."""
    level, mark, request = line.partition(' - "')
    if not mark:
        return line
    return f'{level.partition(":")[0]}: "{request}'


def attack(
    service: FireService,
    model: Path,
    *,
    seed: int,
    option: str,
    duration_s: float = DURATION_S,
    on_progress: OnProgress = silent,
) -> Measurement:
    """Attack a running service that serves an ONNX file, and return the record of its good photos
    (``engine.fire``); the service remembers its log by attack.

    Raises:
        NothingAnsweredError: Not one good photo was answered.
    """
    images = [photo(number) for number in range(8)]
    return fire(
        app_target(service.service, model, images),
        lambda: service.target,
        seed=seed,
        option=option,
        duration_s=duration_s,
        revive=service.revive,
        on_window=service.mark,
        on_progress=on_progress,
    )
