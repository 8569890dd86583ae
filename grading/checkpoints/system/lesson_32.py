"""Serve over HTTP: the crowd, the model's share, the ideas that make a service fast, and how long a queue may be."""

from __future__ import annotations

from statistics import median

import numpy as np

from grading.checkpoints import Mistake, Verdict, checkpoint, failed_as, function_question, missing, passed, prediction
from grading.checkpoints.system.runs import answered_per_s
from labs import stats
from labs.display.format import times
from labs.records import Measurement, Records

#: The services of the ablation: each lacks one idea of 'http-all'.
WITHOUT = ("http-fp32", "http-full-decode", "http-on-loop", "http-default-threads", "http-alone-1", "http-no-batch")

#: Fewest words of a reason.
_FEWEST_WORDS = 6


def newest_race(records: Records, concurrency: int, *options: str) -> dict[str, list[Measurement]] | None:
    """Return the rounds of each option from the newest race that all of them took part in, or None."""
    races: dict[str, dict[str, list[Measurement]]] = {}
    for one in records.measurements(kind="load", concurrency=concurrency):
        if "race_id" in one.details:
            races.setdefault(one.details["race_id"], {}).setdefault(one.option, []).append(one)
    whole = [race for race in races.values() if set(options) <= set(race)]
    if not whole:
        return None
    return {option: sorted(whole[-1][option], key=lambda one: one.details["round"]) for option in options}


def rate_ratio(race: dict[str, list[Measurement]], option: str, baseline: str) -> stats.Ratio:
    """Return how many times as many answers a second one option gave as another, as ``labs.load.race`` computes it."""
    return stats.ratio_of_medians(*([[answered_per_s(one)] for one in race[name]] for name in (option, baseline)))


@prediction(
    "s.http.sixteen_guess",
    about={"kind": "load", "option": "http-before"},
    title="Predict how many times as many answers sixteen clients get from the tutorial's service as one",
    between=(0.05, 100),
    show=times,
)
def sixteen(records: Records) -> float | None:
    """Return the tutorial's answers a second with sixteen clients over those with one."""
    races = [newest_race(records, clients, "http-before") for clients in (16, 1)]
    if None in races:
        return None
    many, one = (median(answered_per_s(run) for run in race["http-before"]) for race in races)
    return many / one


@prediction(
    "s.http.idea_guess",
    about={"kind": "load", "option": "http-all"},
    title="Predict which idea sixteen clients would miss most",
    choices=WITHOUT,
)
def most_missed(records: Records) -> str | None:
    """Return the option that gave sixteen clients the fewest answers a second."""
    race = newest_race(records, 16, *WITHOUT)
    return race and min(WITHOUT, key=lambda option: median(answered_per_s(run) for run in race[option]))


def _headers(random: np.random.Generator) -> list[tuple]:
    cases = []
    for order in ((0, 1, 2), (2, 0, 1), (1, 2, 0), (0, 2, 1)):
        queue_ms, prepare_ms, model_ms = random.uniform(0.02, 3), random.uniform(0.5, 4), random.uniform(1, 9)
        parts = [f"queue;dur={queue_ms:.2f}", f"prepare;dur={prepare_ms:.2f}", f"model;dur={model_ms:.2f}"]
        latency_s = (queue_ms + prepare_ms + model_ms) / 1e3 + float(random.uniform(4e-4, 6e-3))
        cases.append((", ".join(parts[place] for place in order), latency_s))
    return cases


def _milliseconds(header: str) -> dict[str, float]:
    return {name: float(value) for name, _, value in (part.strip().partition(";dur=") for part in header.split(","))}


