# ---
# jupyter:
#   lesson:
#     id: kernels
#     title: Kernels and the roofline
#     summary: loops in another order, how a GPU's threads read memory together, and layers under the roofline
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
# **Prerequisites:** *Compile the graph*, which writes `food11.onnx`. **Runs on:** your
# laptop; a simulator plays the GPU.
#
# In *Compile the graph*, the convolutions did the same multiplications in another memory
# layout, and took less time, because a convolution is slow while it waits for numbers.
# Below the graph there are **kernels**: the loops that do the computation of one
# operator. **In which order should a kernel read memory, and how do you know when it is
# good enough?**

# %%
import inspect
import json
import os
from pathlib import Path
from timeit import repeat

# numba's simulator of a GPU; it must be asked for before numba is imported.
os.environ["NUMBA_ENABLE_CUDASIM"] = "1"

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime as ort
import pandas as pd
from numba import cuda, float32, njit
from threadpoolctl import threadpool_limits

from labs import bench
from labs.checkpoints import check, predict, predicted
from labs.display.theme import BLUE, ORANGE
from labs.judge.traced import instructions, traced
from labs.judge.traced import transactions as all_transactions
from labs.widgets import compare
from labs.workspace import models_dir, programs_dir

# %% [markdown]
# ## Predict
#
# The product of two matrices needs three loops, and their order does not change the
# result. The baseline is the textbook's order (row times column). By what factor is the
# best order faster? And by what factor is BLAS faster, the library behind numpy's
# `matmul`? All use one thread. 2 means half the time.

# %%
predict("kernels.order", rows=..., blas=...)

# %% [markdown]
# ## Three loops
#
# `columns` has the textbook's order. In `rows`, the innermost loop goes along the rows of
# `b` and `c`.


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
# Memory delivers numbers in lines to a **cache**, a small and fast memory that soon drops
# the lines that are not used. A `traced` matrix records each access, and counts how many
# lines a tiny cache would fetch: the cache has 16 lines of 4 numbers for each matrix.

# %%
random = np.random.default_rng(0)
fetched = {}
for kernel in (columns, rows):
    left, right = random.random((10, 20)), random.random((20, 16))
    a, b, c = traced(left, right, np.zeros((10, 16)))
    kernel(a, b, c)
    fetched[kernel.__name__] = {
        "lines of a": a.fetched(),
        "lines of b": b.fetched(),
        "lines of c": c.fetched(),
    }
table = pd.DataFrame(fetched).T
table["all"] = table.sum(axis=1)
table

# %% [markdown]
# Now run the loops on your processor. `njit` compiles the same functions to machine code,
# and `fastmath` allows it to add numbers in any order.

# %%
guesses = predicted("kernels.order")
a, b, c = (random.random((384, 384), dtype=np.float32) for _ in range(3))
by_columns = njit(fastmath=True)(columns)
by_rows = njit(fastmath=True)(rows)
targets = {
    "matmul-columns": lambda: by_columns(a, b, c),
    "matmul-rows": lambda: by_rows(a, b, c),
    "matmul-blas": lambda: np.matmul(a, b, out=c),
}
model_path = models_dir() / "food11.onnx"
computed = {"backend": "numba and numpy", "precision": "fp32"}
for target in targets.values():
    bench.describe(target, model_path=model_path, **computed)
with threadpool_limits(1, "blas"):
    table = compare(targets, None, baseline="matmul-columns", rounds=10)
table = table.rename(columns={"one photo, ms": "median ms"})
operations = 2 * len(a) ** 3
table["GFLOP/s"] = operations / table["median ms"] / 1e6
table.loc["matmul-rows", "you predicted"] = guesses["rows"]
table.loc["matmul-blas", "you predicted"] = guesses["blas"]
table.style.format(precision=1, na_rep="")

# %% [markdown]
# All three do the same multiplications. Why is BLAS faster than `rows`? It works in
# **tiles**, blocks of a matrix that fit into the cache: a tile of `b` serves all rows of
# `a` before the next tile is loaded, and a tile of `c` stays in registers.
#
# ## What a warp reads
#
# A GPU runs threads in groups of 32 that do the same step at the same time. Such a group
# is a **warp**. All its threads read with one instruction, and memory answers in
# *sectors* of 32 bytes: sector 0 contains bytes 0 to 31, sector 1 bytes 32 to 63. How
# many sectors does one instruction need?


