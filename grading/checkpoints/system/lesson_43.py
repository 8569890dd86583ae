"""Run on two GPUs: what a stanza makes, where the instances are, and which arrangement is worth its memory."""

from __future__ import annotations

import re

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    checkpoint,
    failed,
    failed_as,
    function_question,
    missing,
    passed,
    prediction,
)
from grading.checkpoints.system.lesson_33 import ratio_of_rates
from labs.display.format import rate, times
from labs.records import Measurement, Records
from labs.stats import quotient

_GPUS = ("two NVIDIA GPUs",)
_MODELS = ("onnx", "python")

#: Instances on each GPU by arrangement, on a node with two.
_PLACES = {
    "one": {"GPU 0": 1},
    "two": {"GPU 0": 2},
    "one-each": {"GPU 0": 1, "GPU 1": 1},
    "two-each": {"GPU 0": 2, "GPU 1": 2},
    "four-each": {"GPU 0": 4, "GPU 1": 4},
}

#: Share of the best rate that is as good as the best; fewest words of a reason.
_AS_GOOD, _FEWEST_WORDS = 0.95, 6


def run_of(records: Records, which: str, arrangement: str) -> Measurement | None:
    """Return the newest run of a model in an arrangement."""
    return records.latest(kind="load", option=f"lease-{which}-{arrangement}")


@prediction(
    "s.lease.two_guess",
    about={"kind": "load", "option": "lease-onnx-two"},
    title="Predict what a second instance on one device brings",
    between=(0.05, 20),
    show=times,
)
def second_instance(records: Records) -> float | None:
    """Return answers a second of two instances on one device over those of one."""
    return ratio_of_rates(records, "lease-onnx-two", "lease-onnx-one")


@prediction(
    "s.lease.each_guess",
    about={"kind": "load", "option": "lease-onnx-one-each"},
    title="Predict what a second GPU brings",
    between=(0.05, 20),
    show=times,
    gate=_GPUS,
)
def second_gpu(records: Records) -> float | None:
    """Return answers a second of one instance on each GPU over those of one on one."""
    return ratio_of_rates(records, "lease-onnx-one-each", "lease-onnx-one")


@prediction(
    "s.lease.four_guess",
    about={"kind": "load", "option": "lease-python-four-each"},
    title="Predict four instances of the Python model on each GPU against two",
    between=(0.05, 20),
    show=times,
    gate=_GPUS,
)
def four_on_each(records: Records) -> float | None:
    """Return answers a second of four instances on each GPU over those of two on each."""
    return ratio_of_rates(records, "lease-python-four-each", "lease-python-two-each")


def groups_of_all_kinds(random: np.random.Generator) -> list[tuple]:
    """Return instance groups as Triton serves them: on one GPU, on several, in several groups, on the CPU."""
    one, two, three, four = (int(count) for count in random.permutation([1, 2, 3, 4]))
    return [
        ([{"kind": "KIND_GPU", "count": one, "gpus": [0, 1]}],),
        ([{"kind": "KIND_GPU", "count": two, "gpus": [1]}],),
        ([{"kind": "KIND_CPU", "count": three}],),
        ([{"kind": "KIND_GPU", "count": four, "gpus": [0]}, {"kind": "KIND_GPU", "count": one, "gpus": [0, 1, 2]}],),
        ([{"kind": "KIND_GPU", "count": two, "gpus": [2, 3]}, {"kind": "KIND_CPU", "count": four}],),
    ]


def _counted(groups: list[dict], *, shared: bool = False, last: bool = False) -> dict[str, int]:
    found: dict[str, int] = {}
    for group in groups:
        devices = [f"GPU {number}" for number in group["gpus"]] if group["kind"] == "KIND_GPU" else ["CPU"]
        for place, device in enumerate(devices):
            share = len(range(place, group["count"], len(devices))) if shared else group["count"]
            found[device] = share + (0 if last else found.get(device, 0))
    return {device: count for device, count in found.items() if count}


@function_question(
    "s.lease.count",
    title="Count the instances that a configuration makes on each device",
    hints=(
        "`count` holds for each of the `gpus` of its group.",
        'A dictionary, and for each group and each of its GPUs: `found[name] = found.get(name, 0) + group["count"]`.',
    ),
    cases=groups_of_all_kinds,
    mistakes=(
        Mistake(
            "shared out",
            lambda groups: _counted(groups, shared=True),
            "This shares `count` out among the GPUs. Triton makes as many on each of them.",
        ),
        Mistake(
            "last group",
            lambda groups: _counted(groups, last=True),
            "Two groups may use one GPU: their instances add up.",
        ),
        Mistake(
            "first gpu",
            lambda groups: _counted([{**one, "gpus": one.get("gpus", [])[:1]} for one in groups]),
            "This counts the first GPU of each group only.",
        ),
    ),
    right="One line, two instances: now you can tell the colleague.",
)
def instances_by_device(groups: list[dict]) -> dict[str, int]:
    """Return how many instances some groups make on each device."""
    return _counted(groups)


