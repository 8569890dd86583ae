"""Runs after the suite's own ``quick_startup.py``, in the same names: the attacks take a minute.

Their plan needs all of its time, so the suite's limit for a run of load goes.
"""

from labs.deeper.fire import service
from labs.load import loops

loops.plan_for = _plan  # noqa: F821 - the one before the suite's
service.attack.__kwdefaults__["duration_s"] = 60.0
