"""What a lesson has ready when its answer cells run, built from the ledger instead of from a model: no torch, no
runtime, no server.

A lesson's cells load models, measure, and leave names behind that its answer cells use: ``latency``, ``comparison``,
``summaries``. In the sandbox the same names are set from the records. ``bench`` replays what was measured.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from grading.rebuild.stage import edge, system
from labs import stats
from labs.records.format import duration, megabytes, milliseconds, percent, rate, times
from labs.records.options import summarize
from labs.records.targets import target
from labs.workspace import ledger

_STAGES = {**edge.STAGES, **system.STAGES}


def names(lesson: int) -> dict[str, object]:
    """Return the names that a lesson's answer cells may use."""
    base = {
        **{"np": np, "pd": pd, "stats": stats, "ledger": ledger, "target": target, "summarize": summarize},
        **{"duration": duration, "megabytes": megabytes, "milliseconds": milliseconds, "percent": percent},
        **{"rate": rate, "times": times},
    }
    return {**base, **_STAGES.get(lesson, dict)()}
