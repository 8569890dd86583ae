# ---
# jupyter:
#   lesson:
#     title: Write a kernel
#     summary: a matrix product from three loops to registers, in CUDA too; the layers under this machine's roofline
#     part: 1
#     number: "13b"
#     minutes: 45
#     kind: extra
#     where: [laptop]
#     needs: ["13"]
#     ports: []
#     machine_minutes: 5
#     uses: ["memory", "CUDA provider"]
#     takes: {"12": ["models/food11.onnx"]}
# ---

# %% [markdown]
# # Write a kernel
#
# In lesson 13 a layout, which changes no multiplication, saved more time than all merged nodes together. So a
# convolution is not slow because it multiplies. It is slow while it *waits for numbers*. Below the graph there are
# *kernels*, the loops that do the work, and most of writing one is deciding in which order memory is read.
#
# ## You will do
#
# Write the matrix product in loops of your own, and make it tens of times as fast without saving a multiplication;
# write it for a GPU and see which thread reads what; then put the model's layers under the roofline of your machine.
#
# ## You will learn
#
# - what a cache line, a tile and a register are good for, by counting what moves;
# - why neighbouring threads should read neighbouring numbers;
# - to tell from two numbers whether arithmetic or memory limits a layer, and what a layout changes.
#
# ## You need
#
# A laptop, 45 minutes and lesson 13. The machine works for about two minutes. This lesson is an extra. On a leased
# GPU, run it once more from top to bottom (five minutes): the same kernels are timed there.

# %%
import copy
import inspect
import json
import math
import os
from pathlib import Path

from labs.machine import for_lesson

gpu = next(one for one in for_lesson("13b") if one.name == "CUDA provider")
if not gpu.available:
    os.environ["NUMBA_ENABLE_CUDASIM"] = "1"  # numba's simulator; it must be asked for before numba is imported

# %%
import numba
import numpy as np
import onnxruntime as ort
import pandas as pd
import torch
from numba import cuda, float32, njit, prange
from threadpoolctl import threadpool_limits
from torch.utils import mkldnn

from grading.checkpoints import check, predict, predicted, reconcile
from labs import assets, bench
from labs.charts import access_map, roofline, side_by_side
from labs.data.models import load_mobilenet_v2
from labs.optimize.export import export_onnx
from labs.optimize.traced import instructions, sectors, traced
from labs.optimize.traced import transactions as all_transactions
from labs.records.ledger import ledger
from labs.widgets import run_with_progress
from labs.workspace import models_dir, programs_dir

onnx_path = models_dir() / "food11.onnx"
net = load_mobilenet_v2(assets.model())

# %% [markdown]
# ## Predict
#
# Three guesses before anything runs. First: the product of two matrices takes three loops, and their order does not
# change the result. How many times as fast is the best order as the one of the textbook? (2 means in half the time.)

# %% checkpoint="m.kernel.order_guess"
predict("m.kernel.order_guess", ...)

# %% [markdown]
# Second: a *depthwise* convolution looks at each channel by itself. An image can lie in memory channel by channel
# (`NCHW`), pixel by pixel (`NHWC`, which torch calls `channels_last`), or in between, some channels at a time
# (`blocked`). In which of them is it fastest here?

# %% checkpoint="m.kernel.layout_guess"
predict("m.kernel.layout_guess", ...)

# %% [markdown]
# Third, for a leased GPU (without one it is not measured): compared with a kernel whose neighbouring threads read
# neighbouring numbers, how many times as fast is one that also keeps tiles in shared memory?

# %% checkpoint="m.kernel.gpu_guess"
predict("m.kernel.gpu_guess", ...)

# %% [markdown]
# ## Act
#
# ### The textbook's order
#
# Row times column. `c` is handed in, so that making it is not measured; `numba` turns the plain function into machine
# code when it is first called.


# %%
def multiply_columns(a, b, c):
    for i in range(c.shape[0]):
        for j in range(c.shape[1]):
            total = np.float32(0)
            for k in range(a.shape[1]):
                total += a[i, k] * b[k, j]
            c[i, j] = total
    return c


SIZE = 480
random = np.random.default_rng(0)
a, b, c = (random.random((SIZE, SIZE), dtype=np.float32) for _ in range(3))
np.abs(njit(fastmath=True)(multiply_columns)(a, b, c) - a @ b).max()

