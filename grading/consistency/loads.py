"""Load: what a sender felt, what a server counted, and Little's law between them."""

from __future__ import annotations

from collections.abc import Iterator

from grading.consistency.finding import Finding, flag, impossible, named

#: Share by which sums of rounded times may exceed what bounds them.
_ROUNDING = 0.01

#: A server counts warm-up and health checks too, and its counters are read a moment before and after a run; what it
#: counts may be more than the sender's good answers, but hardly less than this share of them.
_COUNTED = 0.5

#: Of a request's mean time at the sender, the server's own part is the smaller one; room for clocks read elsewhere.
_SERVERS_PART = 1.25


def load_hangs_together(records: list[dict]) -> Iterator[Finding]:
    """Yield load records whose requests do not fit into their run.

    Source: Little (1961): requests inside at once are their rate times their time; N senders have at most N inside.
    """
    for record in records:
        load = record.get("load")
        if record["kind"] != "load" or not isinstance(load, dict):
            continue
        samples, offsets, failures = record["samples"], load["offsets_s"], load["failures"]
        if len(offsets) != len(samples):
            message = f"The {named(record)} has {len(samples)} answers and {len(offsets)} moments at which they began."
            yield impossible("load-of-two-lengths", message, record)
            continue
        ends = [a + b for a, b in zip(offsets, samples, strict=True)]
        ends += [failure["offset_s"] + failure["latency_s"] for failure in failures]
        inside_s = sum(samples) + sum(failure["latency_s"] for failure in failures)
        if load["mode"] == "closed" and inside_s > record["concurrency"] * max(ends) * (1 + _ROUNDING):
            message = (
                f"In the {named(record)}, {record['concurrency']} senders waited {inside_s:.0f} s in all, within "
                f"{max(ends):.0f} s: each waits for one answer at a time."
            )
            yield impossible("load-beyond-its-senders", message, record)


def server_agrees(records: list[dict]) -> Iterator[Finding]:
    """Yield load records whose server counted far fewer requests, or spent longer on each, than the sender saw."""
    for record in records:
        server = (record.get("load") or {}).get("server")
        if record["kind"] != "load" or not isinstance(server, dict):
            continue
        mean_s = sum(record["samples"]) / len(record["samples"])
        spent_s = sum(server[name] for name in ("queue_s", "input_s", "infer_s", "output_s"))
        if server["requests"] < _COUNTED * len(record["samples"]):
            message = f"The {named(record)}: {len(record['samples'])} good answers, and a server that counted "
            yield flag("server-counted-fewer", message + f"{server['requests']}.", record)
        elif spent_s > _SERVERS_PART * mean_s + 1e-3:
            message = f"The {named(record)}: the server says {spent_s * 1e3:.3g} ms a request, the sender "
            yield flag("server-slower-than-sender", message + f"{mean_s * 1e3:.3g} ms.", record)
