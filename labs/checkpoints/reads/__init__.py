"""Readers of files, programs, answers and records: they return plain facts without a judgement.

Each reader gets what was handed to ``check``, or the ledger's records, and returns a dictionary
that rules look at (``labs.course.rules``). Its file or record may be missing
(``MissingEvidenceError``) or broken (any exception).
"""
