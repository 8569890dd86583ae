"""Handing a part in: ``python -m grading submit`` collects, checks as the grader will, and writes one zip."""

from grading.submission.prepare import Prepared, prepare

__all__ = ["Prepared", "hand_in", "prepare"]


def hand_in(part: int) -> object:
    """Return a button that writes a part's zip and shows what the grader will find in it.

    Args:
        part: 1, 2 or 3.
    """
    from grading.submission.show import HandIn

    return HandIn(part)