# %% [markdown]
# `fastmath=True` allows sums to be taken in another order, without which no loop over `k` could use the processor's
# vectors. The small difference is the price, and BLAS pays it too.
#
# What does it read? `traced` matrices write down each access, and work in plain Python. A tiny case, and the first 60
# accesses to each matrix, dark ones first:

# %%
tiny = [random.random(shape) for shape in ((10, 20), (20, 16), (10, 16))]


def watch(function, *more):
    """Run a kernel as plain Python on tiny traced matrices, draw its first accesses, and count what was fetched."""
    seen = traced(*tiny)
    function(*seen, *more)
    fetched[function.__name__] = [one.fetched() for one in seen]
    if not seen[1].log:
        return "Nothing was read yet: write the function first."
    panels = {}
    for name, one in zip("abc", seen, strict=True):
        first_read = next((place for place, touch in enumerate(one.log) if not touch.is_write), 0)
        panels[name] = one, one.log[first_read : first_read + 60]  # setting c to 0 comes before
    return access_map(panels)


fetched = {}
watch(multiply_columns)

# %% [markdown]
# Memory does not deliver numbers. It delivers *lines* of them, 64 bytes each, into a *cache*; whoever uses the whole
# line has fetched once for sixteen float32. This kernel goes down the columns of `b`, uses one number of each line,
# and by the time it wants the next column, the lines may be gone.
#
# Keep the multiplications, change the order of the loops.


# %% checkpoint="m.kernel.rows"
def multiply_rows(a, b, c):
    """Fill c with the product of a and b, and return it; the innermost loop goes along rows of b and of c.

    a, b, c have the shapes (n, k), (k, m), (n, m). c comes with old numbers in it. Read and write numbers in loops of
    your own; numba compiles them.
    """
    ...


# %%
check("m.kernel.rows", multiply_rows)

# %%
watch(multiply_rows)

# %% [markdown]
# ### Tiles
#
# The rows of `b` are read in order now, but all of `b` is read again for every row of `a`. A matrix that fits into the
# cache does not mind. A larger one should be worked through in *tiles*: take a part of `b` that fits, let every row of
# `a` use it, and only then go on to the next.


# %% checkpoint="m.kernel.tiles"
def multiply_tiles(a, b, c, tile):
    """Fill c with the product and return it, working through b in tiles of tile × tile numbers.

    The sizes need not be multiples of the tile. Each tile is used by all rows of a before the next one begins.
    """
    ...


# %%
check("m.kernel.tiles", multiply_tiles)

# %%
watch(multiply_tiles, 8)

# %% [markdown]
# Lines that a small cache would fetch (for each matrix 16 lines of 4 numbers, so that tiny matrices do not fit; the
# counts are this model's. A processor's own counters need Linux' `perf`, and few virtual machines have them):

# %%
pd.DataFrame(fetched, index=list("abc")).T.assign(together=lambda table: table.sum(axis=1))

# %% [markdown]
# ### Registers
#
# What is still missing is inside the innermost loop: one multiplication and one addition, for which `c[i, j]` is read
# and written and `b[k, j]` read. Three accesses for one product. Compute several rows at once, and several steps of
# `k`: then a number of `b` is used by all those rows while it lies in a *register*, and `c[i, j]` is touched once for
# all those steps. With 4 rows and 8 steps, 8 + 2 · 4 accesses serve 32 products: half of one for each.
#
# Nobody types 32 products. Libraries generate such kernels, and so do you:


# %%
def write_kernel(rows, steps):
    """Return the source of a kernel that computes some rows at once, some steps of k at a time."""
    each_row, each_step = range(rows), range(steps)
    lines = [
        "def multiply_registers(a, b, c, tile):",
        "    c[:] = 0",
        "    for k0 in range(0, a.shape[1], tile):",
        f"        for block in prange(c.shape[0] // {rows}):",  # an ordinary range, unless compiled with parallel=True
        f"            i = block * {rows}",
        *(f"            c{r} = c[i + {r}]" for r in each_row),
        f"            for k in range(k0, min(k0 + tile, a.shape[1]), {steps}):",
        *(f"                a{r}_{s} = a[i + {r}, k + {s}]" for r in each_row for s in each_step),
        *(f"                b{s} = b[k + {s}]" for s in each_step),
        "                for j in range(c.shape[1]):",
        *(f"                    x{s} = b{s}[j]" for s in each_step),
        *(f"                    c{r}[j] += " + " + ".join(f"a{r}_{s} * x{s}" for s in each_step) for r in each_row),
        "    return c",
    ]
    return "\n".join(lines) + "\n"


