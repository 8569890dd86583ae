# ---
# jupyter:
#   lesson:
#     id: kernels
#     title: Kernels and the roofline
#     summary: a matrix product in another order, what a GPU's threads read together, and the layers under the roofline
#     part: 1
#     kind: deeper
#     where: [laptop]
#     needs: [compile]
#     ports: []
#     takes: {compile: [models/food11.onnx]}
# ---

# %% [markdown]
# # Kernels and the roofline
#
# In *Compile the graph* the convolutions did the same multiplications in another memory layout, and took less time. A
# convolution is slow while it waits for numbers. Below the graph there are **kernels**, the loops that do the work.
# **In which order should a kernel read memory, and how do we know when it is good enough?** You need a laptop and
# `food11.onnx`.

# %%
import inspect
import json
import os
from pathlib import Path
from timeit import repeat

os.environ["NUMBA_ENABLE_CUDASIM"] = (
    "1"  # numba's simulator of a GPU; it must be asked for before numba is imported
)

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime as ort
import pandas as pd
from numba import cuda, float32, njit
from threadpoolctl import threadpool_limits

from labs import bench
from labs.checkpoints import check, predict, predicted
from labs.optimize.traced import instructions, traced
from labs.optimize.traced import transactions as all_transactions
from labs.widgets import compare
from labs.workspace import models_dir, programs_dir

# %% [markdown]
# ## Predict
#
# The product of two matrices takes three loops, and their order does not change the result. How many times as fast as
# the textbook's order (row times column) is the best order? And how many times as fast is BLAS, the library behind
# numpy's `matmul`? All have one thread. 2 means half the time.

# %%
predict("kernels.order", rows=..., blas=...)

# %% [markdown]
# ## Three loops
#
# `columns` is the textbook's order. In `rows` the innermost loop goes along rows of `b` and `c`.


# %%
def columns(a, b, c):
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]


def rows(a, b, c):
    for i in range(c.shape[0]):
        for k in range(a.shape[1]):
            for j in range(c.shape[1]):
                c[i, j] += a[i, k] * b[k, j]


# %% [markdown]
# Memory delivers lines of numbers into a **cache**, where a line that is not used soon has to leave. `traced` matrices
# write down each access, and count what a tiny cache would fetch: for each matrix it has 16 lines of 4 numbers.

# %%
random = np.random.default_rng(0)
fetched = {}
for kernel in (columns, rows):
    a, b, c = traced(random.random((10, 20)), random.random((20, 16)), np.zeros((10, 16)))
    kernel(a, b, c)
    fetched[kernel.__name__] = {
        "lines of a": a.fetched(),
        "lines of b": b.fetched(),
        "lines of c": c.fetched(),
    }
pd.DataFrame(fetched).T.assign(all=lambda table: table.sum(axis=1))

# %% [markdown]
# Now on your processor: `njit` turns the same functions into machine code, and `fastmath` lets it add up in any order.

# %%
guesses = predicted("kernels.order")
a, b, c = (random.random((384, 384), dtype=np.float32) for _ in range(3))
by_columns, by_rows = njit(fastmath=True)(columns), njit(fastmath=True)(rows)
targets = {
    "matmul-columns": lambda: by_columns(a, b, c),
    "matmul-rows": lambda: by_rows(a, b, c),
    "matmul-blas": lambda: np.matmul(a, b, out=c),
}
for target in targets.values():
    bench.describe(
        target,
        backend="numba and numpy",
        precision="fp32",
        model_path=models_dir() / "food11.onnx",
    )
with threadpool_limits(1, "blas"):
    table = compare(targets, None, baseline="matmul-columns", rounds=10).rename(
        columns={"one photo, ms": "median ms"}
    )
table["GFLOP/s"] = 2 * len(a) ** 3 / table["median ms"] / 1e6
table["you predicted"] = pd.Series(
    {"matmul-rows": guesses["rows"], "matmul-blas": guesses["blas"]}
)
table.style.format(precision=1, na_rep="")

# %% [markdown]
# All three do the same multiplications. What does BLAS do that `rows` does not? It works in **tiles**: a part of `b`
# that fits into the cache serves all rows of `a` before the next part comes, and a part of `c` stays in registers.
#
# ## What a warp reads
#
# A GPU runs 32 threads in step, a **warp**. All of them read with one instruction, and memory answers in *sectors* of
# 32 bytes: sector 0 holds bytes 0 to 31, sector 1 bytes 32 to 63. How many sectors does one instruction need?


