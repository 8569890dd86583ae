# ---
# jupyter:
#   lesson:
#     id: defend
#     title: Choose, and defend it
#     summary: the options that meet the manager's target, their cost per month, and half a page that stays valid for a year
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
# **Prerequisites:** *Quantize*. **Runs on:** a laptop.
#
# It is Friday, and you have measured more options than you can keep in mind. "Which one?"
# the manager asks. "On which machine? What does it cost a month? And how can I check that
# in a year?" No option is best for everything. One is best *for a purpose*, at a price,
# with some certainty. **What do you recommend for the server, and what would change your
# mind?** You measure nothing today.

# %%
import math

import matplotlib.pyplot as plt
import pandas as pd

from labs.checkpoints import check, predict, predicted
from labs.display.figures import label_lines
from labs.records.decision import UTILIZATION, decide, published_options, table
from labs.records.ledger import ledger
from labs.records.options import by_machine
from labs.records.prices import hourly_prices
from labs.records.targets import target
from labs.widgets import scoreboard

# %% [markdown]
# ## Predict
#
# On the server's CPU, the manager wants one photo in < 3 ms and at least 1,000 photos per
# second in batches. The accuracy must be kept: the interval of the difference to float32
# stays above −3 points. How many of the options that you measured on a CPU keep their
# accuracy?

# %%
predict("defend.kept", options=...)

# %% [markdown]
# ## One machine decides
#
# You cannot compare the times of two machines. So the table shows the machine that
# measured `food11` last: the server after a lease, and this computer before it. `decide`
# sorts the options. The options that meet the target come first, the cheapest of them at
# the top. Then come the others that keep their accuracy, those closest to the target
# first. The board uses the same order.

# %%
guesses = predicted("defend.kept")
cpu, gpu = target("server-cpu"), target("server-gpu")
*other_machines, options = by_machine(ledger().read(), "food11").values()
judged = decide(options, cpu)
accurate = [row for row in judged if row.accuracy == "kept"]
count = len(accurate)
ledger().observe("defend.options", {"kept": count, "machine": options[0].machine})
print(f"{count} keep their accuracy, and you predicted {guesses['options']:g}")
money = ["machines", "dollars an hour", "dollars a month", "machine"]
table(judged).drop(columns=money).style.format(precision=2, na_rep="")

# %% [markdown]
# ## What it costs
#
# In the busiest hour, 1,000 photos arrive each second. How many machines does that take?
# Near a machine's limit, its queue grows without end (*Queueing theory* computes how
# fast). So each machine gets less work than it could do. The **utilization** is the share
# of a machine's measured rate that it gets as work. It is {{ UTILIZATION }} in this
# course (`UTILIZATION`). A month has 730 hours, and you can rent only complete machines.


# %% question="defend.dollars"
def dollars_a_month(peak_per_s, photos_per_s, usd_per_hour, utilization):
    """Return the dollars per month for machines that can answer a peak.

    peak_per_s is the number of photos per second in the busiest hour, photos_per_s the
    measured rate of one machine, utilization the share of this rate that a machine gets,
    from 0 to 1, and usd_per_hour the price of a machine. A month has 730 hours. You can
    rent only complete machines; the rates need not be whole numbers.

    dollars_a_month(90.0, 100.0, 1.0, 0.8) is 1460.0, the price of two machines.
    """
    ### BEGIN SOLUTION
    machines = math.ceil(peak_per_s / (utilization * photos_per_s))
    return machines * usd_per_hour * 730
    ### END SOLUTION


check("defend.dollars", dollars_a_month)

# %% [markdown]
# These are the prices of one cloud, on one day (`assets/reference/prices.json` states
# which). It rents out processors by the thread: a machine with n threads costs n ×
# `usd_per_hour` / `threads`. It rents out a GPU only as a whole. To use your own prices,
# replace them, as in `prices.loc["A100", "usd_per_hour"] = 2.5`, and run the cells again.

# %%
prices = hourly_prices()
prices

# %% [markdown]
# Now compare machines: this one, all others in your ledger, and those of the manager's
# targets, with the results of [Fund's
# lab](https://teaching-on-testbeds.github.io/serve-model-chi/). Each processor is priced
# with all threads that it was measured with: the lab's EPYC node has 256. For each
# machine, the next cell takes the option that `decide` puts first, and calls your
# function. The server target has *one* GPU, because GourmetGram cannot pay for several
# and balance the load over them.

# %% folded=true
# Compute the monthly price of each machine's best option.
machines = [options, *other_machines, published_options(cpu), published_options(gpu)]
best = []
for machine_options in machines:
    for wanted in (cpu, gpu):
        ranked = decide(machine_options, wanted, prices=prices)
        best += ranked[:1]
usd_a_month = []
for row in best:
    rate, usd = row.option.batch_fps.value, row.usd_per_hour
    known = usd > 0
    month = dollars_a_month(1000, rate, usd, UTILIZATION) if known else math.nan
    usd_a_month.append(month)
costs = table(best)
costs["dollars a month"] = usd_a_month
of_targets = [row for row in best if row.source or row.on_target_machine]
processors = [row for row in of_targets if row.target is cpu]
cards = [row for row in of_targets if row.target is gpu]
server = processors[0]
card = next(row for row in cards if "A100" in row.option.machine)
rented = {}
for name, row in (("cpu", server), ("gpu", card)):
    rate = row.option.batch_fps.value
    rented[name] = {"photos_per_s": rate, "usd_per_hour": row.usd_per_hour}
