"""Errors that a student or instructor can act on: the event, the likely mistake, and the fix."""


class CourseError(Exception):
    """Something that a student or instructor can act on.

    Args:
        what: the observation, in one sentence with the names and statuses that were seen.
        likely: the likely mistake; the class's own sentence when left out.
        way_out: the next step; the class's own sentence when left out.

    Attributes:
        shown: True when a widget shows the whole message already, so that the cell adds nothing to
            it.
    """

    likely = "Something unforeseen."
    way_out = "Run the same cell again."
    shown = False

    def __init__(self, what: str, *, likely: str | None = None, way_out: str | None = None):
        super().__init__(what)
        self.what = what
        self.likely = likely or type(self).likely
        self.way_out = way_out or type(self).way_out

    def _render_traceback_(self) -> list[str]:
        """Return what a notebook shows: the message alone, for a traceback through the
        course explains nothing.
        """
        return [f"{type(self).__name__}: {self.what.splitlines()[0] if self.shown else self}"]

    def __str__(self) -> str:
        return f"{self.what}\n  Likely: {self.likely}\n  Fix:    {self.way_out}"
