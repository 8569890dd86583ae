"""Servers of other makers under the course's contract; each in a process, and two in an environment, of their own."""
