"""Handing a part in: ``python -m grading submit`` collects, checks as the grader will, and writes one zip."""

from grading.submission.collect import Collection, collect
from grading.submission.pack import pack
from grading.submission.prepare import Prepared, prepare
from grading.submission.preview import Preview, preview

__all__ = ["Collection", "Prepared", "Preview", "collect", "pack", "prepare", "preview"]
