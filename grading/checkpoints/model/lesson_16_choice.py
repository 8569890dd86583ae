"""Choose: the finalists, what may be called beaten, and the right option for a target."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from grading.checkpoints import (
    Mistake,
    Verdict,
    checkpoint,
    failed,
    function_question,
    missing,
    passed,
    prediction,
)
from labs.display.format import times
from labs.records import Measurement, Records
from labs.records.candidates import BASELINE, candidates, gains, of_machine, racers, same
from labs.records.targets import targets_for

#: Accuracy that a finalist may lose against it, and room for rounding.
MAX_LOSS, EPSILON = 0.01, 1e-9

_MEASURES = ("accuracy", "latency", "throughput", "size")


@prediction(
    "m.choose.start_guess",
    about={"kind": "load_time", "option": "int8-static-qdq"},
    title="Predict how many times as long as float32 the INT8 model takes to be ready",
    between=(0.02, 50),
    show=times,
)
def start_ratio(records: Records) -> float | None:
    """Return INT8's median time to load over float32's, each in fresh processes."""
    found = [records.latest(kind="load_time", option=name) for name in ("int8-static-qdq", BASELINE)]
    return None if None in found else found[0].percentile(50) / found[1].percentile(50)


def pairs(random: np.random.Generator) -> list[tuple]:
    """Return what the evidence says about pairs of options: all kinds of verdicts, in any measure."""
    kinds = {"better": (0.02, 0.4), "worse": (-0.4, -0.02), "unknown": (-0.05, 0.05)}
    plans = (
        ("better", "better", "better", "better"),
        ("unknown", "unknown", "unknown", "unknown"),
        ("better", "unknown", "unknown", "better"),
        ("worse", "better", "better", "better"),
        ("unknown", "better", "worse", "better"),
        ("unknown", "unknown", "better", "unknown"),
        ("unknown", "unknown", "unknown", "worse"),
    )
    cases = []
    for plan in plans:
        made = {}
        for measure, kind in zip(_MEASURES, random.permutation(plan), strict=True):
            low, high = kinds[str(kind)]
            stretch = float(random.uniform(0.7, 1.3))
            made[measure] = (round(low * stretch, 4), round(high * stretch, 4))
        cases.append((made,))
    # Of equal size to the byte; the middle of an interval on the side of "better"; and one measure never compared.
    cases.append(({"accuracy": (-0.004, 0.006), "latency": (0.1, 0.2), "throughput": (0.05, 0.3), "size": (0.0, 0.0)},))
    cases.append(({"accuracy": (-0.01, 0.02), "latency": (-0.02, 0.3), "throughput": (-0.1, 0.4), "size": (0.0, 0.0)},))
    cases.append(({"accuracy": (0.01, 0.03), "latency": (0.1, 0.2), "size": (0.5, 0.5)},))
    return cases


def _dominates(gains: dict, *, middle: bool = False, strict: bool = False, unfinished: bool = False) -> bool:
    if set(gains) != set(_MEASURES) and not unfinished:
        return False
    ends = [((low + high) / 2,) * 2 if middle else (low, high) for low, high in gains.values()]
    better, worse = [low > 0 for low, _ in ends], [high < 0 for _, high in ends]
    return all(better) if strict else any(better) and not any(worse)


@function_question(
    "m.choose.dominates",
    title="Say when one option beats another, by intervals",
    hints=(
        "Worse is known where the whole interval lies below 0, better where the whole of it lies above.",
        "`any(low > 0 …) and not any(high < 0 …)`, and only when all four measures are there.",
    ),
    cases=pairs,
    mistakes=(
        Mistake(
            "no gain",
            lambda gains: len(gains) == len(_MEASURES) and all(high >= 0 for _, high in gains.values()),
            "Two options that cannot be told apart do not beat each other: somewhere it has to be better.",
        ),
        Mistake(
            "strict",
            lambda gains: _dominates(gains, strict=True),
            "It need not be better everywhere: nowhere known to be worse, and somewhere better, will do.",
        ),
        Mistake(
            "middle",
            lambda gains: _dominates(gains, middle=True),
            "The middle of an interval that holds 0 says nothing: look at its ends.",
        ),
        Mistake(
            "missing",
            lambda gains: _dominates(gains, unfinished=True),
            "A measure in which the two were never compared may hide a loss: without it, the answer is False.",
        ),
    ),
    right="What is inside the noise beats nothing.",
)
def dominates(gains: dict) -> bool:
    """Return whether one option is nowhere known to be worse and somewhere known to be better."""
    return _dominates(gains)


@checkpoint(
    "m.choose.frontier",
    points=2,
    title="Name the racers that no other racer beats",
    form=[str],
    hints=(
        "The cell above says it for each racer.",
        "Is your `dominates` right? Then copy the names without `beaten`.",
    ),
)
def frontier(records: Records) -> Verdict:
    """Judge the names against the newest race, by the evidence about each pair."""
    here = here_of(records)
    names = racers(here)
    if not names:
        return missing("Run the race first, with your finalists.")
    given, right = set(records.answer("m.choose.frontier")), {name for name in names if not beaten(here, name, names)}
    if given - set(names):
        return failed(f"`{min(given - set(names))}` was not in the race.")
    if given != right:
        wrong = min(given ^ right)
        return failed(f"Look again at `{wrong}`: who raced beside it, and what do the four intervals say?")
    return passed("Each of these is the best of its kind, as far as this run can see.", ", ".join(sorted(right)))


def choices(random: np.random.Generator) -> list[tuple]:
    """Return options and a target: some keep it, the fastest is not the most accurate, some compute on a GPU."""
    cases = []
    for target in (
        {"p50_s": 0.003, "batch_fps": 1000.0, "size_bytes": None, "on_gpu": False},
        {"p50_s": 0.001, "batch_fps": 5000.0, "size_bytes": None, "on_gpu": True},
        {"p50_s": 0.015, "batch_fps": None, "size_bytes": 5_000_000, "on_gpu": False},
        {"p50_s": 0.0001, "batch_fps": None, "size_bytes": None, "on_gpu": False},
    ):
        options = []
        for number in range(8):
            good = number < 4  # half of them keep every limit
            options.append(
                {
                    "accuracy": round(float(random.uniform(0.7, 0.9)), 3),
                    "p50_s": target["p50_s"] * float(random.uniform(0.4, 0.95) if good else random.uniform(0.6, 1.6)),
                    "batch_fps": (target["batch_fps"] or 300) * float(random.uniform(1.05, 2.0) if good else 0.8),
                    "size_bytes": int((target["size_bytes"] or 9e6) * (random.uniform(0.4, 0.9) if good else 1.3)),
                    "on_gpu": target["on_gpu"],
                }
            )
        if target["p50_s"] < 0.001 and not target["on_gpu"]:  # nobody is that fast
            options = [{**one, "p50_s": 0.002} for one in options]
        best = max(options[:4], key=lambda one: one["accuracy"])
        options += [
            {**best, "p50_s": best["p50_s"] * 0.9},  # as accurate, and faster
            {**best, "accuracy": best["accuracy"] - 0.05, "p50_s": best["p50_s"] * 0.5},  # faster still
            {**best, "accuracy": 0.95, "on_gpu": not target["on_gpu"]},
            {**best, "accuracy": 0.97, "p50_s": target["p50_s"]},
        ]
        names = [f"option-{chr(97 + place)}" for place in random.permutation(len(options))]
        cases.append(([{**one, "option": name} for one, name in zip(options, names, strict=True)], target))
    return cases


def _pick(options: list[dict], target: dict, *, fastest: bool = False, anywhere: bool = False, at: bool = False):
    def keeps(one: dict) -> bool:
        return (
            (anywhere or one["on_gpu"] == target["on_gpu"])
            and (one["p50_s"] < target["p50_s"] or (at and one["p50_s"] == target["p50_s"]))
            and (target["batch_fps"] is None or one["batch_fps"] >= target["batch_fps"])
            and (target["size_bytes"] is None or one["size_bytes"] < target["size_bytes"])
        )

    kept = [one for one in options if keeps(one)]
    key = (lambda one: one["p50_s"]) if fastest else (lambda one: (-one["accuracy"], one["p50_s"]))
    return min(kept, key=key)["option"] if kept else None


@function_question(
    "m.choose.pick",
    title="Pick the option for a target by the manager's rule",
    hints=(
        "First leave out what breaks a limit, or computes elsewhere; then the most accurate of the rest.",
        '`min(kept, key=lambda one: (-one["accuracy"], one["p50_s"]))["option"]`, and None when `kept` is empty.',
    ),
    cases=choices,
    mistakes=(
        Mistake(
            "fastest",
            lambda options, target: _pick(options, target, fastest=True),
            "The fastest is not asked for: of those that keep every limit, the most accurate.",
        ),
        Mistake(
            "anywhere",
            lambda options, target: _pick(options, target, anywhere=True),
            "A GPU's figure says nothing about a server without one, and the other way round: compare `on_gpu`.",
        ),
        Mistake(
            "at the limit",
            lambda options, target: _pick(options, target, at=True),
            "A latency at the limit is not below it.",
        ),
    ),
    right="A rule that others can check.",
)
def pick(options: list[dict], target: dict) -> str | None:
    """Return the most accurate option that keeps every limit of a target, or None."""
    return _pick(options, target)


@checkpoint(
    "m.choose.targets",
    points=2,
    title="Name the option that this machine would choose for each target",
    form={"server-cpu": str, "device": str},
    needs=({"kind": "latency", "option": BASELINE},),
    hints=("The cell above prints them.", 'Write the names as they are printed, and "none" for None.'),
)
def targets(records: Records) -> Verdict:
    """Judge each choice by the rule, on the measured options."""
    given, right = records.answer("m.choose.targets"), chosen_for(records)
    wrong = [name for name in ("server-cpu", "device") if given[name] not in right[name]]
    if wrong:
        return failed(f"Look again at {' and '.join(wrong)}, with all of its limits.")
    return passed("And each of them still has to be measured on its own machine.")


@checkpoint(
    "m.choose.gpu_target",
    gate=("GPU provider",),
    title="Name the option for the server with a GPU",
    form=str,
    hints=("The cell above prints it.", 'The name as it is printed, and "none" for None.'),
)
def gpu_target(records: Records) -> Verdict:
    """Judge the choice by the rule, once an option was measured on a GPU."""
    found, _ = candidates(here_of(records))
    if not any(one.row["on_gpu"] for one in found.values()):
        return missing("No option was measured in full on a GPU: lesson 15b does it.")
    if records.answer("m.choose.gpu_target") not in chosen_for(records)["server-gpu"]:
        return failed("Look again, with both limits of the target, and only at options that compute on the GPU.")
    return passed("Measured where it counts.")


def beaten(records: Records, name: str, others: list[str]) -> bool:
    """Return whether one of the others beats an option by the evidence; an identical one never does."""
    return any(
        other != name
        and not same(raced(records, other), raced(records, name))
        and dominates(gains(records, other, name))
        for other in others
    )


def accuracy_lost(records: Records, option: str) -> float:
    """Return by how much less accurate an option is than the float32 model, as a share; 1 where it is not known."""
    paired = records.paired_accuracy(BASELINE, option)
    return 1.0 if paired is None else paired.interval.value


def chosen_for(records: Records) -> dict[str, set[str]]:
    """Return, for each target, the names that the rule allows: the one it picks, with its twins; or 'none'."""
    found, left_out = candidates(here := here_of(records))
    rows = [one.row for one in found.values()]
    newest = here.latest(kind="latency", option=BASELINE)
    allowed = {}
    for target in targets_for(newest.machine.label if newest else ""):
        name = pick(rows, asdict(target) | {"on_gpu": target.name == "server-gpu"})
        twins = {other for other, why in left_out.items() if name and f"very same file as {name}," in why}
        allowed[target.name] = {name, *twins} if name else {"none"}
    return allowed


def raced(records: Records, name: str) -> Measurement:
    """Return the newest latency record of an option."""
    return records.latest(kind="latency", option=name)


def here_of(records: Records) -> Records:
    """Return the records of the machine that measured float32 last: the leased one, once its results are home."""
    newest = records.latest(kind="latency", option=BASELINE)
    return of_machine(records, newest.machine_id) if newest else records
