"""A kind of program without dependencies: it is only loaded."""

from labs.judge.inside.wire import Ask, Wire, load


def bare(wire: Wire, path: str) -> Ask:
    """Load a program, and answer nothing."""
    load(path, "program")
    return lambda request: None
