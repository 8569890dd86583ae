"""Runs at the start of a kernel that has to earn every point, but need not be precise: fewer repeats of everything.

IPython runs this file because the test makes it part of a profile; no lesson and no code of the course knows about it.
"""

from labs import bench
from labs.bench.timing import warm_up
from labs.load import loops

warm_up.__kwdefaults__.update(limit_s=0.5)
bench.latency.__kwdefaults__.update(min_samples=60, limit_s=0.5)
bench.throughput.__kwdefaults__.update(min_batches=3, min_s=0.1)
# Lessons choose their own number of rounds, so defaults would not do.
_compare = bench.compare
bench.compare = lambda *args, **settings: _compare(*args, **{**settings, "rounds": 6, "block_calls": 3})
# The same of load: lessons choose how long each run lasts. (None: it ends after so many requests.)
_plan = loops.plan_for
loops.plan_for = lambda target, **how: _plan(
    target, **{**how, "duration_s": how["duration_s"] and min(how["duration_s"], 0.8)}
)
