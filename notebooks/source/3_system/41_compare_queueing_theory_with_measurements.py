# ---
# jupyter:
#   lesson:
#     title: Compare queueing theory with measurements
#     summary: utilization, M/D/1 and M/M/1, where Little's law fails, how large batches become, broken assumptions
#     part: 3
#     number: "41"
#     minutes: 40
#     kind: extra
#     where: [laptop]
#     needs: ["33"]
#     ports: []
#     machine_minutes: 5
#     uses: ["memory", "Triton"]
# ---

# %% [markdown]
# # Compare queueing theory with measurements
#
# Marketing announces a campaign: in two weeks, twice as many photos. "Will it hold?" asks the manager, who does not
# want to hear "let us try it on the day". There is a theory for this, a hundred years old, from a telephone company. It
# takes two numbers that you can measure on a quiet afternoon, and says how long requests will wait on a day that has
# not come yet.
#
# Each of its formulas has assumptions. Today you write the formulas, and the test that says whether a measurement meets
# their assumptions, before you compare the two.
#
# ## You will do
#
# Write the mean wait, Little's law and the batch size as functions; measure one instance from 30 % of its capacity to
# beyond it; compare where the assumptions hold, and say which of them fails where they do not.
#
# ## You will learn
#
# - utilization, and why the last ten percent of a server cost so much;
# - what M/M/1 and M/D/1 mean, and what they take for granted;
# - where Little's law tells what nobody counted, and where it tells nothing;
# - how large batches become when nobody chooses their size.
#
# ## You need
#
# A laptop or a node with x86-64 Linux, 40 minutes. The machine works for about a minute.

# %%
import shutil

import numpy as np
import pandas as pd
import tritonclient.http as httpclient

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs import assets
from labs.charts import latency_curve, queue_compute
from labs.data.dataset import load_split
from labs.load import closed_loop, open_loop, tensor_inputs
from labs.load.sender import arrivals
from labs.load.served import triton_target
from labs.machine import capability_text, for_lesson
from labs.records.ledger import ledger

# %%
from labs.serve.models import fp32_model
from labs.serve.triton import opening
from labs.widgets import live_load, run_with_progress
from labs.workspace import programs_dir

print(capability_text(for_lesson("41")))

# %% [markdown]
# ## Predict
#
# The server runs one image at a time. At half of the rate that it can keep up with, a request takes some time, its wait
# in the queue included. How many times as long does it take on average at *nine tenths* of that rate? 2 means twice as
# long.

# %% checkpoint="s.theory.ninety_guess"
predict("s.theory.ninety_guess", ...)

# %% [markdown]
# ## Act
#
# ### Utilization and the wait
#
# A name such as **M/D/1** has three parts: how requests arrive (M: as a Poisson process, each knowing nothing of the
# others), how long one takes (D: always the same; M: from an exponential distribution), and how many servers there are.
# With arrival rate λ and service time *s*, the **utilization** is ρ = λ · s. For one server and any service time, the
# mean wait in the queue is
#
# $$ W_q = \frac{\rho \, s}{1 - \rho} \cdot \frac{1 + c^2}{2}, $$
#
# where $c^2$ is the service time's variance over its squared mean: 0 for M/D/1, 1 for M/M/1. (Source: Pollaczek and
# Khinchine; Kleinrock, *Queueing Systems*, volume 1.) From ρ = 1 on, more arrives than leaves: the queue grows for as
# long as that lasts, and there is no mean wait to return.


# %% checkpoint="s.theory.wait"
def mean_wait_s(rate_rps, service_s, variability):
    """Return the mean seconds in the queue of one server; raise ValueError where there is no mean.

    Args:
        rate_rps: Requests a second that arrive.
        service_s: Mean seconds that one takes.
        variability: Squared coefficient of variation of the service time: 0 constant, 1 exponential.
    """
    ...


# %%
check("s.theory.wait", mean_wait_s)

# %% [markdown]
# ### The two numbers
#
# Triton with one instance of the ONNX model, one thread, no batching. One client, who waits for each answer: there is
# never a queue, and what Triton counted for input, model and output is the service time.

