"""Cloud or edge: what a photo's way over a link takes, and from which uplink on the cloud answers sooner."""

from __future__ import annotations

import math

import numpy as np

from grading.checkpoints import Mistake, function_question
from grading.checkpoints.start.lesson_02 import LATENCY, PIXELS, rates_of
from labs.records import Records
from labs.records.customers import BOARD_TIMES_AS_LONG, ROUND_TRIPS, customer


def _links(random: np.random.Generator) -> list[tuple]:
    return [
        (
            float(random.uniform(0.2, 6)),
            float(random.uniform(1, 100)),
            float(random.uniform(0.02, 0.3)),
            trips,
            float(random.uniform(0.05, 0.5)),
        )
        for trips in (3, 1, 3, 2, 4)
    ]


def _own_links(records: Records) -> list[tuple]:
    one = customer("canteens")
    latency_s = rates_of(records)[PIXELS[0]]["latency_s"]
    return [(one.photo_mb, one.upload_mbit_s, one.round_trip_s, ROUND_TRIPS, latency_s)]


@function_question(
    "start.serving.over_link",
    points=2,
    title="Write how long an answer from the cloud takes",
    hints=(
        "Three parts one after the other: all round trips, the photo's bits on the uplink, and the model.",
        "A byte has eight bits: `8 * photo_mb / upload_mbit_s` seconds for the photo.",
    ),
    cases=_links,
    own=_own_links,
    needs=(LATENCY,),
    mistakes=(
        Mistake(
            "bytes",
            lambda mb, mbit_s, trip_s, trips, compute_s: mb / mbit_s + trips * trip_s + compute_s,
            "The photo is counted in bytes and the uplink in bits: a byte has eight.",
        ),
        Mistake(
            "one trip",
            lambda mb, mbit_s, trip_s, trips, compute_s: 8 * mb / mbit_s + trip_s + compute_s,
            "That is one round trip. Before a new connection's first request there are others.",
        ),
        Mistake(
            "half trips",
            lambda mb, mbit_s, trip_s, trips, compute_s: 8 * mb / mbit_s + trips * trip_s / 2 + compute_s,
            "A round trip is the way there *and* back already.",
        ),
        Mistake(
            "network only",
            lambda mb, mbit_s, trip_s, trips, compute_s: 8 * mb / mbit_s + trips * trip_s,
            "The model has to run over there as well.",
        ),
        Mistake(
            "sent each trip",
            lambda mb, mbit_s, trip_s, trips, compute_s: trips * (8 * mb / mbit_s + trip_s) + compute_s,
            "The photo travels once; the other round trips carry next to nothing.",
        ),
    ),
    right="On a slow link the model is the smallest part of the wait.",
)
def over_link_s(
    photo_mb: float, upload_mbit_s: float, round_trip_s: float, round_trips: int, compute_s: float
) -> float:
    """Return the seconds from sending a photo until its answer is back."""
    return 8 * photo_mb / upload_mbit_s + round_trips * round_trip_s + compute_s


def _races(random: np.random.Generator) -> list[tuple]:
    cases = []
    for left_s in (0.4, 0.05, None, 1.5, None):
        photo_mb, trip_s, cloud_s = (float(random.uniform(*one)) for one in ((0.2, 6), (0.01, 0.1), (0.005, 0.05)))
        trips, share = int(random.integers(2, 5)), float(random.uniform(0.2, 0.8))
        # Without anything left, a device that is slower than the server wins by the round trips alone.
        longer_s = share * trips * trip_s if left_s is None else trips * trip_s + left_s * (1 + share)
        cases.append((photo_mb, trip_s, trips, cloud_s, cloud_s + longer_s))
    return cases


def _own_races(records: Records) -> list[tuple]:
    one, latency_s = customer("canteens"), rates_of(records)[PIXELS[0]]["latency_s"]
    return [(one.photo_mb, one.round_trip_s, ROUND_TRIPS, latency_s, BOARD_TIMES_AS_LONG * latency_s)]


def _in_mb(photo_mb: float, trip_s: float, trips: int, cloud_s: float, device_s: float) -> float:
    return break_even_mbit_s(photo_mb, trip_s, trips, cloud_s, device_s) / 8


def _whole_time(photo_mb: float, trip_s: float, trips: int, cloud_s: float, device_s: float) -> float:
    left_s = device_s - trips * trip_s
    return 8 * photo_mb / left_s if left_s > 0 else math.inf


def _without_trips(photo_mb: float, trip_s: float, trips: int, cloud_s: float, device_s: float) -> float:
    left_s = device_s - cloud_s
    return 8 * photo_mb / left_s if left_s > 0 else math.inf


@function_question(
    "start.serving.break_even",
    points=2,
    title="Compute from which uplink on the cloud answers sooner than the device",
    hints=(
        "What is left of the device's time for the photo's bits, once the round trips and the server's model are over?",
        "`8 * photo_mb / left_s`; where nothing is left, no uplink is fast enough: `math.inf`.",
    ),
    cases=_races,
    own=_own_races,
    needs=(LATENCY,),
    mistakes=(
        Mistake("megabytes", _in_mb, "These are megabytes a second; an uplink is sold in megabits."),
        Mistake("no server", _whole_time, "The server's model takes its time too."),
        Mistake(
            "no round trips", _without_trips, "A fast uplink does not bring the data centre nearer: round trips stay."
        ),
        Mistake(
            "below zero",
            lambda photo_mb, trip_s, trips, cloud_s, device_s: 8 * photo_mb / (device_s - cloud_s - trips * trip_s),
            "No uplink has a speed below zero: where nothing is left of the time, the answer is `math.inf`.",
        ),
    ),
    right="Below this uplink the device answers sooner, above it the cloud.",
)
def break_even_mbit_s(photo_mb: float, round_trip_s: float, round_trips: int, cloud_s: float, device_s: float) -> float:
    """Return the megabits a second at which both take equally long; infinity where the device always wins."""
    left_s = device_s - cloud_s - round_trips * round_trip_s
    return 8 * photo_mb / left_s if left_s > 0 else math.inf
