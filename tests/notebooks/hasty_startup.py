"""Runs at the start of a kernel that only has to show that a lesson does not crash: everything real, but little of it.

The stub notebooks are judged by what they leave in the ledger, not by how precise their measurements are. IPython runs
this file because the test makes it part of a profile; no lesson and no code of the course knows about it.
"""

import functools
from dataclasses import replace

import labs.data.dataset
import labs.edge.job
import labs.optimize.static_quantization
from labs import bench
from labs.bench.timing import warm_up
from labs.load import loops

warm_up.__kwdefaults__.update(limit_s=0.1, block=1)
bench.latency.__kwdefaults__.update(min_samples=20, limit_s=0.1)
bench.throughput.__kwdefaults__.update(min_batches=2, min_s=0.01)
# Lessons choose their own number of rounds, so defaults would not do.
_compare = bench.compare
bench.compare = lambda *args, **settings: _compare(*args, **{**settings, "rounds": 2, "block_calls": 2})
labs.data.dataset.load_split = functools.partial(labs.data.dataset.load_split, limit=44)
# Looking at each of 53 layers alone takes minutes; a few of them show as well that it runs.
_layers_of = labs.optimize.static_quantization.layers_of
labs.optimize.static_quantization.layers_of = lambda path: dict(list(_layers_of(path).items())[::10])
# The same of load: lessons choose how long each run lasts. (None: it ends after so many requests.)
_plan = loops.plan_for
loops.plan_for = lambda target, **how: _plan(
    target, **{**how, "duration_s": how["duration_s"] and min(how["duration_s"], 0.3)}
)
# A rehearsed device measures in a process of its own, which this file does not reach; it does what its job says.
labs.edge.job.REHEARSAL = replace(
    labs.edge.job.REHEARSAL,
    pictures=44,
    latency_samples=20,
    latency_limit_s=0.1,
    rounds=2,
    block_calls=2,
    sustained_s=1.0,
)
