"""Checkpoints, answers, and the tools that build, solve and rehearse the course's notebooks."""

import labs.version  # noqa: F401 (what imports nbformat is quicker where `labs` came first)