# %%
CONFIG = """
name: "food_classifier_onnx"
backend: "onnxruntime"
max_batch_size: 16
input [ { name: "input" data_type: TYPE_FP32 dims: [ 3, 224, 224 ] } ]
output [ { name: "output" data_type: TYPE_FP32 dims: [ 11 ] } ]
instance_group [ { count: 1 kind: KIND_CPU } ]
"""
folder = programs_dir() / "theory" / "food_classifier_onnx"
(folder / "1").mkdir(parents=True, exist_ok=True)
shutil.copy(fp32_model(), folder / "1" / "model.onnx")

# %%
triton = run_with_progress(lambda report: opening.serve(folder.parent, report), "Start Triton")
client = httpclient.InferenceServerClient(triton.http, network_timeout=180)
images, _ = load_split(assets.dataset("food11-mini"), "evaluation", limit=16)


def serve(config, batch_size=1):
    """Let Triton load a configuration, and return what load is sent to."""
    (folder / "config.pbtxt").write_text(config)
    client.load_model(folder.name, headers=triton.headers)
    return triton_target(triton, folder.name, tensor_inputs(images, batch_size=batch_size))


# %%
predicted("s.theory.ninety_guess")
target = serve(CONFIG)
alone = live_load(
    lambda **hooks: closed_loop(target, concurrency=1, duration_s=3, option="theory-1", **hooks), "One client"
)
ledger().append(alone)
service_s = alone.load.server.compute_s
capacity_rps = 1 / service_s
print(f"service time {service_s * 1e3:.2f} ms, so one instance has a capacity of {capacity_rps:.0f} requests a second")

# %% [markdown]
# The other number is the rate. People do not ask each other before they upload: their arrivals are close to a Poisson
# process, and the tool for it is an **open loop**. A request is sent when it is due, whether or not the one before was
# answered, and its latency counts from that moment. (Clients who wait for a hanging server stop asking: the requests
# that suffer most are never sent, and are missing from every percentile. Gil Tene calls it *coordinated omission*.)
#
# Five rates below the capacity, and twice the capacity:


# %%
def load(option, share, duration_s=4.0, seed=0):
    """Return the record of an open loop at a share of the capacity, kept in the ledger."""
    how = {"rate_rps": round(share * capacity_rps, 1), "duration_s": duration_s, "seed": seed, "option": option}
    return ledger().append(live_load(lambda **hooks: open_loop(target, **how, **hooks), f"{share:.0%} of the capacity"))


runs = [load("theory-1", share, seed=seed) for seed, share in enumerate((0.3, 0.5, 0.7, 0.8, 0.9))]
overload = load("theory-over", 2.0, duration_s=3)
queue_compute([*runs, overload])

# %%
reconcile("s.theory.ninety_guess")

# %% [markdown]
# ## Measure
#
# ### Where may the two be compared?
#
# The formula takes three things for granted that a run can be asked about:
#
# - the queue settles: λ · *s* is below 1, with the service time measured alone;
# - the server keeps up: it answers at least 95 % of what is due in a second;
# - the service time does not depend on the load: under load it is within 10 % of what it is alone.
#
# A run that breaks one of them says nothing about the formula, and the formula nothing about the run.


# %% checkpoint="s.theory.applies"
def applies(due_rps, answered_rps, alone_s, loaded_s):
    """Return True where a run meets all three assumptions, else False.

    Args:
        due_rps: Requests a second that were due.
        answered_rps: Requests a second that were answered.
        alone_s: Service time in seconds with nobody else there.
        loaded_s: Service time in seconds during the run.
    """
    ...


# %%
check("s.theory.applies", applies)


# %%
def numbers(run):
    """Return what the theory asks about a run, as the record has it."""
    due_rps = (len(run.samples) + len(run.load.failures)) / run.load.duration_s
    return due_rps, run.throughput_rps.value, service_s, run.load.server.compute_s


def or_none(function, *arguments):
    """Return a function's result in milliseconds, and nothing where it refuses."""
    try:
        return round(1e3 * function(*arguments), 2)
    except (ValueError, TypeError):  # TypeError: while the function is still dots
        return None


