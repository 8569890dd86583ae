# ---
# jupyter:
#   lesson:
#     title: Hold theory against the sweep
#     summary: utilization, M/M/1 and M/D/1, what a batch costs, and which assumption fails
#     part: 3
#     number: "41"
#     minutes: 40
#     kind: core
#     where: [any]
#     needs: ["33"]
#     ports: []
#     uses: ["memory", "Triton", "CUDA provider"]
# ---

# %% [markdown]
# # Hold theory against the sweep
#
# The marketing team announces a campaign: in two weeks, twice as many photos. "Will it hold?" the manager asks, and she
# does not want to hear "let us try it on the day". There is a theory for this, a hundred years old, from a telephone
# company. It needs two numbers that you can measure on a quiet afternoon, and it says how long photos will wait on a
# day that has not come yet.
#
# It is also wrong, in ways that you can find out before you rely on it.
#
# ## You will do
#
# Measure how long the server takes for a photo when nobody else is there; let the theory say the rest; put the server
# under a rising rate of photos; and look where the two part.
#
# ## You will learn
#
# - utilization, the wait, and why the last ten percent of a server cost so much;
# - what M/M/1, M/D/1 and M/D/2 mean, and Little's law;
# - what a batch costs, as a straight line, and how large batches become by themselves;
# - which assumption your machine breaks.
#
# ## You need
#
# A laptop or a node with x86-64 Linux, 40 minutes. The machine works for about a minute.

# %%
from dataclasses import replace

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs import assets
from labs.charts import batch_histogram, latency_curve, queue_compute
from labs.dataset import load_split
from labs.load import closed_loop, sweep_rate, tensor_inputs
from labs.load.served import triton_target
from labs.machine import fingerprint
from labs.machine.capability import capability_text, for_lesson
from labs.queueing import BatchQueue, Queue, fit_batch_cost
from labs.serve.models import fp32_model
from labs.serve.triton import catalogue, opening

# %%
from labs.serve.triton.settings import DynamicBatching
from labs.widgets import live_load, run_with_progress
from labs.workspace import ledger

print(opening.situation(), capability_text(for_lesson("41")), sep="\n")

# %% [markdown]
# ## Predict
#
# The server runs one photo at a time. At half of the rate that it can keep up with, a photo takes some time, the wait
# in the queue included. How many times as long does it take on average at *nine tenths* of that rate? 2 means twice as
# long.

# %% checkpoint="s.theory.ninety_guess"
predict("s.theory.ninety_guess", ...)

# %% [markdown]
# ## Act
#
# Triton, with one copy of the ONNX model, one thread, and no batching: as simple as a server can be. The photos are
# preprocessed beforehand, so that nothing but the model stands in the queue's way.

# %%
model = catalogue.food_classifier_onnx(fp32_model(), instances=opening.place(1))
triton = run_with_progress(lambda report: opening.open_triton([model], report), "Start Triton")
images, _ = load_split(assets.dataset("food11-mini"), "evaluation", limit=16)
target = triton_target(triton, model, tensor_inputs(images[:8]))

# %% [markdown]
# ### Two numbers
#
# One sender, who waits for each answer before he sends the next photo: there is never a queue. What Triton counted for
# input, model and output is the **service time**.

# %%
predicted("s.theory.ninety_guess")
alone = live_load(
    lambda **hooks: closed_loop(target, concurrency=1, duration_s=3, option="theory-1", **hooks), "One sender"
)
ledger().append(alone)
service_s = alone.load.server.compute_s
print(f"service time {service_s * 1e3:.2f} ms, {alone.throughput_rps.value:.0f} answers a second")

# %% [markdown]
# One sender does not reach the server's limit: while his answer travels, the server idles. How many photos a second
# could this copy serve if there were always one waiting?

# %% checkpoint="s.theory.capacity"
# Photos a second, from `service_s`.
capacity_rps = ...
answer("s.theory.capacity", capacity_rps)

# %%
check("s.theory.capacity")

# %% [markdown]
# The second number is the rate at which photos come. It is nobody's decision: people do not ask each other before they
# upload. Arrivals that know nothing of each other are a *Poisson process*, and the tool for it is an **open loop**: a
# photo is sent when it is due, whether or not the one before was answered. Its latency counts from the moment when it
# was due.
#
# That last sentence matters more than it seems. Senders who wait for their answers stop asking while the server hangs.
# When it hangs for a second, one such sender brings home *one* slow photo; of users who send a hundred photos a second,
# a hundred would have waited. The photos that were never sent are missing from every percentile. This is called
# **coordinated omission**: the server itself decides which measurements are left out, and leaves out the worst. (The
# term is Gil Tene's.)

