"""What questions read about files, programs, answers and records: plain facts, and no judgement.

Each reader gets what was handed to ``check``, or the ledger's records, and returns a dictionary that rules look at
(``labs.course.rules``). What it reads may be missing (``MissingEvidenceError``) or broken (any exception).
"""
