"""One submission, graded: taken in, held against itself, its models measured again and its
functions called again.

Nothing is imported here: some of it runs inside the sandbox, where the rest is not mounted.
``grader`` has the whole.
"""
