"""Does the evidence agree with itself? Pure functions of ledger entries.

Two kinds of findings are kept apart. A **contradiction** cannot be true of any honest run (samples that last longer
than the run that holds them); its record is set aside, and whatever rests on it is judged as if it were missing. A
**flag** is only unlikely; it costs nothing, and asks a person to look."""

from grading.consistency.examine import Examined, examine
from grading.consistency.finding import Finding

__all__ = ["Examined", "Finding", "examine"]
