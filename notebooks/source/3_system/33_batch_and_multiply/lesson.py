# ---
# jupyter:
#   lesson:
#     id: batching
#     title: Batch and multiply
#     summary: dynamic batching off and on, instances, a neighbour; who gains, who pays, and what is used up
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
# One instance is busy, and sixteen phones wait. "Let it take several photos at once," says one engineer. "Let us run
# two of them," says the other. **Who is right, on your machine, and who pays for it?** Both are a line in
# `config.pbtxt`. You need a laptop with x86-64 Linux and 4 GB of free memory, and the `model.py` that you write in
# *Serve with Triton*: without it this lesson cannot begin. The next cell imports what the lesson uses.

# %% folded=true
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tritonclient.http as httpclient

from labs.checkpoints import check, predict, predicted
from labs.load import closed_loop, image_inputs
from labs.load.race import of, race, rate_ratio, together
from labs.load.served import triton_target
from labs.records.ledger import ledger
from labs.serve.photos import photo
from labs.serve.triton import catalogue, opening
from labs.widgets import run_with_progress
from labs.workspace import programs_dir, workspace_dir

# %% [markdown]
# ## Predict
#
# Sixteen clients, each of which waits for its answer. How many times as many answers a second will they get when the
# server may put their photos together into batches? And how many times as many with two instances instead, and no
# batches? 1 means no change.

# %%
predict("batching.gain", batches=..., instances=...)

# %% [markdown]
# ## A queue, and a batch
#
# Users send one photo each, and an execution has a cost of its own, however many photos are in it. With **dynamic
# batching**, the server takes several requests out of the queue together. The picture assumes that an execution costs 6
# ms, and each photo in it 2 ms more; grey is waiting, blue is computing.


# %% folded=true
def draw_server(axis, most, arrivals_ms=(0, 3, 5, 9, 12, 16, 18, 24)):
    waiting, free_ms = list(enumerate(arrivals_ms)), 0
    while waiting:
        begin_ms = max(free_ms, waiting[0][1])
        batch = [one for one in waiting[:most] if one[1] <= begin_ms]
        free_ms, waiting = begin_ms + 6 + 2 * len(batch), waiting[len(batch) :]
        for row, came_ms in batch:
            axis.barh(row, begin_ms - came_ms, left=came_ms, color="silver")
            axis.barh(row, free_ms - begin_ms, left=begin_ms, color="tab:blue")
    title = f"at most {most} in a batch: done after {free_ms} ms"
    axis.set(title=title, xlabel="ms", ylabel="requests", xlim=(0, 66), yticks=[])


figure, axes = plt.subplots(1, 2, figsize=(9, 2.4), layout="constrained")
for axis, most in zip(axes, (1, 4)):
    draw_server(axis, most)

# %% [markdown]
# With batches, each photo is computed for longer, and waits for less. Whether that pays depends on the two costs. A
# GPU, with thousands of small arithmetic units, computes sixteen photos nearly as fast as one. A processor's core is
# busy with one already.
#
# ## The stanza
#
# Write a `dynamic_batching { … }` in which a request waits for company for 5 milliseconds at most
# (`max_queue_delay_microseconds`). A batch then takes all that wait, up to `max_batch_size`. (There is a
# `preferred_batch_size` too. Triton's own documentation says that most models should not use it.)

# %% folded=true
repository = opening.lesson_repository()
path = repository / "food_classifier" / "config.pbtxt"
PLAIN = path.read_text().partition("dynamic_batching")[
    0
]  # as you wrote it in *Serve with Triton*

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
# The next cell lets one Triton serve your model several times, each under a name and with a configuration of its own:
# as it was, with your stanza, and with two and four instances. Then 1, 4 and 16 clients ask for 64 photos, one run
# each. Triton counts the photos in each execution.

