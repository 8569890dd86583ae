"""``engine``: the source of a student's streaming app. It gives the tokens of many prompts, each as
soon as it is there; ``batching`` computes them in a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import NoReturn

import openvino_genai

from labs.deeper.tokens import batching, weights
from labs.deeper.tokens.batching import Begin, Cancel, Piece


class GenaiEngine:
    """The app's side of the engine; the two processes end together."""

    #: The model's name, and how many tokens a prompt and its answer may have together.
    model, limit = "SmolLM2-135M-Instruct", 2048

    def __init__(self) -> None:
        """Start the process, and load the tokenizer; that takes some seconds.

        Raises:
            EOFError: The model could not be loaded; the process has printed why.
        """
        spawn = multiprocessing.get_context("spawn")
        self._pipe, far_end = spawn.Pipe()
        process = spawn.Process(target=batching.run, args=(far_end,), daemon=True)
        process.start()
        far_end.close()
        self._tokenizer = openvino_genai.Tokenizer(str(weights(Path(sys.prefix))))
        try:
            self._pipe.recv()  # the model is loaded
        except EOFError:
            process.join()
            if process.exitcode == -signal.SIGKILL:
                _end()
            raise
        self._numbers = itertools.count()
        #: By number, what takes the pieces of a prompt whose client still reads.
        self._takers: dict[int, Callable[[Piece], object]] = {}
        threading.Thread(target=self._receive, daemon=True).start()

    def count(self, prompt: str) -> int:
        """Return how many tokens a prompt has; of a very long one, only that there are more than
        ``limit``.
        """
        return self._tokenizer.encode(_sound(prompt)).input_ids.shape[1]

    def chat(self, messages: list[dict]) -> str:
        """Return a conversation as the prompt that the model was trained on; each message has a
        role and content.
        """
        return self._tokenizer.apply_chat_template(
            [
                {name: _sound(text) for name, text in message.items()}
                for message in messages
            ],
            add_generation_prompt=True,
        )

    async def stream(
        self, prompt: str, max_tokens: int, ignore_eos: bool = False
    ) -> AsyncIterator[str]:
        """Yield an answer's tokens as text, each as soon as it is there; a client that stops
        reading frees its place.

        Args:
            max_tokens: The answer is cut there.
            ignore_eos: Do not stop where the model would: an answer of a known length, for
                measuring.
        """
        loop = asyncio.get_running_loop()
        arrived = asyncio.Queue[Piece]()
        number = next(self._numbers)
        self._takers[number] = lambda piece: loop.call_soon_threadsafe(
            arrived.put_nowait, piece
        )
        try:
            self._pipe.send(Begin(number, _sound(prompt), max_tokens, ignore_eos))
            while (content := (await arrived.get()).content) is not None:
                if isinstance(content, Exception):
                    raise content
                yield content
        finally:
            del self._takers[number]
            self._pipe.send(Cancel(number))  # a finished one has left already

    def _receive(self) -> None:
        """Hand over pieces until the process that makes them has ended."""
        with contextlib.suppress(EOFError, ConnectionResetError):
            while True:
                for piece in self._pipe.recv():
                    if take := self._takers.get(piece.number):
                        take(piece)
        _end()


def _end() -> NoReturn:
    """End this process, as there is nothing to serve without the model's: uvicorn's supervisor
    starts both again.
    """
    logging.getLogger("uvicorn.error").error("The model's process has ended.")
    os._exit(1)


def _sound(text: str) -> str:
    """Return a text that is Unicode: half of a surrogate pair, which JSON may hold, would end its
    request as a 500.
    """
    return text.encode(errors="replace").decode()


engine = GenaiEngine()
