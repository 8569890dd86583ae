"""The pipe as the asker sees it, and how it loads a program beside it."""

import asyncio
import importlib.util
import itertools
import json
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from types import ModuleType
from typing import Any

#: Takes a request: a dictionary with its number under ``ask``.
Ask = Callable[[dict], Any]

#: Most characters of a reply's body, and of a script's output.
MOST_TEXT = 100_000


class Wire:
    """One pipe for both directions: requests and values come in, replies and calls go out."""

    def __init__(self) -> None:
        """Take standard input and output away from the program, whose prints go nowhere."""
        self._source, self._sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
        nowhere = os.open(os.devnull, os.O_RDWR)
        for number in (0, 1):
            os.dup2(nowhere, number)
        self._lock, self._numbers = threading.Lock(), itertools.count()
        self._waiting: dict[int, Future] = {}

    def say(self, **message: object) -> None:
        """Write a line."""
        line = json.dumps(message).encode() + b"\n"
        with self._lock:
            self._sink.write(line)
            self._sink.flush()

    def call(self, name: str, /, **given: object) -> Any:
        """Call what stands outside, and wait for its value."""
        number = next(self._numbers)
        value = self._waiting[number] = Future()
        self.say(call=number, name=name, given=given)
        return value.result()

    async def called(self, name: str, /, **given: object) -> Any:
        """Do the same without blocking the event loop."""
        return await asyncio.get_running_loop().run_in_executor(
            None, lambda: self.call(name, **given)
        )

    def listen(self, ask: Ask) -> None:
        """Hand over values and requests until the judge closes the pipe."""
        for line in self._source:
            message = json.loads(line)
            if "answer" in message:
                self._waiting.pop(message["answer"]).set_result(message["value"])
            else:
                ask(message)


def module(name: str, **values: object) -> ModuleType:
    """Let a program's import of this name give another module."""
    stand_in = sys.modules[name] = ModuleType(name)
    vars(stand_in).update(values)
    return stand_in


def load(path: Path | str, name: str) -> Any:
    """Import one file under a name."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    loaded = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def in_thread(ask: Ask) -> Ask:
    """Return a function that does the same in a separate thread, so that the pipe can still be
    read.
    """
    return lambda request: threading.Thread(target=ask, args=(request,), daemon=True).start()


def in_loop(ask: Callable[[dict], Any]) -> Ask:
    """Return what does the same in an event loop that runs from now on."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    return lambda request: asyncio.run_coroutine_threadsafe(ask(request), loop)