# %%
full_rps = Queue(1, service_s).capacity_rps
rates_rps = [round(share * full_rps, 1) for share in (0.3, 0.5, 0.7, 0.8, 0.9)]
runs = live_load(
    lambda **hooks: sweep_rate(target, rates_rps, duration_s=4, option="theory-1", ledger=ledger(), **hooks),
    "A rising rate",
)
queue_compute(runs)

# %% [markdown]
# ## Measure
#
# How busy was the copy in each of these runs? The **utilization law** needs no model of anything: answers a second,
# times the seconds that each keeps the copy busy. Take both from the same run: `run.throughput_rps.value` and
# `run.load.server.compute_s`.

# %% checkpoint="s.theory.utilization"
# One number a run, in the order of `runs`: 1 means busy all the time.
utilization = ...
answer("s.theory.utilization", utilization)

# %%
check("s.theory.utilization")

# %%
reconcile("s.theory.ninety_guess")

# %% [markdown]
# ### What the theory says
#
# A name such as **M/D/1** has three parts: how requests arrive (M: Poisson), how long one takes (M: very differently,
# from an exponential distribution; D: always the same), and how many servers there are. For one server the mean wait in
# the queue is, with utilization ρ and service time *s*,
#
# - M/M/1: ρ · s / (1 − ρ)
# - M/D/1: half of that.
#
# The factor 1 / (1 − ρ) is the whole story of the last ten percent. (Source: Pollaczek and Khinchine; any textbook,
# such as Kleinrock's *Queueing Systems*.) Apply both to the third run: ρ is its rate, `runs[2].load.offered_rps`, times
# *s*, which is `service_s`.

# %% checkpoint="s.theory.wait"
# Mean wait in seconds by each formula for `runs[2]`, and which of them is nearer to `runs[2].load.server.queue_s`.
wait = {"M/M/1": ..., "M/D/1": ..., "nearer": ...}
answer("s.theory.wait", wait)

# %%
check("s.theory.wait")

# %% [markdown]
# The picture for all rates at once. What the sender sees beyond service and queue (the network, the protocol) is added
# to both curves, as measured when nobody waited.

# %%
around_s = sum(alone.samples) / len(alone.samples) - service_s
theories = {
    name: lambda rate, kind=kind: around_s + Queue(rate, service_s, 1, kind).mean_latency_s
    for name, kind in {"M/M/1": 1.0, "M/D/1": 0.0}.items()
}
latency_curve(runs, q=None, theories=theories)

# %% [markdown]
# Points between the curves, or near one of them: the theory holds. A point far above both: look at that run's own
# `load.server.compute_s` and `load.usage.cpu`. Something else wanted the processor in those seconds (a browser, a
# backup), each photo took longer than `service_s`, and at high utilization a little longer is a lot. The formula is as
# good as the service time that you give it.

# %% [markdown]
# How many photos were in Triton at once? Nobody counted. **Little's law**, from lesson 33, says it all the same, for
# any queue whatever: the mean number inside is the rate times the mean time that each spends inside (queue *and*
# compute).

# %% checkpoint="s.theory.little"
# Photos inside Triton on average during the last run; rate and seconds as the server counted them.
inside = ...
answer("s.theory.little", inside)

# %%
check("s.theory.little")

# %% [markdown]
# ### What a batch costs
#
# A batch is another kind of service: a part that all its photos share, and a part for each. Three batch sizes, one
# sender, and a straight line through them:

# %%
batches = [alone]
for size in (4, 16):
    batch = triton_target(triton, model, tensor_inputs(images, batch_size=size))
    batches.append(ledger().append(closed_loop(batch, concurrency=1, duration_s=1.5, option="theory-batch")))
cost = fit_batch_cost([run.batch_size for run in batches], [run.load.server.compute_s for run in batches])
print(f"{cost.fixed_s * 1e3:.2f} ms for any batch, and {cost.per_picture_s * 1e3:.2f} ms for each photo in it")

# %% [markdown]
# By how much would full batches of 16 raise what this copy can carry? On a GPU the shared part is most of it. On a
# processor core there is little to share: it has to do every photo's arithmetic anyway.

# %% checkpoint="s.theory.batch"
# The line's two parts, and: photos a second in batches of 16 over photos a second one by one, by this line.
batch = {"fixed_s": cost.fixed_s, "per_picture_s": cost.per_picture_s, "gain": ...}
answer("s.theory.batch", batch)

