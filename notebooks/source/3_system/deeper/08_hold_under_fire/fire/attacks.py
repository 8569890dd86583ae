"""The attacks. Each lasts until its window ends, or until somebody stops it."""

import base64
import contextlib
import json
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

from labs.machine.busy import slowdown
from labs.serve.contract.bodies import png
from labs.serve.contract.cases import Target
from labs.serve.contract.exchange import Connection, ask
from labs.serve.contract.processes import busiest

#: Connections that are held open at once by an attack, and beside a drain.
HELD, HELD_BESIDE_A_DRAIN = 120, 10

#: Clients that send bombs, each one after the other, and the seconds between two of a client's.
BOMBERS, BETWEEN_BOMBS_S = 32, 0.5

#: Seconds in which a photo's process shows by its processor time that it computes.
_LOOK_S = 1.0

#: Seconds that a client waits for the answer to a bomb.
_ANSWER_S = 10.0


@dataclass
class AttackRun:
    """An attack under way: until when it lasts, and what it did."""

    end_s: float
    stop: threading.Event
    #: Times of the monotonic clock, and what was done then.
    events: list[tuple[float, str]] = field(default_factory=list)

    @property
    def left_s(self) -> float:
        """Seconds until its end."""
        return self.end_s - time.monotonic()

    def wait(self, seconds: float) -> bool:
        """Wait, at most until the end; return whether it goes on."""
        stopped = self.stop.wait(min(seconds, max(self.left_s, 0)))
        return not stopped and self.left_s > 0

    def note(self, text: str) -> None:
        """Remember what was done now."""
        self.events.append((time.monotonic(), text))


def slow_bodies(target: Target, run: AttackRun) -> None:
    """Hold connections whose bodies arrive at a byte a second."""
    _hold(target, run, HELD, more=True)


def half_open(target: Target, run: AttackRun) -> None:
    """Hold connections that sent three bytes of a body, and nothing after them."""
    _hold(target, run, HELD, more=False)


def _hold(target: Target, run: AttackRun, number: int, *, more: bool) -> None:
    """Hold connections with a part of a body; one that the service ends is opened again.

    Args:
        more: Whether each sends another byte every second.
    """
    held: list[Connection] = []
    try:
        while True:
            for connection in list(held):
                if more and not connection.is_answered():
                    connection.send(b"A")
                if connection.is_answered():
                    connection.close()
                    held.remove(connection)
            # A service that is down refuses them.
            with contextlib.suppress(OSError):
                while len(held) < number:
                    held.append(_begun(target))
            if not run.wait(1):
                return
    finally:
        for connection in held:
            connection.close()


def _begun(target: Target) -> Connection:
    """Return a connection on which a body has begun."""
    interface = target.interface
    connection = Connection(target.url)
    length = len(interface.good)
    connection.head("POST", interface.path, interface.content_type, length=length)
    connection.send(interface.good[:3])
    return connection


def bombs(target: Target, run: AttackRun) -> None:
    """Send PNGs of six kilobytes and 48 megapixels, and lists of two million numbers in the
    photo's place.
    """
    text = base64.b64encode(png(8_000, 6_000)).decode()
    many_pixels = json.dumps({"image": text}).encode()
    many_numbers = b'{"image": [' + b"0," * 2_000_000 + b"0]}"
    bodies = [many_numbers, *[many_pixels] * (BOMBERS - 1)]
    clients = []
    for body in bodies:
        client = threading.Thread(target=_send_again_and_again, args=(target, run, body))
        client.start()
        clients.append(client)
    for client in clients:
        client.join()


def _send_again_and_again(target: Target, run: AttackRun, body: bytes) -> None:
    path = target.interface.path
    while run.wait(BETWEEN_BOMBS_S):
        left_s = max(run.left_s, 0.1)
        ask(target.url, "POST", path, body, within_s=wall(min(_ANSWER_S, left_s)))


def wall(seconds: float) -> float:
    """Return the seconds for ``exchange``, which counts an idle machine's, that are so many seconds
    on the wall.
    """
    return seconds / slowdown()


def kills(target: Target, run: AttackRun) -> None:
    """End the process that computes by SIGKILL, at the beginning and half-way."""
    half_s = run.left_s / 2
    _signal(target, run, signal.SIGKILL)
    run.wait(half_s)
    _signal(target, run, signal.SIGKILL)
    run.wait(run.left_s)


def drain(target: Target, run: AttackRun) -> None:
    """Ask the process that computes to end by SIGTERM, at the beginning and half-way, while some
    bodies are half sent.
    """
    half_s = run.left_s / 2
    holding = threading.Thread(
        target=_hold, args=(target, run, HELD_BESIDE_A_DRAIN), kwargs={"more": False}
    )
    holding.start()
    run.wait(_LOOK_S)
    _signal(target, run, signal.SIGTERM)
    run.wait(half_s - _LOOK_S)
    _signal(target, run, signal.SIGTERM)
    holding.join()


def _signal(target: Target, run: AttackRun, number: signal.Signals) -> None:
    """Send a signal to the process that computes the good photos, if there is one."""
    try:
        process = busiest(target.pids, lambda: run.wait(_LOOK_S))
        process.send_signal(number)
    except (psutil.Error, ValueError):
        run.note(f"{number.name}: no process was left")
        return
    run.note(f"{number.name} to process {process.pid}")


Attack = Callable[[Target, AttackRun], None]

#: By the names of the plan.
ATTACKS: dict[str, Attack] = {
    "slow bodies": slow_bodies,
    "half-open": half_open,
    "bombs": bombs,
    "kills": kills,
    "drain": drain,
}

#: Those that need the service's processes.
NEED_PROCESSES = ("kills", "drain")