# %% folded=true
(programs_dir() / "batching.pbtxt").write_text(
    stanza
)  # *Run on two GPUs* will measure it again
path.write_text(PLAIN)
CONFIGS = {"batching-off": PLAIN, "batching-on": PLAIN + stanza}
CONFIGS |= {
    f"instances-{count}": PLAIN.replace("count: 1", f"count: {count}") for count in (2, 4)
}
files = {given.name: given for given in path.parent.glob("1/*.*")}
serves = catalogue.ModelRepository(workspace_dir() / "batching")
texts = {
    name: text.replace('"food_classifier"', f'"{name}"') for name, text in CONFIGS.items()
}
serves.write(
    [
        *(catalogue.ModelFolder(name, text, files) for name, text in texts.items()),
        catalogue.food_palette(),
    ]
)
triton = run_with_progress(
    lambda report: opening.serve(serves.folder, report), "Start Triton"
)
client = httpclient.InferenceServerClient(triton.http, network_timeout=180)
photos, targets, runs, memory_mb = (
    image_inputs([photo(number) for number in range(8)]),
    {},
    {},
    {},
)


def load(name):
    """Load a model, and keep what load is sent to and how much memory it took."""
    before_bytes = triton.memory_bytes()
    client.load_model(name, headers=triton.headers)
    targets[name] = triton_target(triton, name, photos)
    memory_mb[name] = (triton.memory_bytes() - before_bytes) / 1e6


def measure(name, clients):
    """Let so many clients ask for 64 photos; keep the record, with what Triton counted."""
    loop = {
        "concurrency": clients,
        "requests": 64,
        "warmup_requests": clients,
        "option": f"{name}-{clients}",
    }
    runs[name, clients] = ledger().append(closed_loop(targets[name], **loop))


guesses, rows = predicted("batching.gain"), {}
for name in ("batching-off", "batching-on"):
    load(name)
    for clients in (1, 4, 16):
        measure(name, clients)
for (name, clients), run in runs.items():
    rows[clients, name] = {
        "answers a second": run.throughput_rps.value,
        "median latency, ms": run.percentile(50) * 1e3,
    }
    rows[clients, name]["photos per execution"] = run.load.server.mean_batch
pd.DataFrame(rows).T.sort_index().rename_axis(["clients", ""]).round(2)

# %% question="batching.formed"
check("batching.formed")

# %% [markdown]
# The last column says whether the queue was used. A single client pays: its request waits 5 ms for company that never
# comes, so a delay is a bet. Sixteen clients fill the queue by themselves while the last batch runs. What a batch then
# saves depends on the hardware. An older lab's P100 answered eight clients {{ python_8.requests_per_s }} times a second
# without batches and {{ dynamic_8.requests_per_s }} times with them (published).
#
# ## Two of them
#
# An **instance** of a Python model is a process of its own, with the weights in it once more. Triton gives the next
# request to one that is free: **concurrent model execution**. How busy are the instances? All of them together have
# `instances` seconds in each second.


# %% question="batching.busy"
def busy(compute_ns, instances, wall_s):
    """Return the share of their time that a model's instances computed, by the utilization law."""
    ### BEGIN SOLUTION
    return compute_ns / 1e9 / (instances * wall_s)
    ### END SOLUTION


check("batching.busy", busy)

# %% [markdown]
# The next cell measures two and four instances, one run each, beside the run with one.

# %% folded=true
rows = {}
for count, name in {1: "batching-off", 2: "instances-2", 4: "instances-4"}.items():
    if count > 1:
        load(name)
        measure(name, 16)
    run = runs[name, 16]
    compute_ns = 1e9 * run.load.server.compute_s * run.load.server.requests
    rows[count] = {
        "answers a second": run.throughput_rps.value,
        "computing a photo, ms": run.load.server.compute_s * 1e3,
        "instances busy": busy(
            compute_ns, count, run.monotonic_end_s - run.monotonic_start_s
        ),
        "processors busy": np.mean(run.load.usage.cpu),
        "their memory, MB": memory_mb[name],
    }
pd.DataFrame(rows).T.rename_axis("instances").round(2)

