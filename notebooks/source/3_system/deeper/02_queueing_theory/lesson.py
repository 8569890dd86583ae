# ---
# jupyter:
#   lesson:
#     id: queueing
#     title: Queueing theory
#     summary: how long requests will wait at a load not yet seen, how many may wait, and Little's law
#     part: 3
#     kind: deeper
#     where: [laptop]
#     needs: [triton]
#     ports: []
# ---

# %% [markdown]
# # Queueing theory
#
# **Prerequisites:** *Build an ensemble*. **Runs on:** a laptop with x86-64 Linux.
#
# Marketing announces a campaign: in two weeks, twice as many photos. "Will the servers
# cope?" asks the manager, who does not want to hear "let us try it on the day". A
# hundred-year-old theory from a telephone company answers this. It needs two numbers that
# you can measure on a quiet afternoon. **How long will requests wait on that future day,
# and when may you believe the figure?** The next cell imports the lesson's modules.

# %% folded=true
import shutil

import numpy as np
import pandas as pd
import tritonclient.http as httpclient
from ipywidgets import FloatSlider, IntSlider

from labs import assets
from labs.checkpoints import check, predict, predicted
from labs.data.dataset import load_split
from labs.display.theme import BLUE, GREY, ORANGE
from labs.load import closed_loop, open_loop, tensor_inputs
from labs.load.served import triton_target
from labs.records.ledger import ledger
from labs.serve.models import fp32_model
from labs.serve.triton import opening
from labs.widgets import explore, run_with_progress
from labs.workspace import programs_dir

# %% [markdown]
# ## Predict
#
# The server runs one image at a time. Its *capacity* is the highest rate that it can keep
# up with. Take the mean time of a request, with its wait in the queue, at half of the
# capacity. By what factor is it longer at nine tenths of the capacity? 2 means twice as
# long.

# %%
predict("queueing.ninety", times=...)

# %% [markdown]
# ## Utilization and the wait
#
# A name such as **M/D/1** has three parts. The first tells how requests arrive (M: as a
# **Poisson process**, that is, at random and independently of each other). The second
# tells how long each takes (D: always the same; M: from an exponential distribution). The
# third is the number of servers. With arrival rate λ and service time *s*, the
# **utilization** is ρ = λ · s, the share of time in which the server is busy. For one
# server, the mean wait in the queue is
#
# $$ W_q = \frac{\rho \, s}{1 - \rho} \cdot \frac{1 + c^2}{2}, $$
#
# where $c^2$ is the variance of the service time divided by its squared mean: 0 for
# M/D/1, 1 for M/M/1. (Source: Pollaczek and Khinchine; Kleinrock, *Queueing Systems*,
# volume 1.) The formula is valid for ρ < 1. If ρ is larger, more requests arrive than
# leave, and the queue grows as long as this lasts.


# %% question="queueing.wait"
def mean_wait_s(rate_rps, service_s, variability):
    """Return the mean wait in the queue of one server in seconds, a float, without the
    service time, for a utilization below 1.

    rate_rps is the arrival rate λ in requests per second, service_s the mean service time
    in seconds, and variability c². Example: mean_wait_s(50, 0.01, 1) returns 0.01.
    """
    ### BEGIN SOLUTION
    rho = rate_rps * service_s
    exponential_wait_s = rho * service_s / (1 - rho)
    return exponential_wait_s * (1 + variability) / 2
    ### END SOLUTION


check("queueing.wait", mean_wait_s)

# %% [markdown]
# ## Two numbers
#
# Triton serves one instance of the ONNX model, with one thread and without batches. If a
# single client waits for each answer, there is never a queue, so the time that Triton
# counts for input, model and output is the service time.

# %%
folder = programs_dir() / "theory" / "food_classifier_onnx"
(folder / "1").mkdir(parents=True, exist_ok=True)
shutil.copy(fp32_model(), folder / "1" / "model.onnx")
PLAIN = """
name: "food_classifier_onnx"
backend: "onnxruntime"
max_batch_size: 1
input [ { name: "input" data_type: TYPE_FP32 dims: [ 3, 224, 224 ] } ]
output [ { name: "output" data_type: TYPE_FP32 dims: [ 11 ] } ]
instance_group [ { count: 1 kind: KIND_CPU } ]
"""
(folder / "config.pbtxt").write_text(PLAIN)
triton = run_with_progress(
    lambda report: opening.serve(folder.parent, report), "Start Triton"
)
client = httpclient.InferenceServerClient(triton.http, network_timeout=180)
client.load_model(folder.name, headers=triton.headers)
images, _ = load_split(assets.dataset("food11-mini"), "evaluation", limit=16)
target = triton_target(triton, folder.name, tensor_inputs(images))

