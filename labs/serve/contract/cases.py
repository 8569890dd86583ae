"""The cases of the contract: each attacks a server, and tells whether it held, and what was seen.

No verdict depends on how fast a machine is; seconds are shown.
"""

import contextlib
import itertools
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from labs.display.format import megabytes, milliseconds
from labs.machine.busy import slowdown
from labs.serve.contract.exchange import (
    Connection,
    Reply,
    ask,
    byte_by_byte,
    chunk,
    connections,
)
from labs.serve.contract.interface import Interface
from labs.serve.contract.processes import MemoryWatch, busiest, family

#: What a bad request may cost a server, and sixty half-sent bodies together.
BAD_REQUEST_BYTES, HALF_SENT_BYTES = 50_000_000, 100_000_000

#: Connections that send three bytes of a body, and those that send nearly all of a large one.
HALF_OPEN, HALF_SENT = 200, 60

#: Bytes of a body whose last ones never come: nearly the most that the course's services take.
_LARGE_BYTES = 13_000_000

#: Bytes of a body that is far too large, and of one that comes byte by byte.
_HUGE_BYTES, _SINGLE_BYTES = 400_000_000, 600_000

#: Seconds after which a body that stopped must be given up.
_GIVEN_UP_S = 60.0

#: Seconds that a server gets to answer again after a kill, on an idle machine.
_BACK_S = 30.0

#: Seconds after which a server that says nothing has ended.
_STARTED_S = 10.0


@dataclass(frozen=True)
class Target:
    """A running server."""

    url: str
    interface: Interface
    #: The processes that keep it, if it is one's own: it is measured, killed and stopped then.
    pids: tuple[int, ...] = ()
    #: The same for a server behind it, which is stopped later: it is measured and killed.
    behind: tuple[int, ...] = ()

    @property
    def all_pids(self) -> tuple[int, ...]:
        """The processes that keep both."""
        return self.pids + self.behind


@dataclass(frozen=True)
class Row:
    """What was seen of a case; nothing is held or fell if it could not be tried."""

    case: str
    held: bool | None
    seen: str

    @property
    def verdict(self) -> str:
        """The word for it in a table."""
        return {True: "held", False: "fell", None: "not tried"}[self.held]


#: Starts a server, and ends it with the block.
Serve = Callable[[], AbstractContextManager[Target]]


def rows(serve: Serve) -> Iterator[Row]:
    """Yield a row per case for a server; one's own that a case or a kill ends is started again for
    the next case.
    """
    left = list(CASES)
    while left:
        with serve() as target:
            yield from _rows(target, left)
            if left and not target.pids:
                yield Row("the next cases", None, "the server has ended: start it again")
                return
            if not left:
                killed = restart(target)
                yield killed
                if killed.held is not False:
                    yield drain(target)
                    return
    with serve() as target:
        yield drain(target)


