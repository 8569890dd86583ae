"""Servers of other makers under the course's contract, and the given module of a student's app."""
