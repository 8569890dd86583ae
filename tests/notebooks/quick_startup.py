"""Runs at the start of a kernel that need not be precise: everything real, but fewer repeats of it.

A brisk one has to earn every point. A hasty one only has to show that a lesson does not crash: stub notebooks are
judged by what they leave in the ledger. IPython runs this file because the test makes it part of a profile; no lesson
and no code of the course knows about it.
"""

import functools
import os
from dataclasses import replace

from labs import bench
from labs.bench.timing import warm_up
from labs.load import loops

HASTY = os.environ["NOTEBOOKS_PACE"] == "hasty"

LIMIT_S, LOAD_S = (0.1, 0.3) if HASTY else (0.5, 0.8)

warm_up.__kwdefaults__.update(limit_s=LIMIT_S, **({"block": 1} if HASTY else {}))
bench.latency.__kwdefaults__.update(limit_s=LIMIT_S, min_samples=20 if HASTY else 60)
bench.throughput.__kwdefaults__.update(min_s=0.01 if HASTY else 0.1, min_batches=2 if HASTY else 3)
# Lessons choose their own number of rounds, so defaults would not do.
_rounds = {"warm_up_s": LIMIT_S, **({"rounds": 2, "block_calls": 2} if HASTY else {"rounds": 6, "block_calls": 3})}
_compare = bench.compare
bench.compare = lambda *args, **settings: _compare(*args, **{**settings, **_rounds})
# The same of load: lessons choose how long each run lasts. (None: it ends after so many requests.)
_plan = loops.plan_for
loops.plan_for = lambda target, **how: _plan(
    target, **{**how, "duration_s": how["duration_s"] and min(how["duration_s"], LOAD_S)}
)

if HASTY:
    import labs.data.dataset
    import labs.edge.job
    import labs.optimize.static_quantization as static

    labs.data.dataset.load_split = functools.partial(labs.data.dataset.load_split, limit=44)
    # Looking at each of 53 layers alone takes minutes; a few of them show as well that it runs.
    _layers_of = static.layers_of
    static.layers_of = lambda path: dict(list(_layers_of(path).items())[::10])
    # A rehearsed device measures in a process of its own, which this file does not reach; it does what its job says.
    little = {"pictures": 44, "latency_samples": 20, "latency_limit_s": 0.1, "rounds": 2, "block_calls": 2}
    labs.edge.job.REHEARSAL = replace(labs.edge.job.REHEARSAL, **little, sustained_s=1.0)
