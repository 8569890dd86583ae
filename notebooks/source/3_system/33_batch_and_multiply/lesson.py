# ---
# jupyter:
#   lesson:
#     id: batching
#     title: Batch and multiply
#     summary: dynamic batching on and off, several instances, a second model, and the resource that limits them
#     part: 3
#     kind: core
#     where: [laptop]
#     needs: [triton]
#     ports: []
#     takes: {triton: [programs/repository/food_classifier/1/model.py]}
# ---

# %% [markdown]
# # Batch and multiply
#
# **Prerequisites:** *Serve with Triton*: this lesson serves the `model.py` that you write
# there. **Runs on:** a laptop with x86-64 Linux and 4 GB of free memory.
#
# One instance is busy, and sixteen phones wait. "Let it take several photos at once,"
# says one engineer. "Let us run two of them," says the other. **Who is right, on your
# machine, and who pays for it?** Each change is one line in `config.pbtxt`. The next cell
# imports the lesson's modules.

# %% folded=true
# Import the lesson's modules.
from functools import partial

import numpy as np
import pandas as pd
import tritonclient.http as httpclient
from ipywidgets import IntSlider

from labs.checkpoints import check, predict, predicted
from labs.display.theme import BLUE, GREY
from labs.load import closed_loop, image_inputs
from labs.load.race import of, race, rate_ratio, together
from labs.load.sender import arrivals
from labs.load.served import triton_target
from labs.records.ledger import ledger
from labs.serve.batcher import serve_in_batches
from labs.serve.photos import photo
from labs.serve.triton import catalogue, opening
from labs.widgets import explore, run_with_progress
from labs.workspace import programs_dir, workspace_dir

# %% [markdown]
# ## Predict
#
# Each of sixteen clients waits for its answer before it sends the next photo. By what
# factor does the number of answers per second grow if the server may put their photos
# together into batches? And by what factor with two instances instead, without batches? 1
# means no change.

# %%
predict("batching.gain", batches=..., instances=...)

# %% [markdown]
# ## A queue, and a batch
#
# Users send one photo each, and each execution has a fixed cost, whatever its batch size.
# With **dynamic batching**, the server takes several waiting requests out of the queue
# and executes them together. The next cell simulates a server whose execution costs 6 ms,
# plus 2 ms for each photo (grey: waiting, blue: computing). Each client sends photos at
# random moments, 40 per second, but never before its last answer. The moments are always
# the same, so only your sliders change the result. Give 12 clients larger batches, and
# then give a single client a delay.


# %% folded=true
# Simulate the server, and draw which photos it executes together.
moments_ms = []
for client in range(16):
    moments_s = arrivals(rate_rps=40, duration_s=2, seed=client)
    moments_ms.append(1e3 * moments_s)


def draw_server(axis, clients, largest, delay_ms):
    served_photos = serve_in_batches(moments_ms[:clients], largest, delay_ms)
    times_ms = pd.DataFrame(served_photos)
    means_ms = times_ms.mean()
    wait_ms = means_ms["began_ms"] - means_ms["arrived_ms"]
    answer_ms = means_ms["ended_ms"] - means_ms["arrived_ms"]
    first = times_ms[times_ms["arrived_ms"] < 100]
    axis.hlines(first.index, first["arrived_ms"], first["began_ms"], color=GREY, lw=4)
    axis.hlines(first.index, first["began_ms"], first["ended_ms"], color=BLUE, lw=4)
    together = len(times_ms) / times_ms["began_ms"].nunique()
    axis.set_title(f"{together:.1f} photos per execution")
    axis.set(xlabel="ms", ylabel="photos", xlim=(0, 150), yticks=[])
    axis.spines["left"].set_visible(False)
    per_second = 1e3 * len(times_ms) / times_ms["ended_ms"].max()
    return (
        f"Clients: {clients}, largest batch: {largest}, queue delay: {delay_ms} ms. On "
        f"average, a photo waits {wait_ms:.1f} ms and is answered after {answer_ms:.1f} ms: "
        f"{per_second:.0f} answers per second."
    )


