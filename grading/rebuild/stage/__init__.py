"""What a lesson has imported when its functions are called: no torch, no runtime, no server, and no record."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd

from labs import stats
from labs.records.format import duration, megabytes, milliseconds, percent, rate, times
from labs.records.options import summarize
from labs.records.targets import target


def names() -> dict[str, object]:
    """Return the names that a lesson's functions may use."""
    return {
        **{"np": np, "pd": pd, "json": json, "math": math, "stats": stats, "target": target, "summarize": summarize},
        **{"duration": duration, "megabytes": megabytes, "milliseconds": milliseconds, "percent": percent},
        **{"rate": rate, "times": times},
    }
