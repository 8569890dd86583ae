"""Instance groups: stanzas that Triton loads or a node will, the utilization law, and where the bottleneck went."""

from __future__ import annotations

from statistics import mean

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    artefact_question,
    failed_as,
    function_question,
    passed,
    prediction,
)
from grading.checkpoints.system.lesson_33 import GOOD, ratio_of_rates
from labs.display.format import times
from labs.records import Records

#: From this share on there is nothing left to share out; above the second, figures do not belong together.
FULL, IMPOSSIBLE = 0.85, 1.05

_COUNTS = (1, 2, 4)
_FOUR = {"kind": "load", "option": "instances-4"}


@prediction(
    "s.instances.four_guess",
    about=_FOUR,
    title="Predict how many times as many answers four instances give as one",
    between=(0.05, 100),
    show=times,
)
def four_instances(records: Records) -> float | None:
    """Return answers a second of four instances over those of one."""
    return ratio_of_rates(records, "instances-4", "instances-1")


def inspect_instances(folder) -> dict:
    """Return what the real Triton says of a model's folder, with its instances counted as processes."""
    from labs.serve.triton.trial import tried

    return tried(folder)


_TWO = {**GOOD, "instance_group": [{"kind": "KIND_CPU", "count": 2, "gpus": []}], "instances": 2}


@artefact_question(
    "s.instances.config",
    title="Write an instance_group stanza for two instances on the CPU",
    inspect=inspect_instances,
    hints=(
        "A list of groups in brackets, each in braces, with `count` and `kind`.",
        "As in `MODEL` before, with another number: `instance_group [ { count: … kind: KIND_CPU } ]`.",
    ),
    mistakes={
        "not loaded": "Triton does not load this configuration; its reason stands below.",
        "another number": "It loads, and Triton runs another number of instances than two.",
        "wrong answers": "Two instances run, and do not give each request its own answer: mend `execute` of lesson 33.",
    },
    examples={
        "good": _TWO,
        "not loaded": {"loaded": False, "reason": "instance group food_classifier_0 of model has kind KIND_GPU"},
        "another number": GOOD,
        "wrong answers": {**_TWO, "burst": 20},
    },
)
def two_instances(facts: dict, records: Records) -> Verdict:
    """Judge that two instances ran as processes, and answered."""
    if not facts["loaded"]:
        return failed_as("not loaded", yours=facts["reason"])
    if facts["instances"] != 2:
        return failed_as("another number", yours=f"{facts['instances']} processes")
    if facts["burst"] < facts["sent"] * (facts["asked"] - 1) // facts["asked"]:
        return failed_as("wrong answers", yours=f"{facts['burst']} of {facts['sent']} right")
    return passed("Two processes, one scheduler, and each request got its own answer.")


def _shares(random: np.random.Generator) -> list[tuple]:
    cases = []
    for instances, share in ((1, 0.97), (2, 0.6), (4, 0.99), (1, 1.1), (4, 1.3), (2, 1.03), (8, 0.2)):
        rate = float(random.uniform(10, 900))
        cases.append((rate, share * instances / rate, instances))
    return cases


def _own_shares(records: Records) -> list[tuple]:
    runs = {count: records.latest(kind="load", option=f"instances-{count}") for count in _COUNTS}
    return [
        (run.load.server.requests / run.load.duration_s, run.load.server.compute_s, count)
        for count, run in runs.items()
    ]


def _refused(share: float) -> float:
    if share > IMPOSSIBLE:
        raise ValueError(share)
    return share


@function_question(
    "s.instances.busy",
    points=2,
    title="Say how busy the instances were, by the utilization law",
    hints=(
        "Answers a second times seconds each: how many instances are busy on average. Of how many?",
        "`share = rate_rps * compute_s / instances`, and `raise ValueError(…)` where it is above 1.05.",
    ),
    cases=_shares,
    own=_own_shares,
    needs=(_FOUR,),
    mistakes=(
        Mistake(
            "all instances",
            lambda rate_rps, compute_s, instances: _refused(rate_rps * compute_s),
            "This is how many instances were busy: divide by how many there are.",
        ),
        Mistake(
            "no refusal",
            lambda rate_rps, compute_s, instances: rate_rps * compute_s / instances,
            "It returns 1.1, busy for more than all of the time: that is to raise a ValueError.",
        ),
        Mistake(
            "cut off",
            lambda rate_rps, compute_s, instances: min(1.0, rate_rps * compute_s / instances),
            "This cuts at 1 what cannot be true, and hides it: raise a ValueError above 1.05.",
        ),
        Mistake(
            "no room",
            lambda rate_rps, compute_s, instances: _refused(rate_rps * compute_s / instances * IMPOSSIBLE) / IMPOSSIBLE,
            "Up to 1.05 is the edges of a run: refuse only what is above.",
        ),
    ),
    right="A law that can fail is one that checks something.",
)
def busy(rate_rps: float, compute_s: float, instances: int) -> float:
    """Return the share of the time in which instances were busy."""
    return _refused(rate_rps * compute_s / instances)


def _pairs(random: np.random.Generator) -> list[tuple]:
    low, high = (float(one) for one in (random.uniform(0.1, 0.8), random.uniform(0.86, 1)))
    return [(high, low), (high, high), (low, high), (low, low), (FULL, low), (low, FULL), (0.84, 0.84)]


