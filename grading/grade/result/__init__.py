"""A submission's points, and the reports for student, instructor and Gradescope."""

from grading.grade.result.gradescope import fallback, gradescope
from grading.grade.result.page import page
from grading.grade.result.result import Result, SpotCheck, line, spot_checks, write_json, write_text
from labs.course.question import ResultRow

__all__ = [
    "Result",
    "ResultRow",
    "SpotCheck",
    "fallback",
    "gradescope",
    "line",
    "page",
    "spot_checks",
    "write_json",
    "write_text",
]
