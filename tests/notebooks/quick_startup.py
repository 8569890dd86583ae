"""Runs at the start of a kernel that needs no precision: everything is real, with fewer repeats.

A brisk one has to earn every point. A hasty one only has to show that a lesson does not crash: the
tests judge stub notebooks by their entries in the ledger. IPython runs this file because the test
makes it part of a profile; lessons and the course's code do not use it.
"""

import functools
import itertools
import os
from dataclasses import replace

from labs import bench
from labs.bench.timing import warm_up
from labs.edge import job
from labs.load import loops

PACE = os.environ["NOTEBOOKS_PACE"].split()
HASTY = "hasty" in PACE

LIMIT_S, LOAD_S = (0.1, 0.3) if HASTY else (0.5, 0.8)

warm_up.__kwdefaults__.update(limit_s=LIMIT_S, **({"block": 1} if HASTY else {}))
bench.latency.__kwdefaults__.update(limit_s=LIMIT_S, min_samples=20 if HASTY else 60)
bench.throughput.__kwdefaults__.update(min_s=0.01 if HASTY else 0.1, min_batches=2 if HASTY else 3)
# Lessons choose their own number of rounds, so defaults would not do.
_turns = {"rounds": 2, "block_calls": 2} if HASTY else {"rounds": 6, "block_calls": 3}
_compare = bench.compare
bench.compare = lambda *args, **settings: _compare(
    *args, **{**settings, **_turns, "warm_up_s": LIMIT_S}
)
# The same of load: lessons choose how long each run lasts. (None: it ends after so many requests.)
_plan = loops.plan_for
loops.plan_for = lambda target, **how: _plan(
    target, **{**how, "duration_s": how["duration_s"] and min(how["duration_s"], LOAD_S)}
)

# A rehearsed device measures in a process of its own, which this file does not reach; it does what
# its job says.
_little = (
    {"pictures": 44, "latency_samples": 20, "latency_limit_s": 0.1, "sustained_s": 1.0}
    if HASTY
    else {}
)
job.REHEARSAL = replace(job.REHEARSAL, **_turns, **_little)

if HASTY:
    import labs.data.dataset
    import labs.optimize.static_quantization as static

    labs.data.dataset.load_split = functools.partial(labs.data.dataset.load_split, limit=44)
    # Looking at each of 53 layers alone takes minutes; a few of them show as well that it runs.
    _layers_of = static.layers_of
    static.layers_of = lambda path: dict(list(_layers_of(path).items())[::10])

if "fewer_images" in PACE:  # part 1, whose lessons spend half of their time on images: one in three
    import labs.data.dataset
    from labs import assets

    _iterate, _load_split, _drawings = (
        labs.data.dataset.iterate,
        labs.data.dataset.load_split,
        assets.drawings,
    )
    # In order, so the classes stay as they are. Calibration and the search for a budget keep their
    # images.
    labs.data.dataset.iterate = lambda root, split: itertools.islice(
        _iterate(root, split), 0, None, 3 if split == "evaluation" else 1
    )

    # Other recordings are of one data set, by its name, and of all photos.
    assets.drawings = lambda split, *names: _drawings(split, *names)[
        :: 3 if split == "evaluation" and not names else 1
    ]

    def _load_fewer(root, split, limit=None, **how):
        if split == "training" and limit is None:  # to train with, not to calibrate
            limit = len(list(_iterate(root, split))) // 3
        return _load_split(root, split, limit, **how)

    labs.data.dataset.load_split = _load_fewer

if (
    "torchscript" in PACE
):  # part 0, whose one export takes torch.export a minute: the older exporter's seconds
    import torch.onnx

    _export = torch.onnx.export

    def _quickly(model, args, f, *, dynamic_shapes, dynamo, external_data, **how):
        names = zip(how["input_names"], dynamic_shapes, strict=True)
        axes = {name: {axis: dim.__name__ for axis, dim in dims.items()} for name, dims in names}
        return _export(model.eval(), args, str(f), dynamo=False, dynamic_axes=axes, **how)

    torch.onnx.export = _quickly

if (
    "lesson-measure" in PACE
):  # torch.compile's C++ takes two minutes on one processor; labs.bench's tests compile it
    import torch

    torch.compile = functools.partial(torch.compile, backend="eager")
