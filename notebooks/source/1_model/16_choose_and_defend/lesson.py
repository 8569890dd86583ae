# ---
# jupyter:
#   lesson:
#     id: defend
#     title: Choose, and defend it
#     summary: what meets the manager's target, what it costs a month, and half a page that still holds in a year
#     part: 1
#     kind: core
#     where: [laptop]
#     needs: [quantize]
#     ports: []
#     takes: {compile: [latency food11, throughput food11, accuracy food11]}
# ---

# %% [markdown]
# # Choose, and defend it
#
# Friday. You have measured more options than anybody can keep in mind. "Which one?" the manager asks. "On which
# machine? What does it cost a month? And how do I know that in a year?" There is no best option. There is a best one
# *for something*, at a price, with some certainty. **What do you recommend for the server, and what would change your
# mind?** Nothing is measured today.

# %%
import math

import matplotlib.pyplot as plt
import pandas as pd

from labs.checkpoints import check, predict, predicted
from labs.records.decision import UTILIZATION, decide, published_options, table
from labs.records.ledger import ledger
from labs.records.options import by_machine
from labs.records.prices import hourly_prices
from labs.records.targets import target
from labs.widgets import scoreboard

# %% [markdown]
# ## Predict
#
# The manager wants one photo in < 3 ms on the server's CPU, at least 1,000 photos a second in batches, and the accuracy
# kept: the interval of the difference to float32 stays above −3 points. How many of the options that you measured on a
# CPU keep their accuracy?

# %%
predict("defend.kept", options=...)

# %% [markdown]
# ## One machine decides
#
# Times of two machines cannot be compared. So the table has the machine that measured `food11` last: after a lease that
# is the server; before it, this computer. `decide` puts first what meets the target, the cheapest before the others;
# then what comes near, if it keeps its accuracy. The board does the same.

# %%
guesses, cpu, gpu = predicted("defend.kept"), target("server-cpu"), target("server-gpu")
*other_machines, options = by_machine(ledger().read(), "food11").values()
judged = decide(options, cpu)
kept = [one.option.option for one in judged if one.accuracy == "kept"]
ledger().observe("defend.options", {"kept": len(kept), "machine": options[0].machine})
print(f"{len(kept)} keep their accuracy, and you predicted {guesses['options']:g}")
money = ["machines", "dollars an hour", "dollars a month", "machine"]
table(judged).drop(columns=money).style.format(precision=2, na_rep="")

# %% [markdown]
# ## What it costs
#
# In the busiest hour, 1,000 photos come in each second. How many machines is that? A queue grows without end as a
# machine comes near its limit (*Queueing theory* says how fast), so each one is given only a share of the photos a
# second that you measured, its **utilization**: {{ UTILIZATION }} in this course (`UTILIZATION`). A month has 730
# hours, and machines are rented whole.


# %% question="defend.dollars"
def dollars_a_month(peak_per_s, photos_per_s, usd_per_hour, utilization):
    """Return what it costs to answer a peak for a month, in dollars: photos_per_s is what one machine was measured at,
    utilization the share of it, from 0 to 1, that the machine is given, and usd_per_hour its price."""
    ### BEGIN SOLUTION
    return math.ceil(peak_per_s / (utilization * photos_per_s)) * usd_per_hour * 730
    ### END SOLUTION


check("defend.dollars", dollars_a_month)

# %% [markdown]
# These are prices of one cloud, on one day (`assets/reference/prices.json` says which). It rents a processor by the
# thread: a machine with n threads costs n × `usd_per_hour` / `threads`. It rents a GPU whole. Put your own prices in
# their place, as in `prices.loc["A100", "usd_per_hour"] = 2.5`, and run the cells again.

# %%
prices = hourly_prices()
prices

# %% [markdown]
# Now machines are compared: this one, every other one in your ledger, and those of the manager's targets as an earlier
# lab has published them. Each processor is priced with all threads that it was measured with: the lab's EPYC node has
# 256. Of each machine, the next cell takes the option that `decide` puts first, and asks your function.

