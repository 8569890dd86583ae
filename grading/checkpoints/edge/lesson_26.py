"""Serve on the device: what a service adds, what the way costs, and when a server far away is faster."""

from __future__ import annotations

import numpy as np

from grading.checkpoints import Mistake, function_question, prediction
from labs.display.format import times
from labs.records import Records

APP, SERVICE = "edge-int8-app", "edge-int8-app-service"


def median_s(records: Records, option: str) -> float | None:
    """Return the median latency of an option's newest record in seconds, or None."""
    record = records.latest(kind="latency", option=option)
    return None if record is None else record.percentile(50)


@prediction(
    "e.serve.overhead_guess",
    about={"kind": "latency", "option": SERVICE},
    title="Predict how many times as long a photo takes through a service on the device",
    between=(0.3, 100),
    show=times,
)
def overhead(records: Records) -> float | None:
    """Return the service's median over the app's."""
    own, through = median_s(records, APP), median_s(records, SERVICE)
    return None if None in (own, through) else through / own


def _timings(random: np.random.Generator) -> list[tuple]:
    cases = []
    for _ in range(4):
        queue, prepare, model, more = (float(one) for one in random.uniform(2e-4, 6e-3, 4))
        cases.append((queue + prepare + model + more, {"queue": queue, "prepare": prepare, "model": model}))
    return cases


def _own_timings(records: Records) -> list[tuple]:
    record = records.latest(kind="latency", option=SERVICE)
    return [(record.percentile(50), record.details["server_timing_s"])] if record else []


@function_question(
    "e.serve.parts",
    points=2,
    title="Take a service's time apart: what neither waiting, preparing nor the model explains",
    hints=(
        "The client has measured the whole, the service its own parts.",
        "`(whole_s - sum(inside_s.values())) / whole_s`.",
    ),
    cases=_timings,
    own=_own_timings,
    needs=({"kind": "latency", "option": SERVICE},),
    mistakes=(
        Mistake("seconds", lambda whole, inside: whole - sum(inside.values()), "These are seconds: a share, please."),
        Mistake("inside", lambda whole, inside: sum(inside.values()) / whole, "That is the share of its own parts."),
        Mistake("model", lambda whole, inside: 1 - inside["model"] / whole, "Waiting and preparing are its own, too."),
        Mistake(
            "of the inside",
            lambda whole, inside: (whole - sum(inside.values())) / sum(inside.values()),
            "A share of the whole is asked for, not of the parts.",
        ),
    ),
    right="What the model takes is not what the till waits for.",
)
def rest_share(whole_s: float, inside_s: dict) -> float:
    """Return the share of HTTP: reading the request, writing the reply, and the client."""
    return (whole_s - sum(inside_s.values())) / whole_s


def _races(random: np.random.Generator) -> list[tuple]:
    return [(float(one), 0.003) for one in random.uniform(0.004, 0.05, 3)] + [(0.002, 0.003), (0.01, 0.001)]


@function_question(
    "e.serve.break_even",
    title="Compute up to which round trip the server is faster than the device",
    hints=("The server's answer is its own time and the way there and back.", "`max(0.0, device_s - server_s)`."),
    cases=_races,
    needs=({"kind": "latency", "option": APP},),
    mistakes=(
        Mistake("turned", lambda device, server: server - device, "Turned around: device less server."),
        Mistake("below zero", lambda device, server: device - server, "No way takes less than no time: 0 at least."),
        Mistake("one way", lambda device, server: max(0.0, device - server) / 2, "There *and back* is asked for."),
        Mistake("ratio", lambda device, server: device / server, "A time is asked for, not how many times as fast."),
    ),
    right="Below this the server wins, above it the box at hand.",
)
def break_even_s(device_s: float, server_s: float) -> float:
    """Return the seconds that the way there and back may take."""
    return max(0.0, device_s - server_s)
