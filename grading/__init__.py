"""Checkpoints, answers, and the tools that build, solve and rehearse the course's notebooks."""

import labs  # noqa: F401 (it keeps the import of nbformat short)
