"""The child that grades: ``python -m grading.gradescope.judge`` puts ``results.json`` in its place."""

import json

from grading.grade.grader import Setup, grade
from grading.grade.result import gradescope, write_json
from grading.gradescope.places import Assignment, Places


def judge(places: Places) -> dict:
    """Return the content of ``results.json`` for what lies in a tree."""
    assignment = Assignment.load(places)
    cases = json.loads((places.secret / "cases.json").read_text(encoding="utf-8"))
    setup = Setup(pictures=places.secret / "pictures.npz", cases=cases)
    return gradescope(grade(places.submission, part=assignment.part, setup=setup))


if __name__ == "__main__":
    here = Places.here()
    write_json(judge(here), here.results)
