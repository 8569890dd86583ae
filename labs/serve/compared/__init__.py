"""Servers of other makers under the course's contract, to compare the course's own service with."""