pd.DataFrame(
    {
        "due/s": round(numbers(run)[0]),
        "answered/s": round(run.throughput_rps.value),
        "ρ": round(numbers(run)[0] * service_s, 2),
        "service, ms": round(1e3 * run.load.server.compute_s, 2),
        "wait counted, ms": round(1e3 * run.load.server.queue_s, 2),
        "M/D/1, ms": or_none(mean_wait_s, numbers(run)[0], service_s, 0.0),
        "M/M/1, ms": or_none(mean_wait_s, numbers(run)[0], service_s, 1.0),
        "M/D/1, service as in the run": or_none(mean_wait_s, numbers(run)[0], run.load.server.compute_s, 0.0),
        "assumptions hold": applies(*numbers(run)),
    }
    for run in [*runs, overload]
)

# %% [markdown]
# Compare the counted wait with M/D/1 where the last column says `True`. Where it says `False`, look at the service
# time: something else wanted the processor (the client that measures, a browser, a backup), each image took longer, and
# near ρ = 1 a little longer is a lot. The last but one column puts that longer service time into the same formula;
# where even that has no mean, the run was beyond what the machine could do in those seconds.
#
# The picture draws the runs whose assumptions hold. What a client sees beyond queue and service (network, protocol) is
# added to both curves, as measured with one client.

# %%
around_s = sum(alone.samples) / len(alone.samples) - service_s
theories = {
    name: lambda rate, kind=kind: around_s + service_s + mean_wait_s(rate, service_s, kind)
    for name, kind in {"M/M/1": 1.0, "M/D/1": 0.0}.items()
}
fitting = [run for run in runs if applies(*numbers(run))]
latency_curve(fitting, q=None, theories=theories) if fitting else "No run meets all three: is the machine busy?"

# %% [markdown]
# ### Little's law, and where it fails
#
# How many requests were inside at once? **Little's law** answers without counting: the mean number inside is the rate
# of arrivals times the mean time that each stays, *in a system where what arrives also leaves*. The records are
# detailed enough to count: each request was inside from the moment when it was due until its answer. The mean over a
# time is the area under that count, divided by the time.


# %% checkpoint="s.theory.inside"
def mean_inside(begins_s, latencies_s, duration_s):
    """Return the mean number of requests inside between 0 and `duration_s`.

    Args:
        begins_s: When each request was due, in seconds after the start, all below `duration_s` (an array).
        latencies_s: What each of them took, in seconds; some end after `duration_s` (an array).
        duration_s: Seconds that are looked at; what happens later does not count.
    """
    ...


# %%
check("s.theory.inside", mean_inside)

# %%
rows = []
for run in [*runs, overload]:
    rate_rps = len(run.samples) / run.load.duration_s
    begins_s, latencies_s = np.array(run.load.offsets_s), np.array(run.samples)
    rows.append(
        {
            "due/s": rate_rps,
            "answered/s": run.throughput_rps.value,
            "inside, counted": mean_inside(begins_s, latencies_s, run.load.duration_s),
            "inside, by the law": rate_rps * latencies_s.mean(),
        }
    )
pd.DataFrame(rows).round(2)

# %% [markdown]
# Compare the two columns run by run. Then say where the law may be used, and why it fails where it does.

# %% checkpoint="s.theory.overload"
# "in every run", "only where answers keep up with arrivals" or "in no run".
law_holds = {"where": ..., "reason": ...}
answer("s.theory.overload", law_holds)

# %%
check("s.theory.overload")

# %% [markdown]
# ### How large do batches become?
#
# A batch costs a part that all its images share, and a part for each: *s(b) = fixed + per image · b*. Three sizes, one
# client, and numpy's straight line. (Weighted, so that one percent counts as much at each size.)

# %%
batches = [alone]
for size in (4, 16):
    batch = closed_loop(serve(CONFIG, size), concurrency=1, duration_s=1.5, option="theory-batch")
    batches.append(ledger().append(batch))
sizes, seconds = [run.batch_size for run in batches], np.array([run.load.server.compute_s for run in batches])
per_image_s, fixed_s = (max(0.0, float(part)) for part in np.polyfit(sizes, seconds, 1, w=1 / seconds))
print(f"{fixed_s * 1e3:.2f} ms for any batch, and {per_image_s * 1e3:.2f} ms for each image in it")

