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
# One instance is busy, and sixteen phones wait. "Let it take several photos at once," says one engineer. "Let us have
# two of it," says the other. **Who is right, on your machine, and who pays for it?** Both are a line in `config.pbtxt`.
# You need a laptop with x86-64 Linux and 4 GB of free memory, and the model of *Serve with Triton* (where you have left
# that out, the course's stands in its place).

# %%
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tritonclient.http as httpclient

from labs.checkpoints import check, predict, predicted
from labs.load import closed_loop, image_inputs
from labs.load.race import rate_quotient, together
from labs.load.served import triton_target
from labs.records.ledger import ledger
from labs.serve.photos import photo
from labs.serve.triton import catalogue, opening
from labs.widgets import run_with_progress
from labs.workspace import programs_dir

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
# batching**, the server takes several requests out of the queue together. Say that an execution costs 6 ms, and each
# photo in it 2 ms:


# %%
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
# Grey is waiting, blue is computing. With batches, each photo is computed for longer, and waits for less. Whether that
# pays depends on the two costs. A GPU, with thousands of small arithmetic units, computes sixteen photos nearly as fast
# as one. A processor's core is busy with one already.
#
# ## The stanza
#
# Write a `dynamic_batching { … }` with two fields: batches of a `preferred_batch_size` of 4 or of 8 (a list) set off at
# once, and a smaller one sets off when its oldest request has waited for 5 milliseconds
# (`max_queue_delay_microseconds`).

# %%
repository = opening.lesson_repository()
path = repository / "food_classifier" / "config.pbtxt"
PLAIN = path.read_text().partition("dynamic_batching")[0]  # as you wrote it in *Serve with Triton*

# %% question="batching.config"
stanza = """
### BEGIN SOLUTION
dynamic_batching {
  preferred_batch_size: [ 4, 8 ]
  max_queue_delay_microseconds: 5000
}
### STUB
# Your turn: replace this line.
### END SOLUTION
"""
path.write_text(PLAIN + stanza)
check("batching.config", path)

# %% [markdown]
# ## Which batches does it make?
#
# Triton counts `inference_count` (images) and `execution_count` (runs of the model) from the moment at which it loads a
# model. What happened in between is the difference of two readings.


# %% question="batching.mean_batch"
def mean_batch(before, after):
    """Return how many images an execution held on average between two readings of Triton's statistics.

    Readings are dictionaries with inference_count and execution_count. When nothing was executed, it is 0.0.
    """
    ### BEGIN SOLUTION
    executions = after["execution_count"] - before["execution_count"]
    return (after["inference_count"] - before["inference_count"]) / executions if executions else 0.0
    ### END SOLUTION


check("batching.mean_batch", mean_batch)

# %% [markdown]
# Now measure, without batches and with them. You change the text and have Triton load the model again: until the new
# one is ready, the old one answers, and where the new text cannot be read, the old one stays.

# %%
(programs_dir() / "batching.pbtxt").write_text(stanza)  # *Run on two GPUs* will measure it again
path.write_text(PLAIN)
triton = run_with_progress(lambda report: opening.serve(repository, report), "Start Triton")
client = httpclient.InferenceServerClient(triton.http, network_timeout=180)
photos, runs, readings = image_inputs([photo(number) for number in range(8)]), {}, {}


def load(text, model="food_classifier"):
    (repository / model / "config.pbtxt").write_text(text)
    client.load_model(model, headers=triton.headers)


def measure(option, clients):
    """Let so many clients ask for 64 photos; keep the record, and Triton's readings before and after."""
    before = client.get_inference_statistics("food_classifier")["model_stats"][0]
    target = triton_target(triton, "food_classifier", photos)
    loop = {"concurrency": clients, "requests": 64, "warmup_requests": clients, "option": f"{option}-{clients}"}
    runs[option, clients] = ledger().append(closed_loop(target, **loop))
    readings[option, clients] = before, client.get_inference_statistics("food_classifier")["model_stats"][0]


guesses = predicted("batching.gain")
for option, text in {"batching-off": PLAIN, "batching-on": PLAIN + stanza}.items():
    load(text)
    for clients in (1, 4, 16):
        measure(option, clients)
rows = {}
for (option, clients), run in runs.items():
    told = {"answers a second": run.throughput_rps.value, "median latency, ms": run.percentile(50) * 1e3}
    rows[clients, option] = told | {"images in an execution": mean_batch(*readings[option, clients])}