# %%
guesses = predicted("queueing.ninety")
alone = closed_loop(target, concurrency=1, duration_s=2, option="queueing")
ledger().append(alone)
service_s = alone.load.server.compute_s
capacity_rps = 1 / service_s
print(f"service time {1e3 * service_s:.2f} ms: one instance has a capacity of")
print(f"{capacity_rps:.0f} requests a second")

# %% [markdown]
# The other number is the rate. People upload independently of each other, so their
# arrivals are close to a Poisson process. To imitate them, use an **open loop**: it sends
# each request when it is due, whether or not the previous one was answered, and counts
# the latency from that moment.
#
# **Note.** Clients that wait for a hanging server stop asking, so the requests with the
# longest waits are never sent, and no percentile shows them. Gil Tene calls this
# *coordinated omission*.
#
# The next cell measures four rates below the capacity, and twice the capacity:


# %%
def measure(share, duration_s, seed):
    """Return the record of an open loop at a share of the capacity."""

    def work(report):
        return open_loop(
            target,
            rate_rps=share * capacity_rps,
            duration_s=duration_s,
            seed=seed,
            option="queueing",
            on_progress=report,
        )

    run = run_with_progress(work, f"{share:.0%} of the capacity")
    return ledger().append(run)


runs = {}
for seed, share in enumerate((0.3, 0.5, 0.75, 0.9)):
    runs[share] = measure(share, duration_s=4, seed=seed)
runs[2.0] = measure(2.0, duration_s=2, seed=4)
growth = np.mean(runs[0.9].samples) / np.mean(runs[0.5].samples)
pd.Series({"nine tenths / half": growth, "you predicted": guesses["times"]}).round(1)

# %% [markdown]
# ## When may you compare the two?
#
# The formula assumes three things, and you can check each of them in a run:
#
# - the queue settles: λ · *s* is below 1, with the service time of an otherwise idle
#   server;
# - the server keeps up: it answers at least 95 % of the requests that are due in a
#   second;
# - the service time does not depend on the load: in the run it is within 10 % of the time
#   of a single client, up or down.
#
# If a run breaks one of these assumptions, you cannot compare it with the formula.


# %% question="queueing.applies"
def applies(due_rps, answered_rps, alone_s, loaded_s):
    """Return True if a run meets all three assumptions, False otherwise.

    due_rps requests were due per second, and answered_rps were answered. alone_s is the
    service time of an otherwise idle server in seconds, loaded_s that in the run.

    1. due_rps times alone_s is below 1.
    2. answered_rps is at least 95 % of due_rps.
    3. loaded_s is at most 10 % above or below alone_s.
    """
    ### BEGIN SOLUTION
    settles = due_rps * alone_s < 1
    keeps_up = answered_rps >= 0.95 * due_rps
    independent = abs(loaded_s / alone_s - 1) <= 0.1
    return settles and keeps_up and independent
    ### END SOLUTION


check("queueing.applies", applies)


# %%
def theory_ms(rate_rps, service_s):
    """Return M/D/1's mean wait in milliseconds, or None if the queue never settles."""
    if rate_rps * service_s < 1:
        return 1e3 * mean_wait_s(rate_rps, service_s, 0)
    return None


rows = []
for run in runs.values():
    due = len(run.samples) + len(run.load.failures)
    due_rps = due / run.load.duration_s
    answered_rps = run.throughput_rps.value
    loaded_s = run.load.server.compute_s
    holds = applies(due_rps, answered_rps, service_s, loaded_s)
    row = {
        "due/s": due_rps,
        "answered/s": answered_rps,
        "ρ": due_rps * service_s,
        "service, ms": 1e3 * loaded_s,
        "waited, ms": 1e3 * run.load.server.queue_s,
        "M/D/1, ms": theory_ms(due_rps, service_s),
        "with this run's service": theory_ms(due_rps, loaded_s),
        "holds": str(holds),
    }
    rows.append(row)