ROWS, STEPS, TILE_K = 4, 8, 64  # SIZE is a multiple of the first two; try others
made = {"prange": prange}
exec(write_kernel(ROWS, STEPS), made)
multiply_registers = made["multiply_registers"]
print(write_kernel(2, 2))

# %% [markdown]
# ### A warp
#
# A GPU runs 32 threads in step, a *warp*: all of them read with one instruction, and memory answers in *sectors* of 32
# bytes. How many sectors does one instruction need?


# %% checkpoint="m.kernel.transactions"
def transactions(addresses):
    """Return how many memory transactions the addresses of a warp need: in how many sectors of 32 bytes they lie.

    addresses: one byte address for each thread, as a list. Sector 0 holds bytes 0 to 31, sector 1 bytes 32 to 63, …
    """
    ...


# %%
check("m.kernel.transactions", transactions)

# %% [markdown]
# The same product in CUDA: each thread computes one number of `c`, so two loops have become threads. Two kernels,
# which differ in one line: whether a thread's `x`, which counts fastest within a warp, is its row or its column.


# %%
def multiply_naive(a, b, c):
    row, column = cuda.grid(2)
    if row < c.shape[0] and column < c.shape[1]:
        total = float32(0)
        for k in range(a.shape[1]):
            total += a[row, k] * b[k, column]
        c[row, column] = total


def multiply_coalesced(a, b, c):
    column, row = cuda.grid(2)
    if row < c.shape[0] and column < c.shape[1]:
        total = float32(0)
        for k in range(a.shape[1]):
            total += a[row, k] * b[k, column]
        c[row, column] = total


# %% [markdown]
# Without a GPU, numba's simulator runs a kernel with a thread of Python's for each thread. That is slow, and shows
# everything. Here is what the first instruction of one warp touches:

# %%
moved = {}


def watch_warp(kernel, blocks, threads):
    """Run a CUDA kernel in the simulator, and draw what one warp touches with its first access to each matrix."""
    if not numba.config.ENABLE_CUDASIM:
        return "Drawn at home, in the simulator; here the kernels run on the GPU."
    seen = traced(random.random((32, 8)), random.random((8, 32)), np.zeros((32, 32)))
    cuda.jit(kernel)[blocks, threads](*seen)
    if not seen[1].log:
        return "Nothing was read yet: write the function first."
    moved[kernel.__name__] = {
        "right": np.allclose(seen[2].values, seen[0].values @ seen[1].values, atol=1e-4),
        "reads of a and b": seen[0].reads() + seen[1].reads(),
        "their transactions": all_transactions(seen[0].log) + all_transactions(seen[1].log),
    }
    panels = {}
    for name, one in zip("abc", seen, strict=True):
        first = next(iter(instructions(one.log).values()), [])
        panels[f"{name} (sectors: {sectors(first)})"] = one, first
    return access_map(panels, title="What a warp touches with its first access")


watch_warp(multiply_naive, (1, 32), (32, 1))

# %%
watch_warp(multiply_coalesced, (1, 32), (32, 1))

# %% [markdown]
# In the first, a warp stands in 32 rows, and each thread's number brings 31 others' sectors along for nothing. In the
# second, the threads stand side by side: *coalesced*.
#
# ### Shared memory
#
# Each number is still read by many threads, every time from *global* memory. The threads of a block can share: each
# brings one number of a tile of `a` and one of `b` into *shared memory*, all wait for each other
# (`cuda.syncthreads()`), and then each uses the whole tiles. It is the tile that you know, held in place by hand.

# %%
TILE = 8 if numba.config.ENABLE_CUDASIM else 16


# %% checkpoint="m.kernel.shared"
def multiply_shared(a, b, c):
    """Fill c with the product; blocks have TILE × TILE threads, and sizes need not be multiples of TILE.

    Loop over tiles: load one number of a and one of b into shared memory, 0 beyond the edge; wait; add the products of
    the tiles; wait. `cuda.shared.array((TILE, TILE), float32)` makes a tile: each on a line of its own.
    """
    ...


# %%
shared_path = programs_dir() / "shared_kernel.py"
shared_path.write_text(f"from numba import cuda, float32\n\nTILE = {TILE}\n\n\n{inspect.getsource(multiply_shared)}")
check("m.kernel.shared", shared_path)

