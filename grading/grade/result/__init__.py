"""What a submission is worth, and how student, instructor and Gradescope are told."""

from grading.grade.result.gradescope import fallback, gradescope
from grading.grade.result.page import page
from grading.grade.result.result import Result, SpotCheck, line, spot_checks, write_json, write_text
from labs.course.question import Row

__all__ = [
    "Result",
    "Row",
    "SpotCheck",
    "fallback",
    "gradescope",
    "line",
    "page",
    "spot_checks",
    "write_json",
    "write_text",
]
