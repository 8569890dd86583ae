"""Build an ensemble: its first step, its wires, how busy each step is, and what a chain of steps can reach."""

from __future__ import annotations

import base64
from pathlib import Path

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
from grading.checkpoints.system.lesson_33 import ratio_of_rates
from labs.display.format import times
from labs.records import Records

_STEPS = ("food_preprocess", "food_classifier_onnx", "food_label")
_EIGHT = {"kind": "load", "option": "ensemble-8"}
_SCALED = {"kind": "load", "option": "ensemble-8-scaled"}
_SEEN = {"subject": "ensemble.steps", "seen": {"rate_rps": 50.0, "compute_s": dict.fromkeys(_STEPS, 0.01)}}
#: Images that are asked about.
_IMAGES = 6
#: Inputs of one image differ by less than this where two libraries scale and round a little differently.
_ROUNDING = 0.05


@prediction(
    "s.ensemble.guess",
    about=_EIGHT,
    title="Predict which step of the ensemble is busiest with eight clients",
    choices=_STEPS,
)
def guess(records: Records) -> str | None:
    """Return the step that computes longest for a request: with one instance each it is the busiest."""
    seen = records.seen("ensemble.steps")
    return max(seen["compute_s"], key=seen["compute_s"].get) if seen else None


@prediction(
    "s.ensemble.scaled_guess",
    about=_SCALED,
    title="Predict what a second instance of the busiest step brings",
    between=(0.05, 100),
    show=times,
)
def scaled(records: Records) -> float | None:
    """Return answers a second after over before."""
    return ratio_of_rates(records, "ensemble-8-scaled", "ensemble-8")


def inspect_preprocess(folder) -> dict:
    """Return what the real Triton says of the first step's folder, and how far its numbers are from the course's."""
    from labs.serve.triton import trial

    folder = Path(folder)
    texts, tensors = trial.photos(_IMAGES)
    facts = {"loaded": True, "reason": "", "said": "", "shape": [], "apart": 0.0, "rows": 0, "refused": False}
    try:
        with trial.copied(folder.parent, folder.name) as triton:
            try:
                made = trial.ask(triton, folder.name, "INPUT_IMAGE", texts[:1])["input"]
                facts |= {"shape": list(made.shape)}
                if made.shape == (1, *tensors.shape[1:]):
                    facts["apart"] = float(np.abs(made - tensors[:1]).mean())
                    several = trial.ask(triton, folder.name, "INPUT_IMAGE", texts)["input"]
                    near = np.abs(several - tensors[: len(several)]).mean(axis=(1, 2, 3)) < _ROUNDING
                    facts["rows"] = int(near.sum())
                    facts["wide_apart"] = _apart_on_a_wide_photo(triton, folder.name)
            except trial.RefusedError as error:
                return facts | {"said": str(error)}
            bad = np.array([[base64.b64encode(b"no image")]], dtype=object)
            try:
                trial.ask(triton, folder.name, "INPUT_IMAGE", bad)
            except trial.RefusedError:
                facts["refused"] = True
            try:
                trial.ask(triton, folder.name, "INPUT_IMAGE", texts[:1])
            except trial.RefusedError as error:
                facts |= {"refused": False, "said": str(error)}
    except trial.RefusedError as error:
        return {"loaded": False, "reason": str(error)}
    return facts


