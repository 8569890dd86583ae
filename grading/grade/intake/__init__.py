"""Taking a submission in: everything in it was written by somebody else and may be anything.

``take_in`` copies what the allow-list names out of a folder or a zip, regular files only and each under a cap, and
reads the ledger as strict JSON lines. Nothing is executed, imported, unpickled or extracted blindly; whatever is left
out is named with its reason, so that a student can mend it.
"""

from grading.grade.intake.ledger import Ledger, read_ledger
from grading.grade.intake.take import Intake, Note, take_in
from labs.course.allowed import Kind, kind_of
from labs.course.limits import DEFAULT_LIMITS, Limits

__all__ = [
    "DEFAULT_LIMITS",
    "Intake",
    "Kind",
    "Ledger",
    "Limits",
    "Note",
    "kind_of",
    "read_ledger",
    "take_in",
]