table = pd.DataFrame(rows)
table.style.format(precision=2, na_rep="").hide()

# %% [markdown]
# Compare *waited* with M/D/1 in the rows in which *holds* is True. In the other rows,
# look at *service*. If it differs from that of the single client, another program used
# the processor (the measuring client, a browser), either now or during the first
# measurement. Near ρ = 1, a small change of the service time changes the wait a lot: the
# column *with this run's service* uses that time in the same formula.
#
# The next cell draws the formula with your runs (blue: the assumptions hold, orange: one
# does not). Move the sliders. Which costs more: going from 45 % of the capacity to 90 %,
# or from 90 % to 95 %?


# %% folded=true
# Draw your formula and your runs, and compute the wait at a utilization.
below = table[table["ρ"] < 1]
shares = np.linspace(0.02, 0.97, 100)


def wait_ms(share, variability):
    return 1e3 * mean_wait_s(share * capacity_rps, service_s, variability)


def draw_wait(axis, percent, variability):
    share = percent / 100
    waits_ms = [wait_ms(each, variability) for each in shares]
    axis.plot(shares * capacity_rps, waits_ms, color=GREY)
    colours = below["holds"].map({"True": BLUE, "False": ORANGE})
    axis.scatter(below["due/s"], below["waited, ms"], c=colours)
    here_ms = wait_ms(share, variability)
    axis.plot(share * capacity_rps, here_ms, "D", color=GREY)
    axis.set_title("Near the capacity, each further request costs more waiting")
    axis.set(xlabel="requests per second", ylabel="mean wait, ms")
    more = "the queue never settles"
    if 1.05 * share < 1:
        later_ms = wait_ms(1.05 * share, variability)
        more = f"it waits {later_ms:.1f} ms"
    rate_rps = share * capacity_rps
    service_times = here_ms / (1e3 * service_s)
    return (
        f"At {percent} % of the capacity, {rate_rps:.0f} requests per second, a request "
        f"waits {here_ms:.1f} ms on average if c² is {variability:g}: {service_times:.1f} "
        f"service times. With 5 % more requests, {more}."
    )


sliders = {
    "percent": IntSlider(value=45, min=5, max=97, description="% of the capacity"),
    "variability": FloatSlider(value=0, min=0, max=2, step=0.25, description="c²"),
}
explore("Utilization and waiting time", draw_wait, **sliders)

# %% [markdown]
# ## Little's law, and when it fails
#
# How many requests are in the system on average? **Little's law** computes this number
# from two others: how many requests arrive per second, and how long each stays, *in a
# system in which all arriving requests also leave*. It needs no distribution and no model
# of the server. To find the formula, look at the units.
#
# So if eight clients that wait for their answers get no more answers per second than one
# client did, each of them must wait eight times longer. With such clients the law is
# nearly obvious, because eight requests are always in the system. In an open loop it is
# not obvious, and you can check it with the records: each request was in the system from
# the moment when it was due until its answer. The mean over a time is the area under this
# count, divided by the time.


# %% question="queueing.inside"
def mean_inside(begins_s, latencies_s, duration_s):
    """Return the mean number of requests in the system between 0 and duration_s, a float.

    begins_s are the times when the requests were due, all before duration_s. latencies_s
    are their latencies. If a request ends after duration_s, count only its time before.
    All are in seconds. Example: ([0.0, 1.0], [0.5, 0.5], 4.0) gives 0.25.
    """
    ### BEGIN SOLUTION
    ends_s = np.minimum(np.add(begins_s, latencies_s), duration_s)
    return float((ends_s - begins_s).sum() / duration_s)
    ### END SOLUTION


check("queueing.inside", mean_inside)

# %%
rows = []
for run in runs.values():
    begins_s = np.array(run.load.offsets_s)
    latencies_s = np.array(run.samples)
    due_rps = len(latencies_s) / run.load.duration_s
    row = {
        "due/s": due_rps,
        "answered/s": run.throughput_rps.value,
        "inside, counted": mean_inside(begins_s, latencies_s, run.load.duration_s),
        "inside, by the law": due_rps * latencies_s.mean(),
    }
    rows.append(row)