# %% [markdown]
# Now Triton may put waiting requests together, up to sixteen, without a delay: a free instance takes what is there.
# While a batch runs, requests gather, and they make the next one. So the mean batch settles at the size *b* for which
# as many arrive during a batch as are in it: *b = λ · s(b)*. Nobody chooses it. It is at least 1; and where that
# equation has no solution up to the largest batch, batches are full.


# %% checkpoint="s.theory.batch"
def mean_batch(rate_rps, fixed_s, per_image_s, largest):
    """Return the size at which batches settle, from 1 to `largest`.

    Args:
        rate_rps: Requests a second that arrive, one image each.
        fixed_s: Seconds for a batch of any size.
        per_image_s: Seconds more for each image in it.
        largest: Largest batch allowed.
    """
    ...


# %%
check("s.theory.batch", mean_batch)

# %% [markdown]
# The equation takes every batch for the mean one. A simulation needs no such thing: it plays arrivals against a free
# instance, batch by batch. The second rate below is all that the instance could carry one by one.

# %%
target = serve(CONFIG + "dynamic_batching { }")
batched = [load("theory-batched", share, duration_s=3) for share in (0.7, 1.0)]

# %%
from labs.load.queueing import simulate


def simulated(rate_rps):
    """Return the mean size of the batches that a simulation of half a minute makes."""
    _, made = simulate(arrivals(rate_rps, 30, seed=41), lambda b: fixed_s + per_image_s * b, max_batch_size=16)
    return float(np.mean(made))


pd.DataFrame(
    {
        "due/s": run.load.offered_rps,
        "b = λ · s(b)": mean_batch(run.load.offered_rps, fixed_s, per_image_s, 16),
        "simulated": simulated(run.load.offered_rps),
        "counted": run.load.server.mean_batch,
    }
    for run in batched
)

# %% [markdown]
# Where much is shared, as on a GPU, the three come close. Where little is, batches grow by chance alone: some requests
# come close together, wait, and run together, and behind a long batch the next one gathers. The equation knows nothing
# of chance; the simulation does.
#
# ### Two instances
#
# For the campaign, a second instance. M/D/2: the same queue, two servers, and so twice the capacity, says the theory.

# %%
target = serve(CONFIG.replace("count: 1", "count: 2"))
pair = live_load(
    lambda **hooks: closed_loop(target, concurrency=4, duration_s=3, option="theory-2", **hooks),
    "Two instances, four clients",
)
ledger().append(pair)
growth = pair.load.server.compute_s / service_s
print(f"promised {2 * capacity_rps:.0f} a second, reached {pair.throughput_rps.value:.0f}; service time × {growth:.2f}")

# %% checkpoint="s.theory.fails"
# Which assumption does that break: "Poisson arrivals", "service time does not depend on the load", "the queue settles"
# or "none" (where the service time grew by less than 5 %)? And what do two instances share?
broken = {"assumption": ..., "reason": ...}
answer("s.theory.fails", broken)

# %%
check("s.theory.fails")

# %%
triton.stop()

# %% [markdown]
# ## Checkpoint
#
# The answer to the manager has two parts. *Within what was measured*, the formula tells how long requests will wait at
# any rate. *Beyond*, measure the service time again, under the load that you expect.
#
# This is what you wrote, for several servers and for percentiles; `labs.load.queueing` keeps it beside the simulation.

# %%
import math
from dataclasses import dataclass

from labs.load.queueing import UnstableQueueError

# %% shows="labs.load.queueing:Queue"
...

# %%
for rate_rps in (0.5 * capacity_rps, 0.9 * capacity_rps):
    print(f"{rate_rps:.0f}/s: 95 of 100 wait less than {1e3 * Queue(rate_rps, service_s).wait_s(95):.1f} ms")

# %%
check("s.theory.ninety_guess")

# %% [markdown]
# ## On your own
#
# - `simulate(arrivals(...), lambda size: random.choice(service times))` with service times that vary: is it nearer to
#   the counted waits than M/D/1?
# - Run the sweep with another `seed`. How far apart are two runs at nine tenths, and what does that say about four
#   seconds?
# - The campaign doubles the rate. At which utilization are you today, if the wait may not double?
# - Let the overload last twice as long. Which of the two columns of Little's law changes, and by how much?
