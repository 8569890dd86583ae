"""An app without a server whose reply streams."""

from typing import Any

import fastapi  # noqa: F401 - before the app's own time begins

from labs.judge.inside.apps import INTAKE, served
from labs.judge.inside.wire import Ask, Wire, load, module

#: Tokens that a prompt and its answer may have together, of the engine that stands outside.
LIMIT = 50


def stream(wire: Wire, path: str) -> Ask:
    """An app that streams; the engine is outside, and the judge releases its words."""

    class Engine:
        model, limit = "judged", LIMIT

        def count(self, prompt: str) -> int:
            words = len(prompt.split())
            return (
                words + 1 if words else 0
            )  # one marks the beginning, as many tokenizers do

        async def stream(
            self, prompt: str, max_tokens: int, ignore_eos: bool = False
        ) -> Any:
            for _ in range(max_tokens):
                word = await wire.called(
                    "word",
                    prompt=prompt,
                    max_tokens=max_tokens,
                    ignore_eos=bool(ignore_eos),
                )
                if word is None:
                    return
                yield word

    module("labs.deeper.tokens.engine", engine=Engine())
    load(INTAKE, "intake")
    return served(wire, load(path, "app").app, pieces=True)
