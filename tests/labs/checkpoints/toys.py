"""A toy lesson's questions, one of each kind, as the builder ships them, and what they read."""

import linecache
from pathlib import Path

from labs.course.question import MissingEvidenceError
from labs.records import Records
from labs.records.record import require_same_machine


def in_a_cell(source: str, name: str = "middle") -> object:
    """Return what a cell of this text leaves behind under a name."""
    place = f"<cell {len(linecache.cache)}>"
    linecache.cache[place] = (len(source), None, source.splitlines(keepends=True), place)
    scope: dict = {}
    exec(compile(source, place, "exec"), scope)
    return scope[name]


def lines_of(path: Path) -> dict:
    """Return how many lines a file has."""
    return {"lines": len(path.read_text().splitlines())}


def fastest(records: Records) -> dict:
    """Return which option was chosen, and which one was the fastest."""
    found = [records.latest(kind="latency", option=option) for option in ("a", "b")]
    if None in found:
        raise MissingEvidenceError("Measure `a` and `b` first.")
    require_same_machine(found)
    return {"chosen": records.answer("toy.pick")["choice"], "fastest": min(found, key=lambda one: one.samples).option}


def measured(records: Records) -> dict:
    """Return how many latencies were measured."""
    if not (found := records.measurements(kind="latency")):
        raise MissingEvidenceError("Measure something first.")
    return {"count": len(found)}


_ABOUT = {"kind": "latency", "option": "a"}
_HERE = "tests.labs.checkpoints.toys"

QUESTIONS = {
    "toy.middle": {
        "title": "The middle of two numbers",
        "kind": "function",
        "points": 2,
        "hint": "It lies as far from one as from the other.",
        "name": "middle",
        "cases": [
            {"args": [0, 4], "expected": 2.0, "says": "2 lies between 0 and 4."},
            {"args": [-3, 1], "expected": -1.0, "says": "One of them is negative here."},
        ],
    },
    "toy.file": {
        "title": "A file of two lines",
        "kind": "file",
        "points": 1,
        "reads": f"{_HERE}:lines_of",
        "rules": [["lines", {"at least": 2}, "It has {lines} line(s)."]],
    },
    "toy.pick": {
        "title": "The fastest option",
        "kind": "answer",
        "points": 1,
        "form": {"choice": ["a", "b"], "why": "text"},
        "reads": f"{_HERE}:fastest",
        "rules": [["chosen", {"is fact": "fastest"}, "`{chosen}` is slower than `{fastest}`."]],
    },
    "toy.measured": {
        "title": "Two latencies",
        "kind": "records",
        "points": 1,
        "reads": f"{_HERE}:measured",
        "rules": [["count", {"at least": 2}, "Only {count} so far."]],
    },
    "toy.guess": {
        "title": "How long does [it] take?",
        "kind": "prediction",
        "points": 1,
        "about": _ABOUT,
        "unit": "ms",
        "between": [0.01, 10_000],
        "fields": {"p50": "median", "p95": "tail"},
    },
}
