"""Take in a submission: all of its content comes from outside and may be anything.

``take_in`` copies what the allow-list names out of a folder or a zip, regular files only and each
under a cap, and reads the ledger as strict JSON lines. Nothing is executed, imported, unpickled or
extracted blindly; each excluded file is named with its reason, so that a student can fix it.
"""

from grading.grade.intake.take import Intake, Note, take_in
from labs.course.allowed import Kind

__all__ = ["Intake", "Kind", "Note", "take_in"]