@function_question(
    "s.http.share",
    title="Read the model's share of a request out of Server-Timing",
    points=1,
    hints=(
        "Split at the commas, and each part at `;dur=`. The order of the parts is not fixed.",
        "The header counts milliseconds, the latency is in seconds: `float(parts['model']) / 1000 / latency_s`.",
    ),
    cases=_headers,
    mistakes=(
        Mistake(
            "milliseconds",
            lambda header, latency_s: _milliseconds(header)["model"] / latency_s,
            "Server-Timing counts milliseconds, and `latency_s` seconds.",
        ),
        Mistake(
            "of the server's time",
            lambda header, latency_s: _milliseconds(header)["model"] / sum(_milliseconds(header).values()),
            "This is the share of what the service accounts for. The way there and back belongs to the latency too.",
        ),
        Mistake(
            "the rest",
            lambda header, latency_s: 1 - _milliseconds(header)["model"] / 1e3 / latency_s,
            "This is the share of everything but the model.",
        ),
        Mistake(
            "the last part",
            lambda header, latency_s: float(header.rpartition("=")[2]) / 1e3 / latency_s,
            "The model's is not always the last part: look for its name.",
        ),
    ),
    right="The rest is decoding, scaling, waiting and HTTP.",
)
def model_share(header: str, latency_s: float) -> float:
    """Return the model's share of a latency."""
    return _milliseconds(header)["model"] / 1e3 / latency_s


@checkpoint(
    "s.http.leave_out",
    title="Leave one idea out, for a reason",
    form={"option": WITHOUT, "reason": str},
    hints=(
        "Without which idea is the ratio of answers a second nearest to 1, or its interval around 1?",
        "The column `× answers/s`: the largest number, or an interval that holds 1. What does `× p50` say of "
        "the same row?",
    ),
    mistakes={
        "dear": (
            "Without this idea sixteen clients get clearly fewer answers, and another idea costs less to leave out."
        ),
        "no reason": "The reason says too little: which figure of the table do you mean?",
    },
)
def leave_out(records: Records) -> Verdict:
    """Judge that the idea is one whose lack does not show, or shows least; a person reads the reason."""
    given, race = records.answer("s.http.leave_out"), newest_race(records, 16, "http-all", *WITHOUT)
    if race is None:
        return missing("There is no race of all services with sixteen clients yet: run the cells above.")
    ratios = {option: rate_ratio(race, option, "http-all").interval for option in WITHOUT}
    chosen = ratios[given["option"]]
    if chosen.high < 1 and chosen.value < max(one.value for one in ratios.values()):
        return failed_as("dear")
    if len(given["reason"].split()) < _FEWEST_WORDS:
        return failed_as("no reason")
    return passed(
        "A service with one idea fewer. A person reads the reason.", f"{given['option']}: {times(chosen.value)}"
    )


def _objectives(random: np.random.Generator) -> list[tuple]:
    cases = []
    for turns, instances in ((20.5, 2), (12.4, 4), (7.6, 1), (0.5, 2), (1.4, 3), (33.7, 8)):
        image_s = float(random.uniform(0.004, 0.02))
        cases.append((image_s * (turns + float(random.uniform(-0.3, 0.3))), image_s, instances))
    return cases


@function_question(
    "s.http.bounded",
    title="Say how many images may wait for an answer in time",
    hints=(
        "In turns of `image_s`: every turn finishes one image on each instance. How many whole turns fit into"
        " `within_s`?",
        "The first of these turns belongs to the images that have just begun; each further one finishes "
        "`instances` images.",
    ),
    cases=_objectives,
    mistakes=(
        Mistake(
            "those being computed",
            lambda within_s, image_s, instances: int(within_s / image_s) * instances,
            "The instances are busy at first: their images take the first turn, and do not wait.",
        ),
        Mistake(
            "one instance",
            lambda within_s, image_s, instances: max(0, int(within_s / image_s) - 1),
            "The instances work side by side: each turn finishes one image on every one of them.",
        ),
        Mistake(
            "a part of a turn",
            lambda within_s, image_s, instances: max(0, int((within_s / image_s - 1) * instances)),
            "An image that is begun and not finished within the time comes too late: only whole turns count.",
        ),
        Mistake(
            "negative",
            lambda within_s, image_s, instances: (int(within_s / image_s) - 1) * instances,
            "Fewer than none cannot wait: where not even one turn fits, the answer is 0.",
        ),
    ),
    right="Whoever would come later than that is refused at once, and the answers that are given come in time.",
)
def most_waiting(within_s: float, image_s: float, instances: int) -> int:
    """Return how many images may wait."""
    return max(0, int(within_s / image_s + 1e-9) - 1) * instances
