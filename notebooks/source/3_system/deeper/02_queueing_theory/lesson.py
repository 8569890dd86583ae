# ---
# jupyter:
#   lesson:
#     id: queueing
#     title: Queueing theory
#     summary: how long requests will wait on a day that has not come yet, how many may wait, and Little's law
#     part: 3
#     kind: deeper
#     where: [laptop]
#     needs: [triton]
#     ports: []
# ---

# %% [markdown]
# # Queueing theory
#
# Marketing announces a campaign: in two weeks, twice as many photos. "Will it hold?" asks the manager, who does not
# want to hear "let us try it on the day". There is a theory for this, a hundred years old, from a telephone company. It
# takes two numbers that you can measure on a quiet afternoon. **How long will requests wait on a day that has not come
# yet, and when may you believe that figure?** The next cell imports what the lesson uses.

# %% folded=true
import shutil
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tritonclient.http as httpclient

from labs import assets
from labs.checkpoints import check, predict, predicted
from labs.data.dataset import load_split
from labs.load import closed_loop, open_loop, tensor_inputs
from labs.load.served import triton_target
from labs.records.ledger import ledger
from labs.serve.models import fp32_model
from labs.serve.triton import opening
from labs.widgets import run_with_progress
from labs.workspace import programs_dir

# %% [markdown]
# ## Predict
#
# The server runs one image at a time. At half of its capacity, the highest rate that it can keep up with, a request
# takes some time, its wait in the queue included. How many times as long does it take on average at nine tenths of the
# capacity? 2 means twice as long.

# %%
predict("queueing.ninety", times=...)

# %% [markdown]
# ## Utilization and the wait
#
# A name such as **M/D/1** has three parts: how requests arrive (M: as a Poisson process, independently of each other),
# how long each takes (D: always the same; M: from an exponential distribution), and how many servers there are. With
# arrival rate λ and service time *s*, the **utilization** is ρ = λ · s. For one server, the mean wait in the queue is
#
# $$ W_q = \frac{\rho \, s}{1 - \rho} \cdot \frac{1 + c^2}{2}, $$
#
# where $c^2$ is the variance of the service time over its squared mean: 0 for M/D/1, 1 for M/M/1. (Source: Pollaczek
# and Khinchine; Kleinrock, *Queueing Systems*, volume 1.) The formula holds below ρ = 1. From there on more arrives
# than leaves, and the queue grows for as long as that lasts.


# %% question="queueing.wait"
def mean_wait_s(rate_rps, service_s, variability):
    """Return the mean seconds in the queue of one server, for a utilization below 1.

    rate_rps requests a second arrive, each takes service_s seconds on average, and variability is c²."""
    ### BEGIN SOLUTION
    rho = rate_rps * service_s
    return rho * service_s / (1 - rho) * (1 + variability) / 2
    ### END SOLUTION


check("queueing.wait", mean_wait_s)

# %% [markdown]
# ## Two numbers
#
# Triton serves one instance of the ONNX model, with one thread and without batches. If one client waits for each
# answer, there is never a queue, and what Triton counts for input, model and output is the service time.

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
alone = ledger().append(
    closed_loop(target, concurrency=1, duration_s=2, option="queueing")
)
service_s = alone.load.server.compute_s
capacity_rps = 1 / service_s
print(
    f"service time {service_s * 1e3:.2f} ms: one instance has a capacity of {capacity_rps:.0f} requests a second"
)

# %% [markdown]
# The other number is the rate. People do not ask each other before they upload: their arrivals are close to a Poisson
# process, and the tool for it is an **open loop**. A request is sent when it is due, whether or not the one before was
# answered, and its latency counts from that moment. (Clients that wait for a hanging server stop asking, so the
# requests that would have suffered most are never sent, and no percentile shows them. Gil Tene calls it *coordinated
# omission*.)
#
# Four rates below the capacity, and twice the capacity:

# %%
runs = []
for seed, share in enumerate((0.3, 0.5, 0.75, 0.9, 2.0)):
    how = {
        "rate_rps": share * capacity_rps,
        "duration_s": 4 if share < 1 else 2,
        "seed": seed,
        "option": "queueing",
    }
    run = run_with_progress(
        lambda report, how=how: open_loop(target, **how, on_progress=report),
        f"{share:.0%}",
    )
    runs.append(ledger().append(run))
