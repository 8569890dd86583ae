"""Submitted models, measured again: by a child process with limits, on pictures that students have
not seen.

A model file is input from a stranger to a large C++ library. Only the child opens it; the grader
reads a few numbers that the child prints, and trusts none of them to be well-formed.
"""

# Nothing is imported here: the child is started for every submission, and each import would be paid
# for again.
