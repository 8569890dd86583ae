"""A message that a reader can act on: the fault, its likely cause, and its fix."""


class RehearsalError(Exception):
    """Something that the reader can act on; a notebook shows its three lines and no traceback.

    A program that starts the rehearsal by another command gives a class its own `way_out`.
    """

    likely = ""
    way_out = ""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]

    def __str__(self) -> str:
        return f"{super().__str__()}\n  Likely: {self.likely}\n  Fix:    {self.way_out}"


class RehearsalDownError(RehearsalError, ConnectionError):
    """No rehearsal answers."""

    likely = "It was never started, or was stopped, or the computer was restarted."
    way_out = '`eval "$(chameleon-rehearsal up)"` starts it, with everything that was in it.'

    def __init__(self) -> None:
        super().__init__("no rehearsal answers")


class NotRehearsingError(RehearsalError):
    """This process talks to the real Chameleon, or to nothing."""

    likely = "This is Chameleon itself, or the rehearsal was not switched on in this kernel."
    way_out = "On a laptop: call `use()` of the rehearsal in the notebook's first cell."

    def __init__(self) -> None:
        super().__init__("faults and a calendar that moves exist in the rehearsal only")