sliders = {
    "clients": IntSlider(value=12, min=1, max=16, description="clients"),
    "largest": IntSlider(value=1, min=1, max=16, description="largest batch"),
    "delay_ms": IntSlider(value=0, min=0, max=20, description="queue delay, ms"),
}
explore("A simulated batcher", draw_server, **sliders)

# %% [markdown]
# With batches, each photo is computed for longer, but waits for less time. Whether this
# pays depends on the two costs. A GPU, with thousands of small arithmetic units, computes
# sixteen photos nearly as fast as one. One photo already keeps a processor's core busy.
#
# ## The stanza
#
# Write a `dynamic_batching { … }` in which a request waits at most 5 milliseconds for
# others to join its batch (`max_queue_delay_microseconds`). A batch then takes all
# waiting requests, up to `max_batch_size`. (There is also a `preferred_batch_size`.
# Triton's documentation advises most models against it.)

# %% folded=true
# Read the configuration that you wrote in *Serve with Triton*.
repository = opening.lesson_repository()
path = repository / "food_classifier" / "config.pbtxt"
# As you wrote it in *Serve with Triton*:
PLAIN, *_ = path.read_text().partition("dynamic_batching")

# %% question="batching.config"
stanza = """
### BEGIN SOLUTION
dynamic_batching {
  max_queue_delay_microseconds: 5000
}
### STUB
# Your turn: replace this line.
### END SOLUTION
"""
path.write_text(PLAIN + stanza)
check("batching.config", path)

# %% [markdown]
# ## Which batches does it form?
#
# The next cell serves your model four times in one Triton, each with its own name and
# configuration: unchanged, with your stanza, with two instances and with four. Then 1, 4
# and 16 clients ask for 64 photos, one run each. Triton counts the photos in each
# execution.

# %% folded=true
# *Run on two GPUs* will measure the stanza again.
(programs_dir() / "batching.pbtxt").write_text(stanza)
path.write_text(PLAIN)
configs = {
    "batching-off": PLAIN,
    "batching-on": PLAIN + stanza,
    "instances-2": PLAIN.replace("count: 1", "count: 2"),
    "instances-4": PLAIN.replace("count: 1", "count: 4"),
}
files = {given.name: given for given in path.parent.glob("1/*.*")}
folders = [catalogue.food_palette()]
for name, config in configs.items():
    renamed = config.replace('"food_classifier"', f'"{name}"')
    folders.append(catalogue.ModelFolder(name, renamed, files))
served = catalogue.ModelRepository(workspace_dir() / "batching")
served.write(folders)
triton = run_with_progress(
    lambda report: opening.serve(served.folder, report), "Start Triton"
)
client = httpclient.InferenceServerClient(triton.http, network_timeout=180)
photos = image_inputs([photo(number) for number in range(8)])
targets = {}
memory_mb = {}
runs = {}


def load(name):
    """Load a model, and store its target for clients and its memory in megabytes."""
    before_bytes = triton.memory_bytes()
    client.load_model(name, headers=triton.headers)
    targets[name] = triton_target(triton, name, photos)
    memory_mb[name] = (triton.memory_bytes() - before_bytes) / 1e6


def measure(name, clients):
    """Let clients send 64 photos, and store the record with Triton's counts."""
    run = closed_loop(
        targets[name],
        concurrency=clients,
        requests=64,
        warmup_requests=clients,
        option=f"{name}-{clients}",
    )
    runs[name, clients] = ledger().append(run)


guesses = predicted("batching.gain")
rows = {}
for name in ("batching-off", "batching-on"):
    load(name)
    for clients in (1, 4, 16):
        measure(name, clients)
for (name, clients), run in runs.items():
    rows[clients, name] = {
        "answers a second": run.throughput_rps.value,
        "median latency, ms": 1e3 * run.percentile(50),
        "photos per execution": run.load.server.mean_batch,
    }