def wishes(random: np.random.Generator) -> list[tuple]:
    """Return counts with GPUs: one, another one, both, and none."""
    counts = [int(count) for count in random.permutation([1, 2, 3, 4])]
    return [
        (1, [0]),
        (1, [0, 1]),
        (counts[0], []),
        (counts[1], [1]),
        (counts[2], [0, 1]),
        (counts[3], [0, 1, 2, 3]),
    ]


def stanza(count: int, gpus: list, *, kind: bool = True, named: bool = True) -> str:
    """Return the stanza, or one without its kind or without the numbers of the GPUs."""
    what = f" kind: {'KIND_GPU' if gpus else 'KIND_CPU'}" if kind else ""
    which = f" gpus: [ {', '.join(map(str, gpus))} ]" if gpus and named else ""
    return f"instance_group [\n  {{ count: {count}{what}{which} }}\n]"


def placed(text: object) -> dict[str, int] | None:
    """Return the instances on each device that a stanza makes; None where it is no stanza.

    A GPU group that names none is on 'every GPU', and one without a kind is where Triton finds best ('anywhere').
    """
    whole = re.fullmatch(r"\s*instance_group\s*:?\s*\[(.*)\]\s*", str(text), re.DOTALL)
    groups = re.findall(r"\{([^{}]*)\}", whole[1]) if whole else []
    if not whole or not groups or re.sub(r"\{[^{}]*\}|[\s,]", "", whole[1]):
        return None
    found: dict[str, int] = {}
    for group in groups:
        count, kind = re.search(r"count\s*:\s*(\d+)", group), re.search(r"kind\s*:\s*(KIND_\w+)", group)
        named = re.search(r"gpus\s*:\s*\[([\d\s,]*)\]", group)
        numbers = re.findall(r"\d+", named[1]) if named else re.findall(r"gpus\s*:\s*(\d+)", group)
        on_gpu = [f"GPU {number}" for number in numbers] or ["every GPU"]
        devices = {"KIND_CPU": ["CPU"], "KIND_GPU": on_gpu}.get(kind[1] if kind else "", ["anywhere"])
        for device in devices:
            found[device] = found.get(device, 0) + int(count[1] if count else 1)
    return found


def same_places(given: object, wanted: object) -> bool:
    """Return whether two stanzas put as many instances on the same devices, however they are written."""
    return placed(given) is not None and placed(given) == placed(wanted)


