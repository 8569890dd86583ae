"""Grade one submission: take it in, check it against itself, measure its models again and call its
functions again.

Nothing is imported here: some of it runs inside the sandbox, where the rest is not mounted.
``grader`` has the whole.
"""
