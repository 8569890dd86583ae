"""Find an incident: does the alarm ring, which query shows the faulty component, the rollback, and the post-mortem."""

from __future__ import annotations

import math
import re
from pathlib import Path

from grading.checkpoints import (
    Verdict,
    artefact_question,
    checkpoint,
    failed_as,
    missing,
    passed,
    prediction,
)
from grading.checkpoints.artefacts import Example
from labs.records import Records

COMPONENTS = ("admission", "cache", "decoder", "model", "process")

_RUN = {"subject": "incident.run"}
_APPLIED = {"subject": "incident.rollback"}

#: What a query about each component has to look at.
_ABOUT = {
    "admission": r"serving_in_flight|status=~?\"5|stage=\"queue\"",
    "cache": r"process_(resident|virtual)_memory_bytes",
    "decoder": r"stage=\"prepare\"",
    "model": r"serving_predictions_total",
    "process": r"\bup\b",
}

#: A value has changed where it is so many times as large, or the other way round.
_CHANGED = 1.4

#: Words that a part of a post-mortem has at least.
_WORDS = 8


@prediction(
    "s.incident.alarm_guess",
    about=_RUN,
    title="Predict whether an alarm on p95 at twice the usual rings in ordinary load",
    choices=("rings", "stays silent"),
)
def alarm(records: Records) -> str | None:
    """Return whether p95 in ordinary load at least doubled with release 42."""
    seen = records.seen("incident.run")
    if seen is None:
        return None
    return "rings" if seen["p95_s"]["r42"] >= 2 * seen["p95_s"]["r41"] else "stays silent"