@function_question(
    "s.lease.stanza",
    points=3,
    title="Write the instance_group stanza for a number of instances on some GPUs",
    hints=(
        "Three fields: `count`, `kind`, and for GPUs `gpus` with a list of numbers.",
        "An f-string with doubled braces, `{{ count: {count} kind: KIND_GPU … }}`, inside `instance_group [ … ]`.",
    ),
    cases=wishes,
    compare=same_places,
    mistakes=(
        Mistake(
            "every gpu",
            lambda count, gpus: stanza(count, gpus, named=False),
            "Without `gpus`, Triton puts `count` instances on every GPU that it sees: the colleague's mistake.",
        ),
        Mistake(
            "no kind",
            lambda count, gpus: stanza(count, gpus, kind=False),
            "Without `kind`, Triton chooses by itself: on a node with GPUs, the CPU group would move there.",
        ),
        Mistake(
            "in all",
            lambda count, gpus: stanza(max(1, count // max(1, len(gpus))), gpus),
            "This shares `count` out among the GPUs; it is asked for on each.",
        ),
    ),
    right="It says what it makes.",
)
def instance_group(count: int, gpus: list) -> str:
    """Return the text of the stanza."""
    return stanza(count, gpus)


@checkpoint(
    "s.lease.rehearsed",
    evidence_only=True,
    title="Load your stanzas into Triton, and measure one instance and two on one device",
    hints=("The cells above do it for both models.", "Run the cell that begins with `for question in`."),
    mistakes={"another place": "Triton serves another number of instances than this run is named for."},
)
def rehearsed(records: Records) -> Verdict:
    """Judge that one and two instances ran for each model, by the configuration that Triton served."""
    for which in _MODELS:
        for arrangement, count in (("one", 1), ("two", 2)):
            record = run_of(records, which, arrangement)
            if record is None:
                return missing(f"There is no run of `{which}` with {count} on one device yet.")
            if [*_served(record).values()] != [count]:
                return failed_as("another place")
    return passed("What Triton serves is what you wrote.")


@checkpoint(
    "s.lease.second",
    title="Say what a second instance on the same device brings",
    form={"claim": ("more answers", "fewer answers", "cannot tell"), "reason": str},
    needs=tuple({"kind": "load", "option": f"lease-onnx-{name}"} for name in ("one", "two")),
    hints=("Does the printed interval hold 1?", "Above 1 it is more, below 1 fewer; and what do both work on?"),
    mistakes={"no reason": "The reason says too little: what do two instances on one device share?"},
)
def second(records: Records) -> Verdict:
    """Judge the claim by the interval of the two rates; a person reads the reason."""
    given = records.answer("s.lease.second")
    gain = quotient(*(run_of(records, "onnx", name).throughput_rps for name in ("two", "one")))
    right = "more answers" if gain.low > 1 else "fewer answers" if gain.high < 1 else "cannot tell"
    if given["claim"] != right:
        return failed("On which side of 1 does the interval of the two rates lie, or does it hold 1?")
    if len(given["reason"].split()) < _FEWEST_WORDS:
        return failed_as("no reason")
    return passed("A person reads the reason.", f"× {gain.low:.2f} to {gain.high:.2f}")


@checkpoint(
    "s.lease.placed",
    points=2,
    gate=_GPUS,
    evidence_only=True,
    title="Measure one instance on one GPU, one on each, two and four on each",
    hints=("The cells above do it where there are two GPUs.", "All five arrangements of both models, in one go."),
    mistakes={
        "another place": "Triton served other instances than the arrangement is named for: read your stanza.",
        "both busy": "With one instance on one GPU, the other GPU was as busy: what else runs there?",
    },
)
def all_placed(records: Records) -> Verdict:
    """Judge that Triton served each arrangement as named, and that one instance left the second GPU idle."""
    runs = {(which, name): run_of(records, which, name) for which in _MODELS for name in _PLACES}
    absent = next((pair for pair, record in runs.items() if record is None), None)
    if absent:
        return missing(f"There is no run of `{absent[0]}` with `{absent[1]}` yet: it takes a node with two GPUs.")
    if any(_served(record) != _PLACES[arrangement] for (_, arrangement), record in runs.items()):
        return failed_as("another place")
    busy = [float(np.mean(one)) for one in runs["onnx", "one"].load.usage.gpu if one]
    if len(busy) > 1 and busy[1] > busy[0] / 2:
        return failed_as("both busy")
    gain = ratio_of_rates(records, "lease-onnx-one-each", "lease-onnx-one")
    return passed("One is one now.", f"one on each: {times(gain)} of one")


@checkpoint(
    "s.lease.choice",
    points=2,
    gate=_GPUS,
    title="Choose the arrangement with the fewest instances that is as good as the best",
    form={which: tuple(_PLACES) for which in _MODELS},
    needs=tuple({"kind": "load", "option": f"lease-{which}-four-each"} for which in _MODELS),
    hints=(
        "From the table: the best rate of each model, and 95 % of it.",
        "Of the arrangements above that, the one with the fewest instances in all; of equally many, the faster.",
    ),
    mistakes={
        "more than needed": (
            "An arrangement with fewer instances, or a faster one with as many, gives 95 % of the best rate too."
        ),
        "too slow": "This arrangement gives less than 95 % of the best rate.",
    },
)
def choice(records: Records) -> Verdict:
    """Judge both choices by the newest runs."""
    given, right = records.answer("s.lease.choice"), {}
    for which in _MODELS:
        runs = {name: run_of(records, which, name) for name in _PLACES}
        if None in runs.values():
            return missing("Measure all five arrangements first.")
        rates = {name: run.throughput_rps.value for name, run in runs.items()}
        enough = [name for name in rates if rates[name] >= _AS_GOOD * max(rates.values())]
        right[which] = min(enough, key=lambda name: (sum(_PLACES[name].values()), -rates[name]))
        if given[which] not in enough:
            return failed_as("too slow")
        if given[which] != right[which]:
            return failed_as("more than needed")
        right[which] += f", {rate(rates[right[which]])}"
    return passed("As many as pay, and no more.", "; ".join(right.values()))


def _served(record: Measurement) -> dict[str, int]:
    """Return the instances on each device by the configuration that Triton served in a run."""
    return _counted([{"count": 1, "gpus": [], **group} for group in record.details["instance_group"]])
