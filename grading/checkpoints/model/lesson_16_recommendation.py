"""Defend: the recommendation's structure, and its numbers against the records. A person reads the sentences."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, unanswered
from grading.checkpoints.evidence import accuracy, answer_to, is_close, latest, measurements, percentile
from grading.checkpoints.model.lesson_16_evidence import BASELINE, blocks, numbers, on_the_frontier, race
from labs import stats
from labs.records.format import times

PLAIN_JSON = True

#: Fewest words of each text; fewer do not say why.
_FEWEST_WORDS = {"to_the_manager": 30, "what_it_costs": 8, "what_would_change_my_mind": 8}

#: Kinds of record that a choice has to rest on, with the number of pictures in one call; None where it does not matter.
_NEEDED = (("accuracy", None), ("size", None), ("latency", 1), ("throughput", 32))

#: Points by which a rounded answer may differ.
_SAME_POINTS = 0.06


@checkpoint(
    "m.choose.recommendation",
    points=5,
    title="Write the recommendation: choice, evidence, price, and what would change your mind",
    hint="Take the record ids from the list above: accuracy, size, and both races, for your choice.",
)
def recommendation(entries: list[dict]) -> Verdict:
    """Judge structure and consistency: the choice raced, its evidence exists, its numbers are the records'."""
    given = answer_to(entries, "m.choose.recommendation")
    if given is None:
        return unanswered()
    choice = given["choice"]
    for problem in (_choice(entries, choice), _evidence(entries, choice, given["evidence"])):
        if problem:
            return failed(problem, yours=str(choice))
    verdict = _numbers(entries, choice, given["times_as_fast"], given["points_lost"])
    if verdict is not None:
        return verdict
    for name, least in _FEWEST_WORDS.items():
        if len(str(given[name]).split()) < least:
            return failed(f"`{name}` says too little to be relied on.", f"{least} words or more", str(given[name]))
    if choice not in given["to_the_manager"]:
        return failed("The text to the manager does not name the option.", choice, given["to_the_manager"])
    return passed("Complete, and its numbers are those of your records. A person reads the rest.", "", choice)


def _choice(entries: list[dict], choice: str) -> str:
    """Return what is wrong with the choice, or nothing."""
    if choice not in race(entries, 1) or choice not in race(entries, 32):
        return "The choice did not take part in the race, with one photo and with 32: nobody can check it."
    found = numbers(entries)
    if choice not in found:
        return "The choice is not measured in full."
    racers = {name: row for name, row in found.items() if name in race(entries, 1)}
    # Among those that raced, too, and turn by turn: an option that was beaten by a hair's breadth may win the race.
    if choice in on_the_frontier(found) or choice in on_the_frontier(racers):
        return ""
    if choice not in on_the_frontier(_as_raced(entries, racers)):
        return "Another option of the race is at least as good in all four measures. Why not that one?"
    return ""


def _as_raced(entries: list[dict], racers: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return the racers with their times as multiples of the float model's, turn by turn."""
    one, many = race(entries, 1), race(entries, 32)
    return {
        name: {
            **row,
            "p50_s": stats.ratio_of_medians(blocks(one[name]), blocks(one[BASELINE])).interval.value,
            "batch_fps": stats.ratio_of_medians(blocks(many[BASELINE]), blocks(many[name])).interval.value,
        }
        for name, row in racers.items()
        if name in many
    }


def _evidence(entries: list[dict], choice: str, evidence: list[str]) -> str:
    """Return what is wrong with the evidence, or nothing."""
    by_id = {record["record_id"]: record for record in measurements(entries)}
    if any(name not in by_id for name in evidence):
        return "A record id is not in your ledger: copy it whole."
    cited = [by_id[name] for name in evidence if by_id[name]["option"] == choice]
    if not cited:
        return "The evidence is about other options than the choice."
    missing = [
        kind
        for kind, batch_size in _NEEDED
        if not any(record["kind"] == kind and batch_size in (None, record["batch_size"]) for record in cited)
    ]
    return f"Evidence for the choice is missing: {', '.join(missing)}." if missing else ""


def _numbers(entries: list[dict], choice: str, times_as_fast: float, points_lost: float) -> Verdict | None:
    """Return the verdict on the two numbers when one of them is wrong."""
    run = race(entries, 1)
    ratio = stats.ratio_of_medians(blocks(run[BASELINE]), blocks(run[choice])).interval.value
    # Turn by turn, as the race says it, or all turns together: either is what the question asks for.
    as_good = (ratio, percentile(run[BASELINE], 50) / percentile(run[choice], 50))
    if not any(is_close(times_as_fast, one, within=0.03) for one in as_good):
        turned = is_close(times_as_fast, 1 / ratio, within=0.03)
        message = "Turned around: above 1 means faster." if turned else "This is not the race's ratio of latencies."
        return failed(f"`times_as_fast`: {message}", times(ratio), f"{times_as_fast:g}")
    records = [latest(entries, kind="accuracy", option=option) for option in (BASELINE, choice)]
    if None in records:
        return failed("An accuracy record is missing: measure onnx-all and the choice.")
    points = 100 * (accuracy(records[0]) - accuracy(records[1]))
    if abs(points_lost - points) > _SAME_POINTS:
        fraction = abs(100 * points_lost - points) <= _SAME_POINTS
        message = "That is a fraction; a point is a hundredth." if fraction else "Compare the two accuracy records."
        return failed(f"`points_lost`: {message}", f"{points:.2f} points", f"{points_lost:g}")
    return None