rented["cpu"]["threads"] = int(server.option.threads)
ledger().observe("defend.machines", rented)
for name, machine in rented.items():
    print(f"{name}: {machine}")
money = ["dollars an hour", "dollars a month"]
shown = costs.style.format(precision=2, na_rep="")
shown.format(precision=2, na_rep="unknown", subset=money)

# %% [markdown]
# By the course's prices, the complete EPYC costs three times as much as the A100. But a
# small network cannot use 256 threads (*Run on the server*), and a cloud also rents out
# 64 or 8 of them. What does a month cost if the rate stays the same with fewer threads?
# The plot shows this for each peak. Each step is one more machine.

# %%
peaks = range(10, 6000, 10)
processor, a100 = rented["cpu"], rented["gpu"]
thread_usd_per_hour = processor["usd_per_hour"] / processor["threads"]
lines = {}
for n in (processor["threads"], 64, 8):
    lines[f"CPU, {n} threads"] = processor["photos_per_s"], n * thread_usd_per_hour
lines["GPU"] = a100["photos_per_s"], a100["usd_per_hour"]
figure, axis = plt.subplots()
axis.set_title("The price depends on the number of threads that a service gets")
for name, (rate, usd) in lines.items():
    usd_a_month = [dollars_a_month(peak, rate, usd, UTILIZATION) for peak in peaks]
    axis.step(peaks, usd_a_month, label=name)
axis.set(xlabel="photos a second in the busiest hour", ylabel="dollars a month")
axis.set_ylim(0, 15_000)
label_lines(axis)
plt.show()

# %% [markdown]
# All CPU lines assume the same rate. With the rates of Fund's lab, the CPU with all its
# threads never costs less than the GPU. With 64 threads, it costs less until it needs a
# second machine. With 8 threads, it costs less at every peak of the plot. So the price
# depends on the number of threads that a service gets. What is the largest number of
# threads with which the CPU still costs less than the GPU at the manager's peak of 1,000?
# Find it with your function, to the thread. And how far is this machine from all three
# targets? The board shows it.

# %%
scoreboard(ledger().read())

# %% [markdown]
# ## Defend
#
# `decide` ranks the options, but the recommendation is yours. You may choose another
# option that keeps its accuracy (and meets the target, if any option here does), if you
# have a reason. Choose a file that you optimized, not a network as the course trained it.
# A recommendation that the manager can rely on has five parts:
#
# - the *option*;
# - the *evidence*, quoted from the first table: `p50_ms` with two decimals, and the
#   `right` answers;
# - the *most threads* that a service on the EPYC may get and still cost less than the
#   A100 at a peak of 1,000 (0 if one thread costs too much);
# - the *price*, with a figure: what you give up compared with float32, what must be
#   repeated after each training, and what it costs;
# - the measurement that *would change your mind*, with its machine.

# %% question="defend.choice"
### BEGIN SOLUTION
first = next(row for row in accurate if row.option.option.startswith("int8"))
float32 = next(row for row in judged if row.option.option == "food11")
lost = float32.option.right - first.option.right
gpu_usd = dollars_a_month(1000, a100["photos_per_s"], a100["usd_per_hour"], UTILIZATION)
most_threads = 0
for n in range(1, processor["threads"] + 1):
    usd = n * thread_usd_per_hour
    cpu_usd = dollars_a_month(1000, processor["photos_per_s"], usd, UTILIZATION)
    if cpu_usd < gpu_usd:
        most_threads = n
evidence = {
    "p50_ms": 1000 * first.option.p50_s.value,
    "right": int(first.option.right),
}
price = (
    f"{lost:.0f} right answers fewer than float32, {first.usd_per_month:,.0f} dollars a "
    "month, and a new calibration after each training."
)
choice = {
    "option": first.option.option,
    "evidence": evidence,
    "most_threads": most_threads,
    "price": price,
    "would_change_my_mind": "The sweep of threads on the EPYC 7763 of the data centre: "
    "if the option needs more threads than that for the peak, I would rent the A100.",
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
# You have an option, a machine, a price, and a way to be proved wrong. Part 2 puts the
# same files on a Raspberry Pi, which plays a phone. Part 3 builds a system around one of
# them.
#
# **Try it yourself**
#
# - Read a neighbour's recommendation. Which of your records explains why you differ?
# - With half of the photos, which options would still keep their accuracy?
# - After a lease, price each row of your sweep of threads (*Run on the server*) by its
#   own number of threads. Which row answers 1,000 photos per second for the least money?

# %% [markdown]
# ## Read more
#
# - [MLPerf Inference Benchmark](https://arxiv.org/abs/1911.02549) (V. J. Reddi et al.,
#   ISCA 2020): rules that make results of different machines comparable.
# - [Model Cards for Model Reporting](https://arxiv.org/abs/1810.03993) (M. Mitchell et
#   al., FAT* 2019): what to write down about a model so that others can judge it.
# - [Scientific Benchmarking of Parallel Computing
#   Systems](https://doi.org/10.1145/2807591.2807644) (T. Hoefler and R. Belli, SC 2015):
#   twelve rules for reporting performance honestly.
