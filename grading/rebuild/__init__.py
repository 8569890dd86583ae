"""Running a student's answer cells again: in our own notebook, on changed records, in the sandbox.

Nothing of the submitted notebook is run but the sources of its answer cells, found by their cells' ids. Their outputs,
metadata, execution counts and everything around them stay where they are. The records that the cells see are the
student's own, changed by a seed: a cell that computes is right on them too, and a number that was typed is not. Only
the answers come back, and they are judged against the grader's own copy of the changed records."""

# Nothing is imported here: the plugin and the stage of this package run inside the sandbox, where some folders are
# hidden.
