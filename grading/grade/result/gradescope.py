"""A result in Gradescope's form.

Source: Gradescope's autograder specification,
https://gradescope-autograders.readthedocs.io/en/latest/specs/ (output format, and the rule that a
hidden test hides the total).
"""

from typing import Any

from grading.grade.hidden import LEADERBOARD
from grading.grade.result.result import Result
from labs.course.assignment import assignment
from labs.course.lessons import lesson
from labs.course.points import sums_text
from labs.course.question import ResultRow
from labs.display.format import printable

#: Hidden rows appear with the grades. Before that, the public row of a question that was opened
#: tells whether it held.
_LATER = "after_published"

#: Characters of one row's output; Gradescope shows them all.
_MOST = 1_000


def gradescope(result: Result) -> dict:
    """Return the content of ``results.json``.

    It has a row per question; the public rows are visible at once. Facts for the instructor alone
    (machines, the digest) are in ``extra_data``, which students do not see.
    """
    tests = [_test(row, index) for index, row in enumerate(result.graded, start=1)]
    tests += _of_leases(result, len(tests) + 1)
    values = {
        "score": round(result.grade, 2),
        "output": _summary(result),
        "output_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "execution_time": round(result.wall_s),
        "tests": tests,
        "extra_data": _for_staff(result),
    }
    # Gradescope makes a leaderboard as soon as the field is there, and asks each student for a name
    # to stand under.
    if result.leaderboard:
        values["leaderboard"] = _leaderboard(result)
    return _printable(values)


def _for_staff(result: Result) -> dict:
    return {
        "digest": result.digest,
        "part": result.part,
        "fault": result.fault,
        "machines": list(result.machines)[:10],
        "models": result.models,
        "reruns": result.reruns,
        "limits": list(result.limits),
        "version": result.version,
    }


def _leaderboard(result: Result) -> list[dict]:
    board = []
    for name, value in result.leaderboard.items():
        order = "desc" if LEADERBOARD[name] else "asc"
        board.append({"name": name, "value": value, "order": order})
    return board


def fallback(possible: float) -> dict:
    """Return the content of ``results.json`` until the grader is done; a student sees it if the
    grader never finishes.
    """
    return {
        "score": 0,
        "output": "The grader did not come to its end. This is no judgement of your work: staff "
        "runs it again, and you may hand in the same zip once more.",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [
            {
                "name": "The grader did not come to its end",
                "score": 0,
                "max_score": possible,
                "status": "failed",
            }
        ],
        "extra_data": {"fault": "the grader did not come to its end"},
    }


def _printable(value: Any) -> Any:
    """Return a value of JSON whose texts hold no control characters."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {key: _printable(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_printable(part) for part in value]
    return value


def _test(row: ResultRow, number: int) -> dict:
    lines = [row.message if row.opened else f"{row.message} (for taking part)"]
    if row.is_pending:
        lines.append(
            "Not judged yet, through no fault of yours: these points are open until staff has."
        )
    lines += [f"{name}: {value}" for name, value in row.shown]
    if row.hint:
        lines.append(f"Hint: {row.hint}")
    title = row.title
    if row.lesson:
        title = f"{lesson(row.lesson).title}: {row.title}"
    status = "passed" if row.points == row.possible else "failed"
    tag = "hidden" if row.hidden else row.lesson
    visibility = _LATER if row.hidden else "visible"
    return {
        "name": title,
        "number": str(number),
        "score": round(row.points, 3),
        "max_score": round(row.possible, 3),
        "status": status,
        "output": "\n".join(lines)[:_MOST],
        "output_format": "text",
        "tags": [tag],
        "visibility": visibility,
    }


def _of_leases(result: Result, number: int) -> list[dict[str, Any]]:
    """Return a pending row for results measured on a lease, or no row if the part gives no points
    for them.
    """
    part = assignment().part(result.part)
    if not part.lease:
        return []
    claimed = ", ".join(dict.fromkeys(each["kind"] for each in result.leased)) or "nothing"
    return [
        {
            "name": "Measured on a lease",
            "number": str(number),
            "score": 0.0,
            "max_score": part.lease,
            "status": "failed",
            "output": f"Your ledger holds {claimed} from a leased machine. These points are "
            "pending: the gradebook adds them, by the site's record that your instructor has.",
            "output_format": "text",
            "tags": ["lease"],
            "visibility": "visible",
        }
    ]


def _summary(result: Result) -> str:
    public = [row for row in result.graded if not row.hidden]
    lines = [f"{sums_text(public)} points in public checks."]
    if waiting := sum(row.is_pending for row in public):
        lines.append(
            f"{waiting} of them could not be judged yet, through no fault of yours; what they "
            "are worth stays."
        )
    if result.fault:
        lines.append(
            "A part of the grader failed, not your work; staff has been told and will look at it."
        )
    lines += [f"{note.about}: {note.message}" for note in result.notes[:30]]
    lines += [f"Set aside: {finding.message}" for finding in result.findings[:20]]
    return "\n".join(lines)
