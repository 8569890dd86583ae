"""Run untrusted code, and readers of untrusted files, within limits.

``run`` starts a command behind as many walls as the host allows: a time limit, bubblewrap's view of
the few files that are named for it, a user of its own, resource limits, no way back to privileges,
an empty environment. ``abilities`` says which of them are missing here."""

from grading.grade.sandbox.abilities import Abilities, abilities
from grading.grade.sandbox.command import Outcome, Sandbox, SandboxLimits

__all__ = ["Abilities", "Outcome", "Sandbox", "SandboxLimits", "abilities"]
