# ---
# jupyter:
#   lesson:
#     title: Scale the copies
#     summary: one, two, four instances; where the bottleneck went, and what an instance costs
#     part: 3
#     number: "35"
#     minutes: 35
#     kind: core
#     where: [any]
#     needs: ["33"]
#     ports: []
#     uses: ["memory", "Triton", "CUDA provider"]
# ---

# %% [markdown]
# # Scale the copies
#
# "If one copy of the model is the bottleneck, take two", says the manager. "Or four. Memory is cheap."
#
# Triton makes that a matter of one number. An **instance group** says how many copies of a model there are and on which
# device; each copy of a Python model is a process of its own, and the scheduler gives the next request to a copy that
# is free. One number, and nothing else to lose? Today you turn it up until it hurts, and find out what hurts.
#
# ## You will do
#
# Serve with one, two and four copies under the same load; measure throughput, latency, processors and memory; and name
# the bottleneck after each step.
#
# ## You will learn
#
# - what an instance group is, on CPUs and on GPUs;
# - how to tell that a bottleneck has moved, and where it went;
# - what a copy costs;
# - why more can be worse.
#
# ## You need
#
# A laptop or a node with x86-64 Linux and 4 GB of free memory, 35 minutes. The machine works for about a minute.

# %%
import numpy as np

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs import assets

# %%
from labs.charts import before_after, queue_compute
from labs.load import closed_loop, image_inputs
from labs.load.served import triton_target
from labs.machine.capability import capability_text, for_lesson
from labs.serve.photos import photo
from labs.serve.triton import catalogue, opening
from labs.widgets import live_load, run_with_progress
from labs.workspace import ledger

print(opening.situation(), capability_text(for_lesson("35")), sep="\n")

# %% [markdown]
# ## Predict
#
# Eight senders. How many times as many answers a second will four copies give as one?

# %% checkpoint="s.copies.four_guess"
predict("s.copies.four_guess", ...)

# %% [markdown]
# ## Act
#
# The simplest settings again: no batching, so that nothing but the number of copies changes.

# %%
weights = assets.model()
model = catalogue.food_classifier(weights, instances=opening.place(1))
triton = run_with_progress(lambda report: opening.open_triton([model], report), "Start Triton")
requests = image_inputs([photo(number) for number in range(8)])


# %%
def load(copies: int):
    """Return the record of eight senders on the model as it is served now, kept in the ledger."""
    name = f"copies-{copies}"
    kept = {"copies": copies, "memory_bytes": triton.memory_bytes()}
    loop = {"concurrency": 8, "requests": 120, "timeout_s": 60, "option": name, "details": kept}
    target = triton_target(triton, model, requests)
    return ledger().append(live_load(lambda **hooks: closed_loop(target, **loop, **hooks), name))


# %%
runs = {1: load(1)}

# %% [markdown]
# Two, and then four. Read each diff: it is one line. (With a GPU, all of them are on the first one; lesson 43 spreads
# them over two.)

# %%
predicted("s.copies.four_guess")
for count in (2, 4):
    model = catalogue.food_classifier(weights, instances=opening.place(count))
    print(triton.change(model.settings), "\n")
    runs[count] = load(count)

# %% [markdown]
# ## Measure

# %%
queue_compute(list(runs.values()))

# %%
reconcile("s.copies.four_guess")

# %% [markdown]
# How well did it scale? For two and for four copies: answers a second, over those of one copy.

# %% checkpoint="s.copies.scaling"
scaling = {"2": ..., "4": ...}
answer("s.copies.scaling", scaling)

# %%
check("s.copies.scaling")

# %% [markdown]
# Compare four copies with one, number by number:

# %%
before_after(runs[1], runs[4])

# %% [markdown]
# ### Where did the time go?
#
# Photos wait less for a copy now. But a copy that has a photo takes longer over it. By what factor? Take the mean time
# *in the model*, `record.load.server.infer_s`, with four copies over that with one.

# %% checkpoint="s.copies.slower"
slower = ...
answer("s.copies.slower", slower)

# %%
check("s.copies.slower")

# %% [markdown]
# Nobody changed the network, and the photos are the same. So the copies must be in each other's way. What do they
# share? While the load was on, the machine was watched four times a second:

# %%
busy = {count: float(np.mean(record.load.usage.cpu)) for count, record in runs.items()}
{count: f"{share:.0%}" for count, share in busy.items()}

# %% checkpoint="s.copies.bottleneck"
# `busy`: the share of all processors that was in use, for one copy and for four.
# `full`: with four copies, what is used up? "the processors", or "something else" if they were less than 85 % busy.
bottleneck = {"busy": {"1": ..., "4": ...}, "full": ...}
answer("s.copies.bottleneck", bottleneck)

# %%
check("s.copies.bottleneck")

# %% [markdown]
# With one copy the *copy* was the bottleneck: photos queued before it while processors idled. With more of them the
# bottleneck moved into the machine, and from there on another copy can only take from the others. The queue in Triton
# is short now. It did not go away: it moved into the operating system, where copies wait for a processor, and where
# Triton cannot see it.
#
# Published results of an earlier lab tell the same story. There each copy had half a GPU, and still had to decode its
# photos in Python, on the processors (one node with two P100, eight senders, dynamic batching):
#
# | copies | photos/s | latency |
# |---|---:|---:|
# | 1 | 78.6 | 101 ms |
# | 2 on each GPU | 192.8 | 41 ms |
# | 4 on each GPU | 118.7 | 68 ms |
#
# Twice as many copies, a third fewer photos.
#
# ### What a copy costs
#
# Each copy holds Python, torch and the weights once more. (In the container this cannot be read from here, and is 0.)

# %%
{count: f"{record.details['memory_bytes'] / 1e6:.0f} MB" for count, record in runs.items()}

# %% checkpoint="s.copies.memory"
# Bytes that one more copy takes, on average from one copy to four.
copy_bytes = ...
answer("s.copies.memory", copy_bytes)

# %%
check("s.copies.memory")

# %% [markdown]
# ## Checkpoint
#
# So how many? As many as there is something idle for them: on a GPU two, so that one prepares while the other computes;
# on CPUs about as many single-threaded copies as processors, less what decoding and the server itself need. And then
# the honest answer: measured, under the load that you expect, on the machine that will serve.

# %%
check("s.copies.four_guess")

# %%
triton.stop()

# %% [markdown]
# ## On your own
#
# - One copy with two threads (`intra_op_threads=2`) or two copies with one? Same processors, same memory?
# - Put dynamic batching on top of two copies. Do the batches grow or shrink, and why?
# - How many copies until Triton itself becomes slow to answer `triton.ready()`?
# - On two GPUs: give both groups to GPU 0. What does that tell about the second one?
