"""The child that grades: ``python -m grading.gradescope.judge`` puts ``results.json`` in its
place.
"""

import json

from grading.grade.grader import Setup, grade
from grading.grade.result import gradescope, write_json
from grading.gradescope.places import Places


def judge(places: Places) -> dict:
    """Return the content of ``results.json`` for the submission in a tree."""
    part = json.loads((places.secret / "part.json").read_text(encoding="utf-8"))
    cases = json.loads((places.secret / "cases.json").read_text(encoding="utf-8"))
    setup = Setup(pictures=places.secret / "pictures.npz", cases=cases)
    result = grade(places.submission, part=part, setup=setup)
    return gradescope(result)


if __name__ == "__main__":
    here = Places.here()
    write_json(judge(here), here.results)
