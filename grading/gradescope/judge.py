"""The child that grades: ``python -m grading.gradescope.judge whole|evidence`` puts ``results.json`` in its place.

``evidence`` leaves out what runs or opens a student's files. It is the second try, after a first one that had to be
ended: what the ledger is worth does not depend on a model that eats all memory.
"""

from __future__ import annotations

import sys
from dataclasses import replace

from grading.grade.grader import Setup, grade
from grading.grade.result import gradescope, write_json
from grading.gradescope.places import Assignment, Places

#: What staff reads when only the evidence was judged.
ONLY_EVIDENCE = "the whole grading ended before it was done (time or memory), so only the evidence was judged"


def judge(places: Places, *, whole: bool) -> dict:
    """Return the content of ``results.json``.

    Args:
        places: The tree.
        whole: Whether models are measured again and answers run again.
    """
    assignment = Assignment.load(places)
    setup = Setup(pictures=places.secret / "pictures.npz", measure=whole, rerun=whole, seed=assignment.seed)
    result = grade(places.submission, part=assignment.part, setup=setup)
    if not whole:
        result = replace(result, fault="; ".join(filter(None, [ONLY_EVIDENCE, result.fault])))
    return gradescope(result)


if __name__ == "__main__":
    here = Places.here()
    write_json(judge(here, whole=sys.argv[1] == "whole"), here.results)
