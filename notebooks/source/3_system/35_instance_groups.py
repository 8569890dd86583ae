# ---
# jupyter:
#   lesson:
#     title: Instance groups
#     summary: one, two and four instances; where the bottleneck went, what an instance costs, and stanzas for two GPUs
#     part: 3
#     number: "35"
#     minutes: 20
#     kind: core
#     where: [laptop]
#     needs: ["33"]
#     ports: []
#     uses: ["memory", "Triton"]
# ---

# %% [markdown]
# # Instance groups
#
# "If one instance of the model is the bottleneck, take two", says the manager. "Or four. Memory is cheap."
#
# Triton makes that a matter of one number. An **instance group** says how many instances of a model there are and on
# which device; each instance of a Python model is a process of its own, and the scheduler gives the next request to one
# that is free. Today you turn the number up until it hurts, and find out what hurts.
#
# ## You will do
#
# Write `instance_group` stanzas, for this machine and for one with two GPUs; serve with one, two and four instances
# under the same load; and name the bottleneck after each step.
#
# ## You will learn
#
# - what an instance group is, on CPUs and on GPUs;
# - the utilization law, and how to tell that a bottleneck has moved;
# - what an instance costs, and why more can be worse.
#
# ## You need
#
# A laptop with x86-64 Linux and 4 GB of free memory, 20 minutes. The machine works for about a minute.

# %%
from dataclasses import replace

import numpy as np
import pandas as pd
import tritonclient.http as httpclient

from grading.checkpoints import check, predict, predicted, reconcile
from labs.charts import before_after, queue_compute
from labs.load import closed_loop, image_inputs
from labs.load.served import triton_target
from labs.machine.capability import capability_text, for_lesson
from labs.records.ledger import ledger
from labs.serve.photos import photo
from labs.serve.triton import opening
from labs.widgets import live_load, run_with_progress
from labs.workspace import programs_dir

print(capability_text(for_lesson("35")))

# %% [markdown]
# ## Predict
#
# Eight clients. How many times as many answers a second will four instances give as one?

# %% checkpoint="s.instances.four_guess"
predict("s.instances.four_guess", ...)

# %% [markdown]
# ## Act
#
# Your `food_classifier` of lesson 33 again (or the course's, where you have left it out), without batching, so that
# nothing but the number of instances changes:

# %%
repository = opening.lesson_repository()
config_path = repository / "food_classifier" / "config.pbtxt"
MODEL = """
name: "food_classifier"
backend: "python"
max_batch_size: 16
input [ { name: "INPUT_IMAGE" data_type: TYPE_STRING dims: [ 1 ] } ]
output [
  { name: "FOOD_LABEL" data_type: TYPE_STRING dims: [ 1 ] },
  { name: "PROBABILITY" data_type: TYPE_FP32 dims: [ 1 ] }
]
"""
config_path.write_text(MODEL + "instance_group [ { count: 1 kind: KIND_CPU } ]\n")

# %%
triton = run_with_progress(lambda report: opening.serve(repository, report), "Start Triton")
client = httpclient.InferenceServerClient(triton.http, network_timeout=180)
images = image_inputs([photo(number) for number in range(8)])


# %%
def load(instances):
    """Return the record of eight clients on the model as it is served now, kept in the ledger."""
    name = f"instances-{instances}"
    target = triton_target(triton, "food_classifier", images)
    loop = {"concurrency": 8, "requests": 120, "timeout_s": 60, "option": name}
    record = live_load(lambda **hooks: closed_loop(target, **loop, **hooks), name)
    kept = record.details | {"instances": instances, "memory_bytes": triton.memory_bytes()}
    return ledger().append(replace(record, details=kept))


# %%
config_path.write_text(MODEL + "instance_group [ { count: 1 kind: KIND_CPU } ]\n")
client.load_model("food_classifier", headers=triton.headers)
runs = {1: load(1)}

# %% [markdown]
# Write the stanza for **two** instances on the CPU.

# %% checkpoint="s.instances.config"
two = ...  # the stanza, as text
config_path.write_text(MODEL + two)

# %%
check("s.instances.config", repository / "food_classifier")

# %% [markdown]
# ## Measure

# %%
predicted("s.instances.four_guess")
config_path.write_text(MODEL + two)
client.load_model("food_classifier", headers=triton.headers)
runs[2] = load(2)
config_path.write_text(MODEL + "instance_group [ { count: 4 kind: KIND_CPU } ]\n")
client.load_model("food_classifier", headers=triton.headers)
runs[4] = load(4)
queue_compute(list(runs.values()))