# %%
watch_warp(multiply_shared, (4, 4), (8, 8))


# %% [markdown]
# And registers once more: a thread that computes several numbers of a column uses each number of `b`'s tile for all of
# them.


# %%
TALL = 2 * TILE


def multiply_several(a, b, c):
    tile_a = cuda.shared.array((TALL, TILE), float32)
    tile_b = cuda.shared.array((TILE, TILE), float32)
    column = cuda.blockIdx.x * TILE + cuda.threadIdx.x
    row = cuda.blockIdx.y * TALL + cuda.threadIdx.y
    x, y = cuda.threadIdx.x, cuda.threadIdx.y
    upper, lower = float32(0), float32(0)
    for k0 in range(0, a.shape[1], TILE):
        inside = k0 + x < a.shape[1]
        tile_a[y, x] = a[row, k0 + x] if inside and row < a.shape[0] else float32(0)
        tile_a[y + TILE, x] = a[row + TILE, k0 + x] if inside and row + TILE < a.shape[0] else float32(0)
        tile_b[y, x] = b[k0 + y, column] if k0 + y < b.shape[0] and column < b.shape[1] else float32(0)
        cuda.syncthreads()
        for k in range(TILE):
            from_b = tile_b[k, x]  # read once, used twice
            upper += tile_a[y, k] * from_b
            lower += tile_a[y + TILE, k] * from_b
        cuda.syncthreads()
    if row < c.shape[0] and column < c.shape[1]:
        c[row, column] = upper
    if row + TILE < c.shape[0] and column < c.shape[1]:
        c[row + TILE, column] = lower


watch_warp(multiply_several, (4, 2), (8, 8))

# %%
pd.DataFrame(moved).T

# %% [markdown]
# ### Layouts
#
# An image's numbers lie in one long line, too. Where does that of a channel, a row and a column lie?


# %% checkpoint="m.kernel.offset"
def offset(layout, shape, place):
    """Return how many numbers of an image lie before one of them.

    layout: "NCHW": channel by channel, each row by row. "NHWC": pixel by pixel, row by row, its channels side by side.
    "blocked": the channels in groups of eight; group by group, in each pixel by pixel, its eight side by side.
    shape, place: [channels, height, width], a multiple of eight channels; [channel, row, column], counted from 0.
    """
    ...


# %%
check("m.kernel.offset", offset)

# %% [markdown]
# A 1 × 1 convolution reads all channels of a pixel, a depthwise 3 × 3 nine pixels of a channel. In how many sectors do
# those lie, for one number of the output, and for eight neighbours in a row?

# %%
shape, layouts = [144, 56, 56], ("NCHW", "NHWC", "blocked")


def sectors_of(layout, places):
    return transactions([4 * offset(layout, shape, place) for place in places])


if offset("NCHW", shape, [0, 0, 1]) is not None and transactions([0]) is not None:
    pixels = {"one": range(16, 17), "eight": range(16, 24)}
    reads = {f"1 × 1, {name}": [[ch, 20, col] for ch in range(144) for col in cols] for name, cols in pixels.items()}
    reads |= {
        f"3 × 3 depthwise, {name}": [[5, row, col + x] for row in (19, 20, 21) for col in cols for x in (-1, 0, 1)]
        for name, cols in pixels.items()
    }
    display(
        pd.DataFrame({layout: {name: sectors_of(layout, one) for name, one in reads.items()} for layout in layouts})
    )

# %% [markdown]
# The depthwise layer looks bad for NHWC and for blocks alike, as long as one channel is counted. But there the kernel
# computes many channels with one vector instruction, and then each sector is used whole. A layout suits a kernel, and
# never by itself.
#
# ### The roofline
#
# How fast could a layer be at best? It must do its operations, and move its input, weights and output at least once.


# %% checkpoint="m.kernel.work"
def work(x, w, y):
    """Return a list of two numbers about a convolution in float32: its operations, and the bytes that it must move.

    x, w, y: shapes of input, weights and output: [1, channels, height, width], [out, in / groups, rows, columns],
    [1, out, height, width]. A multiplication is an operation and an addition another. No bias.
    """
    ...


# %%
check("m.kernel.work", work)


# %% checkpoint="m.kernel.bound"
def bound(operations, bytes, peak_flops, bandwidth):
    """Return how many seconds a piece of work takes at least.

    peak_flops: operations a second that the machine can do. bandwidth: bytes a second that its memory delivers. It can
    compute one part while it fetches the next.
    """
    ...