def _own_pairs(records: Records) -> list[tuple]:
    runs = [records.latest(kind="load", option=f"instances-{count}") for count in _COUNTS]
    return [(share, mean(run.load.usage.cpu)) for run in runs for share in (0.5, 1.0)]


@function_question(
    "s.instances.bottleneck",
    points=2,
    title="Say where the bottleneck is",
    hints=(
        "The processors first: if they are full, it does not matter who else looks busy.",
        "`if processors_busy >= 0.85: …`, then the instances, then neither.",
    ),
    cases=_pairs,
    own=_own_pairs,
    needs=(_FOUR,),
    mistakes=(
        Mistake(
            "instances first",
            lambda instances_busy, processors_busy: (
                "instances" if instances_busy >= FULL else "processors" if processors_busy >= FULL else "neither"
            ),
            "Where both are full it is the processors: instances that wait for one look busy as well.",
        ),
        Mistake(
            "the larger",
            lambda instances_busy, processors_busy: "processors" if processors_busy >= instances_busy else "instances",
            "The larger of two shares is no bottleneck while neither is used up.",
        ),
        Mistake(
            "always one",
            lambda instances_busy, processors_busy: "processors" if processors_busy >= FULL else "instances",
            "Where nothing is full, something else is the bottleneck: the clients, or the network.",
        ),
    ),
    right="Name it before you buy anything.",
)
def bottleneck(instances_busy: float, processors_busy: float) -> str:
    """Return 'processors', 'instances' or 'neither'."""
    if processors_busy >= FULL:
        return "processors"
    return "instances" if instances_busy >= FULL else "neither"


def inspect_groups(paths) -> dict:
    """Return the instance groups of each file, read with Triton's own grammar."""
    from pathlib import Path

    from labs.serve.triton.catalogue import parse

    found = {}
    for name in ("one", "each"):
        groups = parse(Path(paths[name]).read_text(encoding="utf-8")).instance_group
        found[name] = [
            {"kind": type(one).Kind.Name(one.kind), "count": one.count or 1, "gpus": list(one.gpus)} for one in groups
        ]
    return found


def on_two_gpus(groups: list[dict]) -> dict[str, int]:
    """Return the instances on each device of a node with two GPUs; a group without a kind is 'anywhere'."""
    found: dict[str, int] = {}
    for group in groups:
        numbers = group["gpus"] or [0, 1]
        gpus = [f"GPU {number}" for number in numbers]
        for device in {"KIND_GPU": gpus, "KIND_CPU": ["CPU"]}.get(group["kind"], ["anywhere"]):
            found[device] = found.get(device, 0) + group["count"]
    return found


def _group(count: int, gpus: list[int], kind: str = "KIND_GPU") -> list[dict]:
    return [{"kind": kind, "count": count, "gpus": gpus}]


@artefact_question(
    "s.instances.gpus",
    points=3,
    title="Write stanzas for a node with two GPUs: one instance on one, and one on each",
    inspect=inspect_groups,
    hints=(
        "`gpus: [ 0 ]` names the first GPU alone. What does `count: 1` make where two are named?",
        "Both say `count: 1 kind: KIND_GPU`; they differ in `gpus` alone.",
    ),
    mistakes={
        "no stanza": "There is no `instance_group` in one of the files.",
        "no kind": "Without `kind`, Triton chooses the device by itself: say KIND_GPU.",
        "every gpu": "`one.pbtxt` puts an instance on each of the two GPUs: name the first in `gpus`.",
        "two on each": "`each.pbtxt` makes two instances on each GPU: `count` is for each that is named.",
        "elsewhere": "What a file makes on a node with two GPUs is not what it is called.",
    },
    examples={
        "good": {"one": _group(1, [0]), "each": _group(1, [0, 1])},
        "no stanza": {"one": _group(1, [0]), "each": []},
        "no kind": {"one": _group(1, [], "KIND_AUTO"), "each": _group(1, [0, 1])},
        "every gpu": {"one": _group(1, []), "each": _group(1, [0, 1])},
        "two on each": {"one": _group(1, [0]), "each": _group(2, [0, 1])},
        "elsewhere": {"one": _group(1, [1]), "each": _group(1, [0, 1])},
    },
)
def gpu_groups(facts: dict, records: Records) -> Verdict:
    """Judge what each file makes on a node with two GPUs."""
    made = {name: on_two_gpus(facts[name]) for name in ("one", "each")}
    both = {"GPU 0": 1, "GPU 1": 1}
    yours = "; ".join(f"{name}: {', '.join(f'{count} on {device}' for device, count in one.items())}"
                      for name, one in made.items())  # fmt: skip
    if not all(made.values()):
        return failed_as("no stanza")
    if any("anywhere" in one for one in made.values()):
        return failed_as("no kind", yours=yours)
    if made["one"] == both:
        return failed_as("every gpu", yours=yours)
    if made["each"] == {"GPU 0": 2, "GPU 1": 2}:
        return failed_as("two on each", yours=yours)
    if made != {"one": {"GPU 0": 1}, "each": both}:
        return failed_as("elsewhere", yours=yours)
    return passed("One instance, and two: on the node, lesson 43 measures both.")