def inspect_evidence(path) -> dict:
    """Return what a query says about release 41 and about 42, and whether it looks at the faulty component."""
    import json

    from labs.observe.incident import readings
    from labs.observe.replica import faulty
    from labs.workspace import workspace_dir

    expression = Path(path).read_text(encoding="utf-8").strip()
    seed = json.loads((workspace_dir() / "incident" / "state.json").read_text())["seed"]
    try:
        found = readings(expression)
    except ValueError as error:
        return {"expression": expression[:500], "refused": str(error)[:300]}
    kept = {name: [[v for v in one if math.isfinite(v)] for one in found[name]] for name in ("r41", "r42")}
    levels = {
        name: [{"median": sorted(one)[len(one) // 2], "most": max(one)} for one in values if one]
        for name, values in kept.items()
    }
    about = bool(re.search(_ABOUT[faulty(seed)], expression))
    return {"expression": expression[:500], "refused": "", **levels, "about_the_fault": about}


def _evidence(before: float, during: float, *, about: bool = True, refused: str = "", more: int = 0) -> dict:
    levels = [{"median": during, "most": during}] * (1 + more)
    found = {"r41": [{"median": before, "most": before}], "r42": levels}
    return {"expression": "sum(up)", "refused": refused, **found, "about_the_fault": about}


@artefact_question(
    "s.incident.evidence",
    points=3,
    title="Write the query that shows the fault",
    needs=(_RUN,),
    hints=(
        "Go through the components: what would each of them change, if it were the one, and which metric sees that?",
        "Stages for the decoder, predictions by class for the model, the process's memory for the cache, `up` for the "
        "process, 503 and what is in flight for admission.",
    ),
    inspect=inspect_evidence,
    mistakes={
        "refused": "Prometheus refuses the expression; what it says stands below.",
        "nothing": "The expression finds nothing in one of the two spans.",
        "several": "One number at each time is asked for: `sum`, `max` or divide, until one series is left.",
        "unchanged": "This is about the same with release 41 and with 42: it clears a component, and accuses none.",
        "elsewhere": "This changed, but it follows from the fault, or from chance: it does not look at the component "
        "that is to blame.",
    },
    examples={
        "good": Example(_evidence(2, 1)),
        "refused": Example(_evidence(2, 1, refused="parse error")),
        "nothing": Example({"expression": "nothing", "refused": "", "r41": [], "r42": [], "about_the_fault": True}),
        "several": Example(_evidence(2, 1, more=1)),
        "unchanged": Example(_evidence(2, 2.1)),
        "elsewhere": Example(_evidence(0.07, 0.2, about=False)),
    },
)
def evidence(facts: dict, records: Records) -> Verdict:
    """Judge that one number differs between the releases, and that it looks at the component with the fault."""
    if facts["refused"]:
        return failed_as("refused", yours=facts["refused"])
    before, during = facts["r41"], facts["r42"]
    if not before or not during:
        return failed_as("nothing")
    if len(before) > 1 or len(during) > 1:
        return failed_as("several")
    shown = f"release 41: {before[0]['median']:.4g} (most {before[0]['most']:.4g}), "
    shown += f"release 42: {during[0]['median']:.4g} (most {during[0]['most']:.4g})"
    if not any(_differ(before[0][name], during[0][name]) for name in ("median", "most")):
        return failed_as("unchanged", yours=shown)
    if not facts["about_the_fault"]:
        return failed_as("elsewhere", yours=shown)
    return passed("That is evidence: it was otherwise before, and it names one component.", yours=shown)


def _differ(before: float, during: float) -> bool:
    low, high = sorted((abs(before), abs(during)))
    return high > 0 and high >= _CHANGED * low


def inspect_release(path) -> dict:
    """Return the version of each component in a release file."""
    from labs.observe.incident import read_release

    return {"versions": read_release(path)}


def _release(*back: str, recovered: bool) -> Example:
    applied = {"rolled_back": list(back), "recovered": recovered, "faulty": "cache" if recovered else ""}
    versions = {name: 41 if name in back else 42 for name in COMPONENTS}
    return Example({"versions": versions}, ({**_APPLIED, "seen": applied},))


@artefact_question(
    "s.incident.rollback",
    points=3,
    title="Roll back what has the fault, and nothing else",
    needs=(_RUN, _APPLIED),
    hints=(
        "Each component has its own version in the file: 42 as rolled out, 41 as before.",
        "What your evidence names goes back to 41; the others stay. Then roll the file out in the cell below it.",
    ),
    inspect=inspect_release,
    mistakes={
        "everything": "It is gone, and so is all that was waited for: four components had no fault.",
        "nothing": "Every component stays at 42: nothing is rolled back.",
        "not recovered": "This was rolled out, and the fault is still there.",
        "other file": "What was rolled out last is another release than this file: roll it out, then check again.",
    },
    examples={
        "good": _release("cache", recovered=True),
        "everything": _release(*COMPONENTS, recovered=True),
        "nothing": _release(recovered=False),
        "not recovered": _release("model", recovered=False),
        "other file": Example({"versions": dict.fromkeys(COMPONENTS, 41)}, _release("cache", recovered=True).records),
    },
)
def rollback(facts: dict, records: Records) -> Verdict:
    """Judge that the release that was rolled out rolls back one component, and that the fault was gone with it."""
    back = sorted(name for name, version in facts["versions"].items() if version == 41)
    applied = records.seen("incident.rollback")
    if not back:
        return failed_as("nothing")
    if sorted(applied["rolled_back"]) != back:
        return failed_as("other file", yours=", ".join(back))
    if not applied["recovered"]:
        return failed_as("not recovered", yours=", ".join(back))
    if len(back) > 1:
        return failed_as("everything", yours=", ".join(back))
    return passed("One component back, four kept, and users have their service again.", yours=", ".join(back))


@checkpoint(
    "s.incident.postmortem",
    points=3,
    title="Write the post-mortem",
    form={"cause": COMPONENTS, "detected_s": float, "evidence": str, "action": str, "prevention": str},
    needs=(_RUN, _APPLIED),
    hints=(
        "The cause is what the rollback removed; `detected_s` counts from the roll-out to when your query shows it.",
        "Three texts of a sentence each: what showed it, what was done, what finds it sooner next time.",
    ),
    mistakes={
        "cause": "That is not what was at fault in this incident.",
        "time": "This is not between the roll-out and the end of the incident: read your query's chart again.",
        "short": "A post-mortem is for those who were not there: a sentence for each part.",
    },
)
def postmortem(records: Records) -> Verdict:
    """Judge cause and time; the sentences are for a person."""
    given, run, applied = (
        records.answer("s.incident.postmortem"),
        records.seen("incident.run"),
        records.seen("incident.rollback"),
    )
    if not applied["faulty"]:
        return missing("The fault is still there: roll back what has it, then check again.")
    if given["cause"] != applied["faulty"]:
        return failed_as("cause", yours=given["cause"])
    if not 0 <= given["detected_s"] <= run["spans"]["r42"][1] - run["rolled_out_s"]:
        return failed_as("time", yours=f"{given['detected_s']:g} s")
    if any(len(given[part].split()) < _WORDS for part in ("evidence", "action", "prevention")):
        return failed_as("short")
    return passed("Whoever reads this knows what happened, how it was seen, and what will see it next time.")
