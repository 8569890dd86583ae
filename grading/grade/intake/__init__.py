"""Take in a submission: all of its content comes from outside and may be anything.

``take_in`` copies the allow-list's files out of a folder or a zip, regular files only and each
under a cap. It reads the ledger as strict JSON lines. It never executes, imports, unpickles or
blindly extracts anything. It names each excluded file with its reason, so that a student can fix
it.
"""

from grading.grade.intake.take import Intake, Note, take_in
from labs.course.allowed import Kind

__all__ = ["Intake", "Kind", "Note", "take_in"]
