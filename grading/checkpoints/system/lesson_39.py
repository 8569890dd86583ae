"""Serve with Ray: an application and its configuration, how many replicas come, and who pays for scale to zero."""

from __future__ import annotations

from math import ceil, exp
from pathlib import Path
from statistics import median

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
from labs.display.format import times
from labs.records import Records

#: Processors that the lesson's cluster gives away, and the images that are asked for at once.
_CPUS, _IMAGES = 4, 8


def inspect_application(path: object) -> dict:
    """Return what Ray builds from the file, and what the running application answers."""
    from labs.serve.ray.examine import facts_about_application

    return facts_about_application(Path(path))


def inspect_config(path: object) -> dict:
    """Return what Ray's own schema reads in the file."""
    from labs.serve.ray.examine import facts_about_config

    return facts_about_config(Path(path))


@prediction(
    "s.ray.cold_guess",
    about={"subject": "ray.cold"},
    title="Predict how many times as long a request takes that finds no replica",
    between=(1, 1e6),
    show=times,
)
def cold_over_warm(records: Records) -> float | None:
    """Return the cold request's seconds over the median of the warm ones."""
    seen = records.seen("ray.cold")
    return None if seen is None else seen["cold_s"] / median(seen["warm_s"])


_GOOD_APP = {
    "deployments": ["Preprocess", "Classifier", "Gateway"],
    "max_batch_size": 8,
    "statuses": [200] * _IMAGES,
    "classes": [0, 2, 0, 0, 10, 0, 1, 3],
    "right": [0, 2, 0, 0, 10, 0, 1, 3],
    "refused": 422,
}


@artefact_question(
    "s.ray.app",
    points=4,
    title="Write a Ray Serve application of three deployments that classifies in batches",
    hints=(
        "Three classes under `@serve.deployment`; the one that HTTP reaches has `@serve.ingress(api)` below it.",
        "`@serve.batch` stands over an `async def __call__(self, tensors)`; the model takes `np.stack(tensors)`.",
    ),
    inspect=inspect_application,
    mistakes={
        "one_piece": "Everything is in one deployment: decoding and model cannot be scaled apart.",
        "no_batch": "No method is under `@serve.batch` with a batch above 1: each image runs alone.",
        "not_answered": "Not every one of eight images at once got an answer. The replica's log says why.",
        "mixed_up": "Classes are not those of the model: does each item of a batch get its own row?",
        "not_refused": "A body that is no image does not get 422.",
    },
    examples={
        "good": _GOOD_APP,
        "one_piece": {**_GOOD_APP, "deployments": ["Gateway"]},
        "no_batch": {**_GOOD_APP, "max_batch_size": 1},
        "not_answered": {**_GOOD_APP, "statuses": [200] * 7 + [500], "classes": [0, 2, 0, 0, 10, 0, 1, None]},
        "mixed_up": {**_GOOD_APP, "classes": [3, 1, 0, 10, 0, 0, 2, 0]},
        "not_refused": {**_GOOD_APP, "refused": 500},
    },
)
def application(facts: dict, records: Records) -> Verdict:
    """Judge deployments, batches and answers."""
    if len(facts["deployments"]) < 3:
        return failed_as("one_piece", yours=", ".join(facts["deployments"]))
    if facts["max_batch_size"] < 2:
        return failed_as("no_batch")
    if facts["statuses"] != [200] * _IMAGES:
        return failed_as("not_answered", yours=", ".join(map(str, facts["statuses"])))
    if facts["classes"] != facts["right"]:
        return failed_as("mixed_up", yours=", ".join(map(str, facts["classes"])))
    if facts["refused"] != 422:
        return failed_as("not_refused", yours=str(facts["refused"]))
    return passed("Eight images at once, each with its own class.", yours=", ".join(facts["deployments"]))


def _config(**changed: object) -> dict:
    """Return facts about a good configuration, with some of the classifier's changed."""
    small = {"num_cpus": 0.1, "min_replicas": 1, "max_replicas": 1, "target_ongoing_requests": None}
    deployments = {
        "Gateway": small,
        "Preprocess": small,
        "Classifier": {"num_cpus": 0.5, "min_replicas": 1, "max_replicas": 3, "target_ongoing_requests": 2, **changed},
    }
    one = {"name": "food", "route_prefix": "/food", "import_path": "app:build", "deployments": deployments}
    return {"host": "127.0.0.1", "proxy_location": "HeadOnly", "applications": [one]}


