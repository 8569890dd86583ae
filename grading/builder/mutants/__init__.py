"""Mutants: the solution of a function question with one edit, a wrong idea that a student may have.

``examine`` reports what became of each mutant. ``edited`` makes them, from the edits in
``expressions``, ``statements`` and ``arguments``.
"""
