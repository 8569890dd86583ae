"""A kind of program that stands on nothing: it is loaded, and that is all."""

from labs.judge.inside.wire import Ask, Wire, load


def bare(wire: Wire, path: str) -> Ask:
    """Load a program, and answer nothing."""
    load(path, "program")
    return lambda request: None
