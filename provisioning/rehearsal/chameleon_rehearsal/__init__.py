"""Chameleon on this computer: a local service that unmodified python-chi takes for it.

In a notebook, before `chi` is imported: `import chameleon_rehearsal; chameleon_rehearsal.use()`.
In a test: the fixture `chameleon`. In a shell: `eval "$(chameleon-rehearsal up)"`.
"""

from typing import TYPE_CHECKING

from chameleon_rehearsal.control import start, stop
from chameleon_rehearsal.drills import (
    advance,
    advance_to,
    arm,
    armed,
    disarm,
    lease,
    status,
    status_text,
)
from chameleon_rehearsal.environment import (
    activate,
    export_lines,
    on_chameleon,
    rehearses_at_chameleon,
    use,
    variables,
)
from chameleon_rehearsal.errors import NotRehearsingError, RehearsalDownError, RehearsalError
from chameleon_rehearsal.faults import FAULTS
from chameleon_rehearsal.software import Software

if TYPE_CHECKING:
    import typer

__all__ = [
    "FAULTS",
    "NotRehearsingError",
    "RehearsalDownError",
    "RehearsalError",
    "Software",
    "activate",
    "advance",
    "advance_to",
    "arm",
    "armed",
    "command_line",
    "disarm",
    "export_lines",
    "lease",
    "on_chameleon",
    "rehearses_at_chameleon",
    "start",
    "status",
    "status_text",
    "stop",
    "use",
    "variables",
]


def command_line() -> "typer.Typer":
    """Return the commands of `chameleon-rehearsal`, to be joined to another program's."""
    from chameleon_rehearsal.cli import app

    return app
