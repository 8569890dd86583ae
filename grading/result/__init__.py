"""What a submission is worth, and how student, instructor and Gradescope are told."""

from grading.result.gradescope import fallback, gradescope
from grading.result.page import page
from grading.result.public import Row, public_rows
from grading.result.result import Result
from grading.result.table import SpotCheck, line, spot_checks
from grading.result.write import write_json, write_text

__all__ = [
    "Result",
    "Row",
    "SpotCheck",
    "fallback",
    "gradescope",
    "line",
    "page",
    "public_rows",
    "spot_checks",
    "write_json",
    "write_text",
]
