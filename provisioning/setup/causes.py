"""Find why a command on a machine failed, from the end of its log: the likely cause, and the
fix.
"""

import re
from dataclasses import dataclass

from labs.shell import msl

#: Messages of the scripts in ``node/bin``; their remedy may have more lines.
_FOUND = re.compile(r"^found: (?P<found>.+(?:\n  .+)*)", re.MULTILINE)
_WAY_OUT = re.compile(r"^way out: (?P<way_out>.+(?:\n  .+)*)", re.MULTILINE)


@dataclass(frozen=True)
class Cause:
    """An explanation of a failure."""

    likely: str
    way_out: str


#: By what a log contains, the first that fits.
_CAUSES = {
    r"No space left on device|only \d+ GB are free": Cause(
        "The machine's disk is full.",
        "Look at `df -h` on the machine, and delete what you brought there. Or boot again on the "
        f"same lease: `{msl('lease release PART --keep-lease')}`, then the same set-up. Or choose "
        "a machine with a larger disk.",
    ),
    r"Could not resolve host|Temporary failure in name resolution|Network is unreachable": Cause(
        "The machine has no network, or no name server, for the moment.",
        "Run the step again in a minute: it continues after what was already done.",
    ),
    r"vanished without an exit code": Cause(
        "The machine restarted, or somebody ended the command.",
        "Run the step again: it waits until the machine answers, and starts again what was lost.",
    ),
}


def cause_of(log: str) -> Cause | None:
    """Return why a command failed, or None where its log has no known sign."""
    for pattern, cause in _CAUSES.items():
        if re.search(pattern, log):
            return cause
    state, way_out = _FOUND.search(log), _WAY_OUT.search(log)
    if state and way_out:
        return Cause(f"The script found {_joined(state['found'])}.", _joined(way_out["way_out"]))
    return None


def _joined(lines: str) -> str:
    return " ".join(line.strip() for line in lines.splitlines()).rstrip(".")
