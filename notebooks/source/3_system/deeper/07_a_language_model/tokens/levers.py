"""Continuous batching and a known prefix, each beside a workload in which it does nothing: in
turns, in one run.
"""

import json
import time
from typing import Any

import numpy as np
import pandas as pd

from labs.bench.targets import model_file
from labs.deeper.tokens import weights
from labs.load import LoadTarget, Served, closed_loop
from labs.load.race import latency_ratio, of, rate_ratio
from labs.records import Measurement
from labs.runtimes.progress import OnProgress, part, silent
from labs.runtimes.providers import environment

#: Lever and workload, with the options of its records without and with it.
BATCHING, PREFIX = "16 prompts at once", "a known prefix"
PAIRS = {
    (BATCHING, "short questions, 32 tokens each"): ("tokens-1", "tokens-16"),
    (BATCHING, "long prompts, one token each"): ("tokens-reading-1", "tokens-reading-16"),
    (PREFIX, "the menu, then the question"): ("tokens-prefix-new", "tokens-prefix-known"),
    (PREFIX, "the question, then the menu"): ("tokens-order-new", "tokens-order-known"),
}


def completions(url: str, prompts: list[str], max_tokens: int) -> LoadTarget:
    """Return a target for ``POST /v1/completions`` of a student's app, with answers of so many
    tokens each.
    """
    body = {"max_tokens": max_tokens, "ignore_eos": True}
    genai = environment("genai")
    libraries = dict(
        requirement.split("==")
        for requirement in genai.requirements
        if requirement.startswith("openvino-genai=")
    )
    served = Served(
        model_file(weights(genai.folder)),
        "openvino-genai",
        "CPU",
        "int4",
        libraries=libraries,
        settings=body,
    )
    bodies = tuple(json.dumps(body | {"prompt": prompt}).encode() for prompt in prompts)
    path, headers = "/v1/completions", {"content-type": "application/json"}
    return LoadTarget(f"POST {path}", "http", url + path, bodies, served, headers)


def _runs(day: str) -> dict[str, tuple[list[str], int, int]]:
    """Return prompts, clients and tokens per answer by option; none begins as one of another day
    does.
    """
    dishes = (
        "Today there are soup, bread, rice, noodles, fish, salad and fruit, each fresh and warm "
        "from the kitchen. "
    )
    questions = [f"Day {day}, guest {guest}: write about a soup." for guest in range(18)]
    pages = [f"Day {day}, guest {guest}: {dishes * 5}" for guest in range(20)]
    menu = f"The menu of day {day}. {dishes * 18}"
    soup = "Is there a soup?"
    fruit = "Which fruit do you have?"
    batches = {
        "tokens-1": (questions[16:], 1, 32),
        "tokens-16": (questions[:16], 16, 32),
        "tokens-reading-1": (pages[16:], 1, 1),
        "tokens-reading-16": (pages[:16], 16, 1),
    }
    orders = {
        "tokens-prefix-new": menu + soup,
        "tokens-prefix-known": menu + fruit,
        "tokens-order-new": f"{soup} {menu}",
        "tokens-order-known": f"{fruit} {menu}",
    }
    return batches | {option: ([prompt], 1, 1) for option, prompt in orders.items()}


def measure(
    url: str, *, rounds: int = 3, on_progress: OnProgress = silent
) -> list[Measurement]:
    """Return a record per option and round, in the order in which they ran; a round takes some 15 s
    on two cores.

    Raises:
        NothingAnsweredError: The route refuses; the message shows its first answer.
    """
    closed_loop(
        completions(url, ["A warm bread"], 4),
        concurrency=1,
        requests=1,
        option="warm-up",
        timeout_s=60,
    )
    records: list[Measurement] = []
    for number in range(rounds):
        runs = _runs(
            f"{time.time():.3f}"
        )  # new in each round: the engine keeps what it has read
        for option, (prompts, clients, tokens) in runs.items():
            done, turns = len(records), rounds * len(runs)
            how: dict[str, Any] = {
                "warmup_requests": 0,
                "timeout_s": 120,
                "details": {"round": number},
            }
            how |= {
                "option": option,
                "on_progress": part(on_progress, done / turns, (done + 1) / turns),
            }
            target = completions(url, prompts, tokens)
            records.append(
                closed_loop(target, concurrency=clients, requests=len(prompts), **how)
            )
    return records


def table(records: list[Measurement]) -> pd.DataFrame:
    """Return per lever and workload what was reached without and with it, and the ratio with its 95
    % interval.

    Batching is judged by tokens that are written per second, a prefix by milliseconds to an
    answer's only token.
    """
    rows = []
    for (lever, workload), (without, using) in PAIRS.items():
        batches, runs = (
            lever == BATCHING,
            [of(records, option) for option in (without, using)],
        )
        times = (
            rate_ratio(records, using, without)
            if batches
            else latency_ratio(records, without, using)
        ).interval
        tokens = runs[0][0].details["settings"]["max_tokens"]
        reached = [
            [
                tokens * record.throughput_rps.value
                if batches
                else 1e3 * record.samples[0]
                for record in group
            ]
            for group in runs
        ]
        figures = [float(np.median(rates)) for rates in reached]
        rows.append(
            [
                lever,
                workload,
                *figures,
                "tokens/s" if batches else "ms",
                times.value,
                times.low,
                times.high,
            ]
        )
    return pd.DataFrame(
        rows,
        columns=["lever", "workload", "without", "with", "unit", "times", "from", "to"],
    )
