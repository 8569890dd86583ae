"""A program in a separate process, asked through a pipe whose lines may contain anything.

One exception stands for all that a program can do wrong (``Lost``): it costs only the present
question. Any other exception is a fault of the judge or of its machine, not of the program.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from labs.judge import asker
from labs.machine.busy import slowdown
from labs.records.strict import StrictJsonError, loads
from labs.shell import python

#: Starts an asker of a kind on a program's file, with pipes at both ends, and ends it with the
#: context.
Start = Callable[[str, bytes], AbstractContextManager[subprocess.Popen[bytes]]]

#: Bytes of one line, and of all lines.
_LINE_BYTES, _ALL_BYTES = 2 << 20, 32 << 20

#: Seconds until the asker is there, in which no line of the program has run; and then until the
#: program is loaded.
_ASKER_S, READY_S = 120, 10

_GARBLED = "It writes into the pipe through which it is asked."


class Lost(Exception):  # noqa: N818 - what a program does, and no error of ours
    """The program did not answer as it was asked to; the message is a sentence for its author."""


class NotReadyError(RuntimeError):
    """The asker did not come up, before any line of the program had run: a package is missing, or
    the machine is slow.

    The message says which.
    """


@dataclass(frozen=True)
class HeldValue:
    """A value that the program gets only when the judge releases it (``Program.release``)."""

    value: object


@dataclass(frozen=True)
class Outside:
    """A dependency that a program calls by name."""

    #: Of what it is called with (``shaped``).
    form: Mapping[str, Any]
    #: Gets these as named arguments; returns a value as JSON knows it, or one that is ``Held``.
    answer: Callable[..., object]


def command(kind: str, path: Path) -> list[str]:
    """Return the command that asks a program: isolated, so that nothing beside it is imported in
    place of a library.
    """
    return [sys.executable, "-I", str(Path(asker.__file__).resolve()), kind, str(path)]


@contextlib.contextmanager
def at_home(kind: str, content: bytes) -> Iterator[subprocess.Popen[bytes]]:
    """Start an asker as an ordinary process, for the user's own program."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "program.py"
        path.write_bytes(content)
        process = subprocess.Popen(
            command(kind, path),
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        with process:
            try:
                yield process
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                # Unread messages are not written any more.
                with contextlib.suppress(OSError):
                    cast(IO, process.stdin).close()


class Program:
    """A program that is being asked; use it as a context."""

    def __init__(
        self,
        kind: str,
        content: bytes,
        outside: Mapping[str, Outside],
        start: Start = at_home,
        *,
        each_s: float = 5.0,
        wall_s: float = 40.0,
        most_calls: int = 2_000,
    ) -> None:
        """Prepare to ask.

        Args:
            outside: Its dependencies by name.
            each_s: Seconds for an answer, unless a question has its own. At home, these are an idle
                machine's seconds (``slowdown``).
            wall_s: Seconds for everything, from the moment at which the asker is there; at home
                likewise.
            most_calls: The largest number of calls of all dependencies together.
        """
        self._starting, self._outside = start(kind, content), outside
        self._each_s, self._wall_s, self._most_calls = each_s, wall_s, most_calls
        # On a student's computer other programs run too; the grader has its machine to itself, and
        # its own limit.
        self._slowdown = slowdown if start is at_home else lambda: 1.0
        self._end_s = float("inf")
        self._hello: str | None = None
        self._ready: str | None = None
        self._open: set[int] = set()
        self._replies: dict[int, dict] = {}
        self._held: list[tuple[int, object]] = []
        self._read_bytes, self._rest = 0, b""
        self.calls: list[str] = []
        #: Pieces of texts that came before their reply, by number of the request.
        self.pieces: dict[int, list[str]] = {}

    def __enter__(self) -> Program:
        """Wait until the program is loaded.

        Raises:
            Lost: It cannot be loaded, or not within ``READY_S``.
            NotReadyError: The asker itself is not there.
        """
        self._process = self._starting.__enter__()
        self._in, self._out = (
            end.fileno() for end in (self._process.stdin, self._process.stdout) if end
        )
        for end in (self._in, self._out):
            os.set_blocking(end, False)
        try:
            self._wait_for_the_asker()
            self._end_s = time.monotonic() + self._wall_s * self._slowdown()
            reason = self.until(
                lambda: self._ready, READY_S, f"It is not loaded within {READY_S} s."
            )
            if reason:
                raise Lost(f"Your file cannot be loaded: {reason}")
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *exception: Any) -> None:
        self._starting.__exit__(*exception)

    def _wait_for_the_asker(self) -> None:
        try:
            lacks = self.until(lambda: self._hello, _ASKER_S)
        except Lost as lost:
            if self._hello is not None:  # and the program's own lines came with it
                raise
            raise NotReadyError(f"nothing can be asked on this machine: {lost}") from None
        if lacks:
            raise NotReadyError(python(f"pip install {lacks}"))

    @property
    def is_holding(self) -> bool:
        """Whether a call waits to be released."""
        return bool(self._held)

    def begin(self, **request: object) -> int:
        """Send a request; return its number."""
        number = secrets.randbits(48)
        self._open.add(number)
        self.pieces[number] = []
        self._write({"ask": number, **request})
        return number

    def has_replied(self, number: int) -> bool:
        """Return whether the reply to a request is there."""
        return number in self._replies

    def reply(self, number: int, form: Mapping[str, Any], within_s: float | None = None) -> dict:
        """Return the reply to a request, with the fields of a form (``shaped``).

        Raises:
            Lost: None came in time, or one of another form.
        """
        return shaped(self.until(lambda: self._replies.pop(number, None), within_s), form)

    def ask(self, form: Mapping[str, Any], **request: object) -> dict:
        """Send a request, and return its reply."""
        return self.reply(self.begin(**request), form)

    def release(self) -> None:
        """Answer the calls that were held."""
        held, self._held = self._held, []
        for number, value in held:
            self._write({"answer": number, "value": value})

    def until(self, look: Callable[[], Any], within_s: float | None = None, says: str = "") -> Any:
        """Listen until a value is found (other than None and False), and return it.

        Raises:
            Lost: Not in time; or the program ended, or wrote what is no reply, before.
        """
        within_s = (self._each_s if within_s is None else within_s) * self._slowdown()
        end_s = time.monotonic() + within_s
        while (value := look()) is None or value is False:
            left_s = min(end_s, self._end_s) - time.monotonic()
            if left_s <= 0:
                raise Lost(says or f"It gave no answer within {within_s:.0f} s.")
            self._listen(left_s)
        return value

    def _in_time(self) -> None:
        if time.monotonic() > self._end_s:
            raise Lost("It does not come to its end.")

    def _write(self, message: Mapping) -> None:
        data = memoryview(json.dumps(message).encode() + b"\n")
        end_s = time.monotonic() + self._each_s * self._slowdown()
        while data:
            self._in_time()
            if time.monotonic() > end_s:
                raise Lost("It does not read what it is asked.")
            if not select.select([], [self._in], [], 0.2)[1]:
                continue
            try:
                data = data[os.write(self._in, data[:65536]) :]
            except BlockingIOError:
                continue
            except OSError:
                raise Lost("It ended.") from None

    def _listen(self, wait_s: float) -> None:
        """Take what has come, waiting for it some seconds at most."""
        if not select.select([self._out], [], [], wait_s)[0]:
            return
        try:
            more = os.read(self._out, 1 << 16)
        except BlockingIOError:
            return
        if not more:
            raise Lost("It ended before it had answered.")
        self._read_bytes += len(more)
        *lines, self._rest = (self._rest + more).split(b"\n")
        if len(self._rest) > _LINE_BYTES or self._read_bytes > _ALL_BYTES:
            raise Lost("It says far more than it was asked for.")
        for line in lines:
            # answering a call may take a while, so a flood of them costs the program's own time
            self._in_time()
            self._hear(line)

    def _hear(self, line: bytes) -> None:
        try:
            message = loads(line.decode("utf-8"))
        except (StrictJsonError, UnicodeDecodeError):
            raise Lost(_GARBLED) from None
        match message:
            case {"hello": str(lacks)} if self._hello is None:
                self._hello = lacks
            case {"ready": str(reason)} if self._hello == "" and self._ready is None:
                self._ready = reason
            case {"reply": int(number)} if number in self._open:
                self._open.remove(number)  # to what was asked, and once
                self._replies[number] = message
            case {"piece": int(number), "text": str(text)} if number in self._open:
                self.pieces[number].append(text)
            case {"call": int(number), "name": str(name), "given": dict(given)} if (
                name in self._outside
            ):
                self._call(number, name, given)
            case _:
                raise Lost(_GARBLED)

    def _call(self, number: int, name: str, given: dict) -> None:
        self.calls.append(name)
        if len(self.calls) > self._most_calls:
            raise Lost(
                f"It calls its dependencies more than {self._most_calls:,} times. Is there an "
                "endless loop?"
            )
        outside = self._outside[name]
        shaped(given, outside.form)
        value = outside.answer(**{key: given[key] for key in outside.form})
        if isinstance(value, HeldValue):
            self._held.append((number, value.value))
        else:
            self._write({"answer": number, "value": value})


def shaped(value: Any, form: Any) -> Any:
    """Return a value that came out of a program, if it has a form.

    Args:
        form: A type or a union of types; a list of one form, for a list of any length; or forms by
            name, for an object with at least these fields.

    Raises:
        Lost: It has another form.
    """
    if isinstance(form, Mapping):
        right = isinstance(value, dict) and all(name in value for name in form)
        parts: Sequence = [(value[name], part) for name, part in form.items()] if right else ()
    elif isinstance(form, list):
        right = isinstance(value, list)
        parts = [(part, form[0]) for part in value] if right else ()
    else:
        right, parts = isinstance(value, form), ()
    if not right:
        raise Lost("Its answer has another form than the task asks for.")
    for part, of in parts:
        shaped(part, of)
    return value