@artefact_question(
    "s.ray.config",
    points=3,
    title="Write a Serve config with autoscaling that fits the cluster",
    hints=(
        "Take the smaller one as a pattern. Every deployment without `num_cpus` reserves a whole processor.",
        "`http_options` with `host: 127.0.0.1`; 0.1 processors for the two small ones, 0.5 for each Classifier.",
    ),
    inspect=inspect_config,
    mistakes={
        "all_addresses": "Serve listens on all addresses: that is the schema's default where `host` is missing.",
        "another_route": "One application at `/food` is asked for, made by `app:build`.",
        "fixed": "`Classifier` does not go from one to three replicas at two ongoing requests each.",
        "no_room": "All replicas together reserve more than the cluster's 4 processors: the last would wait for ever.",
    },
    examples={
        "good": _config(),
        "all_addresses": {**_config(), "host": "0.0.0.0"},
        "another_route": {**_config(), "applications": [{**_config()["applications"][0], "route_prefix": "/"}]},
        "fixed": _config(max_replicas=1),
        "no_room": _config(num_cpus=2),
    },
)
def config(facts: dict, records: Records) -> Verdict:
    """Judge address, route, autoscaling, and that all replicas find room."""
    if facts["host"] != "127.0.0.1":
        return failed_as("all_addresses", yours=facts["host"])
    if [(one["route_prefix"], one["import_path"]) for one in facts["applications"]] != [("/food", "app:build")]:
        return failed_as("another_route")
    deployments = facts["applications"][0]["deployments"]
    wanted = {"min_replicas": 1, "max_replicas": 3, "target_ongoing_requests": 2}
    if any(deployments.get("Classifier", {}).get(name) != value for name, value in wanted.items()):
        return failed_as("fixed")
    # A deployment that the file does not name reserves a whole processor.
    unnamed = len({"Gateway", "Preprocess"} - set(deployments))
    reserved = sum(one["num_cpus"] * one["max_replicas"] for one in deployments.values()) + unnamed
    if reserved > _CPUS:
        return failed_as("no_room", yours=f"{reserved:g} processors")
    return passed("Ray's own schema takes it.", yours=f"{reserved:g} of {_CPUS} processors at most")


def _loads(random: np.random.Generator) -> list[tuple]:
    drawn = [(random.uniform(20, 400), random.uniform(0.02, 0.2), random.integers(2, 6)) for _ in range(6)]
    return [(1.0, 0.01, 2), *((float(rate), float(seconds), int(target)) for rate, seconds, target in drawn)]


@function_question(
    "s.ray.replicas",
    title="Foresee how many replicas the autoscaler wants",
    hints=(
        "Ongoing requests: rate × seconds. Each replica is to hold `target_ongoing` of them.",
        "Two and a half replicas are three, and there is always one.",
    ),
    cases=_loads,
    mistakes=(
        Mistake(
            "rounded down",
            lambda rate_rps, service_s, target_ongoing: max(1, int(rate_rps * service_s / target_ongoing)),
            "Rounded down: then each replica holds more than its target.",
        ),
        Mistake(
            "no target",
            lambda rate_rps, service_s, target_ongoing: max(1, ceil(rate_rps * service_s)),
            "This is one replica for each ongoing request; each may hold `target_ongoing` of them.",
        ),
        Mistake(
            "fraction",
            lambda rate_rps, service_s, target_ongoing: max(1, rate_rps * service_s / target_ongoing),
            "There are no parts of replicas: round up.",
        ),
    ),
    right="Little's law, divided by a target.",
)
def replicas_needed(rate_rps: float, service_s: float, target_ongoing: float) -> int:
    """Return the ongoing requests over the target, rounded up; one at least."""
    return max(1, ceil(rate_rps * service_s / target_ongoing))


@checkpoint(
    "s.ray.scaled",
    evidence_only=True,
    title="Let the autoscaler add a replica under a rising load",
    needs=({"subject": "ray.scaling"},),
    hints=(
        "The cell with `ReplicaWatch` above measures it.",
        "`serve status` shows why no second replica comes: too few requests, or no room.",
    ),
    mistakes={"one replica": "Only one replica ran at any time."},
)
def scaled(records: Records) -> Verdict:
    """Judge that a second replica answered while load rose."""
    seen = records.seen("ray.scaling")
    running = [row["running"] for row in seen["rows"]]
    if not running or max(running) < 2:
        return failed_as("one replica")
    if running[0] >= max(running):
        return failed("There were as many before the load: deploy `food.yaml` afresh, and measure again.")
    return passed("It counted for itself.", f"from {running[0]} to {max(running)} replicas")


def _nights(random: np.random.Generator) -> list[tuple]:
    return [(float(random.uniform(5, 300)), float(random.uniform(1, 600))) for _ in range(6)]


@function_question(
    "s.ray.cold_share",
    title="Say what share of requests finds no replica",
    hints=(
        "The probability that a gap is longer than the idle time.",
        "`np.exp(...)` of minus the idle time over the mean gap.",
    ),
    cases=_nights,
    mistakes=(
        Mistake(
            "warm",
            lambda mean_gap_s, idle_s: 1 - exp(-idle_s / mean_gap_s),
            "This is the share that finds a replica.",
        ),
        Mistake(
            "turned around",
            lambda mean_gap_s, idle_s: exp(-mean_gap_s / idle_s),
            "Turned around: a longer idle time must leave fewer in the cold.",
        ),
    ),
    right="The share of requests that wait is the share of time that is saved.",
)
def cold_share(mean_gap_s: float, idle_s: float) -> float:
    """Return the probability of a gap longer than the idle time."""
    return exp(-idle_s / mean_gap_s)
