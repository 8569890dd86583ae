"""Defend: the recommendation's numbers against the records. A person reads the sentences."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, failed_as, missing, passed
from grading.checkpoints.model.lesson_16_choice import BASELINE, MAX_LOSS, accuracy_lost, racers
from labs.records import Records
from labs.records.candidates import of_machine

#: Fewest words of each text; fewer do not give a reason.
_FEWEST_WORDS = {"to_the_manager": 30, "what_would_change_my_mind": 8}

#: Points by which a rounded answer may differ.
_SAME_POINTS = 0.06


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
    newest = records.latest(kind="latency", option=BASELINE)
    here, choice = of_machine(records, newest.machine_id), given["choice"]
    run = here.comparison(choice, BASELINE) or here.comparison(choice, "cpu-provider")
    if choice not in racers(here) or run is None:
        return failed("The choice was in no race beside float32: nobody can check it.")
    if run.record(choice).model.sha256 != records.seen("artefact.m.choose.model").get("sha256"):
        return failed_as("another model")
    baseline = BASELINE if BASELINE in run.options else "cpu-provider"
    ratio = run.ratio(baseline, choice).interval
    near = (ratio.low * 0.99, ratio.high * 1.01)  # with room for rounding
    faster = given["times_as_fast"]
    if not near[0] <= faster <= near[1]:
        if near[0] <= 1 / faster <= near[1] if faster else False:
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