# %%
check("m.kernel.bound", bound)

# %% [markdown]
# ## Measure
#
# ### The product, on one thread
#
# Five kernels in turns, each on one thread: the two orders, tiles, registers, and BLAS (numpy's `matmul`), on which
# experts have spent decades. First compile, and prove that all are right.

# %%
kernels_path = programs_dir() / "kernels.py"
own = (multiply_columns, multiply_rows, multiply_tiles)
kernels_path.write_text("\n\n".join([*map(inspect.getsource, own), write_kernel(ROWS, STEPS)]))
compiled = [njit(fastmath=True)(one) for one in (*own, multiply_registers)]
compute = {
    "matmul-columns": lambda: compiled[0](a, b, c),
    "matmul-rows": lambda: compiled[1](a, b, c),
    "matmul-tiles": lambda: compiled[2](a, b, c, TILE_K),
    "matmul-registers": lambda: compiled[3](a, b, c, TILE_K),
    "matmul-BLAS": lambda: np.matmul(a, b, out=c),
}


def describe(targets, backend, threads, path=kernels_path):
    """Say what runs, for the records; the file that they name is the kernels' source, unless there is a model."""
    for one in targets:
        bench.describe(one, backend=backend, model_path=path, precision="fp32", settings={"threads": threads})


for option, one in compute.items():
    made = one()
    print(f"{option:<17} {'not written yet' if made is None else f'off by {np.abs(made - a @ b).max():.1e}'}")

# %%
predicted("m.kernel.order_guess")
describe(compute.values(), "numba", 1)
describe([compute["matmul-BLAS"]], "numpy", 1)
with threadpool_limits(1, "blas"):
    comparison = run_with_progress(
        lambda report: bench.compare(compute, rounds=8, block_calls=5, settle_calls=1, on_progress=report),
        "Five kernels, one thread",
    )
for record in comparison:
    ledger().append(record)
side_by_side(comparison, "matmul-BLAS")

# %%
operations = 2 * SIZE**3
rates = {record.option: operations / record.percentile(50) / 1e9 for record in comparison}
table = pd.DataFrame({"GFLOP/s": rates})
table.assign(share_of_BLAS=table["GFLOP/s"] / rates["matmul-BLAS"]).round(2)

# %%
reconcile("m.kernel.order_guess")

# %% [markdown]
# Four times the same multiplications. Tiles alone need not be faster than rows: at this size, `b` (0.9 MB) still fits
# into many a processor's second cache, and short inner loops cost something. Where registers reach less than 0.7 of
# BLAS, counting says why: a product of yours costs half an access, because `c` is read and written again after eight
# steps. BLAS holds a small tile of `c` in registers for *all* steps (for 8 × 32 numbers that makes (8 + 32) / 256
# accesses for each product, less than a sixth), and copies `a` and `b` beforehand so that both are read in one stream.
#
# ### Two threads
#
# `prange` with `parallel=True` shares the blocks of rows out. Both now may use two threads:

# %%
threads = min(2, numba.config.NUMBA_NUM_THREADS)
numba.set_num_threads(threads)
in_parallel = njit(fastmath=True, parallel=True)(multiply_registers)
two = {
    "matmul-registers-2": lambda: in_parallel(a, b, c, TILE_K),
    "matmul-BLAS-2": lambda: np.matmul(a, b, out=c),
}
describe([two["matmul-registers-2"]], "numba", threads)
describe([two["matmul-BLAS-2"]], "numpy", threads)
with threadpool_limits(threads, "blas"):
    in_twos = run_with_progress(
        lambda report: bench.compare(two, rounds=8, block_calls=5, settle_calls=1, on_progress=report), "Two threads"
    )
for record in in_twos:
    ledger().append(record)
print(
    f"{threads} threads: " + ", ".join(f"{r.option} {operations / r.percentile(50) / 1e9:.0f} GFLOP/s" for r in in_twos)
)

# %% [markdown]
# ### The ceilings
#
# What can one thread of this machine do at most? Two kernels that do one thing only: one multiplies and adds in
# registers without touching memory, one reads 128 MB, more than most caches hold.