pd.DataFrame(rows).T.sort_index().rename_axis(["clients", ""]).round(2)

# %% question="batching.formed"
check("batching.formed")

# %% [markdown]
# The last column shows whether batches formed. A single client gains nothing and pays
# for the delay: its request waits 5 ms for others, and none come. (One short run may
# hide this.) Sixteen clients fill the queue while the last batch runs. The gain from a
# batch depends on the hardware. On a P100 with eight clients, [Fund's
# lab](https://teaching-on-testbeds.github.io/serve-system-chi/) measured {{
# python_8.requests_per_s }} answers per second without batches and {{
# dynamic_8.requests_per_s }} with them.
#
# ## Two of them
#
# An instance of a Python model is a separate process, with its own copy of the weights.
# Triton gives the next request to a free instance, so several are computed at the same
# time: **concurrent model execution**. How busy are the instances? Together, they have
# `instances` seconds of computing time in each second. The share of this time that they
# spend computing is their **utilization**.


# %% question="batching.busy"
def busy(compute_ns, instances, wall_s):
    """Return the utilization of a model's instances, a float from 0 to 1: the share of
    their time, during wall_s seconds, in which they computed.

    compute_ns is the computing time of all instances together, in nanoseconds.
    Example: busy(500_000_000, 1, 1.0) returns 0.5.
    """
    ### BEGIN SOLUTION
    return compute_ns / 1e9 / (instances * wall_s)
    ### END SOLUTION


check("batching.busy", busy)

# %% [markdown]
# The next cell measures two and four instances, one run each, and shows them with the run
# of one instance.

# %% folded=true
# Measure two and four instances, with sixteen clients.
rows = {}
for count, name in {1: "batching-off", 2: "instances-2", 4: "instances-4"}.items():
    if count > 1:
        load(name)
        measure(name, 16)
    run = runs[name, 16]
    counted = run.load.server
    compute_ns = 1e9 * counted.compute_s * counted.requests
    wall_s = run.monotonic_end_s - run.monotonic_start_s
    rows[count] = {
        "answers a second": run.throughput_rps.value,
        "computing a photo, ms": 1e3 * counted.compute_s,
        "instances busy": busy(compute_ns, count, wall_s),
        "processors busy": np.mean(run.load.usage.cpu),
        "their memory, MB": memory_mb[name],
    }
pd.DataFrame(rows).T.rename_axis("instances").round(2)

# %% [markdown]
# ## Who is right
#
# Now sixteen clients ask three of the models in turns, 32 photos each, for 20 rounds; on
# a slow machine, five are enough after a minute. The first table compares answers per
# second with those of one instance without batches; *at least* and *at most* are the ends
# of a 95 % interval over the rounds. The second table counts executions by their number
# of photos.


# %% folded=true
# Measure three configurations in turns, and count the photos of each execution.


def three_in_turns(report):
    return race(
        {
            "batching-off-16": targets["batching-off"],
            "batching-on-16": targets["batching-on"],
            "instances-2-16": targets["instances-2"],
        },
        concurrency=16,
        rounds=20,
        requests=32,
        warmup_requests=16,
        within_s=60,
        on_progress=report,
    )


turns = run_with_progress(three_in_turns, "Three in turns")
rows = {}
for guess, name in {"batches": "batching-on-16", "instances": "instances-2-16"}.items():
    ratio = rate_ratio(turns, name, "batching-off-16").interval
    rows[guess] = {
        "times as many answers": ratio.value,
        "at least": ratio.low,
        "at most": ratio.high,
        "you predicted": guesses[guess],
    }
display(pd.DataFrame(rows).T.round(2))

counts = {}
for name in ("batching-off", "batching-on"):
    counted = [run.load.server for run in of(turns, f"{name}-16")]
    sizes = pd.concat([pd.Series(server.batches) for server in counted if server])
    counts[f"executions, {name}"] = sizes.groupby(level=0).sum()
