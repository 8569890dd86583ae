"""Run a platform for several teams: a neighbour, a lost replica, a canary, a lost node."""

from __future__ import annotations

from pathlib import Path

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
from grading.checkpoints.system.lesson_39 import inspect_config
from labs.display.format import duration, times
from labs.records import Records

#: Requests of the router's look.
_ASKED = 60


@prediction(
    "s.teams.guess",
    about={"kind": "load", "option": "menu-shared-crowded"},
    title="Predict how many times as long Menu's tail becomes when Campaign shares its application",
    between=(0.1, 1e4),
    show=times,
)
def neighbour(records: Records) -> float | None:
    """Return Menu's p95 beside Campaign over its p95 alone, from the newest runs."""
    runs = [records.latest(kind="load", option=f"menu-shared-{how}") for how in ("crowded", "alone")]
    return None if None in runs else runs[0].percentile(95) / runs[1].percentile(95)


def _teams(**changed: object) -> dict:
    """Return facts about a good configuration, with some of Campaign's changed."""
    menu = {"num_cpus": 0.5, "min_replicas": 2, "max_replicas": 2, "max_queued_requests": -1}
    campaign = {"num_cpus": 0.5, "min_replicas": 1, "max_replicas": 1, "max_queued_requests": 8, **changed}
    made = {"import_path": "teams:build"}
    return {
        "host": "127.0.0.1",
        "proxy_location": "HeadOnly",
        "applications": [
            {"name": "menu", "route_prefix": "/menu", "deployments": {"Food": menu}, **made},
            {"name": "campaign", "route_prefix": "/campaign", "deployments": {"Food": campaign}, **made},
        ],
    }


@artefact_question(
    "s.teams.config",
    points=3,
    title="Write a Serve config with an application for each team",
    hints=(
        "`applications` is a list: `shared.yaml` has one item, `teams.yaml` two.",
        "`num_replicas: 2` for Menu's `Food`, `max_queued_requests: 8` for Campaign's.",
    ),
    inspect=inspect_config,
    mistakes={
        "not_two": "Two applications are asked for, at `/menu` and `/campaign`, both from `teams:build`.",
        "one_replica": "Menu has one replica: when it dies, nobody answers until the next one is there.",
        "no_bound": "Campaign may queue without end, or another number than 8.",
        "all_addresses": "Serve listens on all addresses: that is the schema's default where `host` is missing.",
    },
    examples={
        "good": _teams(),
        "not_two": {**_teams(), "applications": _teams()["applications"][:1]},
        "one_replica": {
            **_teams(),
            "applications": [
                {**_teams()["applications"][0], "deployments": _teams()["applications"][1]["deployments"]},
                _teams()["applications"][1],
            ],
        },
        "no_bound": _teams(max_queued_requests=-1),
        "all_addresses": {**_teams(), "host": "0.0.0.0"},
    },
)
def config(facts: dict, records: Records) -> Verdict:
    """Judge routes, replicas and the bound of the queue."""
    if facts["host"] != "127.0.0.1":
        return failed_as("all_addresses", yours=facts["host"])
    found = {one["route_prefix"]: one for one in facts["applications"]}
    if set(found) != {"/menu", "/campaign"} or {one["import_path"] for one in found.values()} != {"teams:build"}:
        return failed_as("not_two", yours=", ".join(found))
    menu, campaign = (found[route]["deployments"].get("Food", {}) for route in ("/menu", "/campaign"))
    if menu.get("min_replicas") != 2:
        return failed_as("one_replica")
    if campaign.get("max_queued_requests") != 8:
        return failed_as("no_bound")
    return passed("One file, two teams; each can be changed without the other.")


def _failures(random: np.random.Generator) -> list[tuple]:
    """Return each number of failed tries, with statuses of all kinds, and some at random."""
    cases = [(tries, 503) for tries in range(1, 8)] + [(1, 0), (3, 500), (5, 0)]
    cases += [(1, 422), (1, 400), (2, 404), (1, 429), (4, 429)]
    return cases + [
        (int(random.integers(1, 8)), int(random.choice([0, 408, 413, 429, 500, 502, 504]))) for _ in range(4)
    ]


def _policy(failed_tries: int, status: int, *, gives_up: bool = True, faults: bool = True, later: bool = True):
    if gives_up and failed_tries >= 5:
        return None
    if faults and 400 <= status < 500 and not (later and status == 429):
        return None
    return min(2.0, 0.1 * 2 ** (failed_tries - 1))


