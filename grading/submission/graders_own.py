"""The points that only the grader gives, as plain figures: what a part is worth beside the checks of its lessons.

How they are judged stays with the grader. How many there are is no secret, and a hand-in that left them out would
promise too little and warn of too little; ``tests/grading/submission`` holds these figures against the grader's list.
"""

from __future__ import annotations

from dataclasses import dataclass


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


#: By part of the course.
GRADERS_OWN: dict[int, GradersOwn] = {
    0: GradersOwn(),
    1: GradersOwn(files=18, again=138),
    2: GradersOwn(files=14, again=36),
    3: GradersOwn(again=96),
}
