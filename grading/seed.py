"""The grader's secret: words that draw pictures, cases and sheets, and that no list of processes
shows.
"""

import os
import sys

import typer

from grading.grade.grader import PUBLIC_SEED
from labs.shell import python

#: Variable that the seed is taken from, so that a script need not type it.
VARIABLE = "GRADING_SEED"


def secret_seed(*, may_be_public: bool = False) -> str:
    """Return the seed from ``GRADING_SEED``, or ask for it without showing the input.

    With ``may_be_public``, Enter alone takes the public one. As an argument, the seed would be
    visible in ``ps`` to all users of the machine, including students' cells.

    Raises:
        typer.BadParameter: There is no terminal to ask at.
    """
    # Child processes do not need it.
    if seed := os.environ.pop(VARIABLE, ""):
        return seed
    if not sys.stdin.isatty():
        raise typer.BadParameter(
            f'no terminal to ask for the seed: set the variable, {VARIABLE}="$(cat secret/seed)" '
            f"{python('grading …')}"
        )
    words = "Seed (any words that nobody else knows)"
    default = None
    if may_be_public:
        words = "Seed (any words that nobody else knows; Enter for the public one)"
        default = PUBLIC_SEED
    return typer.prompt(words, default=default, show_default=False, hide_input=True, err=True)