# %% question="kernels.transactions"
def transactions(addresses):
    """Return in how many sectors of 32 bytes the threads' addresses lie: a list with one byte address per thread."""
    ### BEGIN SOLUTION
    return len({address // 32 for address in addresses})
    ### END SOLUTION


check("kernels.transactions", transactions)

# %% [markdown]
# Here is the product in CUDA: each thread computes one number of `c`, so two loops have become threads. We start it
# with blocks of 1 × 32 threads, which stand below each other, and of 32 × 1, side by side. numba's simulator has a
# Python thread for each thread of the GPU. That is slow, and shows what a warp touches of `c` at once (black).


# %%
def multiply(a, b, c):
    column, row = cuda.grid(2)
    for k in range(a.shape[1]):
        c[row, column] += a[row, k] * b[k, column]


def watch(name, kernel, blocks, threads):
    a, b, c = traced(random.random((32, 8)), random.random((8, 32)), np.zeros((32, 32)))
    cuda.jit(kernel)[blocks, threads](a, b, c)
    warp = next(
        iter(instructions(c.log).values())
    )  # what its first instruction touches of c
    first = transactions([4 * one.place for one in warp])
    counts[name] = (
        first,
        a.reads() + b.reads(),
        all_transactions(a.log) + all_transactions(b.log),
    )
    return np.isin(np.arange(c.size), [one.place for one in warp]).reshape(c.shape)


counts = {}
figure, axes = plt.subplots(1, 2, figsize=(7, 3), layout="constrained")
for axis, name, sizes in zip(
    axes, ("below", "side by side"), (((32, 1), (1, 32)), ((1, 32), (32, 1)))
):
    axis.imshow(watch(name, multiply, *sizes), cmap="Greys")
    axis.set_title(f"{name}: {counts[name][0]} transactions")

# %% [markdown]
# Below each other, a warp stands in 32 rows. Side by side, eight threads share a sector: accesses are *coalesced*.
#
# ## Shared memory
#
# Still each number is read by many threads, every time from *global* memory. The threads of a block can share: each
# loads one number of a tile of `a` and one of a tile of `b` into **shared memory**, all wait for each other with
# `cuda.syncthreads()`, and then each thread uses both tiles. It is BLAS's tile, held in place by hand.

# %% question="kernels.shared"
TILE = 8


def multiply_shared(a, b, c):
    """Fill c with the product; blocks have TILE × TILE threads, and no size need be a multiple of TILE. For tile after
    tile: load one number of a and one of b, 0 beyond the edge; wait; add up the products of the tiles; wait. A tile is
    made by `cuda.shared.array((TILE, TILE), float32)`, on a line of its own."""
    ### BEGIN SOLUTION
    tile_a = cuda.shared.array((TILE, TILE), float32)
    tile_b = cuda.shared.array((TILE, TILE), float32)
    column, row = cuda.grid(2)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    total = float32(0)
    for k0 in range(0, a.shape[1], TILE):
        tile_a[y, x] = (
            a[row, k0 + x] if row < a.shape[0] and k0 + x < a.shape[1] else float32(0)
        )
        tile_b[y, x] = (
            b[k0 + y, column]
            if k0 + y < b.shape[0] and column < b.shape[1]
            else float32(0)
        )
        cuda.syncthreads()
        for k in range(TILE):
            total += tile_a[y, k] * tile_b[k, x]
        cuda.syncthreads()
    if row < c.shape[0] and column < c.shape[1]:
        c[row, column] = total
    ### END SOLUTION


shared_path = programs_dir() / "shared_kernel.py"
shared_path.write_text(
    f"from numba import cuda, float32\n\nTILE = {TILE}\n\n\n{inspect.getsource(multiply_shared)}"
)
check("kernels.shared", shared_path)

# %%
watch("shared", multiply_shared, (4, 4), (TILE, TILE))
pd.DataFrame(
    counts,
    index=[
        "transactions of one instruction",
        "all reads of a and b",
        "their transactions",
    ],
).T

# %% [markdown]
# ## The roofline
#
# A layer must do its operations, and move input, weights and output once. The machine does both at the same time.


# %% question="kernels.bound"
def least_seconds(x, w, y, peak_flops, bandwidth):
    """Return how many seconds a convolution in float32 takes at least. x, w, y are the shapes of input, weights and
    output: [1, channels, height, width], [out, in / groups, rows, columns], [1, out, height, width]. A multiplication
    and an addition are two operations; peak_flops is in operations, bandwidth in bytes a second."""
    ### BEGIN SOLUTION
    operations = 2 * np.prod(y) * np.prod(w[1:])
    moved = 4 * (np.prod(x) + np.prod(w) + np.prod(y))
    return float(max(operations / peak_flops, moved / bandwidth))
    ### END SOLUTION


check("kernels.bound", least_seconds)

# %% [markdown]
# Two numbers describe one thread of your machine: how fast BLAS multiplies, and how fast it reads 256 MB, which few
# caches hold. ONNX Runtime's profile knows the time of each convolution, in NCHW (*extended*) and in blocks (*all*).

# %%
square, long = np.ones((1024, 1024), np.float32), np.ones(64 << 20, np.float32)
with threadpool_limits(1, "blas"):
    square_s, long_s = (
        min(repeat(f"{what} @ {what}", globals=globals(), number=1))
        for what in ("square", "long")
    )
peak_flops = max(2 * 1024**3 / square_s, table["GFLOP/s"]["matmul-blas"] * 1e9)
bandwidth = long.nbytes / long_s


def profile_layers(level):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    options.enable_profiling, options.profile_file_prefix = (
        True,
        str(models_dir() / "layers"),
    )
    session = ort.InferenceSession(
        models_dir() / "food11.onnx", options, providers=["CPUExecutionProvider"]
    )
    for _ in range(20):
        session.run(None, {"input": np.zeros((1, 3, 224, 224), np.float32)})
    written = Path(session.end_profiling())
    nodes = [
        one
        for one in json.loads(written.read_text())
        if one["args"].get("op_name") in ("Conv", "FusedConv")
    ]
    written.unlink()
    tensors = {
        one["name"]: one["args"]["input_type_shape"][:2]
        + one["args"]["output_type_shape"]
        for one in nodes
    }
    shapes = [[tensor["float"] for tensor in three] for three in tensors.values()]
    return shapes, pd.DataFrame(nodes).groupby("name", sort=False)["dur"].median().clip(
        0.1
    ).to_numpy() / 1e6


layers = {
    "NCHW": profile_layers("ORT_ENABLE_EXTENDED"),
    "NCHWc": profile_layers("ORT_ENABLE_ALL"),
}
shapes = layers["NCHW"][0]  # in blocks, channels are padded; the model's own shapes count
at_best_s = sum(least_seconds(*shape, peak_flops, bandwidth) for shape in shapes)
operations, moved = np.array(
    [(least_seconds(*one, 1, np.inf), least_seconds(*one, np.inf, 1)) for one in shapes]
).T
depthwise = np.array([w[1] == 1 for _, w, _ in shapes])
figure, axis = plt.subplots(figsize=(8, 4), layout="constrained")
for layout, (_, took_s) in layers.items():
    print(f"{layout}: {took_s.sum() * 1e3:.2f} ms, at best {at_best_s * 1e3:.2f} ms")
    for kind, mark, these in (("depthwise", "v", depthwise), ("dense", "o", ~depthwise)):
        reached = (operations / took_s)[these] / 1e9
        axis.loglog(
            (operations / moved)[these],
            reached,
            mark,
            alpha=0.6,
            label=f"{layout}, {kind}",
        )
at = np.geomspace(*axis.get_xlim())
axis.plot(at, np.minimum(peak_flops, at * bandwidth) / 1e9, color="black")
axis.set(xlabel="operations per byte", ylabel="GFLOP/s")
axis.legend()

# %% [markdown]
# Depthwise layers have few operations for each byte and lie to the left, where memory is the limit. 1 × 1 layers lie to
# the right. A point above the slope took its numbers from a cache, where the layer before had left them. The blocked
# layout moves the *same layers* up. On an AMD EPYC, the machine used for this page, the median dense layer went from 79
# to 95 GFLOP/s, and the median depthwise layer from 5 to 35. *At best* adds up `least_seconds`.
#
# ## What you found
#
# A kernel should use every number that memory delivers: along rows, in tiles, and on a GPU with neighbours in a warp.
# It is good enough if its point touches the roof. If a point lies far below, a better kernel is worth writing.
