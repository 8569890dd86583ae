"""Taking a submission in: everything in it was written by somebody else and may be anything.

``take_in`` copies what the allow-list names out of a folder or a zip, regular files only and each under a cap, and
reads the ledger as strict JSON lines. Nothing is executed, imported, unpickled or extracted blindly; whatever is left
out is named with its reason, so that a student can mend it.
"""

from grading.grade.intake.take import Intake, Note, take_in
from labs.course.allowed import Kind

__all__ = ["Intake", "Kind", "Note", "take_in"]
