"""Choose and defend, the decision: the recommendation with its evidence and its where."""

from __future__ import annotations

from grading.checkpoints import Verdict, checkpoint, failed, passed, unanswered
from grading.checkpoints.edge.device import points_lost, where_of
from grading.checkpoints.edge.lesson_28 import measured
from grading.checkpoints.values import is_close
from labs.display.format import milliseconds
from labs.records import Records

#: Fewest words of each text; fewer do not say why.
_FEWEST_WORDS = {"to_the_manager": 30, "what_it_costs": 6, "what_would_change_my_mind": 8}

#: Kinds of record from the device that a choice has to rest on.
_NEEDED = ("accuracy", "size", "latency")


@checkpoint(
    "e.choose.recommendation",
    points=5,
    title="Write the recommendation: choice, evidence, where, price, and what would change your mind",
    hint="Record ids of the choice's accuracy, size and latency stand in the list above.",
)
def recommendation(records: Records) -> Verdict:
    """Judge structure and consistency; a person reads the sentences."""
    given = records.answer("e.choose.recommendation")
    if given is None:
        return unanswered()
    choice = given["choice"]
    found = measured(records, choice)
    if isinstance(found, str) or not str(choice).startswith("edge-"):
        return failed("The choice was not measured on the device in full.", yours=str(choice))
    problem = _evidence(records, choice, given["evidence"])
    if problem:
        return failed(problem, yours=str(choice))
    record = found[0]
    if not _is_a_median(records, choice, given["p50_s"]):
        return failed(
            "`p50_s` is not the median of a latency record of the choice.", milliseconds(record.percentile(50))
        )
    if given["where"] != where_of(record):
        return failed("`where`: the record's machine says another place.", where_of(record), str(given["where"]))
    lost = points_lost(records, choice)
    if lost is None or abs(given["points_lost"] - lost) > 0.06:
        return failed(
            "`points_lost`: compare the two accuracy records, in points.", f"{lost}", f"{given['points_lost']:g}"
        )
    for name, least in _FEWEST_WORDS.items():
        if len(str(given[name]).split()) < least:
            return failed(f"`{name}` says too little to be relied on.", f"{least} words or more", str(given[name]))
    if choice not in given["to_the_manager"]:
        return failed("The text to the manager does not name the option.", choice, given["to_the_manager"])
    if where_of(record) == "rehearsal" and "rehears" not in given["to_the_manager"].lower():
        return failed("This was a rehearsal, and the text to the manager does not say so.", "", given["to_the_manager"])
    return passed("Complete, and its numbers are those of your records. A person reads the rest.", "", choice)


def _evidence(records: Records, choice: str, evidence: list[str]) -> str:
    """Return what is wrong with the evidence, or nothing."""
    by_id = {record.record_id: record for record in records.measurements()}
    if any(name not in by_id for name in evidence):
        return "A record id is not in your ledger: copy it whole."
    kinds = {by_id[name].kind for name in evidence if by_id[name].option == choice}
    missing = [kind for kind in _NEEDED if kind not in kinds]
    return f"Evidence for the choice is missing: {', '.join(missing)}." if missing else ""


def _is_a_median(records: Records, choice: str, seconds: float) -> bool:
    """Return whether a number is the median of one of the choice's latency records: several of them are honest."""
    measured = records.measurements(kind="latency", option=choice, batch_size=1)
    return any(is_close(seconds, record.percentile(50), within=0.02) for record in measured)
