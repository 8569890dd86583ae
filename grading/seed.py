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
    """Return the seed: what ``GRADING_SEED`` holds, else what is typed, unseen.

    Enter alone takes the public one with ``may_be_public``. An argument would stand in ``ps`` for
    everybody on the machine, students' cells included.

    Raises:
        typer.BadParameter: There is nobody to ask.
    """
    # What this process starts has no use for it.
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
