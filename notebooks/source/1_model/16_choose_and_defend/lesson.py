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
from labs.records.decision import decide, hourly_prices, published_options, table
from labs.records.ledger import ledger
from labs.records.options import by_machine
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
table(judged).drop(columns=["machines", "dollars a month", "machine"]).style.format(precision=2, na_rep="")

# %% [markdown]
# ## What it costs
#
# In the busiest hour, 1,000 photos come in each second. How many machines is that? A queue grows without end as a
# machine comes near its limit (*Queueing theory* says how fast), so each one is given 70 per cent of the photos a
# second that you measured. A month has 730 hours, and machines are rented whole.


# %% question="defend.dollars"
def dollars_a_month(peak_per_s, photos_per_s, usd_per_hour):
    """Return what it costs to answer a peak for a month, in dollars: photos_per_s is what one machine was measured at,
    and usd_per_hour its price."""
    ### BEGIN SOLUTION
    return math.ceil(peak_per_s / (0.7 * photos_per_s)) * usd_per_hour * 730
    ### END SOLUTION


check("defend.dollars", dollars_a_month)

# %% [markdown]
# These are prices of one cloud, on one day (`assets/reference/prices.json` says which). Put your own in their place, as
# in `prices.loc["A100", "usd_per_hour"] = 2.5`, and run the cells again.

# %%
prices = hourly_prices()
prices

# %% [markdown]
# Now machines are compared: this one, every other one in your ledger, and those of the manager's targets as an earlier
# lab has published them. Of each machine, the next cell takes the option that `decide` puts first, and asks your
# function.

# %% folded=true
machines = [options, *other_machines, published_options(cpu), published_options(gpu)]
best = [found[0] for of_it in machines for wanted in (cpu, gpu) if (found := decide(of_it, wanted, prices=prices))]
costs = table(best)
costs["dollars a month"] = [
    dollars_a_month(1000, one.option.batch_fps.value, one.usd_per_hour) if one.usd_per_hour > 0 else math.nan
    for one in best
]
rented = {
    name: {"photos_per_s": found.option.batch_fps.value, "usd_per_hour": found.usd_per_hour}
    for word, name in (("EPYC 7763", "cpu"), ("A100", "gpu"))
    for found in reversed(best)
    if word in found.option.machine and (found.target is gpu) == (name == "gpu")
}
ledger().observe("defend.machines", rented)
costs.style.format(precision=2, na_rep="")

# %% [markdown]
# Below are the EPYC 7763 and the A100, `rented["cpu"]` and `rented["gpu"]`, as the peak grows. Each step is one more
# machine.

# %%
peaks = range(10, 6000, 10)
figure, axis = plt.subplots(figsize=(9, 3), layout="constrained")
for name, machine in rented.items():
    axis.step(peaks, [dollars_a_month(peak, **machine) for peak in peaks], label=name)
    print(name, {peak: f"{dollars_a_month(peak, **machine):,.0f} dollars" for peak in (500, 1000, 2000, 4000)})
axis.set(xlabel="photos a second in the busiest hour", ylabel="dollars a month", ylim=(0, None))
axis.legend()
plt.show()

# %% [markdown]
# At which peak does the choice flip from CPU to GPU? Find it with your function, to the photo. And how far is this
# machine from all three targets?

# %%
scoreboard(ledger().read())

# %% [markdown]
# ## Defend
#
# The rule ranks; you answer for it. You may choose another option that keeps its accuracy (and meets the target, if any
# does here), if you have a reason. Five things make a recommendation that one can rely on: the *option*; the
# *evidence*, quoted from the first table (`p50_ms` with two decimals, and the `right` answers); the peak at which the
# choice *flips* to the GPU, in whole photos a second (0 if it never does); the *price*, with a figure: what is given up
# against float32, what has to be done again after each training, what it costs; and the measurement that *would change
# your mind*, with its machine.

# %% question="defend.choice"
### BEGIN SOLUTION
first = next(one for one in judged if one.accuracy == "kept")
floats = next(one for one in judged if one.option.option == "food11")
flips = (
    peak for peak in range(1, 50_000) if dollars_a_month(peak, **rented["gpu"]) < dollars_a_month(peak, **rented["cpu"])
)
choice = {
    "option": first.option.option,
    "evidence": {"p50_ms": 1000 * first.option.p50_s.value, "right": int(first.option.right)},
    "flips_at": next(flips, 0),
    "price": f"{floats.option.right - first.option.right:.0f} right answers fewer than float32, "
    f"{first.usd_per_month:,.0f} dollars a month, and a new calibration after each training.",
    "would_change_my_mind": "The same comparison on the EPYC 7763 of the data centre, with several users at once: if "
    "the option gains nothing there, I would serve float32.",
}
### STUB
choice = {
    "option": ...,
    "evidence": {"p50_ms": ..., "right": ...},
    "flips_at": ...,
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
#
