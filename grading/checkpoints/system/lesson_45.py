"""Serve a language model: a streaming route, tokens from its events, the two times, the cache, batches and prefixes."""

from __future__ import annotations

import json

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    artefact_question,
    checkpoint,
    failed,
    failed_as,
    function_question,
    passed,
    prediction,
)
from labs.display.format import times as as_times
from labs.records import Measurement, Records

_SIXTEEN = {"kind": "load", "option": "tokens-16"}
_HIT = {"kind": "load", "option": "tokens-prefix-hit"}


def tokens_per_s(record: Measurement) -> float:
    """Return the tokens of all prompts together over the seconds until the last of them."""
    arrived_s = record.details["arrived_s"]
    return sum(map(len, arrived_s)) / max(one[-1] for one in arrived_s)


@prediction(
    "s.tokens.batch_guess",
    about=_SIXTEEN,
    title="Predict how many times as many tokens a second sixteen prompts give as one",
    between=(0.1, 100),
    show=as_times,
)
def batch_gain(records: Records) -> float | None:
    """Return tokens a second of sixteen prompts over those of one."""
    many, one = records.latest(**_SIXTEEN), records.latest(kind="load", option="tokens-1")
    return None if many is None or one is None else tokens_per_s(many) / tokens_per_s(one)


#: Seconds that the engine without a model takes from a first to a last of ten tokens.
_TOKENS, _SPREAD_S = 10, 0.45


def inspect_app(path) -> dict:
    """Return what a student's app does, started with an engine that has no model and yields words at a known pace."""
    import time

    import httpx

    from labs.serve.running import ServiceError
    from labs.tokens import serving

    facts = {"ended": "", "status": 0, "media_type": "", "tokens": [], "done": False, "spread_s": 0.0}
    facts |= {"without_prompt": 0, "too_many": 0}
    try:
        service = serving.start(path, model=False, within_s=60)
    except ServiceError as error:
        return facts | {"ended": str(error)[-500:]}
    with httpx.Client(base_url=service.url, timeout=10) as client:
        try:
            arrived_s, text = [], ""
            with client.stream("POST", "/generate", json={"prompt": "hot soup", "max_tokens": _TOKENS}) as reply:
                for piece in reply.iter_text():
                    arrived_s.append(time.perf_counter())
                    text += piece
            events = [one.removeprefix("data:").strip() for one in text.split("\n\n") if one.startswith("data:")]
            facts |= {
                "status": reply.status_code,
                "media_type": reply.headers.get("content-type", ""),
                "tokens": [_token(one) for one in events if one != "[DONE]"],
                "done": events[-1:] == ["[DONE]"],
                "spread_s": arrived_s[-1] - arrived_s[0] if arrived_s else 0.0,
                "without_prompt": client.post("/generate", json={"max_tokens": 2}).status_code,
            }
            with client.stream("POST", "/generate", json={"prompt": "soup", "max_tokens": 100_000}) as reply:
                facts["too_many"] = reply.status_code
        except httpx.HTTPError as error:
            facts["ended"] = facts["ended"] or f"{type(error).__name__}: {error} {service.log(400)}"
        finally:
            service.stop(1)
    return facts


def _token(event: str) -> str | None:
    try:
        return str(json.loads(event)["token"])
    except (ValueError, KeyError, TypeError):
        return None


_GOOD = {
    "ended": "",
    "status": 200,
    "media_type": "text/event-stream; charset=utf-8",
    "tokens": [" hot", " soup"] * 5,
    "done": True,
    "spread_s": 0.47,
    "without_prompt": 422,
    "too_many": 422,
}


