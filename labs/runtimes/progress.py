"""How long-running work reports its progress, and how it is stopped."""

from collections.abc import Callable

#: Called with the fraction done (0 to 1) and one line of text. Raising ``Cancelled`` from it stops
#: the work.
OnProgress = Callable[[float, str], None]


class Cancelled(Exception):  # noqa: N818 - not an error: somebody asked for it
    """The person who watches the progress asked to stop; nothing half-measured is recorded."""


def silent(fraction: float, text: str) -> None:
    """Report nothing: the default."""


def part(on_progress: OnProgress, begin: float, end: float) -> OnProgress:
    """Return a reporter for one part of a longer piece of work."""

    def report(fraction: float, text: str) -> None:
        on_progress(begin + (end - begin) * fraction, text)

    return report
