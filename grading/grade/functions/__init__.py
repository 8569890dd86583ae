"""Call a student's functions again: in our own notebook, on hidden cases, in the sandbox.

The grader runs the cell that the function's own check stored in the ledger; it never reads a
notebook. A secret seed draws the cases: a function that computes is right on them too, and one that
recites is not. Only results come back, and they are judged outside."""

# Nothing is imported here: the plugin and the stage of this package run inside the sandbox, where
# some folders are hidden.
