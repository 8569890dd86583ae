"""What a submission's time and history add to its result. They are said, and they cost no points.

Whether a late day costs something is a setting of the assignment in Gradescope, where extensions are kept too.
"""

from __future__ import annotations

from datetime import timedelta

from grading.gradescope.metadata import Handed


def with_history(results: dict, handed: Handed) -> dict:
    """Return the content of ``results.json`` with what Gradescope knows of the submission.

    Args:
        results: As ``grading.result.gradescope`` gives it.
        handed: What the metadata says.
    """
    said = [_late(handed), _earlier(handed)]
    return {
        **results,
        "output": "\n".join([results["output"], *filter(None, said)]),
        "extra_data": {
            **results["extra_data"],
            "submission": handed.id,
            "students": [" ".join(filter(None, (name, f"<{email}>" * bool(email)))) for name, email in handed.people],
            "handed_in": handed.at.isoformat() if handed.at else "",
            "due": handed.due.isoformat() if handed.due else "",
            "late_s": round(handed.late.total_seconds()),
            "earlier_public_points": list(handed.earlier)[-20:],
            "metadata_fault": handed.fault,
        },
    }


def _late(handed: Handed) -> str:
    if not handed.late:
        return ""
    due = f"{handed.due:%d %B %Y, %H:%M} (UTC{handed.due:%z})"
    return f"Handed in {_words(handed.late)} after it was due, {due}. The grader takes no points for that."


def _earlier(handed: Handed) -> str:
    if not handed.before:
        return ""
    said = f"This is submission {handed.before + 1}."
    if handed.earlier:
        said += f" The one before had {handed.earlier[-1]:g} points in public checks."
    return said


def _words(late: timedelta) -> str:
    """Return a time span in its two largest units: '2 d 3 h', '1 h 5 min', '40 s'."""
    seconds = max(1, round(late.total_seconds()))
    parts = [(seconds // 86_400, "d"), (seconds // 3_600 % 24, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s")]
    first = next(place for place, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)