histogram = pd.DataFrame(counts).fillna(0).astype(int).rename_axis("photos per execution")
by_size = histogram.sort_index(key=lambda sizes: sizes.astype(int))
by_size.style.bar(color=f"{BLUE}66", vmin=0)

# %% [markdown]
# The **bottleneck** is the resource that is fully used, so it limits the rate. Compare
# both utilizations above, and treat 0.85 and more as full. If the instances are full
# and the processors are not, another instance helps. If your instances fill the
# processors, another one only takes time from them: each photo is computed for longer,
# and requests wait for a processor, where Triton does not see them. *Processors busy*
# also counts other programs; from those, another instance may still gain time.
#
# [Fund's lab](https://teaching-on-testbeds.github.io/serve-system-chi/), with batches,
# measured this on its node: {{ dynamic_8.requests_per_s }} answers per second with one
# instance, {{ two_each_python_8.requests_per_s }} with two on each of two P100, and
# {{ four_each_python_8.requests_per_s }} with four on each. All instances decoded their
# images on the same processors.
#
# ## A neighbour
#
# The designers want to serve `food_palette`, which finds a photo's main colours, on the
# same server. Each model has its own queue and its own instance. In the next cell, four
# clients ask each model, first alone, then both at the same time, in 20 rounds:

# %% folded=true
# Measure both models, first alone and then at the same time.
load("food_palette")
classifier = targets["batching-off"]
palette = targets["food_palette"]
turns = []
for turn in range(20):
    four = partial(closed_loop, concurrency=4, duration_s=1, details={"round": turn})
    turns.append(four(classifier, option="food_classifier-alone"))
    turns.append(four(palette, option="food_palette-alone"))
    turns += together(
        partial(four, classifier, option="food_classifier-both"),
        partial(four, palette, option="food_palette-both"),
    )


def median_rps(option):
    return np.median([run.throughput_rps.value for run in of(turns, option)])


rows = {}
for name in ("food_classifier", "food_palette"):
    share = rate_ratio(turns, f"{name}-both", f"{name}-alone").interval
    rows[name] = {
        "alone, a second": median_rps(f"{name}-alone"),
        "both, a second": median_rps(f"{name}-both"),
        "share": share.value,
        "at least": share.low,
        "at most": share.high,
    }
pd.DataFrame(rows).T.round(2)

# %% [markdown]
# The two models share the machine's processors and memory. If both shares add up to 1,
# the machine was only divided. If they add up to more than 1, the second model used
# resources that were idle. If they add up to less than 1, the models slowed each other
# down.
#
# ## What you found
#
# - Both engineers may be right, on some machine. Batches help if an execution has a large
#   fixed cost (a GPU). Instances help if a resource is idle. Both stop helping when a
#   resource is fully used.
# - A single user on a quiet morning pays for the delay, and every instance takes memory.
# - So measure on the machine that will serve, under the load that you expect.
#
# **Try it yourself**
#
# - Batches *and* two instances: does an execution contain more images then, or fewer?
#   Why?
# - Put `default_queue_policy { max_queue_size: 4 }` into your stanza. Which answers do
#   sixteen clients get?

# %%
_ = triton.stop()

# %% [markdown]
# ## Read more
#
# - [Batchers](https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/batcher.html)
#   (NVIDIA documentation): the order in which to tune batch size, delay and the rest.
# - [Clipper: A Low-Latency Online Prediction Serving
#   System](https://www.usenix.org/conference/nsdi17/technical-sessions/presentation/crankshaw)
#   (D. Crankshaw et al., 2017): batches whose size adapts to a latency target.
# - [Unit "Model serving",
#   slides](https://link.excalidraw.com/p/readonly/65nXMf00Qfu3mhUr4eDv) (F. Fund,
#   slides): the slides of the unit to which these labs belong.
# - [System optimizations for
#   serving](https://teaching-on-testbeds.github.io/serve-system-chi/) (F. Fund, 2025):
#   the same experiments on two P100.
