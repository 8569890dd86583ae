"""A small course of part 1, of which a recorded ledger answers everything, for tests that want to know each question.

Its ids are those that the table of hidden rows names, and a few of its own.
"""

from __future__ import annotations

from pathlib import Path

from labs.checkpoints.question import MissingEvidenceError
from labs.records import Records
from tests.course import write_lesson
from tests.grading.recorded import CHOICE, recorded
from tests.honest import honest

SUMS = '''# %%
from labs.checkpoints import check, predict, predicted

# %%
predict("sums.guess", ms=...)

# %% question="sums.total"
def total(numbers):
    """Return their sum."""
    ### BEGIN SOLUTION
    return float(sum(numbers))
    ### END SOLUTION


check("sums.total", total)

# %% question="sums.times"
def times(slow, fast):
    """Return how many times as fast."""
    ### BEGIN SOLUTION
    return slow / fast
    ### END SOLUTION


check("sums.times", times)
'''

SUMS_ASKED = """from grading.builder.questions import prediction, question

prediction("sums.guess", "How long?", about={"kind": "latency", "option": "torch-eager"}, unit="ms", ms="median")


@question("sums.total", "A sum", points=2, hint="`sum` adds.")
def total(random):
    yield ([1.0, 2.0],), "1 and 2 are 3."
    yield (random.random(3),), ""
    yield ([],), "A sum of nothing is 0."


@question("sums.times", "How many times as fast", points=2, hint="Which of the two is larger?")
def times(random):
    yield (4.0, 2.0), "4 is twice 2."
    yield (float(random.integers(3, 99)), 7.0), ""
"""

QUANTIZE = '''# %%
from labs.checkpoints import check

# %% question="quantize.clipped"
def clipped(numbers, low, high):
    """Return the numbers, cut to the limits."""
    ### BEGIN SOLUTION
    return np.clip(numbers, low, high)
    ### END SOLUTION


check("quantize.clipped", clipped)

# %% question="quantize.static"
### BEGIN SOLUTION
path = "made.onnx"
### END SOLUTION
check("quantize.static", path)
'''

QUANTIZE_ASKED = """from grading.builder.questions import question


@question("quantize.clipped", "Numbers within limits", points=2, hint="What is too large becomes the largest.")
def clipped(random):
    yield ([1.0, 9.0, -9.0, 3.0], -2.0, 5.0), "9 is too large, and -9 too small."
    yield (random.normal(size=5), -0.5, 0.25), ""


question(
    "quantize.static",
    "A file",
    points=3,
    file="labs.checkpoints.reads.onnx_files:quantized_file",
    rules=[("weights", "int8", "Its weights are {weights}.")],
    good={"weights": "int8"},
)
"""

DEFEND = """# %%
from labs.checkpoints import check

# %% question="defend.choice"
recommendation = {"option": ..., "times_as_fast": ..., "why": ...}
check("defend.choice", recommendation)

# %% question="defend.race"
check("defend.race")

# %% question="defend.right"
check("defend.right")

# %% question="defend.size"
check("defend.size")
"""

DEFEND_ASKED = """from grading.builder.questions import at_least, at_most, fact, question

question(
    "defend.choice",
    "A recommendation",
    points=4,
    form={"option": "text", "times_as_fast": "number", "why": "text"},
    records="tests.grading.toy:recommended",
    rules=[("times_as_fast", fact("raced", near=True), "You claim {times_as_fast:.2f}, and measured {raced:.2f}.")],
)
for name, points, field, to in (
    ("race", 2, "options", at_least(5)),
    ("right", 1, "lost", at_most(0.01)),
    ("size", 1, "bytes", at_most(5e6)),
):
    rules = [(field, to, "No: {" + field + "}.")]
    question(f"defend.{name}", name, points=points, records=f"tests.grading.toy:{name}", rules=rules)
"""


def recommended(records: Records) -> dict:
    """Return how many times as fast the choice is said to be, and was."""
    given = records.answer("defend.choice")
    run = records.comparison("onnx-all", given["option"])
    if run is None or records.latest(kind="accuracy", option=given["option"]) is None:
        raise MissingEvidenceError("Compare it with `onnx-all` first, and count its right answers.")
    raced = run.ratio("onnx-all", given["option"]).interval.value
    return {"times_as_fast": given["times_as_fast"], "raced": raced}


def race(records: Records) -> dict:
    """Return how many options took part in the race of the finalists."""
    run = records.comparison("onnx-all", CHOICE)
    if run is None:
        raise MissingEvidenceError("Let the finalists take turns first.")
    return {"options": len(run.options)}


def right(records: Records) -> dict:
    """Return the share of right answers that the choice lost or won."""
    one, other = (records.latest(kind="accuracy", option=option) for option in ("onnx-all", CHOICE))
    if one is None or other is None:
        raise MissingEvidenceError("Count right answers first.")
    return {"lost": abs(one.value.value - other.value.value)}


def size(records: Records) -> dict:
    """Return the size of the choice's file."""
    found = records.latest(kind="size", option=CHOICE)
    if found is None:
        raise MissingEvidenceError("Weigh the file first.")
    return {"bytes": found.samples[0]}


def write_course(course: Path) -> Path:
    """Write the three lessons, and return the course's folder."""
    write_lesson(course, "sums", name="10_sums", folder="1_model", source=SUMS, questions=SUMS_ASKED)
    write_lesson(course, "quantize", name="13_quantize", folder="1_model", source=QUANTIZE, questions=QUANTIZE_ASKED)
    write_lesson(course, "defend", name="16_defend", folder="1_model", source=DEFEND, questions=DEFEND_ASKED)
    return course


def whole() -> list[dict]:
    """Return the ledger of somebody who did everything in that course, while it stands in the real one's place."""
    entries = honest(1)
    # What was predicted is about the recording's own runs.
    made = [entry for entry in entries if entry["type"] != "measurement"]
    measured = [entry for entry in recorded(1) if entry["type"] == "measurement"]
    raced = Records.from_json(measured).comparison("onnx-all", CHOICE).ratio("onnx-all", CHOICE).interval.value
    answer = {"option": CHOICE, "times_as_fast": raced, "why": "It is as often right, and the race was on one machine."}
    entries.answered("defend.choice", answer)
    return [*made, *measured, entries[-1]]
