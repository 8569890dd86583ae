"""Does the evidence agree with itself? Pure functions of ledger entries that compute again what records say.

A finding cannot be true of any honest run (samples that last longer than the run that holds them): its records are set
aside, alone, and whatever rests on them is judged as if they were missing. Nothing here asks how likely a time is: on
busy machines all are.
"""

from grading.grade.contradictions.examine import Examined, examine
from grading.grade.contradictions.finding import Finding

__all__ = ["Examined", "Finding", "examine"]