pd.DataFrame(rows).round(2)

# %% [markdown]
# If answers keep up with arrivals, the two columns agree. In the last row they do not:
# more requests arrive than leave. The law counts the complete stay of the requests that
# are in the system at the end, although most of it comes after the run.
#
# ## How many may wait?
#
# If a phone has given up, the work for its photo is wasted, so a queue needs an upper
# limit. Suppose that all workers have just begun a photo. They finish together, after one
# **round**: the time in which each worker completes one photo. Then every worker takes
# one waiting photo, and so on. A photo whose round ends after the deadline is answered
# too late.


# %% question="queueing.may_wait"
def may_wait(deadline_s, seconds_each, workers):
    """Return the largest number of requests that may wait, an int, if the last of them
    must be answered within deadline_s.

    Each round takes seconds_each. In the first round, all workers are busy with others.
    In each later round, every worker takes one waiting request. Only complete rounds
    count. If there is no time for a second round, return 0.

    Example: may_wait(0.25, 0.1, 4) returns 4.
    """
    ### BEGIN SOLUTION
    rounds = int(deadline_s / seconds_each)
    return max(0, rounds - 1) * workers
    ### END SOLUTION


check("queueing.may_wait", may_wait)

# %% [markdown]
# Phones give up after half a second. Plan for four fifths of this time, because a mean
# leaves no room for slow rounds. In the next cell, photos arrive at 1.5 times the
# capacity. In the first run all photos may wait; in the second, only as many as your
# function allows: `max_queue_size` limits the queue of Triton's batcher, which takes one
# photo at a time here.

# %%
DEADLINE_S = 0.5


def rush(option, stanza):
    """Measure a run at 1.5 times the capacity, and return a row about photos in time."""
    (folder / "config.pbtxt").write_text(PLAIN + stanza)
    client.load_model(folder.name, headers=triton.headers)
    target = triton_target(triton, folder.name, tensor_inputs(images))

    def work(report):
        return open_loop(
            target,
            rate_rps=1.5 * capacity_rps,
            duration_s=5,
            option=option,
            on_progress=report,
        )

    run = run_with_progress(work, option)
    ledger().append(run)
    latencies_s = np.array(run.samples)
    refused = len(run.load.failures)
    due = len(latencies_s) + refused
    return {
        "in time": np.sum(latencies_s <= DEADLINE_S) / due,
        "late": np.sum(latencies_s > DEADLINE_S) / due,
        "refused": refused / due,
        "median latency of the answers, ms": 1e3 * run.percentile(50),
    }


limit = may_wait(0.8 * DEADLINE_S, service_s, 1)
bounded = f"dynamic_batching {{ default_queue_policy {{ max_queue_size: {limit} }} }}"
rows = {
    "all may wait": rush("queueing-all", ""),
    f"{limit} may wait": rush(f"queueing-{limit}", bounded),
}
triton.stop()
shares = {"in time": "{:.0%}", "late": "{:.0%}", "refused": "{:.0%}"}
pd.DataFrame(rows).T.style.format(shares, precision=0)

# %% [markdown]
# If all photos may wait, the queue grows as long as the rush lasts, and each photo waits
# for all that came earlier. With a limit, an answer takes a fraction of this time, and
# the other photos are refused at once. Some photos are still late, because their rounds
# took longer than the mean.
#
# ## What you found
#
# The answer to the manager has two parts. Within the measured range, the formula tells
# how long requests wait at any rate: read it from the sliders above.
#
# Beyond this range, measure the service time again, under the load that you expect.
#
# **Try it yourself**
#
# - The campaign doubles the rate. At which utilization may you be today, if the wait may
#   not double?
# - Two instances take photos from one queue. Is a request's wait half as long at the same
#   utilization, or shorter? Measure it.

# %% [markdown]
# ## Read more
#
# - [A Proof for the Queuing Formula: L = λW](https://doi.org/10.1287/opre.9.3.383) (J. D.
#   C. Little, 1961): the law, with the conditions that your last row breaks.
# - [The Tail at Scale](https://doi.org/10.1145/2408776.2408794) (J. Dean and L. A.
#   Barroso, 2013): what large services do about slow requests.
