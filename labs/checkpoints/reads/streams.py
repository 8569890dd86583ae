"""Facts about an app that streams: what it does with an engine that has no model and yields words at a known pace."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

#: Tokens that are asked for; the engine's words repeat.
_TOKENS, _WORDS = 10, (" hot", " soup")


def streaming_app(path: Path) -> dict:
    """Return the form and pace of a stream, how it ends, and what the route refuses."""
    # Here, since a grader asks without them.
    import httpx

    from labs.serve.running import ServiceError
    from labs.tokens import serving

    facts = {"ended": "", "status": 0, "media_type": "", "right_events": False, "spread_s": 0.0, "done": False}
    facts |= {"without_prompt": 0, "too_many": 0}
    try:
        service = serving.start(path, model=False, within_s=60)
    except ServiceError as error:
        return facts | {"ended": str(error)[-300:]}
    with httpx.Client(base_url=service.url, timeout=10) as client:
        try:
            arrived_s, pieces = [], []
            with client.stream("POST", "/generate", json={"prompt": "hot soup", "max_tokens": _TOKENS}) as reply:
                for piece in reply.iter_text():
                    arrived_s.append(time.perf_counter())
                    pieces.append(piece)
            facts |= {
                "status": reply.status_code,
                **facts_of(reply.headers.get("content-type", ""), pieces, arrived_s, [*_WORDS] * (_TOKENS // 2)),
                "without_prompt": client.post("/generate", json={"max_tokens": 2}).status_code,
            }
            with client.stream("POST", "/generate", json={"prompt": "soup", "max_tokens": 100_000}) as reply:
                facts["too_many"] = reply.status_code
        except httpx.HTTPError as error:
            facts["ended"] = f"{type(error).__name__}: {error} {service.log(300)}"
        finally:
            service.stop(1)
    return facts


def facts_of(
    media_type: str,
    pieces: Sequence[str],
    arrived_s: Sequence[float],
    words: Sequence[str],
    loads: Callable[[str], object] = json.loads,
) -> dict:
    """Return form and pace of a reply that streams.

    Args:
        media_type: Its content type.
        pieces: Of its text, as they came.
        arrived_s: When each came, in seconds of any clock.
        words: What the engine yielded.
        loads: Reads JSON, as a grader's own loader does.
    """
    events = [one.removeprefix("data:").strip() for one in "".join(pieces).split("\n\n") if one.startswith("data:")]
    return {
        "media_type": media_type.partition(";")[0],
        "right_events": [_token(one, loads) for one in events if one != "[DONE]"] == list(words),
        "done": events[-1:] == ["[DONE]"],
        "spread_s": arrived_s[-1] - arrived_s[0] if arrived_s else 0.0,
    }


def _token(event: str, loads: Callable[[str], object]) -> str | None:
    try:
        return str(loads(event)["token"])
    except (ValueError, KeyError, TypeError):
        return None