# %%
@njit(fastmath={"contract"})  # a product and a sum may become one instruction, and nothing may be left out
def arithmetic(x, rounds):
    for _ in range(rounds):
        for i in range(x.size):
            value = x[i]
            for _ in range(32):
                value = value * np.float32(0.999) + np.float32(0.001)
            x[i] = value


@njit(fastmath=True)
def read(x):
    total = np.float32(0)
    for i in range(x.size):
        total += x[i]
    return total


few, many = np.ones(2048, np.float32), np.ones(32 << 20, np.float32)
ceilings = {"ceiling-arithmetic": lambda: arithmetic(few, 400), "ceiling-read": lambda: read(many)}
describe(ceilings.values(), "numba", 1)
limits = run_with_progress(
    lambda report: bench.compare(ceilings, rounds=8, block_calls=5, settle_calls=1, on_progress=report), "Two ceilings"
)
for record in limits:
    ledger().append(record)
fastest_s = {record.option: min(record.samples) for record in limits}
# BLAS may find more than a simple loop does: the higher of the two is the ceiling.
peak_flops = max(few.size * 32 * 2 * 400 / fastest_s["ceiling-arithmetic"], rates["matmul-BLAS"] * 1e9)
bandwidth = many.nbytes / fastest_s["ceiling-read"]
bend = peak_flops / bandwidth
print(f"{peak_flops / 1e9:.0f} GFLOP/s, {bandwidth / 1e9:.1f} GB/s, bend at {bend:.1f} operations per byte")

# %% [markdown]
# ### The model's layers under the roof
#
# ONNX Runtime's profile knows each convolution's time, your `work` the rest. Once in NCHW (`ORT_ENABLE_EXTENDED`),
# once in the blocked layout that ONNX Runtime calls NCHWc (`ORT_ENABLE_ALL`), both on one thread:


# %%
def profile_layers(level, runs=20):
    """Return each convolution's shapes and its median seconds, in the order in which they run."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    options.enable_profiling = True
    options.profile_file_prefix = str(models_dir() / "layers")
    session = ort.InferenceSession(onnx_path, options, providers=["CPUExecutionProvider"])
    image = random.random((1, 3, 224, 224), dtype=np.float32)
    for _ in range(runs):
        session.run(None, {"input": image})
    written = Path(session.end_profiling())
    events = json.loads(written.read_text())
    written.unlink()
    found = {}
    for event in events:
        if event["cat"] == "Node" and event["args"].get("op_name") in ("Conv", "FusedConv"):
            found.setdefault(event["name"], []).append(event)
    layers = []
    for same in found.values():
        x, w = (one["float"] for one in same[0]["args"]["input_type_shape"][:2])
        y = same[0]["args"]["output_type_shape"][0]["float"]
        layers.append((x, w, y, np.median([event["dur"] for event in same]) * 1e-6))
    return layers


levels = {"NCHW": "ORT_ENABLE_EXTENDED", "NCHWc": "ORT_ENABLE_ALL"}
layers = {layout: profile_layers(level) for layout, level in levels.items()}
# In blocks, channels are padded to whole blocks. The model's own shapes count, in both layouts.
shapes = [layer[:3] for layer in layers["NCHW"]]
layers = {
    layout: [(*shape, layer[3]) for shape, layer in zip(shapes, found, strict=True)] for layout, found in layers.items()
}
points = [
    {"name": f"conv {number}: {w}", "group": f"{layout}, {'depthwise' if w[1] == 1 else 'dense'}",
     "operations": work(x, w, y)[0], "bytes": work(x, w, y)[1], "seconds": max(seconds, 1e-7)}
    for layout, found in layers.items() for number, (x, w, y, seconds) in enumerate(found) if work(x, w, y)
]  # fmt: skip
points += [
    {
        "name": option,
        "group": "matmul",
        "operations": operations,
        "bytes": 12 * SIZE**2,
        "seconds": operations / rate / 1e9,
    }
    for option, rate in rates.items()
]
roofline(points, peak_flops, bandwidth)

# %% [markdown]
# Two clouds: depthwise layers have few operations for each byte and lie to the left, where memory is the limit; 1 × 1
# layers lie to the right. Points above the slope took their data from a cache, where the layer before had left them.
# And the blocked layout moves *the same layers* up.
#
# Add up `bound` over all layers, and you know what no kernel on this machine can beat:

# %%
rows = {}
for layout, found in layers.items():
    took_s = sum(seconds for *_, seconds in found)
    least_s = sum(bound(*work(x, w, y), peak_flops, bandwidth) or 0 for x, w, y, _ in found if work(x, w, y))
    rows[layout] = {"measured, ms": took_s * 1e3, "at best, ms": least_s * 1e3}
pd.DataFrame(rows).T.round(2)

# %% [markdown]
# ### One convolution in three layouts
#
# A depthwise layer of the model, in torch, on one thread: as it is (oneDNN, the library that torch computes with on x86
# processors, then turns the image into blocks and back in each call), in `channels_last`, and with an image that lies
# in oneDNN's blocks already.

# %%
predicted("m.kernel.layout_guess")
before = torch.get_num_threads()
torch.set_num_threads(1)
layer = net.features[3].conv[1][0].eval()
image = torch.rand(1, 144, 56, 56)
pixelwise = copy.deepcopy(layer).to(memory_format=torch.channels_last)
image_nhwc = image.to(memory_format=torch.channels_last)
convolve = {"conv-NCHW": lambda: layer(image), "conv-NHWC": lambda: pixelwise(image_nhwc)}
if torch.backends.mkldnn.is_available():
    blockwise = mkldnn.to_mkldnn(layer)
    with torch.inference_mode():
        # to_mkldnn alone keeps NCHW; what a layer returns lies in blocks, and this one's output is its input's size.
        image_blocked = blockwise(image.to_mkldnn())
    convolve["conv-blocked"] = lambda: blockwise(image_blocked)
describe(convolve.values(), "torch", 1, assets.model())
with torch.inference_mode():
    in_layouts = run_with_progress(
        lambda report: bench.compare(convolve, rounds=10, on_progress=report), "One convolution, three layouts"
    )
for record in in_layouts:
    ledger().append(record)
torch.set_num_threads(before)
side_by_side(in_layouts, "conv-NCHW")

# %%
reconcile("m.kernel.layout_guess")

# %% [markdown]
# ### On the GPU
#
# The very same functions, compiled for the GPU, with matrices of 1024 × 1024 that lie in its memory. Without one, this
# cell says so, and its prediction waits.

# %%
if numba.config.ENABLE_CUDASIM:
    print(f"Not run here: {gpu.reason}. On the leased node, run this lesson again from the top.")
else:
    predicted("m.kernel.gpu_guess")
    side = 1024
    on_gpu = [cuda.to_device(random.random((side, side), dtype=np.float32)) for _ in range(3)]
    tiles = side // TILE

    def launched(kernel, blocks, shape):
        made = cuda.jit(kernel)

        def run():
            made[blocks, shape](*on_gpu)
            cuda.synchronize()

        return run

    ready = {
        "cuda-naive": launched(multiply_naive, (tiles, tiles), (TILE, TILE)),
        "cuda-coalesced": launched(multiply_coalesced, (tiles, tiles), (TILE, TILE)),
        "cuda-shared": launched(multiply_shared, (tiles, tiles), (TILE, TILE)),
        "cuda-several": launched(multiply_several, (tiles, tiles // 2), (TILE, TILE)),
    }
    wanted = on_gpu[0].copy_to_host() @ on_gpu[1].copy_to_host()
    for option, one in ready.items():
        one()
        print(f"{option:<15} off by {np.abs(on_gpu[2].copy_to_host() - wanted).max():.1e}")
    describe(ready.values(), "numba-cuda", 1)
    on_cuda = run_with_progress(lambda report: bench.compare(ready, on_progress=report), "Four kernels on the GPU")
    for record in on_cuda:
        ledger().append(record)
    display(side_by_side(on_cuda, "cuda-coalesced"))
    display(reconcile("m.kernel.gpu_guess"))

# %% [markdown]
# ## Checkpoint
#
# You have made one product many times as fast, and every time by moving less. The next lessons do it once more: INT8
# moves a quarter of the bytes.

# %%
check("m.kernel.order_guess")

# %%
check("m.kernel.layout_guess")

# %%
check("m.kernel.gpu_guess")

# %% [markdown]
# ## On your own
#
# - Try other `ROWS` and `STEPS`. At what point does it get slower, and how many registers has your processor?
# - Set `SIZE` to 512, a power of two, and measure `matmul-columns` again. Which lines of the cache share a place?
# - Where Linux counts for you, `perf stat -e L1-dcache-load-misses python …` says how well the model of a cache did.
# - Give each thread of `multiply_several` four numbers, or eight. What does the GPU say?