# %% [markdown]
# ## Who is right
#
# Now sixteen clients ask three of them in turns, 32 photos each, for 20 rounds. The first table shows how many times as
# many answers there were as without batches and with one instance; *at least* and *at most* are the ends of a 95 %
# interval over the rounds. The second is the histogram of all executions by the photos in them.

# %% folded=true
entrants = {
    f"{name}-16": targets[name] for name in ("batching-off", "batching-on", "instances-2")
}
loop = {"concurrency": 16, "requests": 32, "warmup_requests": 16}
turns = run_with_progress(
    lambda report: race(entrants, rounds=20, on_progress=report, **loop), "Three in turns"
)
rows, counts = {}, {}
for guess, name in {"batches": "batching-on-16", "instances": "instances-2-16"}.items():
    ratio = rate_ratio(turns, name, "batching-off-16").interval
    rows[guess] = {
        "times as many answers": ratio.value,
        "at least": ratio.low,
        "at most": ratio.high,
    }
    rows[guess]["you predicted"] = guesses[guess]
for name in ("batching-off-16", "batching-on-16"):
    sizes = [
        pd.Series(run.load.server.batches) for run in of(turns, name) if run.load.server
    ]
    counts[f"executions, {name[:-3]}"] = pd.concat(sizes).groupby(level=0).sum()
display(pd.DataFrame(rows).T.round(2))
histogram = pd.DataFrame(counts).fillna(0).astype(int).rename_axis("photos per execution")
histogram.loc[sorted(histogram.index, key=int)].style.bar(color="#8fbcdb", vmin=0)

# %% [markdown]
# What is used up is the bottleneck. Compare both shares above, and call 0.85 full. If the instances are full and the
# processors are not, another instance helps. If the processors are full, it can only take from the others: each photo
# is computed for longer, and requests wait for a processor, where Triton does not see them. On that older node
# (published, with batches) one instance gave {{ dynamic_8.requests_per_s }} answers a second, two on each of two P100
# {{ two_each_python_8.requests_per_s }}, and four on each {{ four_each_python_8.requests_per_s }}: all of them decoded
# their images on the same processors.
#
# ## A neighbour
#
# The designers bring `food_palette`, which finds a photo's main colours, and ask for room on the same server. Each
# model has its own queue and its own instance. In the next cell four clients ask each of them, first alone, then both
# at the same time, in 20 rounds:

# %% folded=true
load("food_palette")
neighbours, turns, rows = (
    {"food_classifier": "batching-off", "food_palette": "food_palette"},
    [],
    {},
)
for turn in range(20):
    four = partial(closed_loop, concurrency=4, duration_s=1, details={"round": turn})
    works = [partial(four, targets[served]) for served in neighbours.values()]
    turns += [work(option=f"{name}-alone") for name, work in zip(neighbours, works)]
    turns += together(
        *(partial(work, option=f"{name}-both") for name, work in zip(neighbours, works))
    )
for name in neighbours:
    rates = {
        how: [run.throughput_rps.value for run in of(turns, f"{name}-{how}")]
        for how in ("alone", "both")
    }
    share = rate_ratio(turns, f"{name}-both", f"{name}-alone").interval
    rows[name] = {f"{how}, a second": np.median(values) for how, values in rates.items()}
    rows[name] |= {"share": share.value, "at least": share.low, "at most": share.high}
pd.DataFrame(rows).T.round(2)

# %% [markdown]
# Below Triton the two share processors and memory. If both shares add up to 1, the machine was only divided. If they
# add up to more, something idle was put to use; to less, they stood in each other's way.
#
# ## What you found
#
# Both engineers may be right, on some machine. Batches pay if an execution has a cost of its own (a GPU), instances if
# something idles, and both end when a resource is used up. One user on a quiet morning pays for the delay, and every
# instance is paid for in memory. So: measure, under the load that you expect, on the machine that will serve.
#
# - Batches *and* two instances: does an execution hold more images then, or fewer? Why?
# - `default_queue_policy { max_queue_size: 4 }` inside your stanza: what do sixteen clients get?

# %%
_ = triton.stop()
