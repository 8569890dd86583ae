"""Shrink within a budget: the search's next step, its two files, the weakest channels, the pruned file, the claim."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from grading.checkpoints import (
    Example,
    Mistake,
    Verdict,
    artefact_question,
    failed_as,
    function_question,
    passed,
    prediction,
)
from grading.checkpoints.model.lesson_14 import BASELINE, answers_of, stored_as
from labs.display.format import megabytes, percent
from labs.machine.quantization_format import quantization_format
from labs.records import Records
from labs.stats import coin_tail

_PRUNED = "int8-pruned"

#: Accuracy that each file may lose on the validation images, 0 to 1.
BUDGETS = {"int8-budget-05": 0.05, "int8-budget-01": 0.01}

#: The manager's promise, and a share of the unpruned model's parameters above which nothing was taken out.
_MOST_BYTES, _UNPRUNED = 2_000_000, 2_200_000


def _histories(random: np.random.Generator) -> list[tuple]:
    order = [f"layer {place}" for place in random.permutation(6)]
    made: list[tuple] = [([], order, 0.01)]
    for budget, losses in (
        (0.01, [0.06, 0.03]),
        (0.01, [0.06, 0.08, 0.04]),
        (0.05, [0.04]),
        (0.02, [0.06, 0.03, 0.03, 0.015]),
        (0.0, [0.03, 0.01, 0.02, 0.0]),
        (0.001, [0.05, 0.04, 0.03, 0.035, 0.02, 0.025, 0.01]),
        (0.01, [0.06, 0.06]),
    ):
        made.append((_searched(order, losses), order, budget))
    return made


def _searched(order: Sequence[str], losses: Sequence[float]) -> list[dict]:
    """Return the trials of a search in which the losses came out like this."""
    tried: list[dict] = []
    for loss in losses:
        tried.append({"kept": next_trial(tried, order, -1.0), "loss": loss})
    return tried


def _next(tried: Sequence[Mapping], order: Sequence[str], budget: float, how: str = "") -> list[str] | None:
    if not tried:
        return order[:1] if how == "first" else []
    best = min(tried, key=lambda trial: trial["loss"])
    best = tried[-1] if how == "last" else best
    within = best["loss"] < budget if how == "strict" else best["loss"] <= budget
    if how != "endless" and within:
        return None
    done = {trial["kept"][-1] for trial in tried if trial["kept"]}
    if how == "again":
        done = set(best["kept"])
    left = [layer for layer in (order[::-1] if how == "reversed" else order) if layer not in done]
    if how == "alone":
        return left[:1] or None
    return [*best["kept"], left[0]] if left else None


@function_question(
    "m.quantize.tuner",
    points=3,
    title="Write the search's next step",
    hints=(
        "Which trial is the best so far? Is it good enough? If not, which layer of the order was never tried?",
        "`best = min(tried, key=lambda trial: trial['loss'])`; the layers tried end each `kept`; return "
        "`[*best['kept'], left[0]]`.",
    ),
    cases=_histories,
    mistakes=(
        Mistake(
            "first",
            lambda *a: _next(*a, how="first"),
            "The first trial keeps no layer at all: the budget may allow it.",
        ),
        Mistake("endless", lambda *a: _next(*a, how="endless"), "It goes on although the budget is kept already."),
        Mistake(
            "last",
            lambda *a: _next(*a, how="last"),
            "Each trial builds on the last one, even where that made it worse: build on the best.",
        ),
        Mistake(
            "again",
            lambda *a: _next(*a, how="again"),
            "A layer that did not help is tried again, and again: each once.",
        ),
        Mistake(
            "reversed", lambda *a: _next(*a, how="reversed"), "The most sensitive layer stands first in the order."
        ),
        Mistake(
            "alone",
            lambda *a: _next(*a, how="alone"),
            "The layers that the best trial keeps must stay, and one is added.",
        ),
        Mistake("strict", lambda *a: _next(*a, how="strict"), "A loss equal to the budget is within it."),
    ),
    right="Ask, tell, ask again: a search that can be stopped and resumed at any trial.",
)
def next_trial(tried: Sequence[Mapping], order: Sequence[str], budget: float) -> list[str] | None:
    """Return the layers to keep in float32 in the next trial, or None when the search is over."""
    return _next(tried, order, budget)


def inspect_budgets(paths: Mapping[str, str | Path]) -> dict:
    """Return what each file loses on the validation images, and what a file with no layer in float32 loses."""
    from onnxruntime.quantization import QuantType, quantize_static

    from labs import assets
    from labs.data.dataset import load_split
    from labs.optimize.predict import logits_of, top1

    images, labels = load_split(assets.dataset(), "validation")
    paths = {name: Path(path) for name, path in paths.items()}
    folder = next(iter(paths.values())).parent
    target, found = top1(logits_of(folder / "food11.onnx", images), labels), {}
    for name, path in paths.items():
        facts = stored_as(path)
        facts["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        facts["size_bytes"] = path.stat().st_size
        found[name] = {**facts, "loss": target - top1(logits_of(path, images), labels)}
    one, other = (found.get(name, {}).get("sha256") for name in BUDGETS)
    if one == other is not None and (folder / "ranges.json").is_file():
        types = {"uint8": QuantType.QUInt8, "int8": QuantType.QInt8}
        settings = {"activation_type": types[facts["activations"][0]], "weight_type": types[facts["weights"][0]]}
        settings |= {"reduce_range": facts["seven_bits"], "calibration_cache_path": folder / "ranges.json"}
        quantize_static(folder / "food11-prepared.onnx", folder / "int8-trial.onnx", **settings)
        found["loss_in_int8"] = target - top1(logits_of(folder / "int8-trial.onnx", images), labels)
    return found


_LOOSE = {"sha256": "a", "size_bytes": 2_290_000, "int8_share": 0.99, "loss": 0.03}
_TIGHT = {"sha256": "b", "size_bytes": 2_300_000, "int8_share": 0.98, "loss": 0.006}


@artefact_question(
    "m.quantize.budget",
    points=2,
    title="Quantize within two budgets",
    hints=(
        "Two loops: over the names with their budgets, and in it until `next_trial` returns None.",
        "The inner one: `while (kept := next_trial(tried, order, budget)) is not None:`, and in it "
        "`tried.append({'kept': kept, 'loss': loss_with(kept)})`. Then the file of the trial with the least loss.",
    ),
    inspect=inspect_budgets,
    mistakes={
        "missing": "Two files are wanted, one for each budget, by their names.",
        "float": "This file is hardly quantized: most of its numbers are float32.",
        "over budget": "This file loses more on the validation images than its budget allows.",
        "same file": "Both are the same file, although the looser budget would have allowed every layer in INT8.",
    },
    examples={
        "good": {"int8-budget-05": _LOOSE, "int8-budget-01": _TIGHT},
        "missing": {"int8-budget-05": _LOOSE},
        "float": {"int8-budget-05": _LOOSE, "int8-budget-01": {**_TIGHT, "int8_share": 0.2}},
        "over budget": {"int8-budget-05": _LOOSE, "int8-budget-01": {**_TIGHT, "loss": 0.03}},
        "same file": {"int8-budget-05": _TIGHT, "int8-budget-01": _TIGHT, "loss_in_int8": 0.03},
    },
)
def budget(facts: dict, records: Records) -> Verdict:
    """Judge what each file loses, and that the looser budget was used."""
    for name, allowed in BUDGETS.items():
        if name not in facts:
            return failed_as("missing", name)
        if facts[name]["int8_share"] < 0.6:
            return failed_as("float", name)
        if facts[name]["loss"] > allowed + 1e-9:
            return failed_as("over budget", f"{name}: {percent(facts[name]['loss'])}")
    loose, tight = (facts[name] for name in BUDGETS)
    if loose["sha256"] == tight["sha256"]:
        if facts.get("loss_in_int8", 1.0) <= BUDGETS["int8-budget-05"]:
            return failed_as("same file")
        return passed("One step of the search went past both budgets here, so both are the same file.")
    return passed(
        "The tighter budget is kept too, and it is a larger file.",
        f"{megabytes(loose['size_bytes'])} and {megabytes(tight['size_bytes'])}",
    )


def _layers(random: np.random.Generator) -> list[tuple]:
    made = []
    for shape, count in (((8, 3, 2, 2), 3), ((12, 5), 5), ((6, 1, 3, 3), 2)):
        sizes = random.uniform(0.1, 3, shape[0]).reshape(-1, *[1] * (len(shape) - 1))
        made.append((random.normal(0, 1, shape) * sizes, count))
    even, spiky = np.full(12, 0.7), np.eye(1, 12)[0] * 1.5
    return [*made, (random.permutation(np.stack([even, spiky, np.full(12, -0.1), np.full(12, 2.0)])), 2)]


def _norms(weights: np.ndarray) -> np.ndarray:
    return np.linalg.norm(np.asarray(weights).reshape(len(weights), -1), axis=1)


def _first(values: np.ndarray, count: int) -> list[int]:
    return sorted(int(place) for place in np.argsort(values)[:count])


@function_question(
    "m.prune.weakest",
    points=1,
    title="Find the channels with the smallest weights",
    hints=(
        "One norm for each index of the first axis, then the positions of the smallest.",
        "`norms = np.linalg.norm(weights.reshape(len(weights), -1), axis=1)`; `np.argsort(norms)[:count]`",
    ),
    cases=_layers,
    mistakes=(
        Mistake(
            "strongest",
            lambda weights, count: _first(-_norms(weights), count),
            "These are the strongest: turn the order.",
        ),
        Mistake(
            "sum",
            lambda weights, count: _first(np.asarray(weights).reshape(len(weights), -1).sum(axis=1), count),
            "A sum lets positive and negative weights cancel: take the norm.",
        ),
        Mistake(
            "largest weight",
            lambda weights, count: _first(np.abs(weights).reshape(len(weights), -1).max(axis=1), count),
            "That is each channel's largest weight; the norm takes all of them.",
        ),
        Mistake(
            "kept",
            lambda weights, count: _first(-_norms(weights), len(weights) - count),
            "These are the channels that stay.",
        ),
        Mistake(
            "unsorted",
            lambda weights, count: [int(place) for place in np.argsort(_norms(weights))[:count]],
            "The right channels: sort their indices.",
        ),
    ),
    compare=lambda given, wanted: [int(one) for one in given] == list(wanted),
    right="Small weights are one guess at what can go. The next cells test it.",
)
def weakest_channels(weights: np.ndarray, count: int) -> list[int]:
    """Return the indices of the channels with the smallest norm."""
    return _first(_norms(weights), count)


def inspect_pruned(path: str | Path) -> dict:
    """Return how the file is stored, and what it answers."""
    return {**stored_as(path), **answers_of(path)}


_SMALL = {
    "layout": "qdq",
    "int8_share": 0.97,
    "weights": ["int8"],
    "activations": ["uint8"],
    "per_channel": True,
    "seven_bits": False,
    "numbers": 1_750_000,
    "images": 220,
    "right": 177,
    "agreement": 0.95,
    "size_bytes": 1_900_000,
}

_XEON = {"kind": "accuracy", "option": BASELINE, "machine": {"architecture": "x86_64", "cpu_flags": ["avx512_vnni"]}}
_MILAN = {**_XEON, "machine": {"architecture": "x86_64", "cpu_flags": ["avx2"]}}


@artefact_question(
    "m.prune.file",
    points=2,
    title="Quantize the pruned model in the format that fits",
    hints=(
        "A reader, a calibration method, and the settings of the format that fits this machine.",
        "`quantize_static(pruned_prepared, pruned_path, ImageReader(training_images[::4]), "
        "calibrate_method=CalibrationMethod.Percentile, extra_options=percentile, **quantization_format().settings())`",
    ),
    inspect=inspect_pruned,
    needs=({"kind": "accuracy", "option": BASELINE},),
    mistakes={
        "not pruned": "It has as many numbers as the model of lesson 14: quantize `pruned_prepared`.",
        "float": "Most of its numbers are still float32.",
        "per tensor": "Each weight has a single scale: the settings of the format hold `per_channel`.",
        "wrong format": "These are not the types that fit your machine: `**quantization_format().settings()`.",
        "too large": "It is larger than the two megabytes that were promised: was it slimmed?",
        "ranges": "It contradicts the float model too often: `calibrate_method` and `extra_options` belong together.",
    },
    examples={
        "good": Example(_SMALL, (_XEON,)),
        "not pruned": Example({**_SMALL, "numbers": 2_290_000, "size_bytes": 2_500_000}, (_XEON,)),
        "float": Example({**_SMALL, "int8_share": 0.0}, (_XEON,)),
        "per tensor": Example({**_SMALL, "per_channel": False}, (_XEON,)),
        "wrong format": Example(_SMALL, (_MILAN,)),
        "too large": Example({**_SMALL, "size_bytes": 2_050_000}, (_XEON,)),
        "ranges": Example({**_SMALL, "agreement": 0.5}, (_XEON,)),
    },
)
def pruned_file(facts: dict, records: Records) -> Verdict:
    """Judge size, format and agreement of the pruned file."""
    fits = quantization_format(records.latest(kind="accuracy", option=BASELINE).machine)
    if facts["int8_share"] < 0.9:
        return failed_as("float", f"{percent(facts['int8_share'])} of its numbers are bytes")
    if facts["numbers"] > _UNPRUNED:
        return failed_as("not pruned", f"{facts['numbers']:,} numbers")
    if not facts["per_channel"]:
        return failed_as("per tensor")
    if (facts["activations"], facts["weights"]) != ([fits.activation_type], [fits.weight_type]):
        return failed_as("wrong format", f"{facts['activations']} and {facts['weights']}")
    if facts["seven_bits"] != fits.reduce_range:
        return failed_as("wrong format", "seven bits" if facts["seven_bits"] else "eight bits")
    if facts["size_bytes"] > _MOST_BYTES:
        return failed_as("too large", megabytes(facts["size_bytes"]))
    if facts.get("agreement", 0.0) < 0.85:
        return failed_as("ranges", f"the same class for {percent(facts.get('agreement', 0.0))}")
    return passed("Below one byte a parameter of the old model.", megabytes(facts["size_bytes"]))


@prediction(
    "m.prune.accuracy_guess",
    about={"kind": "accuracy", "option": _PRUNED},
    title="Predict how many of 100 images the pruned model gets right",
    unit="of 100",
    between=(1, 100),
)
def right_of_100(records: Records) -> float | None:
    """Return the accuracy of the pruned INT8 model, in per cent."""
    record = records.latest(kind="accuracy", option=_PRUNED)
    return None if record is None else 100 * float(np.mean(record.samples))


def _splits(random: np.random.Generator) -> list[tuple]:
    fixed = [(0, 0), (6, 0), (5, 0), (0, 9), (36, 5), (10, 7), (60, 40), (61, 40), (3, 12)]
    return [*fixed, (int(random.integers(20, 30)), int(random.integers(2, 6)))]


def _tail(lost: int, gained: int, sides: int = 2) -> float:
    return min(1.0, sides * coin_tail(min(lost, gained), lost + gained))


def _said(lost: int, gained: int, level: float = 0.05, sides: int = 2) -> str:
    if lost + gained == 0 or _tail(lost, gained, sides) >= level:
        return "cannot tell"
    return "worse" if lost > gained else "better"


def _own_split(records: Records) -> list[tuple]:
    paired = records.paired_accuracy(_PRUNED, BASELINE)
    return [(paired.only_second, paired.only_first)] if paired else []


@function_question(
    "m.prune.claim",
    points=2,
    title="Say what may be claimed about a model's accuracy",
    hints=(
        "If both were equally good, how likely is a split at least so uneven?",
        "In the body: `from scipy.stats import binomtest`, then `binomtest(lost, lost + gained).pvalue < 0.05`; and "
        "which of the two is larger?",
    ),
    cases=_splits,
    own=_own_split,
    needs=({"kind": "accuracy", "option": _PRUNED}, {"kind": "accuracy", "option": BASELINE}),
    mistakes=(
        Mistake(
            "no test",
            lambda lost, gained: "worse" if lost > gained else "better" if gained > lost else "cannot tell",
            "A fair coin falls 10 to 7 easily: without a test, every difference looks like a finding.",
        ),
        Mistake(
            "turned around",
            lambda lost, gained: {"worse": "better", "better": "worse"}.get(_said(lost, gained), "cannot tell"),
            "Turned around: who lost more than it gained is worse.",
        ),
        Mistake(
            "one side",
            lambda lost, gained: _said(lost, gained, sides=1),
            "This counts one side only. The split could have been as uneven the other way: two-sided.",
        ),
        Mistake(
            "always careful",
            lambda lost, gained: "cannot tell",
            "36 of 41 is no coin's toss: a clear difference has to be said.",
        ),
    ),
    right="And with ten times as many images you could say more.",
)
def claim(lost: int, gained: int) -> str:
    """Return what a binomial test allows to say."""
    return _said(lost, gained)
