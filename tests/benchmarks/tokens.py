"""A language model on this machine: tokens a second of 1 to 16 prompts, and what a cached prefix brings."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from statistics import median

import pandas as pd

from labs.load.tokens import generate, tokens_per_s
from labs.runtimes.progress import OnProgress
from labs.tokens import serving

#: What the table is held to: sixteen prompts over one, and a first token without the prefix over one with it.
BARS = {"16 prompts": 4.0, "prefix hit": 8.0}

_MENU = "Today there are soup, bread, rice, noodles, fish, salad and fruit, each fresh and warm from the kitchen. "

#: How many days a menu is written out for: what a cached prefix spares grows with it, what comes after it does not.
_DAYS = (11, 22, 44)


#: An app as the lesson on a language model asks for it.
_APP = """
import json

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from labs.tokens.engine import engine

app = FastAPI()


class Ask(BaseModel):
    prompt: str
    max_tokens: int = Field(32, ge=1, le=256)


@app.post("/generate")
async def generate(ask: Ask):
    async def events():
        async for token in engine.stream(ask.prompt, ask.max_tokens):
            yield f"data: {json.dumps({'token': token})}\\n\\n"
        yield "data: [DONE]\\n\\n"

    return StreamingResponse(events(), media_type="text/event-stream")
"""


def tables(rounds: int, report: OnProgress) -> Iterable[tuple[str, pd.DataFrame]]:
    """Return both tables, measured through such an app."""
    with tempfile.TemporaryDirectory() as folder:
        app = Path(folder) / "app.py"
        app.write_text(_APP)
        report(0.0, "a language model: start")
        with serving.start(app, on_progress=report) as service:
            generate(service.url, ["warm up"], max_tokens=4, option="warm-up")
            few = max(3, rounds // 5)
            yield "Tokens a second by prompts at once", _batches(service.url, few, report)
            yield "First token, with and without a cached prefix", _prefix(service.url, few, report)


def _batches(url: str, rounds: int, report: OnProgress) -> pd.DataFrame:
    found: dict[int, list[float]] = {count: [] for count in (1, 2, 4, 8, 16)}
    for turn in range(rounds):
        for count, rates in found.items():
            report(0.0, f"{count} prompts: round {turn + 1}")
            prompts = [f"Round {turn}: write about soup number {number}." for number in range(count)]
            rates.append(tokens_per_s(generate(url, prompts, max_tokens=48, option=f"tokens-{count}")))
    alone, bar = median(found[1]), f"≥ {BARS['16 prompts']:g} ×"
    rows = [
        (count, round(median(rates), 1), f"{median(rates) / alone:.2f} ×", bar if count == 16 else "")
        for count, rates in found.items()
    ]
    return pd.DataFrame(rows, columns=["prompts", "tokens/s", "against one", "bar"])


def _prefix(url: str, rounds: int, report: OnProgress) -> pd.DataFrame:
    found: dict[tuple[int, str], list[float]] = {(days, state): [] for days in _DAYS for state in ("miss", "hit")}
    for turn in range(rounds):
        for (days, state), seconds in found.items():
            report(0.0, f"prefix of {days} menus, {state}: round {turn + 1}")
            prompt = f"Menu {turn}, {days} days. {_MENU * days} Question {state}?"
            run = generate(url, [prompt], max_tokens=4, option=f"tokens-prefix-{state}")
            seconds.append(run.details["arrived_s"][0][0])
    rows = []
    for days in _DAYS:
        miss_s, hit_s = (median(found[days, state]) for state in ("miss", "hit"))
        bar = f"≥ {BARS['prefix hit']:g} ×" if days == _DAYS[-1] else ""
        words = len((_MENU * days).split())
        rows.append((words, f"{miss_s * 1e3:,.0f}", f"{hit_s * 1e3:,.0f}", f"{miss_s / hit_s:.1f} ×", bar))
    return pd.DataFrame(rows, columns=["words of prefix", "first token, ms", "with the prefix cached", "faster", "bar"])