growth = np.mean(runs[3].samples) / np.mean(runs[1].samples)
pd.Series({"nine tenths / half": growth, "you predicted": guesses["times"]}).round(1)

# %% [markdown]
# ## When may the two be compared?
#
# The formula takes three things for granted, and a run can be asked about each of them:
#
# - the queue settles: λ · *s* is below 1, with the service time of an otherwise idle server;
# - the server keeps up: it answers at least 95 % of the requests that are due in a second;
# - the service time does not depend on the load: in the run it is within 10 % of what it is alone, up or down.
#
# A run that breaks one of them says nothing about the formula, and the formula nothing about the run.


# %% question="queueing.applies"
def applies(due_rps, answered_rps, alone_s, loaded_s):
    """Return whether a run meets all three assumptions.

    In a second, due_rps requests were due and answered_rps were answered. alone_s is the service time of an otherwise
    idle server, loaded_s the one in the run."""
    ### BEGIN SOLUTION
    return (
        due_rps * alone_s < 1
        and answered_rps >= 0.95 * due_rps
        and abs(loaded_s / alone_s - 1) <= 0.1
    )
    ### END SOLUTION


check("queueing.applies", applies)

# %%
rows, rates = [], np.linspace(0.01, 0.96, 100) * capacity_rps
figure, axis = plt.subplots(figsize=(9, 3.2), layout="constrained")
for name, variability, style in (("M/M/1", 1, "--"), ("M/D/1", 0, "-")):
    waits_ms = [1e3 * mean_wait_s(rate, service_s, variability) for rate in rates]
    axis.plot(rates, waits_ms, style, color="black", label=name)
for run in runs:
    due = (len(run.samples) + len(run.load.failures)) / run.load.duration_s
    loaded_s, waited_s, answered = (
        run.load.server.compute_s,
        run.load.server.queue_s,
        run.throughput_rps.value,
    )
    fits = applies(due, answered, service_s, loaded_s)
    theory = 1e3 * mean_wait_s(due, service_s, 0) if due * service_s < 1 else None
    longer = 1e3 * mean_wait_s(due, loaded_s, 0) if due * loaded_s < 1 else None
    rows.append(
        (
            due,
            answered,
            due * service_s,
            1e3 * loaded_s,
            1e3 * waited_s,
            theory,
            longer,
            str(fits),
        )
    )
    if due < capacity_rps:
        axis.plot(due, 1e3 * waited_s, "o", color="tab:blue" if fits else "tab:red")
axis.set(
    xlabel="requests a second (blue: the assumptions hold, red: one does not)",
    ylabel="mean wait, ms",
)
axis.legend()
columns = [
    "due/s",
    "answered/s",
    "ρ",
    "service, ms",
    "waited, ms",
    "M/D/1, ms",
    "with this run's service",
    "holds",
]
pd.DataFrame(rows, columns=columns).style.format(precision=2, na_rep="").hide()

# %% [markdown]
# Compare *waited* with M/D/1 in the rows in which *holds* says True. In the others, look at *service*. If it is not
# what it was alone, something else wanted the processor (the client that measures, a browser), now or while one client
# asked. Near ρ = 1 a small change of the service time changes the wait a lot: the column *with this run's service* puts
# that time into the same formula.
#
# ## Little's law, and when it fails
#
# How many requests are inside at once, on average? **Little's law** answers without counting, from how many come in a
# second and how long each of them stays, *in a system in which what arrives also leaves*. It needs no distribution and
# no model of the server. Look at the units.
#
# So if eight clients that wait for their answers get no more answers a second than one did, each of them must wait
# eight times as long. With such clients the law is nearly a matter of course: eight are always inside. In an open loop
# it is not, and the records are detailed enough to count: each request was inside from the moment when it was due until
# its answer. The mean over a time is the area under that count, divided by the time.


# %% question="queueing.inside"
def mean_inside(begins_s, latencies_s, duration_s):
    """Return the mean number of requests inside between 0 and duration_s.

    begins_s says when each request was due, all before duration_s; latencies_s what each of them took, and some end
    later. What happens after duration_s does not count."""
    ### BEGIN SOLUTION
    ends_s = np.minimum(np.add(begins_s, latencies_s), duration_s)
    return float((ends_s - begins_s).sum() / duration_s)
    ### END SOLUTION


