"""Servers of other makers under the course's contract, and what a student's own app stands on."""
