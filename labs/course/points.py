"""The points of a part that no check in a lesson gives: those of a reader, and those of the grader.

A person reads answers in words, by a rubric that stands on the page of questions from the first lesson on. How the
grader judges what it measures itself stays with the grader; how many points that is is no secret, for a hand-in that
left them out would promise too little and warn of too little.
"""

from dataclasses import dataclass

from labs.course.assignment import assignment
from labs.course.question import of_lesson


@dataclass(frozen=True)
class Question:
    """One question of the assignment that is answered in words, on the page where the zip is handed in."""

    #: Part of the course: 1, 2 or 3.
    part: int
    text: str
    points: int
    #: What a reader gives the points for, one line a point or two.
    rubric: tuple[str, ...]


QUESTIONS: tuple[Question, ...] = (
    Question(
        1,
        "Your recommendation to the manager (it is in your ledger; nothing has to be copied). Would you sign it?",
        4,
        (
            "1: it says what was compared, in one run, on which machine",
            "1: the price is named in the manager's terms, and fits the numbers",
            "2: what would change your mind is a measurement that could be made, and could come out otherwise",
        ),
    ),
    Question(
        1,
        "Take the prediction of yours that was furthest from its measurement. What did you believe, and which record "
        "shows where the time or the size really went?",
        3,
        (
            "1: a prediction of this ledger, with its measurement",
            "2: the explanation names a cause in this part (graph, precision, provider, caches) and a record for it",
        ),
    ),
    Question(
        2,
        "Which figure of this part would you not dare to promise to a user with a phone of their own, and why?",
        3,
        (
            "1: a figure of the ledger, with its machine",
            "2: the reason is a difference that matters (heat, other programs, another processor), not 'phones differ'",
        ),
    ),
    Question(
        3,
        "Your server's latency doubled when the load did not. Describe, from your own records, one way in which that "
        "happens and how you would tell it from another.",
        4,
        (
            "2: a mechanism seen in the student's records (queueing, batching, too many instances)",
            "2: a measurement that separates it from a second one",
        ),
    ),
)


def questions_of(part: int) -> list[Question]:
    """Return the questions of a part that a person reads."""
    return [one for one in QUESTIONS if one.part == part]


@dataclass(frozen=True)
class GradersOwn:
    """Points of one part that no check in a lesson gives."""

    #: For the files of models that are handed in, measured again.
    files: int = 0
    #: For functions and cells, run again on other cases.
    again: int = 0

    @property
    def points(self) -> int:
        """Both together."""
        return self.files + self.again


#: Points of one function that is right on cases that nobody has seen.
FUNCTION_POINTS = 3

#: Points of files that are measured again, by the lesson that makes or recommends them.
FILE_POINTS = {"quantize": 4, "defend": 14, "target": 14}


def graders_own(part: int) -> GradersOwn:
    """Return the points of a part of the assignment that no check in a lesson gives."""
    asked = assignment().part(part)
    # Of choices, those with the most: what a part can be worth.
    own = {one.id: _of_lesson(one.id) for one in asked.asked()}
    counted = asked.counted({id: each.points for id, each in own.items()})
    files, again = (sum(getattr(own[id], kind) for id in counted) for kind in ("files", "again"))
    return GradersOwn(files, again)


def _of_lesson(id: str) -> GradersOwn:
    functions = [one for one in of_lesson(id) if one.kind == "function"]
    return GradersOwn(FILE_POINTS.get(id, 0), FUNCTION_POINTS * len(functions))