# %% question="kernels.transactions"
def transactions(addresses):
    """Return the number of different 32-byte sectors that a warp reads, an int.

    addresses is a list with one byte address per thread.
    Example: transactions([0, 4, 8, 40]) returns 2, the sectors 0 and 1.
    """
    ### BEGIN SOLUTION
    return len({address // 32 for address in addresses})
    ### END SOLUTION


check("kernels.transactions", transactions)

# %% [markdown]
# The next cell computes the product in CUDA. Each thread computes one number of `c`, so
# threads replace two of the loops. It starts the kernel with blocks of 1 × 32 threads,
# one below the other, and of 32 × 1 threads, side by side. numba's simulator uses one
# Python thread for each thread of the GPU. This is slow, but it shows which numbers of
# `c` a warp touches at once (black).


# %%
def multiply(a, b, c):
    column, row = cuda.grid(2)
    for k in range(a.shape[1]):
        c[row, column] += a[row, k] * b[k, column]


def watch(name, kernel, blocks, threads):
    left, right = random.random((32, 8)), random.random((8, 32))
    a, b, c = traced(left, right, np.zeros((32, 32)))
    cuda.jit(kernel)[blocks, threads](a, b, c)
    first_instruction, *_ = instructions(c.log).values()
    places = [touch.place for touch in first_instruction]
    addresses = [4 * place for place in places]
    read_transactions = all_transactions(a.log) + all_transactions(b.log)
    counts[name] = {
        "transactions of one instruction": transactions(addresses),
        "all reads of a and b": a.reads() + b.reads(),
        "their transactions": read_transactions,
    }
    touched = np.isin(np.arange(c.size), places)
    return touched.reshape(c.shape)


counts = {}
launches = {"below": ((32, 1), (1, 32)), "side by side": ((1, 32), (32, 1))}
figure, axes = plt.subplots(1, 2, figsize=(7, 3))
for axis, (name, (blocks, threads)) in zip(axes, launches.items()):
    axis.imshow(watch(name, multiply, blocks, threads), cmap="Greys")
    count = counts[name]["transactions of one instruction"]
    axis.set_title(f"{name}: {count} transactions")

# %% [markdown]
# With 1 × 32 blocks, a warp touches 32 rows. With 32 × 1 blocks, eight threads share a
# sector: the accesses are **coalesced**, that is, few sectors serve all threads of a
# warp.
#
# ## Shared memory
#
# Many threads still read the same number, each time from the slow *global* memory. The
# threads of a block can share it. Each thread loads one number of a tile of `a` and one
# of a tile of `b` into **shared memory**, a small memory that all threads of a block can
# access. All threads wait for each other with `cuda.syncthreads()`. Then each thread uses
# both tiles. These are BLAS's tiles, but the program controls the cache.

# %% question="kernels.shared"
TILE = 8


def multiply_shared(a, b, c):
    """Fill c with the product of a and b. Blocks have TILE × TILE threads, and the sizes
    need not be multiples of TILE.

    Make each tile by `cuda.shared.array((TILE, TILE), float32)`, on a separate line.
    Then, for tile after tile: load one number of a and one of b, or 0 beyond the edge;
    wait with `cuda.syncthreads()`; add up the products of the tiles; wait again. Write c
    only inside its edges.
    """
    ### BEGIN SOLUTION
    tile_a = cuda.shared.array((TILE, TILE), float32)
    tile_b = cuda.shared.array((TILE, TILE), float32)
    column, row = cuda.grid(2)
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    total = float32(0)
    for k0 in range(0, a.shape[1], TILE):
        a_inside = row < a.shape[0] and k0 + x < a.shape[1]
        b_inside = k0 + y < b.shape[0] and column < b.shape[1]
        tile_a[y, x] = a[row, k0 + x] if a_inside else float32(0)
        tile_b[y, x] = b[k0 + y, column] if b_inside else float32(0)
        cuda.syncthreads()
        for k in range(TILE):
            total += tile_a[y, k] * tile_b[k, x]
        cuda.syncthreads()
    if row < c.shape[0] and column < c.shape[1]:
        c[row, column] = total
    ### END SOLUTION


shared_path = programs_dir() / "shared_kernel.py"
header = f"from numba import cuda, float32\n\nTILE = {TILE}\n\n\n"
shared_path.write_text(header + inspect.getsource(multiply_shared))
check("kernels.shared", shared_path)

# %%
watch("shared", multiply_shared, (4, 4), (TILE, TILE))
pd.DataFrame(counts).T

# %% [markdown]
# ## The roofline
#
# A layer must do its operations, and must move its input, weights and output at least
# once. The machine does both at the same time, so the longer of the two is a lower bound
# of the layer's time. The **roofline** is this bound as a curve: the highest rate of
# operations, by the number of operations per byte.


# %% question="kernels.bound"
def least_seconds(x, w, y, peak_flops, bandwidth):
    """Return the least seconds, a float, that a convolution in float32 can take: its
    operations at peak_flops (operations per second), or its bytes at bandwidth (bytes per
    second), whichever is longer.

    x, w and y are the shapes of input [1, channels, height, width], weights [out, in /
    groups, rows, columns] and output [1, out, height, width]. Each number of y takes one
    multiplication and one addition per weight of its channel: two operations. x, w and y
    are moved once, 4 bytes per number.
    """
    ### BEGIN SOLUTION
    operations = 2 * np.prod(y) * np.prod(w[1:])
    moved_bytes = 4 * (np.prod(x) + np.prod(w) + np.prod(y))
    return float(max(operations / peak_flops, moved_bytes / bandwidth))
    ### END SOLUTION


check("kernels.bound", least_seconds)

# %% [markdown]
# Two numbers describe one thread of your machine: how fast BLAS multiplies, and how fast
# the thread reads 256 MB, which is more than most caches can hold. ONNX Runtime's profile
# contains the time of each convolution, in the layout NCHW (*extended*) and in blocks
# (*all*).

# %%
square = np.ones((1024, 1024), np.float32)
long = np.ones(64 << 20, np.float32)
with threadpool_limits(1, "blas"):
    square_s = min(repeat(lambda: square @ square, number=1))
    long_s = min(repeat(lambda: long @ long, number=1))
square_flops = 2 * 1024**3 / square_s
blas_flops = 1e9 * table["GFLOP/s"]["matmul-blas"]
peak_flops = max(square_flops, blas_flops)
bandwidth = long.nbytes / long_s


def profile_layers(level):
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    options.enable_profiling = True
    options.profile_file_prefix = str(models_dir() / "layers")
    session = ort.InferenceSession(
        model_path, options, providers=["CPUExecutionProvider"]
    )
    photo = np.zeros((1, 3, 224, 224), np.float32)
    for _ in range(20):
        session.run(None, {"input": photo})
    profile_path = Path(session.end_profiling())
    shapes = {}
    times_us = []
    for event in json.loads(profile_path.read_text()):
        node = event["args"]
        if node.get("op_name") in ("Conv", "FusedConv"):
            tensors = node["input_type_shape"][:2] + node["output_type_shape"]
            shapes[event["name"]] = [tensor["float"] for tensor in tensors]
            times_us.append({"name": event["name"], "us": event["dur"]})
    profile_path.unlink()
    median_us = pd.DataFrame(times_us).groupby("name", sort=False)["us"].median()
    return list(shapes.values()), median_us.clip(0.1).to_numpy() / 1e6


layers = {
    "NCHW": profile_layers("ORT_ENABLE_EXTENDED"),
    "NCHWc": profile_layers("ORT_ENABLE_ALL"),
}
# In blocks, channels are padded; the model's own shapes count.
shapes, _ = layers["NCHW"]
at_best_s = sum(least_seconds(*shape, peak_flops, bandwidth) for shape in shapes)
operations = np.array([least_seconds(*shape, 1, np.inf) for shape in shapes])
moved_bytes = np.array([least_seconds(*shape, np.inf, 1) for shape in shapes])
intensity = operations / moved_bytes
depthwise = np.array([w[1] == 1 for _, w, _ in shapes])
kinds = {"depthwise": (depthwise, "v"), "dense": (~depthwise, "o")}
figure, axis = plt.subplots(figsize=(9, 4))
axis.set_title("With few operations per byte, memory is the limit")
drawn_in = {"NCHW": (BLUE, min, -14), "NCHWc": (ORANGE, max, 6)}
for layout, (_, took_s) in layers.items():
    colour, extreme, offset_points = drawn_in[layout]
    beside = {"xytext": (0, offset_points), "textcoords": "offset points"}
    sum_ms, at_best_ms = 1e3 * took_s.sum(), 1e3 * at_best_s
    print(f"{layout}: {sum_ms:.2f} ms, at best {at_best_ms:.2f} ms")
    reached = operations / took_s / 1e9
    for kind, (chosen, mark) in kinds.items():
        axis.loglog(intensity[chosen], reached[chosen], mark, color=colour, alpha=0.6)
        left, top = intensity[chosen].min(), extreme(reached[chosen])
        axis.annotate(f"{layout}, {kind}", (left, top), **beside)
ends = np.geomspace(*axis.get_xlim())
roof = np.minimum(peak_flops, ends * bandwidth)
axis.plot(ends, roof / 1e9, color="black")
axis.set(xlabel="operations per byte", ylabel="GFLOP/s")

# %% [markdown]
# Depthwise layers have few operations per byte. They are on the left, where memory is the
# limit; 1 × 1 layers are on the right. A point above the slope read its numbers from a
# cache, where the previous layer had left them. The blocked layout moves the *same
# layers* up. On the machine used for this page, an AMD EPYC, the median dense layer rose
# from 79 to 95 GFLOP/s, and the median depthwise layer from 5 to 35. *At best* is the sum
# of `least_seconds`.
#
# ## What you found
#
# - A kernel should use every number that memory delivers: along rows, in tiles, and on a
#   GPU with neighbouring threads of a warp.
# - A kernel is good enough if its point touches the roof. If the point is far below, a
#   better kernel is worth writing.

# %% [markdown]
# ## Read more
#
# - [How to Optimize a CUDA Matmul Kernel for cuBLAS-like Performance: a
#   Worklog](https://siboehm.com/articles/22/CUDA-MMM) (S. Boehm, 2022): continues from
#   here, one measured step after another.
# - [Roofline: An Insightful Visual Performance Model for Multicore
#   Architectures](https://doi.org/10.1145/1498765.1498785) (S. Williams, A. Waterman and
#   D. Patterson, 2009): the model that you drew.
# - [Optimizing CNN Model Inference on
#   CPUs](https://www.usenix.org/conference/atc19/presentation/liu-yizhi) (Y. Liu et al.,
#   2019): the blocked layout, and why it is fast.