@artefact_question(
    "s.tokens.app",
    points=4,
    title="Write a route that streams tokens as they come",
    hints=(
        "An `async def` with `yield` in it makes the events; `StreamingResponse(events(), media_type=…)` sends them.",
        'Each event is `f"data: {json.dumps({\'token\': token})}\\n\\n"`; after the loop comes "data: [DONE]\\n\\n". '
        "`max_tokens: int = Field(32, ge=1, le=256)` refuses what is too much.",
    ),
    inspect=inspect_app,
    mistakes={
        "ended": "The app does not run, or breaks off; the end of its log stands below.",
        "no route": "POST /generate with a prompt and max_tokens does not answer 200.",
        "not events": "The reply does not say `text/event-stream`: pass it to StreamingResponse as `media_type`.",
        "form": "There are not ten events with a token each: `data: `, JSON with `token`, and an empty line.",
        "at once": "All tokens arrive together: they were collected before any was sent. `yield` each as it comes.",
        "no end": "The last event is not `data: [DONE]`, so a client cannot tell an end from a broken connection.",
        "no check": "A body without `prompt` is not refused with 422: let a Pydantic model describe it.",
        "no limit": "100,000 tokens are accepted: one client would hold a place for an hour. Set a most in the model.",
    },
    examples={
        "good": _GOOD,
        "ended": {**_GOOD, "ended": "NameError: name 'engine' is not defined"},
        "no route": {**_GOOD, "status": 404},
        "not events": {**_GOOD, "media_type": "text/plain; charset=utf-8"},
        "form": {**_GOOD, "tokens": [None]},
        "at once": {**_GOOD, "spread_s": 0.001},
        "no end": {**_GOOD, "done": False},
        "no check": {**_GOOD, "without_prompt": 500},
        "no limit": {**_GOOD, "too_many": 200},
    },
)
def app(facts: dict, records: Records) -> Verdict:
    """Judge the stream's form and pace, its end, and what the route refuses."""
    if facts["ended"]:
        return failed_as("ended", yours=facts["ended"])
    if facts["status"] != 200:
        return failed_as("no route", yours=f"status {facts['status']}")
    if not facts["media_type"].startswith("text/event-stream"):
        return failed_as("not events", yours=facts["media_type"])
    if facts["tokens"] != [" hot", " soup"] * (_TOKENS // 2):
        return failed_as("form", yours=str(facts["tokens"])[:200])
    if facts["spread_s"] < _SPREAD_S / 2:
        return failed_as("at once", yours=f"{facts['spread_s']:.3f} s from the first to the last")
    if not facts["done"]:
        return failed_as("no end")
    if facts["without_prompt"] != 422:
        return failed_as("no check", yours=f"status {facts['without_prompt']}")
    if facts["too_many"] != 422:
        return failed_as("no limit", yours=f"status {facts['too_many']}")
    return passed("Each token leaves when it is there, the end is said, and nonsense is refused.")


def _lines(random: np.random.Generator) -> list[tuple]:
    words = [" soup", "Bread", " of", " the\n", '"', " crème", "", " [DONE]"]
    tokens = [words[int(place)] for place in random.permutation(len(words))]
    lines = [f"data: {json.dumps({'token': token})}" for token in tokens]
    tight = f"data:{json.dumps({'token': tokens[0]})}"
    return [(line,) for line in (*lines, tight, "", "data: [DONE]", ": still here", "event: ping")]


def _json_of(line: str) -> str:
    return line.removeprefix("data:").strip()


@function_question(
    "s.tokens.token",
    points=2,
    title="Read a token from a line of a stream",
    hints=(
        "Only lines that begin with `data:` carry something, and one of these says `[DONE]`; what is JSON is decoded.",
        '`json.loads(line.removeprefix("data:"))["token"]`, after both other cases have returned None.',
    ),
    cases=_lines,
    mistakes=(
        Mistake(
            "raw",
            lambda line: _json_of(line) if token_of(line) is not None else None,
            "This is the event's JSON still: decode it, and take its `token`.",
        ),
        Mistake(
            "stripped",
            lambda line: None if token_of(line) is None else token_of(line).strip(),
            "A token's blanks belong to it: without them all words run together.",
        ),
        Mistake(
            "end",
            lambda line: "[DONE]" if _json_of(line) == "[DONE]" else token_of(line),
            "`[DONE]` is the end of the stream, and no token.",
        ),
        Mistake(
            "blank after the colon",
            lambda line: token_of(line) if line.startswith("data: ") else None,
            "A blank after `data:` may be there or not: `data:{…}` is an event, too.",
        ),
        Mistake(
            "empty",
            lambda line: token_of(line) or None,
            "An empty token is a token: half a letter has no text yet, and counts.",
        ),
    ),
    right="Ten lines read every service that streams in this form.",
)
def token_of(line: str) -> str | None:
    """Return the token in a line, or None."""
    if not line.startswith("data:") or _json_of(line) == "[DONE]":
        return None
    return json.loads(_json_of(line))["token"]


def _arrivals(random: np.random.Generator) -> list[tuple]:
    cases = []
    for count in (2, 5, 32, 64):
        sent_s = float(random.uniform(0, 1000))
        first_s = sent_s + float(random.uniform(0.05, 3))
        cases.append((sent_s, [first_s, *(first_s + np.cumsum(random.uniform(0.01, 0.1, count - 1))).tolist()]))
    return cases


def _own_arrivals(records: Records) -> list[tuple]:
    return [(0.0, one) for one in records.latest(**_SIXTEEN).details["arrived_s"]]


@function_question(
    "s.tokens.times",
    points=2,
    title="Time to first token, and time per output token",
    hints=(
        "The first counts from sending. The second is the pace after that: how many gaps have n tokens?",
        "`first = arrived_s[0] - sent_s` and `(arrived_s[-1] - arrived_s[0]) / (len(arrived_s) - 1)`.",
    ),
    cases=_arrivals,
    own=_own_arrivals,
    needs=(_SIXTEEN,),
    mistakes=(
        Mistake(
            "with the first",
            lambda sent_s, arrived_s: [arrived_s[0] - sent_s, (arrived_s[-1] - sent_s) / len(arrived_s)],
            "The time per output token leaves the first one out: that one waits for the whole prompt.",
        ),
        Mistake(
            "one gap more",
            lambda sent_s, arrived_s: [arrived_s[0] - sent_s, (arrived_s[-1] - arrived_s[0]) / len(arrived_s)],
            "Between n tokens there are n - 1 gaps.",
        ),
        Mistake(
            "tokens a second",
            lambda sent_s, arrived_s: [arrived_s[0] - sent_s, (len(arrived_s) - 1) / (arrived_s[-1] - arrived_s[0])],
            "These are tokens a second; seconds a token are asked for.",
        ),
        Mistake(
            "not from sending",
            lambda sent_s, arrived_s: [arrived_s[0], times(sent_s, arrived_s)[1]],
            "The first token's time counts from sending: subtract `sent_s`.",
        ),
        Mistake(
            "turned",
            lambda sent_s, arrived_s: times(sent_s, arrived_s)[::-1],
            "Turned around: first the time to the first token.",
        ),
    ),
    right="One is the wait that a reader notices, the other the speed at which the text then grows.",
)
def times(sent_s: float, arrived_s: list[float]) -> list[float]:
    """Return time to first token and time per output token."""
    return [arrived_s[0] - sent_s, (arrived_s[-1] - arrived_s[0]) / (len(arrived_s) - 1)]


def _configs(random: np.random.Generator) -> list[tuple]:
    cases = []
    for heads, groups, layers in ((9, 3, 30), (32, 8, 16), (12, 12, 12), (40, 8, 48)):
        config = {
            "hidden_size": heads * int(random.choice([64, 96, 128])),
            "num_hidden_layers": layers + int(random.integers(0, 4)),
            "num_attention_heads": heads,
            "num_key_value_heads": groups,
        }
        cases.append((config, int(random.integers(64, 4096)), int(random.integers(1, 33)), int(random.choice([1, 2]))))
    return cases


def _cache(config: dict, heads: str, tokens: int, prompts: int, bytes_each: float) -> float:
    size = config["hidden_size"] // config["num_attention_heads"]
    return 2 * config["num_hidden_layers"] * config[heads] * size * tokens * prompts * bytes_each


@function_question(
    "s.tokens.kv_cache",
    points=3,
    title="How many bytes the keys and values take",
    hints=(
        "Each layer keeps a key and a value for each token and key-value head. How many numbers has a head?",
        "2 × layers × key-value heads × numbers of a head × tokens × prompts × bytes.",
    ),
    cases=_configs,
    mistakes=(
        Mistake(
            "keys only",
            lambda config, tokens, prompts, size: kv_cache_bytes(config, tokens, prompts, size) // 2,
            "A key and a value are kept: twice as many.",
        ),
        Mistake(
            "all heads",
            lambda config, tokens, prompts, size: _cache(config, "num_attention_heads", tokens, prompts, size),
            "Several query heads share one key-value head here (grouped-query attention): count `num_key_value_heads`.",
        ),
        Mistake(
            "one layer",
            lambda config, *rest: kv_cache_bytes(config, *rest) // config["num_hidden_layers"],
            "Every layer keeps its own.",
        ),
        Mistake(
            "one prompt",
            lambda config, tokens, prompts, size: kv_cache_bytes(config, tokens, 1, size),
            "Each prompt has keys and values of its own.",
        ),
        Mistake(
            "hidden size",
            lambda config, tokens, prompts, size: (
                (2 * config["num_hidden_layers"] * config["num_key_value_heads"] * config["hidden_size"] * tokens)
                * prompts
                * size
            ),
            "One head has hidden_size / num_attention_heads numbers, not all of them.",
        ),
    ),
    right="So it grows with every token of every prompt, and it is what limits how many prompts fit.",
)
def kv_cache_bytes(config: dict, tokens: int, prompts: int, bytes_per_number: int) -> int:
    """Return bytes of keys and values."""
    return _cache(config, "num_key_value_heads", tokens, prompts, bytes_per_number)


@prediction(
    "s.tokens.prefix_guess",
    about=_HIT,
    title="Predict how many times as fast the first token comes when the prompt's beginning is cached",
    between=(0.1, 1000),
    show=as_times,
)
def prefix_gain(records: Records) -> float | None:
    """Return the mean time to first token without the cache over that with it."""
    means = []
    for option in ("tokens-prefix-miss", "tokens-prefix-hit"):
        runs = records.measurements(kind="load", option=option)[-3:]
        if not runs:
            return None
        means.append(sum(one.details["arrived_s"][0][0] for one in runs) / len(runs))
    return means[0] / means[1]


_ORDERS = {
    "question, guest's name, menu": "Nothing two prompts share stands at the beginning: every one is computed whole.",
    "guest's name, menu, question": "The name differs, and with it everything after it: the menu is never found again.",
}


@checkpoint(
    "s.tokens.order",
    points=2,
    title="Say in which order a prompt is built",
    form={"order": ("menu, guest's name, question", *_ORDERS), "reason": str},
    needs=(_HIT,),
    hints=(
        "What do two guests' prompts share, and from where on must everything be computed anew?",
        "A cached prefix ends at the first token that differs: what is shared by all comes first.",
    ),
    mistakes=_ORDERS,
)
def order(records: Records) -> Verdict:
    """Judge the choice; the reason is for a person."""
    given = records.answer("s.tokens.order")
    if given["order"] in _ORDERS:
        return failed_as(given["order"])
    if len(given["reason"].split()) < 8:
        return failed("Say why in a sentence: up to where are two prompts the same?")
    return passed("Shared by all first, then what some share, and last what nobody else asks.")
