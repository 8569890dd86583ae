"""The child that grades: ``python -m grading.gradescope.judge`` puts ``results.json`` in its place."""

import json

from grading.grade.grader import Setup, grade
from grading.grade.result import gradescope, write_json
from grading.gradescope.places import Places


def judge(places: Places) -> dict:
    """Return the content of ``results.json`` for what lies in a tree."""
    part, cases = (
        json.loads((places.secret / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("part", "cases")
    )
    setup = Setup(pictures=places.secret / "pictures.npz", cases=cases)
    return gradescope(grade(places.submission, part=part, setup=setup))


if __name__ == "__main__":
    here = Places.here()
    write_json(judge(here), here.results)
