"""Does the evidence agree with itself? Pure functions of ledger entries that compute again what records say.

Two kinds of findings are kept apart. A **contradiction** cannot be true of any honest run (samples that last longer
than the run that holds them); its record is set aside, alone, and whatever rests on it is judged as if it were missing.
A **flag** costs nothing, and asks a person to look. Nothing here asks how likely a time is: on busy machines all are.
"""

from grading.grade.contradictions.examine import Examined, examine
from grading.grade.contradictions.finding import Finding

__all__ = ["Examined", "Finding", "examine"]
