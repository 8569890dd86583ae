"""Defend: the model that is handed in, and the recommendation, whose numbers are checked; a person reads the rest."""

from __future__ import annotations

import numpy as np

from grading.checkpoints import Example, Verdict, artefact_question, checkpoint, failed, failed_as, missing, passed
from grading.checkpoints.model.lesson_16_choice import (
    EPSILON,
    MAX_LOSS,
    accuracy_lost,
    beaten,
    here_of,
    raced,
)
from grading.checkpoints.values import is_close
from labs.records import Records
from labs.records.candidates import BASELINE, racers

#: Fewest words of each text; fewer do not give a reason.
_FEWEST_WORDS = {"to_the_manager": 30, "what_would_change_my_mind": 8}

#: Points by which a rounded answer may differ.
_SAME_POINTS = 0.06


def look_into(path: object) -> dict:
    """Return facts about a model's file: whether it opens, and what it answers to one image and to three."""
    import onnxruntime as ort

    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    shapes = []
    for size in (1, 3):
        try:
            shapes.append(list(session.run(None, {name: np.zeros((size, 3, 224, 224), np.float32)})[0].shape))
        except Exception as error:  # a fixed axis refuses the other size; which error, differs by version
            shapes.append([type(error).__name__])
    return {"shapes": shapes}


def _example(file: str, **changed: object) -> Example:
    """Return facts about a file with a race of a float32, an INT8 and a beaten option."""
    records = []
    for option, right, seconds, size, letter in (
        (BASELINE, 80, 4.0, 9_000_000, "a"),
        ("int8", 80, 2.0, 2_000_000, "b"),
        ("slow", 80, 6.0, 9_500_000, "c"),
        ("coarse", 60, 1.0, 1_000_000, "d"),
    ):
        common = {
            "option": option,
            "model": {"name": f"{option}.onnx", "sha256": letter * 64, "size_bytes": size},
            "settings": {"providers": [["CPUExecutionProvider", {}]]},
            "backend": "onnxruntime",
            "provider_requested": "CPUExecutionProvider",
        }
        samples, details = [1.0] * right + [0.0] * (100 - right), {"labels": [0] * 100}
        records.append({**common, "kind": "size", "samples": [float(size)]})
        records.append({**common, "kind": "accuracy", "samples": samples, "details": details})
        for kind, batch_size in (("latency", 1), ("throughput", 32)):
            details = {"comparison_id": f"race {batch_size}", "block_calls": 2}
            samples = [seconds * (1 + 0.001 * (turn % 5)) for turn in range(40)]
            records.append({**common, "kind": kind, "batch_size": batch_size, "samples": samples, "details": details})
    facts = {"shapes": [[1, 11], [3, 11]], "sha256": file * 64, "size_bytes": 2_000_000, **changed}
    return Example(facts, tuple(records))


@artefact_question(
    "m.choose.model",
    points=3,
    title="Hand in the model that you choose",
    inspect=look_into,
    needs=({"kind": "latency", "option": BASELINE},),
    hints=(
        "It is the file of a racer, whole and unchanged.",
        "One of the names of `m.choose.frontier` that loses no more than a point; copy its file with `shutil.copy`.",
    ),
    mistakes={
        "fixed batch": "It does not take three images at once: its batch axis is fixed.",
        "not raced": "This file was in no race: nobody can check what is said about it.",
        "beaten": "Another racer beats it. Why not that one?",
        "too dear": "It loses more than one point of accuracy against the float32 model.",
    },
    examples={
        "good": _example("b"),
        "fixed batch": _example("b", shapes=[[1, 11], ["InvalidArgument"]]),
        "not raced": _example("e"),
        "beaten": _example("c"),
        "too dear": _example("d"),
    },
)
def model(facts: dict, records: Records) -> Verdict:
    """Judge that the file predicts, ran in the newest race, is not beaten there, and keeps the accuracy."""
    here = here_of(records)
    if facts["shapes"][0] != [1, 11]:
        return failed("It does not answer one image with eleven logits.")
    if facts["shapes"][1] != [3, 11]:
        return failed_as("fixed batch")
    names = [name for name in racers(here) if raced(here, name).model.sha256 == facts["sha256"]]
    if not names:
        return failed_as("not raced")
    kept = [name for name in names if accuracy_lost(here, name) <= MAX_LOSS + EPSILON]
    if not kept:
        return failed_as("too dear")
    if all(beaten(here, name, racers(here)) for name in kept):
        return failed_as("beaten")
    return passed("A choice with evidence.", ", ".join(kept))


@checkpoint(
    "m.choose.recommendation",
    points=3,
    title="Recommend one option, with evidence and what would change your mind",
    form={
        "choice": str,
        "times_as_fast": float,
        "points_lost": float,
        "to_the_manager": str,
        "what_would_change_my_mind": str,
    },
    needs=({"kind": "latency", "option": BASELINE}, {"subject": "artefact.m.choose.model"}),
    hints=(
        "Both numbers come from the race and the two accuracy records of your choice and of float32.",
        "`records.comparison(…).ratio(float32, choice).interval.value`, and 100 × the difference of the accuracies.",
    ),
    mistakes={
        "turned around": "`times_as_fast` is turned around: above 1 means faster.",
        "fraction": "`points_lost` is a fraction; a point is a hundredth.",
        "another model": "The file that you handed in as `chosen.onnx` is another option's.",
    },
)
def recommendation(records: Records) -> Verdict:
    """Judge that the choice raced, is the model handed in, has the records' numbers, and comes with reasons."""
    given = records.answer("m.choose.recommendation")
    here, choice = here_of(records), given["choice"]
    run = here.comparison(choice, BASELINE) or here.comparison(choice, "cpu-provider")
    if choice not in racers(here) or run is None:
        return failed("The choice was in no race beside float32: nobody can check it.")
    if run.record(choice).model.sha256 != records.seen("artefact.m.choose.model").get("sha256"):
        return failed_as("another model")
    baseline = BASELINE if BASELINE in run.options else "cpu-provider"
    ratio, faster = run.ratio(baseline, choice).interval.value, given["times_as_fast"]
    # The run's own figure, with room for rounding: anywhere in a noisy run's interval, a neighbour's would do as well.
    if not is_close(faster, ratio, within=0.02):
        if is_close(faster, 1 / ratio, within=0.02):
            return failed_as("turned around")
        return failed("`times_as_fast` is not the race's ratio of latencies.")
    if here.latest(kind="accuracy", option=choice) is None:
        return missing("Measure the accuracy of your choice, then this check again.")
    lost = 100 * accuracy_lost(here, choice)
    if abs(given["points_lost"] - lost) > _SAME_POINTS:
        if abs(100 * given["points_lost"] - lost) <= _SAME_POINTS:
            return failed_as("fraction")
        return failed("`points_lost`: compare the two accuracy records.")
    if lost > 100 * MAX_LOSS + _SAME_POINTS:
        return failed("It loses more than the one point that the manager allows.")
    for name, least in _FEWEST_WORDS.items():
        if len(given[name].split()) < least:
            return failed(f"`{name}` says too little to be relied on: {least} words or more.")
    if choice not in given["to_the_manager"]:
        return failed("The text to the manager does not name the option.")
    return passed("Complete, and its numbers are those of your records. A person reads the rest.")