@function_question(
    "s.teams.retry",
    title="Write a retry policy: when to try again, and when to give up",
    hints=(
        "First decide whether to give up: by the number of failed tries, and by the status.",
        "`min(2.0, 0.1 * 2 ** (failed_tries - 1))`; a status from 400 to 499 other than 429 is final.",
    ),
    cases=_failures,
    mistakes=(
        Mistake(
            "for ever",
            lambda failed_tries, status: _policy(failed_tries, status, gives_up=False),
            "After five failed tries it goes on: a service that is down would never be left alone.",
        ),
        Mistake(
            "own fault",
            lambda failed_tries, status: _policy(failed_tries, status, faults=False),
            "It repeats what is the client's own fault (400 to 499): the answer will be the same.",
        ),
        Mistake(
            "too many requests",
            lambda failed_tries, status: _policy(failed_tries, status, later=False),
            "429 says 'too many requests, later', so later it may be answered.",
        ),
        Mistake(
            "one too far",
            lambda failed_tries, status: (
                None if _policy(failed_tries, status) is None else min(2.0, 0.1 * 2**failed_tries)
            ),
            "The first wait is 0.1 s: the exponent begins at 0.",
        ),
    ),
    right="Soon at first, then more and more patient, and not for ever.",
)
def retry_delay_s(failed_tries: int, status: int) -> float | None:
    """Return the backoff, or None."""
    return _policy(failed_tries, status)


def _recovered(records: Records, subject: str, passes: str, *, again: str) -> Verdict:
    seen = records.seen(subject)
    if seen["lost"]:
        return failed_as("lost", yours=f"{seen['lost']} of {seen['requests']}")
    if not seen["failed_at_first"]:
        passes = f"No request was inside when it died, so the policy had nothing to do; {again} to see it."
    told = f"{seen['requests']} requests, {seen['failed_at_first']} failed at first, 0 in the end"
    return passed(passes, f"{told}, slowest {duration(seen['slowest_s'])}")


@checkpoint(
    "s.teams.recovered",
    points=2,
    evidence_only=True,
    title="Lose a replica under load, and no request",
    needs=({"subject": "ray.recovery"},),
    hints=(
        "The cell above kills a replica while `retry_delay_s` is followed.",
        "Write `retry_delay_s` first, then run the cell with `kill_replica` again.",
    ),
    mistakes={"lost": "Requests were lost in spite of the policy: does it give up too soon?"},
)
def recovered(records: Records) -> Verdict:
    """Judge that a replica was killed and no request was lost in the end."""
    lost = "What was in the replica was lost once, and asked again."
    return _recovered(records, "ray.recovery", lost, again="run the cell again")


def inspect_router(path: object) -> dict:
    """Return where the router's requests went."""
    from labs.serve.ray.examine import facts_about_router

    return facts_about_router(Path(path))


_ROUTER = {"versions": {"stable": 43, "canary": 17}, "statuses": {"200": _ASKED}, "right": True}


@artefact_question(
    "s.teams.router",
    points=3,
    title="Write a router that sends a share of the requests to a canary",
    hints=(
        "`Router.__init__(self, stable, canary)` keeps two handles, `reconfigure(self, config)` keeps the share.",
        "`random.random() < self.share` chooses; `Router.bind(Stable.bind(model), Canary.bind(model, 0.4))` binds.",
    ),
    inspect=inspect_router,
    mistakes={
        "not_answered": "Not all of 60 requests were answered with 200. The replica's log says why.",
        "no_version": "An answer does not say whether `stable` or `canary` gave it.",
        "no_share": "Of 60 requests, three in ten should go to the canary: does `reconfigure` take the share over?",
        "wrong_class": "The classes are not those of the model.",
    },
    examples={
        "good": _ROUTER,
        "not_answered": {**_ROUTER, "statuses": {"200": 50, "500": 10}},
        "no_version": {**_ROUTER, "versions": {"None": _ASKED}},
        "no_share": {**_ROUTER, "versions": {"stable": _ASKED}},
        "wrong_class": {**_ROUTER, "right": False},
    },
)
def router(facts: dict, records: Records) -> Verdict:
    """Judge answers, versions and their share; chance takes the share out of these bounds once in ten thousand runs."""
    told = ", ".join(f"{count} {name}" for name, count in facts["versions"].items())
    if facts["statuses"] != {"200": _ASKED}:
        return failed_as("not_answered", yours=str(facts["statuses"]))
    if not set(facts["versions"]) <= {"stable", "canary"}:
        return failed_as("no_version", yours=told)
    if not 5 <= facts["versions"].get("canary", 0) <= 32:
        return failed_as("no_share", yours=told)
    if not facts["right"]:
        return failed_as("wrong_class")
    return passed("Three in ten see the new version.", yours=told)