# %%
reconcile("s.instances.four_guess")

# %%
before_after(runs[1], runs[4])

# %% [markdown]
# ### Where did the time go?
#
# Requests wait less for an instance now, and an instance that has one takes longer over it. Two shares say who is busy.
# The **utilization law** gives that of the instances: answers a second, times the seconds that each keeps an instance,
# over the number of instances. No instance can be busy for more than all of the time, so what comes out above 1 (with 5
# percent of room for the edges of a run) was not measured together.


# %% checkpoint="s.instances.busy"
def busy(rate_rps, compute_s, instances):
    """Return which share of the time the instances were busy, on average.

    Args:
        rate_rps: Answers a second.
        compute_s: Mean seconds that a request keeps an instance.
        instances: How many there are.

    Raises:
        ValueError: More than 1.05 comes out: these figures do not belong together.
    """
    ...


# %%
check("s.instances.busy", busy)

# %% [markdown]
# The other share is the processors', sampled four times a second while the run was on. What is used up is the
# bottleneck. Call a share *full* from 0.85 on, and look at the processors first: instances that wait for a processor
# count as busy too.


# %% checkpoint="s.instances.bottleneck"
def bottleneck(instances_busy, processors_busy):
    """Return what is used up: "processors", "instances", or "neither".

    Args:
        instances_busy, processors_busy: Shares, 0 to 1; full from 0.85 on.
    """
    ...


# %%
check("s.instances.bottleneck", bottleneck)

# %%
rows = []
for count, record in runs.items():
    server, processors = record.load.server, float(np.mean(record.load.usage.cpu))
    try:
        share = busy(server.requests / record.load.duration_s, server.compute_s, count)
    except ValueError as error:
        share = f"measure again: {error}"
    full = bottleneck(share, processors) if isinstance(share, float) else None
    rate, memory = record.throughput_rps.value, record.details["memory_bytes"] / 1e6
    rows.append((count, round(rate, 1), 1e3 * server.compute_s, share, processors, full, round(memory)))
columns = ["instances", "answers/s", "compute, ms", "instances busy", "processors busy", "bottleneck", "memory, MB"]
pd.DataFrame(rows, columns=columns).round(2)

# %% [markdown]
# With one instance the *instance* is the bottleneck: requests queue before it while processors idle. With more of them
# the bottleneck moves into the machine, and from there on another instance can only take from the others. The queue in
# Triton is short then. It did not go away: it moved into the operating system, where instances wait for a processor,
# and where Triton cannot see it.
#
# The last column is the price: each instance holds Python, torch and the weights once more, whether it works or not.
#
# ### On GPUs
#
# The node that you will lease has two. There `count` is *for each GPU that is named* in `gpus`, and with `KIND_GPU` and
# no `gpus` at all, for each GPU that Triton sees. Write two files, which hold a stanza each: `one.pbtxt` for one
# instance on the first GPU and nothing on the second, and `each.pbtxt` for one instance on each.

# %%
groups = programs_dir() / "instance_groups"
groups.mkdir(exist_ok=True)
paths = {"one": groups / "one.pbtxt", "each": groups / "each.pbtxt"}

# %% checkpoint="s.instances.gpus"
paths["one"].write_text(...)
paths["each"].write_text(...)

# %%
check("s.instances.gpus", paths)

# %% [markdown]
# Published results of an earlier lab on such a node (eight clients, dynamic batching). Each instance had a share of a
# GPU, and still had to decode its images in Python, on the processors:
#
# | instances | images/s | latency | in the model |
# |---|---:|---:|---:|
# | 1, on one GPU | 78.6 | 101 ms | 55 ms |
# | 2 on each of two GPUs | 192.8 | 41 ms | 34 ms |
# | 4 on each of two GPUs | 118.7 | 68 ms | 66 ms |
#
# Twice as many instances, almost two fifths fewer images.
#
# ## Checkpoint
#
# So how many? As many as there is something idle for them: on a GPU two, so that one prepares while the other computes;
# on CPUs about as many single-threaded instances as processors, less what decoding and the server itself need. And
# then: measured, under the load that you expect, on the machine that will serve.

# %%
check("s.instances.four_guess")

# %%
triton.stop()

# %% [markdown]
# ## On your own
#
# - Put dynamic batching on top of two instances. Do the batches grow or shrink, and why?
# - Let `initialize` of your `model.py` say `torch.set_num_threads(2)`: one instance with two threads, or two with one?
# - Load a stanza with `KIND_GPU` here. What does Triton answer, and does the old configuration still serve?
