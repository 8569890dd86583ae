"""Run untrusted code, and readers of untrusted files, within limits.

``run`` starts a command behind all walls that the host allows. They are a time limit, bubblewrap's
view of the few named files, a separate user, resource limits, a bar on regaining privileges, and an
empty environment. ``abilities`` lists the walls that are missing here."""

from grading.grade.sandbox.abilities import Abilities, abilities
from grading.grade.sandbox.command import Outcome, Sandbox, SandboxLimits

__all__ = ["Abilities", "Outcome", "Sandbox", "SandboxLimits", "abilities"]
