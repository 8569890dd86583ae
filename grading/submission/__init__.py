"""Handing a part in: ``python -m grading submit`` collects, checks as the grader will, and writes one zip."""

from grading.submission.collect import Collection, collect
from grading.submission.pack import pack
from grading.submission.prepare import Prepared, prepare, preview

__all__ = ["Collection", "Prepared", "collect", "hand_in", "pack", "prepare", "preview"]


def hand_in(part: int) -> object:
    """Return a button that writes a part's zip and shows what the grader will find in it; without widgets, its command.

    Args:
        part: 1, 2 or 3.
    """
    try:
        from grading.submission.button import HandIn
    except ImportError:
        return f"Hand in part {part}: run `msl submit {part}`"
    return HandIn(part)