check("queueing.inside", mean_inside)

# %%
rows = []
for run in runs:
    rate, latencies_s = len(run.samples) / run.load.duration_s, np.array(run.samples)
    counted = mean_inside(np.array(run.load.offsets_s), latencies_s, run.load.duration_s)
    rows.append((rate, run.throughput_rps.value, counted, rate * latencies_s.mean()))
pd.DataFrame(
    rows, columns=["due/s", "answered/s", "inside, counted", "inside, by the law"]
).round(2)

# %% [markdown]
# If answers keep up with arrivals, the two columns agree. In the last row they do not: more arrives than leaves, and
# the law counts the requests that are inside at the end with their whole stay, though most of it comes after the run.
#
# ## How many may wait?
#
# A photo that is answered after its phone has given up was computed for nothing, so a queue needs a bound. Say that all
# workers have just begun a photo. They finish together, after one **round**; then each takes one that waits, and so on.
# A photo whose round ends after the deadline is answered too late.


# %% question="queueing.may_wait"
def may_wait(deadline_s, seconds_each, workers):
    """Return how many requests may wait so that the last of them is answered within the deadline.

    In the first round, which takes seconds_each, all workers are busy with others. In each round after it, every worker
    takes one of those that wait. Only whole rounds count; if there is no time for a second one, it is 0.
    """
    ### BEGIN SOLUTION
    rounds = int(deadline_s / seconds_each)
    return max(0, rounds - 1) * workers
    ### END SOLUTION


check("queueing.may_wait", may_wait)

# %% [markdown]
# Phones give up after half a second. Plan for four fifths of that, because a mean leaves no room for slow rounds. In
# the next cell photos come at one and a half times the capacity. In the first run all may wait, and in the second no
# more than your function says: `max_queue_size` bounds the queue of Triton's batcher, which takes one at a time here.

# %%
DEADLINE_S, rows = 0.5, {}
limit = may_wait(0.8 * DEADLINE_S, service_s, 1)
bounded = f"dynamic_batching {{ default_queue_policy {{ max_queue_size: {limit} }} }}"
for name, stanza in {"all may wait": "", f"{limit} may wait": bounded}.items():
    (folder / "config.pbtxt").write_text(PLAIN + stanza)
    client.load_model(folder.name, headers=triton.headers)
    target = triton_target(triton, folder.name, tensor_inputs(images))
    how = {
        "rate_rps": 1.5 * capacity_rps,
        "duration_s": 5,
        "option": f"queueing-{name.split()[0]}",
    }
    work = partial(open_loop, target, **how)
    run = run_with_progress(lambda report, work=work: work(on_progress=report), name)
    late, refused = (
        pd.Series(ledger().append(run).samples) > DEADLINE_S,
        len(run.load.failures),
    )
    shares = {"in time": (~late).sum(), "late": late.sum(), "refused": refused}
    rows[name] = {
        what: f"{count / (len(late) + refused):.0%}" for what, count in shares.items()
    }
    rows[name]["median latency of the answers"] = f"{run.percentile(50) * 1e3:.0f} ms"
triton.stop()
pd.DataFrame(rows).T

# %% [markdown]
# If all may wait, the queue grows for as long as the rush lasts, and each photo waits for all before it. With a bound,
# an answer takes a fraction of that, and the others are refused at once. Some photos are late even so, because their
# rounds took longer than the mean.
#
# ## What you found
#
# The manager's answer has two parts. Within what was measured, the formula says how long requests wait at any rate:

# %%
for share in (0.45, 0.9):
    wait_s = mean_wait_s(share * capacity_rps, service_s, 0)
    print(
        f"at {share * capacity_rps:.0f} a second a request waits {1e3 * wait_s:.1f} ms on average"
    )

# %% [markdown]
# Beyond it, measure the service time again, under the load that you expect.
#
# - The campaign doubles the rate. At which utilization may you be today, if the wait may not double?
# - Two instances take from one queue. Is a request's wait half as long at the same utilization, or shorter? Measure it.
