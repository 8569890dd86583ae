"""Submitted models, measured again: by a child process with limits, on pictures that students have not seen.

A model file is input from a stranger to a large C++ library. Only the child opens it; the grader reads a few numbers
that the child prints, and trusts none of them to be well-formed."""

from grading.artefacts.inspect import Facts, inspect_models
from grading.artefacts.pictures import Pictures

__all__ = ["Facts", "Pictures", "inspect_models"]