# %%
check("s.theory.batch")

# %% [markdown]
# ### Batches in the queue
#
# Now let Triton put waiting photos together (no delay: a free copy takes what is there, up to sixteen). While a batch
# runs, photos gather, and they make the next one. So the batch in which a photo finds itself has the size *b* for which
# *b = rate · s(b)*, with the line's *s(b) = fixed + per photo · b*: nobody chooses it, the rate does. The second rate
# below is all that the copy could carry one by one.

# %%
batching = model.settings.but(dynamic_batching=DynamicBatching())
triton.change(batching)
gathering = triton_target(triton, replace(model, settings=batching), tensor_inputs(images[:8]))
rates_rps = [round(share * full_rps, 1) for share in (0.7, 1.0)]
batched = live_load(
    lambda **hooks: sweep_rate(gathering, rates_rps, duration_s=3, option="theory-batched", ledger=ledger(), **hooks),
    "With batches",
)

# %%
theories["batches"] = lambda rate: around_s + BatchQueue(rate, cost, 16).mean_latency_s
batch_histogram(batched[-1])

# %%
latency_curve([*runs, *batched], q=None, theories=theories)

# %% checkpoint="s.theory.batched"
# For the last of `batched`: the size that solves b = rate · s(b) at `offered_rps` (at least 1; 16 where there is no
# solution up to 16), and the mean batch that was counted (`load.server.mean_batch`).
sizes = {"expected": ..., "counted": ...}
answer("s.theory.batched", sizes)

# %%
check("s.theory.batched")

# %% [markdown]
# Do the two agree? The formula takes every batch for the mean one and knows nothing of chance. Where much is shared, as
# on a GPU, it comes near. Where little is, batches grow by chance: some photos come close together, wait, and run
# together, and behind a long batch the next one gathers. That the copy keeps up at all at this rate is owed to the
# shared part alone; without one, batches only make everybody wait for the whole batch.

# %% [markdown]
# ### Where it fails
#
# For the campaign, a second copy (on the second GPU, where there is one). M/D/2: the same queue, two servers, and so
# twice the capacity. Says the theory.

# %%
gpus = range(len(fingerprint().cuda_gpus))
two = catalogue.copies(1, gpus[:2]) if len(gpus) > 1 else opening.place(2)
twice = catalogue.food_classifier_onnx(fp32_model(), instances=two)
print(triton.change(twice.settings))
both = triton_target(triton, twice, tensor_inputs(images[:8]))
pair = live_load(
    lambda **hooks: closed_loop(both, concurrency=4, duration_s=3, option="theory-2", **hooks),
    "Two copies, four senders",
)
ledger().append(pair)
queue_compute([alone, pair])

# %% [markdown]
# Four senders keep both copies busy. Compare what was promised with what was reached, and look at the service time of a
# photo now.

# %% checkpoint="s.theory.fails"
# Answers a second that theory promises for two copies and that were reached; the service time now over the service time
# before; and the assumption that this breaks: "Poisson arrivals", "service time does not depend on the load",
# "the queue has no end" or "none".
fails = {"promised_rps": ..., "reached_rps": ..., "service_factor": ..., "assumption": ...}
answer("s.theory.fails", fails)

# %%
check("s.theory.fails")

# %%
triton.stop()

# %% [markdown]
# ## Checkpoint
#
# Two copies on two processors share more than they seem to: caches, memory, the sender that measures them. On a node
# with two GPUs the factor is near 1, and the theory holds further. So the answer to the manager has two parts. *Within
# what was measured*, the formula tells how long photos will wait at any rate. *Beyond*, measure the service time again,
# under the load that you expect.

# %%
check("s.theory.ninety_guess")

# %% [markdown]
# ## On your own
#
# - `labs.load.simulate` plays a queue without a formula: give it the arrivals of `labs.load.sender.arrivals` and a
#   service time drawn from `alone.samples`. Is it nearer to the sweep than M/D/1?
# - `Queue(rate, service_s).wait_s(95)` is the wait that 95 of 100 photos stay under. Hold it against `runs`.
# - Count a latency from when the photo really left, as a closed loop does: `sample - (sent - due)` with
#   `load.sent_offsets_s` and `load.offsets_s`. On a calm machine it is the same. When would it hide the very requests
#   that suffered?
# - Run the sweep with another `seed`. How far apart are two runs at nine tenths, and what does that say about four
#   seconds?
