"""Calling a student's functions again: on cases that nobody has seen, in the sandbox.

Nothing of the submitted notebook is run but the sources of its answer cells, found by their cells' ids. Their outputs,
metadata, execution counts and everything around them stay where they are. A secret seed draws the cases: a function
that computes is right on them too, and one that recites is not. Only results come back, and they are judged outside."""

# Nothing is imported here: the child runs inside the sandbox, where the other modules are not.
