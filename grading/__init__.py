"""Checkpoints, answers, and the tools that build, solve and rehearse the course's notebooks."""