def _apart_on_a_wide_photo(triton, model: str) -> float | None:
    """Return how far its numbers are from the course's for a photo of 4:3; None where they have another shape.

    In a square photo nobody sees whether it was cropped or squashed.
    """
    import io

    from labs.data.preprocess import load_image, to_input
    from labs.serve.photos import SIDE_PX, photo
    from labs.serve.triton import trial

    wide, file = load_image(photo()).crop((0, SIDE_PX // 8, SIDE_PX, SIDE_PX // 8 * 7)), io.BytesIO()
    wide.save(file, "PNG")
    text, wanted = np.array([[base64.b64encode(file.getvalue())]], dtype=object), to_input(wide)
    try:
        made = trial.ask(triton, model, "INPUT_IMAGE", text)["input"]
    except trial.RefusedError:
        return None
    return float(np.abs(made - wanted).mean()) if made.shape == (1, *wanted.shape) else None


_MADE = {
    "loaded": True,
    "reason": "",
    "said": "",
    "shape": [1, 3, 224, 224],
    "apart": 0.0,
    "rows": _IMAGES,
    "wide_apart": 0.005,
    "refused": True,
}


@artefact_question(
    "s.ensemble.preprocess",
    points=4,
    title="Write the preprocessing as a model for Triton",
    inspect=inspect_preprocess,
    hints=(
        "A loop over the requests; for each one a list of arrays, `np.stack`, and one InferenceResponse.",
        "`((pixels / 255 - MEAN) / STD).transpose(2, 0, 1)`; `InferenceResponse([pb_utils.Tensor('input', batch)])`.",
    ),
    mistakes={
        "not loaded": "Triton does not load this folder; its reason stands below.",
        "no answer": "It loads, and gives no answer to a photo; what Triton says stands below.",
        "another shape": "One photo becomes (1, 3, 224, 224): channels first, and the axis of the batch before them.",
        "other numbers": "The shape is right and the numbers are not: divided by 255, minus MEAN, over STD?",
        "one row": "A request of several images gets fewer rows: take all its texts.",
        "squashed": "A photo that is wider than high becomes other numbers: take its central square, `ImageOps.fit`.",
        "not square": "A photo that is wider than high does not become (1, 3, 224, 224): take its central square.",
        "not refused": "A request that holds no image is to get an error of its own, and the next one its answer.",
    },
    examples={
        "good": _MADE,
        "not loaded": {"loaded": False, "reason": "food_preprocess was not loaded: No module named 'torchvision'"},
        "no answer": {**_MADE, "said": "name 'np' is not defined", "shape": []},
        "another shape": {**_MADE, "shape": [1, 224, 224, 3], "rows": 0},
        "other numbers": {**_MADE, "apart": 1.9, "rows": 0},
        "one row": {**_MADE, "rows": 1},
        "squashed": {**_MADE, "wide_apart": 0.28},
        "not square": {**_MADE, "wide_apart": None},
        "not refused": {**_MADE, "refused": False},
    },
)
def preprocess(facts: dict, records: Records) -> Verdict:
    """Judge that it makes the network's inputs, row by row, and refuses what is no image."""
    if not facts["loaded"]:
        return failed_as("not loaded", yours=facts["reason"])
    if not facts["shape"]:
        return failed_as("no answer", yours=facts["said"])
    if facts["shape"] != [1, 3, 224, 224]:
        return failed_as("another shape", yours=str(tuple(facts["shape"])))
    if facts["apart"] >= _ROUNDING:
        return failed_as("other numbers", yours=f"{facts['apart']:.2f} apart on average")
    if facts["rows"] < _IMAGES:
        return failed_as("one row", yours=f"{facts['rows']} of {_IMAGES}")
    wide_apart = facts.get("wide_apart", 0.0)  # older records were made without a wide photo
    if wide_apart is None:
        return failed_as("not square")
    if wide_apart >= _ROUNDING:
        return failed_as("squashed", yours=f"{wide_apart:.2f} apart on average")
    if not facts["refused"]:
        return failed_as("not refused", yours=facts["said"])
    return passed("Cropped and scaled in one place, for every client.")


def inspect_ensemble(folder) -> dict:
    """Return what the real Triton says of an ensemble in its repository, and which classes it gives."""
    from labs.serve.triton import trial

    folder = Path(folder)
    texts, tensors = trial.photos(_IMAGES)
    try:
        with trial.copied(folder.parent, *_STEPS, folder.name) as triton:
            config = triton.config(folder.name)
            steps = [one["model_name"] for one in config.get("ensemble_scheduling", {}).get("step", [])]
            said = trial.ask(triton, folder.name, "INPUT_IMAGE", texts)
            ran = [
                name
                for name in _STEPS
                if any(one["inference_stats"]["success"]["count"] for one in trial.counted(triton, name).values())
            ]
    except trial.RefusedError as error:
        return {"loaded": False, "reason": str(error)}
    names = [one.decode() for one in said["FOOD_LABEL"].ravel()]
    right = trial.expected_classes(tensors)
    return {
        "loaded": True,
        "reason": "",
        "steps": steps,
        "ran": ran,
        "asked": _IMAGES,
        "right": sum(one == other for one, other in zip(names, right, strict=True)),
        "probability": "PROBABILITY" in said,
    }


_WIRED = {
    "loaded": True,
    "reason": "",
    "steps": list(_STEPS),
    "ran": list(_STEPS),
    "asked": _IMAGES,
    "right": _IMAGES,
    "probability": True,
}


@artefact_question(
    "s.ensemble.scheduling",
    points=4,
    title="Wire three models into an ensemble",
    inspect=inspect_ensemble,
    hints=(
        "Three steps. What one step's output_map calls `pixels`, the next one's input_map takes under that name.",
        'Step 2: `input_map { key: "input" value: "pixels" } output_map { key: "output" value: "logits" }`.',
    ),
    mistakes={
        "not loaded": "Triton does not load it, or it does not answer; the reason stands below.",
        "steps": "It answers, and not by way of the three models.",
        "no probability": "The answer lacks `PROBABILITY`.",
        "other classes": "Its classes are not those of the course's model: is each tensor wired to the right one?",
    },
    examples={
        "good": _WIRED,
        "not loaded": {"loaded": False, "reason": "ensemble tensor 'pixles' is unused"},
        "steps": {**_WIRED, "steps": ["food_classifier"], "ran": []},
        "no probability": {**_WIRED, "probability": False},
        "other classes": {**_WIRED, "right": 1},
    },
)
def scheduling(facts: dict, records: Records) -> Verdict:
    """Judge that a photo passes through the three steps, and comes out as the right word."""
    if not facts["loaded"]:
        return failed_as("not loaded", yours=facts["reason"])
    if sorted(facts["steps"]) != sorted(_STEPS) or sorted(facts["ran"]) != sorted(_STEPS):
        return failed_as("steps", yours=", ".join(facts["steps"]))
    if not facts["probability"]:
        return failed_as("no probability")
    if facts["right"] < facts["asked"] - 1:
        return failed_as("other classes", yours=f"{facts['right']} of {facts['asked']} as torch says")
    return passed("A photo in, a word out, and no code between the steps.")


def _chains(random: np.random.Generator) -> list[tuple]:
    made = []
    for milliseconds, instances in (
        ((5.0, 2.5, 0.4), {}),
        ((9.0, 2.0, 0.5), {"food_preprocess": 2}),
        ((9.0, 6.0, 1.0), {"food_preprocess": 4, "food_label": 2}),
        ((2.0, 7.0, 3.0), {"food_classifier_onnx": 3}),
    ):
        seconds = np.array(milliseconds) * random.uniform(0.95, 1.05, 3) / 1e3
        made.append((float(random.uniform(40, 250)), dict(zip(_STEPS, map(float, seconds), strict=True)), instances))
    return made


def _own_chain(records: Records) -> list[tuple]:
    seen = records.seen("ensemble.steps")
    return [(seen["rate_rps"], seen["compute_s"], {}), (seen["rate_rps"], seen["compute_s"], {"food_preprocess": 2})]


@function_question(
    "s.ensemble.busy",
    points=2,
    title="Apply the utilization law to each step",
    hints=(
        "Rate times seconds is how many instances are busy on average. Over how many there are?",
        "`{step: rate_rps * seconds / instances.get(step, 1) for step, seconds in compute_s.items()}`",
    ),
    cases=_chains,
    own=_own_chain,
    needs=(_SEEN,),
    mistakes=(
        Mistake(
            "instances forgotten",
            lambda rate_rps, compute_s, instances: {step: rate_rps * one for step, one in compute_s.items()},
            "This counts busy instances. How busy is each of them where a step has several?",
        ),
        Mistake(
            "multiplied",
            lambda rate_rps, compute_s, instances: {
                step: rate_rps * one * instances.get(step, 1) for step, one in compute_s.items()
            },
            "More instances share the work: divide by them.",
        ),
        Mistake(
            "share of the time",
            lambda rate_rps, compute_s, instances: {
                step: one / sum(compute_s.values()) for step, one in compute_s.items()
            },
            "This is each step's share of a request. How busy it is depends on the rate too.",
        ),
        Mistake(
            "named ones only",
            lambda rate_rps, compute_s, instances: {
                step: rate_rps * one / instances[step] for step, one in compute_s.items() if step in instances
            },
            "A step that is not named in `instances` has one, and belongs into the result.",
        ),
    ),
    right="It holds whatever the distributions are.",
)
def busy(rate_rps: float, compute_s: dict, instances: dict) -> dict[str, float]:
    """Return how busy each step's instances are."""
    return {step: rate_rps * seconds / instances.get(step, 1) for step, seconds in compute_s.items()}


@function_question(
    "s.ensemble.most",
    points=2,
    title="Write the rate that a chain of steps can reach",
    hints=(
        "Each step alone could serve instances over seconds. Which of them decides?",
        "`min(instances.get(step, 1) / seconds for step, seconds in compute_s.items())`",
    ),
    cases=lambda random: [one[1:] for one in _chains(random)],
    own=lambda records: [one[1:] for one in _own_chain(records)],
    needs=(_SEEN,),
    mistakes=(
        Mistake(
            "one after the other",
            lambda compute_s, instances: 1 / sum(compute_s.values()),
            "This is one request at a time through the whole chain. The steps work side by side on several.",
        ),
        Mistake(
            "the fastest",
            lambda compute_s, instances: max(instances.get(step, 1) / one for step, one in compute_s.items()),
            "This is the step that could do most. The one that can do least holds the others up.",
        ),
        Mistake(
            "instances forgotten",
            lambda compute_s, instances: 1 / max(compute_s.values()),
            "Two instances of a step serve twice as many requests.",
        ),
        Mistake(
            "longest step",
            lambda compute_s, instances: instances.get(max(compute_s, key=compute_s.get), 1) / max(compute_s.values()),
            "The step that computes longest need not decide: it may have several instances.",
        ),
    ),
)
def most_rps(compute_s: dict, instances: dict) -> float:
    """Return the rate at which the first step is busy all of the time."""
    return min(instances.get(step, 1) / seconds for step, seconds in compute_s.items())