# %% folded=true
machines = [options, *other_machines, published_options(cpu), published_options(gpu)]
best = [
    found[0]
    for of_it in machines
    for wanted in (cpu, gpu)
    if (found := decide(of_it, wanted, prices=prices))
]
costs = table(best)
costs["dollars a month"] = [
    dollars_a_month(1000, row.option.batch_fps.value, row.usd_per_hour, UTILIZATION)
    if row.usd_per_hour > 0
    else math.nan
    for row in best
]
meant = [row for row in best if row.source or row.on_target_machine]
server = next(row for row in meant if row.target is cpu)
card = next(row for row in meant if row.target is gpu and "A100" in row.option.machine)
rented = {
    "cpu": {
        "photos_per_s": server.option.batch_fps.value,
        "usd_per_hour": server.usd_per_hour,
    },
    "gpu": {
        "photos_per_s": card.option.batch_fps.value,
        "usd_per_hour": card.usd_per_hour,
    },
}
rented["cpu"]["threads"] = int(server.option.threads)
ledger().observe("defend.machines", rented)
print(*(f"{name}: {machine}" for name, machine in rented.items()), sep="\n")
dollars = ["dollars an hour", "dollars a month"]
costs.style.format(precision=2, na_rep="").format(
    precision=2, na_rep="unknown", subset=dollars
)

# %% [markdown]
# By the course's prices, the whole EPYC costs three times as much as the A100. But a small network cannot use 256
# threads (*Run on the server*), and a cloud also rents 64 of them, or 8. What does a month cost if the rate stays the
# same with fewer threads? The plot shows it for each peak. Each step is one more machine.

# %%
peaks = range(10, 6000, 10)
processor, a100 = rented["cpu"], rented["gpu"]
thread_usd_per_hour = processor["usd_per_hour"] / processor["threads"]
lines = {
    f"CPU, {n} threads": (processor, n * thread_usd_per_hour)
    for n in (processor["threads"], 64, 8)
}
lines["GPU"] = a100, a100["usd_per_hour"]
figure, axis = plt.subplots(figsize=(9, 3), layout="constrained")
for name, (machine, usd) in lines.items():
    axis.step(
        peaks,
        [dollars_a_month(n, machine["photos_per_s"], usd, UTILIZATION) for n in peaks],
        label=name,
    )
axis.set(
    xlabel="photos a second in the busiest hour",
    ylabel="dollars a month",
    ylim=(0, 15_000),
)
axis.legend()
plt.show()

# %% [markdown]
# All CPU lines have the same rate. The CPU with all its threads never costs less than the GPU. With 64 threads it costs
# less until it needs a second machine. With 8 it costs less at every peak of the plot. So the number of threads that a
# service is given decides. How many may it be given, at most, so that the CPU costs less than the GPU at the manager's
# peak of 1,000? Find it with your function, to the thread. And how far is this machine from all three targets?

# %%
scoreboard(ledger().read())

# %% [markdown]
# ## Defend
#
# The rule ranks; you answer for it. You may choose another option that keeps its accuracy (and meets the target, if any
# does here), if you have a reason. Five things make a recommendation that one can rely on: the *option*; the
# *evidence*, quoted from the first table (`p50_ms` with two decimals, and the `right` answers); the *most threads* that
# a service on the EPYC may be given to cost less than the A100 at a peak of 1,000 (0 if one thread costs too much); the
# *price*, with a figure: what is given up against float32, what has to be done again after each training, what it
# costs; and the measurement that *would change your mind*, with its machine.

# %% question="defend.choice"
### BEGIN SOLUTION
first = next(one for one in judged if one.accuracy == "kept")
floats = next(one for one in judged if one.option.option == "food11")
gpu_usd = dollars_a_month(1000, a100["photos_per_s"], a100["usd_per_hour"], UTILIZATION)
cheaper = [
    n
    for n in range(1, processor["threads"] + 1)
    if dollars_a_month(
        1000, processor["photos_per_s"], n * thread_usd_per_hour, UTILIZATION
    )
    < gpu_usd
]
choice = {
    "option": first.option.option,
    "evidence": {
        "p50_ms": 1000 * first.option.p50_s.value,
        "right": int(first.option.right),
    },
    "most_threads": max(cheaper, default=0),
    "price": f"{floats.option.right - first.option.right:.0f} right answers fewer than float32, "
    f"{first.usd_per_month:,.0f} dollars a month, and a new calibration after each training.",
    "would_change_my_mind": "The sweep of threads on the EPYC 7763 of the data centre: if the option needs more "
    "threads than that for the peak, I would rent the A100.",
}
### STUB
choice = {
    "option": ...,
    "evidence": {"p50_ms": ..., "right": ...},
    "most_threads": ...,
    "price": ...,
    "would_change_my_mind": ...,
}
### END SOLUTION
check("defend.choice", choice)

# %% [markdown]
# ## What you found
#
# An option, a machine, a price, and a way to be proved wrong. Part 2 takes the same files to a Raspberry Pi; part 3
# builds a system around one of them.
#
# - Read a neighbour's recommendation. Which of your records explains why you differ?
# - With half of the photos, which options would still keep their accuracy?
# - After a lease: price each row of your sweep of threads (*Run on the server*) by its own threads. Which row answers
#   1,000 photos a second for the least money?