pd.DataFrame(rows).T.sort_index().rename_axis(["clients", ""]).round(2)

# %% [markdown]
# The last column says whether the queue was used. One client pays: its request waits 5 ms for company that never comes,
# so a delay is a bet. Sixteen clients fill the queue by themselves while the last batch runs. What a batch then saves
# is the hardware's business. An older lab's P100 answered eight clients 52.4 times a second without batches and 78.6
# times with them, at 3.7 images in an execution (published).
#
# ## Two of it
#
# An **instance** of a Python model is a process of its own, with the weights in it once more. Triton gives the next
# request to one that is free. How busy are the instances? All of them together have `instances` seconds in each second.


# %% question="batching.busy"
def busy(compute_ns, instances, wall_s):
    """Return the share of their time that a model's instances computed, by the utilization law."""
    ### BEGIN SOLUTION
    return compute_ns / 1e9 / (instances * wall_s)
    ### END SOLUTION


check("batching.busy", busy)

# %%
rows = {}
for count in (1, 2, 4):
    if count > 1:
        load(PLAIN.replace("count: 1", f"count: {count}"))
        measure(f"instances-{count}", 16)
    run = runs["batching-off" if count == 1 else f"instances-{count}", 16]
    compute_ns = 1e9 * run.load.server.compute_s * run.load.server.requests
    rows[count] = {
        "answers a second": run.throughput_rps.value,
        "computing a photo, ms": run.load.server.compute_s * 1e3,
        "instances busy": busy(compute_ns, count, run.monotonic_end_s - run.monotonic_start_s),
        "processors busy": np.mean(run.load.usage.cpu),
        "memory, MB": triton.memory_bytes() / 1e6,
    }
pd.DataFrame(rows).T.rename_axis("instances").round(2)

# %%
rows = {}
for name, run in {"batches": runs["batching-on", 16], "instances": runs["instances-2", 16]}.items():
    ratio = rate_quotient(run, runs["batching-off", 16])
    rows[name] = {"times as many answers": ratio.value, "at least": ratio.low, "at most": ratio.high}
    rows[name]["you predicted"] = guesses[name]
pd.DataFrame(rows).T.round(2)

# %% [markdown]
# What is used up is the bottleneck. Compare both shares, and call 0.85 full. Where instances are full and processors
# are not, another instance helps. Where the processors are full, it can only take from the others: each photo is
# computed for longer, and requests wait for a processor, where Triton does not see them. The last column is what all
# instances hold, whether they work or not. On that older node (published, with batches) one instance gave 78.6 answers
# a second, two on each of two P100 192.8, and four on each 118.7: all of them decoded their images on the same
# processors.
#
# ## A neighbour
#
# The designers bring `food_palette`, which finds a photo's main colours, and ask for room on the same server. Each
# model has its own queue and its own instance. Four clients ask each of them, first alone, then both at the same time:

# %%
catalogue.ModelRepository(repository).write([catalogue.food_palette()])
load(PLAIN)
client.load_model("food_palette", headers=triton.headers)
four = partial(closed_loop, concurrency=4, duration_s=2)
targets = {name: triton_target(triton, name, photos) for name in ("food_classifier", "food_palette")}
alone = [four(target, option=f"{name}-alone") for name, target in targets.items()]
both = together(*(partial(four, target, option=f"{name}-both") for name, target in targets.items()))
rows = {}
for name, before, after in zip(targets, alone, both):
    share = rate_quotient(ledger().append(after), ledger().append(before))
    rates = {"alone, a second": before.throughput_rps.value, "both, a second": after.throughput_rps.value}
    rows[name] = rates | {"share": share.value, "at least": share.low, "at most": share.high}
pd.DataFrame(rows).T.round(2)

# %% [markdown]
# What the two share lies below Triton: processors and memory. If both shares add up to 1, the machine was only divided.
# If they add up to more, something idle was put to use; to less, they stood in each other's way.
#
# ## What you found
#
# Both engineers may be right, on some machine. Batches pay where an execution has a cost of its own (a GPU), instances
# where something idles, and both end where a resource is used up. One user on a quiet morning pays for the delay, and
# every instance is paid for in memory. So: measure, under the load that you expect, on the machine that will serve.
#
# - Batches *and* two instances: does an execution hold more images then, or fewer? Why?
# - `default_queue_policy { max_queue_size: 4 }` inside your stanza: what do sixteen clients get?

# %%
path.write_text(PLAIN)
_ = triton.stop()