def _releases(random: np.random.Generator) -> list[tuple]:
    def version(requests: int, errors: int, p95_s: float) -> dict:
        return {"requests": requests, "errors": errors, "p95_s": p95_s}

    p95_s = float(random.uniform(0.01, 0.2))
    stable = version(int(random.integers(400, 900)), 4, p95_s)
    return [
        (stable, version(19, 0, p95_s)),
        (stable, version(12, 6, 9 * p95_s)),
        (stable, version(20, 0, p95_s)),
        (stable, version(int(random.integers(100, 200)), 0, 1.4 * p95_s)),
        (stable, version(int(random.integers(100, 200)), 0, 1.7 * p95_s)),
        (stable, version(int(random.integers(100, 200)), 9, p95_s)),
        (version(300, 60, p95_s), version(100, 20, p95_s)),
        (stable, version(int(random.integers(450, 600)), 5, 0.9 * p95_s)),
    ]


def _verdict(stable: dict, canary: dict, *, fewest: int = 20, rates: bool = True, tail: bool = True) -> str:
    if canary["requests"] < fewest:
        return "wait"
    more = canary["errors"] / canary["requests"] - stable["errors"] / stable["requests"] if rates else canary["errors"]
    slower = tail and canary["p95_s"] > 1.5 * stable["p95_s"]
    return "roll back" if more > 0.01 or slower else "promote"


@function_question(
    "s.teams.canary",
    title="Judge a canary from its figures",
    hints=(
        "First whether there are enough requests; an error rate is errors over requests.",
        'Three returns: `"wait"`, `"roll back"` where one of the two limits is passed, else `"promote"`.',
    ),
    cases=_releases,
    mistakes=(
        Mistake(
            "too soon",
            lambda stable, canary: _verdict(stable, canary, fewest=0),
            "With fewer than 20 requests nothing can be said yet.",
        ),
        Mistake(
            "counts",
            lambda stable, canary: _verdict(stable, canary, rates=False),
            "Compare error rates: some errors the stable version makes as well.",
        ),
        Mistake(
            "errors only",
            lambda stable, canary: _verdict(stable, canary, tail=False),
            "A canary that is much slower is a bad one too: look at the 95th percentile.",
        ),
    ),
    right="Decided before anybody has seen the figures.",
)
def canary_verdict(stable: dict, canary: dict) -> str:
    """Return wait, roll back or promote."""
    return _verdict(stable, canary)


@checkpoint(
    "s.teams.rolled_back",
    points=2,
    evidence_only=True,
    title="Roll a canary back without a restart",
    needs=({"subject": "ray.canary"},),
    hints=(
        "The cells above ask both versions, decide, and deploy a share of 0.",
        "Write `canary_verdict` first, then run the cells from `release(0.3)` on.",
    ),
    mistakes={
        "not judged": "The verdict does not follow from the figures of the two versions.",
        "still asked": "The canary still gets requests.",
        "restarted": "Processes were started anew: only `user_config` may differ between the two files.",
    },
)
def rolled_back(records: Records) -> Verdict:
    """Judge the decision, the requests afterwards and the processes."""
    seen = records.seen("ray.canary")
    if seen["verdict"] != _verdict(seen["before"]["stable"], seen["before"]["canary"]):
        return failed_as("not judged", yours=str(seen["verdict"]))
    if seen["after"]["canary"]["requests"]:
        return failed_as("still asked")
    if not seen["same_processes"]:
        return failed_as("restarted")
    return passed("A few saw it, and nobody since.", f"{seen['before']['canary']['requests']} requests saw it")


@checkpoint(
    "s.teams.node",
    points=2,
    evidence_only=True,
    title="Lose a node under load, and no request",
    needs=({"subject": "ray.node"},),
    hints=(
        "The cells above start a second node, spread Menu's replicas, and kill that node.",
        "`cluster.add_node()`, then `spread.yaml`, then the cell with `kill_node`.",
    ),
    mistakes={"lost": "Requests were lost in spite of the policy: does it give up too soon?"},
)
def node(records: Records) -> Verdict:
    """Judge that one of two nodes was killed and no request was lost in the end."""
    if records.seen("ray.node")["nodes"] < 2:
        return failed("Both replicas were on one node: add a node, deploy `spread.yaml`, and measure again.")
    return _recovered(records, "ray.node", "The other node answered.", again="add a node and run the cells again")