def _rows(target: Target, left: list[Callable[[Target], Row]]) -> Iterator[Row]:
    """Yield the rows of the cases that are left, and take them out of the list; stop early if one
    ends the server.
    """
    with connections(target.url) as (stopped,):
        body = target.interface.good
        stopped.head("POST", target.interface.path, _type(target), length=len(body))
        stopped.send(body[: len(body) // 2])
        begin_s = time.monotonic()
        while left:
            yield _row(left.pop(0), target)
            if not _answers(target):
                break
        if not left:
            yield _given_up(target, stopped, begin_s)


def _row(case: Callable[[Target], Row], target: Target) -> Row:
    """Return a case's row, also if the server ends before the case can connect again."""
    try:
        return case(target)
    except OSError as error:
        name = case.__name__.replace("_", " ")
        return Row(name, False, f"no connection: {type(error).__name__}")


def _answers(target: Target) -> bool:
    """Return whether a server says anything about its health; a supervisor gets some time to
    start it again.
    """
    until_s = time.monotonic() + _STARTED_S * slowdown()
    while True:
        health = ask(target.url, "GET", target.interface.health, within_s=_STARTED_S)
        if health.status:
            return True
        if time.monotonic() > until_s:
            return False
        time.sleep(0.2)


def health(target: Target) -> Row:
    """It answers while a hundred requests wait, each of which is answered or refused then."""
    replies = []
    pulse = Pulse(target)
    with contextlib.ExitStack() as stack:
        waiting = []
        for body in target.interface.slow:
            connection = stack.enter_context(contextlib.closing(Connection(target.url)))
            _begin(target, connection, body)
            waiting.append(connection)
        for _ in range(10):
            pulse.look()
        left = sum(not connection.is_answered() for connection in waiting)
        replies = [connection.reply() for connection in waiting]
    statuses = Counter(reply.status for reply in replies)
    held = pulse.held and set(statuses) <= {200, 429, 503} and statuses[200] > 0
    return Row("health", held, f"{pulse}, while {left} waited; they got {_shown(statuses)}")


def bad_bodies(target: Target) -> Row:
    """Each is the client's fault, costs little, and the next good one is answered as before."""
    faults = []
    most_bytes = 0
    for words, bad in target.interface.bad.items():
        watch = MemoryWatch(target.all_pids)
        reply = _post(target, bad.content)
        more_bytes = watch.more_bytes() or 0
        # A photo that is just too large is decoded from base64 first.
        is_large = len(bad.content) > _LARGE_BYTES
        most_bytes = max(most_bytes, 0 if is_large else more_bytes)
        if reply.status not in bad.statuses:
            faults.append(f"{words}: {reply.status} {reply.text}")
        elif b"0x" in reply.body or len(reply.body) > 20_000:
            faults.append(f"{words}: the refusal shows the process, or is long")
        faults += _next(target, words)
    if most_bytes > BAD_REQUEST_BYTES:
        faults.append(f"one cost {megabytes(most_bytes)}")
    cost = f", {megabytes(most_bytes)} at most" if target.pids else ""
    return _judged("bad bodies", faults, f"{len(target.interface.bad)} refused{cost}")


def errors(target: Target) -> Row:
    """Whatever is refused, wherever, has the interface's own form."""
    path = target.interface.path
    replies = {
        "an unknown path": ask(target.url, "GET", "/no/such/path"),
        "another method": ask(target.url, "PUT", path, b"{}"),
        "no JSON": _post(target, b"hello"),
        "too long": _announced(target, 2 * _LARGE_BYTES),
    }
    faults = []
    for words, reply in replies.items():
        is_refusal = 400 <= reply.status < 500
        if not is_refusal or not target.interface.is_error(reply):
            faults.append(f"{words}: {reply.status} {reply.text[:80]}")
    return _judged("errors", faults, f"{len(replies)} have the form of {target.interface.name}")


def parameters(target: Target) -> Row:
    """A parameter is honoured or refused, never ignored where an answer would differ."""
    faults, seen = [], []
    for words, parameter in target.interface.parameters.items():
        reply = _post(target, parameter.content)
        if reply.status == 200:
            seen.append(f"{words} honoured")
            if not parameter.is_honoured(reply):
                faults.append(f"{words} is ignored")
        else:
            seen.append(f"{words} {reply.status}")
            if not 400 <= reply.status < 500 or not target.interface.is_error(reply):
                faults.append(f"{words}: {reply.status} {reply.text[:80]}")
    return _judged("unknown parameters", faults, ", ".join(seen) or "it takes none")


def old_protocol(target: Target) -> Row:
    """HTTP/1.0 gets an answer, and the connection ends with it."""
    body = target.interface.good
    with connections(target.url) as (connection,):
        path = target.interface.path
        connection.head("POST", path, _type(target), length=len(body), version="HTTP/1.0")
        connection.send(body)
        reply = connection.reply()
    held = target.interface.answer_of(reply) is not None and reply.is_last
    return Row("HTTP/1.0", held, _shown(Counter([reply.status])))


def keep_alive(target: Target) -> Row:
    """One connection carries many requests, also after one that was refused."""
    bodies = [target.interface.good] * 10
    bodies.insert(5, b"hello")
    statuses: Counter[int] = Counter()
    with connections(target.url) as (connection,):
        for body in bodies:
            _begin(target, connection, body)
            statuses[connection.reply().status] += 1
    held = statuses[200] == 10 and statuses[0] == 0
    return Row("keep-alive", held, f"11 requests on one connection: {_shown(statuses)}")


def slow_bodies(target: Target) -> Row:
    """Bodies that take two seconds to arrive are answered, and others meanwhile."""
    body = target.interface.good
    step = len(body) // 10 + 1
    pulse = Pulse(target)
    with connections(target.url, 8) as slow:
        for connection in slow:
            connection.head("POST", target.interface.path, _type(target), length=len(body))
        for begin in range(0, len(body), step):
            for connection in slow:
                connection.send(body[begin : begin + step])
            pulse.look()
            time.sleep(0.1)
        answers = [target.interface.answer_of(connection.reply()) for connection in slow]
    good = sum(answer is not None for answer in answers)
    return Row("slow bodies", pulse.held and good == 8, f"{good} of 8 answered; {pulse}")


def single_bytes(target: Target) -> Row:
    """A body in chunks of one byte is answered; millions of such chunks are refused, and end
    nothing.
    """
    faults = []
    watch = MemoryWatch(target.all_pids)
    with connections(target.url, 2) as (short, long):
        short.head("POST", target.interface.path, _type(target))
        short.send(byte_by_byte(target.interface.good))
        answered = short.reply()
        if target.interface.answer_of(answered) is None:
            faults.append(f"a good body: {answered.status} {answered.text}")
        long.head("POST", target.interface.path, _type(target))
        long.send(chunk(b"0") * _SINGLE_BYTES + chunk(b""))
        refused = long.reply()
        if not 400 <= refused.status < 500:
            faults.append(f"{_SINGLE_BYTES:,} zeros: {refused.status} {refused.text}")
    more_bytes = watch.more_bytes() or 0
    if more_bytes > HALF_SENT_BYTES:
        faults.append(f"they cost {megabytes(more_bytes)}")
    faults += _next(target, "they ended")
    seen = f"{answered.status}; {_SINGLE_BYTES:,} zeros: {refused.status}"
    return _judged("one-byte chunks", faults, f"{seen}, {_memory(target, more_bytes)}")


def huge_bodies(target: Target) -> Row:
    """Four hundred megabytes, announced or not, are refused and cost next to nothing."""
    faults, seen = [], []
    piece = b"A" * 1_000_000
    number = _HUGE_BYTES // len(piece)
    first = target.interface.good[:40]
    for words, length in {"announced": len(first) + _HUGE_BYTES, "in chunks": None}.items():
        watch = MemoryWatch(target.all_pids)
        pieces = itertools.chain([first], itertools.repeat(piece, number))
        with connections(target.url) as (connection,):
            connection.head("POST", target.interface.path, _type(target), length=length)
            if length is None:
                pieces = itertools.chain(map(chunk, pieces), [chunk(b"")])
            connection.send_all(pieces)
            reply = connection.reply()
        more_bytes = watch.more_bytes() or 0
        seen.append(f"{words} {reply.status}, {_memory(target, more_bytes)}")
        if reply.status not in target.interface.too_large or more_bytes > BAD_REQUEST_BYTES:
            faults.append(seen[-1])
        faults += _next(target, words)
    return _judged("huge JSON", faults, "; ".join(seen))


def half_open(target: Target) -> Row:
    """Two hundred connections that sent three bytes lose no good request."""
    return _beside("half-sent bodies", target, HALF_OPEN, 1_000_000, b"{{{")


def many_bodies(target: Target) -> Row:
    """Sixty large bodies without their ends lose no good request, and cost at most 100 MB."""
    nearly_all = b"A" * (_LARGE_BYTES - 1000)
    return _beside("many bodies at once", target, HALF_SENT, _LARGE_BYTES, nearly_all)


def _beside(case: str, target: Target, number: int, length: int, content: bytes) -> Row:
    """Return a row for connections that send the beginning of a body, and nothing more."""
    watch = MemoryWatch(target.all_pids)
    pulse = Pulse(target)
    lost = []
    with connections(target.url, number) as held:
        for connection in held:
            connection.head("POST", target.interface.path, _type(target), length=length)
        for connection in held:
            connection.send(content)
        for _ in range(10):
            pulse.look()
            lost += _next(target, "meanwhile")
        refused = sum(connection.is_answered() for connection in held)
    lost += _next(target, "afterwards")
    more_bytes = watch.more_bytes() or 0
    is_small = more_bytes <= HALF_SENT_BYTES
    held_all = pulse.held and not lost and is_small
    cost = _memory(target, more_bytes)
    seen = f"{11 - len(lost)} of 11 good ones answered; {pulse}; {refused} refused, {cost}"
    return Row(case, held_all, seen)


def _given_up(target: Target, stopped: Connection, begin_s: float) -> Row:
    """A body that stops is given up some time, with a status or without."""
    case = "a body that stops"
    if not _answers(target):
        return Row(case, False, "the server ended first")
    left_s = max(1.0, begin_s + _GIVEN_UP_S - time.monotonic())
    reply = stopped.reply(left_s)
    held = reply.body != b"no answer in time"
    waited_s = time.monotonic() - begin_s
    words = f"given up with {reply.status}" if held else f"still waited for after {waited_s:.0f} s"
    return Row(case, held, words)


#: The cases that a server goes on after.
CASES: tuple[Callable[[Target], Row], ...] = (
    health,
    bad_bodies,
    errors,
    parameters,
    old_protocol,
    keep_alive,
    slow_bodies,
    single_bytes,
    huge_bodies,
    half_open,
    many_bodies,
)


def restart(target: Target) -> Row:
    """The process that computes is killed: it comes back, and good requests are answered again."""
    case = "restart after a kill"
    if not target.pids:
        return Row(case, None, "the process is not ours")
    if not family(target.all_pids):
        return Row(case, False, "the server ended first")

    def work() -> None:
        for _ in range(20):
            _post(target, target.interface.good)

    process = busiest(target.all_pids, work)
    process.kill()
    killed_s = time.monotonic()
    pulse = Pulse(target)
    lost = in_a_row = 0
    back_s = 0.0
    until_s = killed_s + _BACK_S * slowdown()
    while in_a_row < 10 and time.monotonic() < until_s:
        reply = _post(target, target.interface.good, within_s=5)
        pulse.look()
        if target.interface.answer_of(reply) is None:
            lost += 1
            in_a_row = 0
            time.sleep(0.1)
        else:
            back_s = back_s if in_a_row else time.monotonic() - killed_s
            in_a_row += 1
    if in_a_row < 10:
        seen = f"{lost} good requests lost in {time.monotonic() - killed_s:.0f} s"
    else:
        seen = f"good again after {back_s:.2f} s, {lost} lost"
    return Row(case, in_a_row == 10, f"{seen}; {pulse}")


def drain(target: Target) -> Row:
    """SIGTERM: what was begun is answered, later requests find nobody."""
    case = "drain on SIGTERM"
    if not target.pids:
        return Row(case, None, "the process is not ours")
    bodies = target.interface.slow[:12]
    with connections(target.url, len(bodies)) as begun:
        for connection, body in zip(begun, bodies, strict=True):
            _begin(target, connection, body)
        first = begun[0].reply()
        for pid in target.pids:
            os.kill(pid, signal.SIGTERM)
        replies = [first, *(connection.reply() for connection in begun[1:])]
    answers = sum(target.interface.answer_of(reply) is not None for reply in replies)
    _wait_for_end(target.pids)
    later = ask(target.url, "GET", target.interface.health, within_s=5)
    held = answers == len(bodies) and later.status == 0
    return Row(case, held, f"{answers} of {len(bodies)} answered, afterwards {later.status or '-'}")


def _wait_for_end(pids: Sequence[int]) -> None:
    """Return when processes have ended, or after a minute."""
    import psutil

    processes = []
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            processes.append(psutil.Process(pid))
    psutil.wait_procs(processes, 60)


class Pulse:
    """Asks for the health of a server from time to time, and remembers the slowest answer."""

    def __init__(self, target: Target) -> None:
        """Remember nothing yet."""
        self._target = target
        self._replies: list[Reply] = []

    def look(self) -> None:
        """Ask once."""
        self._replies.append(ask(self._target.url, "GET", self._target.interface.health))

    @property
    def held(self) -> bool:
        """Whether every answer was a 200."""
        return all(reply.status == 200 for reply in self._replies)

    def __str__(self) -> str:
        """Say how long the slowest one took, and what was no 200."""
        slowest_s = max((reply.took_s for reply in self._replies), default=0.0)
        others = Counter(reply.status for reply in self._replies if reply.status != 200)
        failed = f" ({_shown(others)} of {len(self._replies)})" if others else ""
        return f"health in {milliseconds(slowest_s)} at most{failed}"


def _begin(target: Target, connection: Connection, body: bytes) -> None:
    """Send a whole request."""
    connection.head("POST", target.interface.path, _type(target), length=len(body)).send(body)


def _post(target: Target, body: bytes, within_s: float = 60.0) -> Reply:
    path = target.interface.path
    return ask(target.url, "POST", path, body, _type(target), within_s=within_s)


def _announced(target: Target, length: int) -> Reply:
    """Return the answer to a head that announces a long body, of which only a little comes."""
    with connections(target.url) as (connection,):
        connection.head("POST", target.interface.path, _type(target), length=length)
        connection.send(target.interface.good[:40])
        return connection.reply(10)


def _next(target: Target, words: str) -> list[str]:
    """Return what is wrong with the answer to a good request, if anything is."""
    reply = _post(target, target.interface.good)
    if target.interface.answer_of(reply) is not None:
        return []
    return [f"{words}: a good request got {reply.status} {reply.text[:80]}"]


def _type(target: Target) -> str:
    return target.interface.content_type


def _judged(case: str, faults: Sequence[str], seen: str) -> Row:
    """Return a row that held if there are no faults, and shows the first ones otherwise."""
    more = f" (and {len(faults) - 2} more)" if len(faults) > 2 else ""
    return Row(case, not faults, "; ".join(faults[:2]) + more if faults else seen)


def _memory(target: Target, more_bytes: int) -> str:
    return f"{more_bytes / 1e6:.0f} MB" if target.pids else "memory not seen"


def _shown(statuses: Counter[int]) -> str:
    """Return how often each status came; 0 means no answer."""
    counted = sorted(statuses.items())
    return ", ".join(f"{number} × {status or 'no answer'}" for status, number in counted)
