# ---
# jupyter:
#   lesson:
#     id: measurements
#     title: What measurements can say
#     summary: samples for a percentile, the claims that one run allows, two options in turns, and a loss by drawing
#     part: 1
#     kind: deeper
#     where: [laptop, node]
#     needs: [architecture]
#     ports: []
#     takes:
#       measure: [latency torch-eager]
#       architecture: [accuracy mobilenetv2, accuracy mobilenetv2-075, accuracy mobilenetv2-050]
# ---

# %% [markdown]
# # What measurements can say
#
# **Prerequisites:** *Choose an architecture*. **Runs on:** your laptop.
#
# "It takes 11.8 milliseconds," you say. "I measured it too," says a colleague, "and got
# 12.6." Both of you took hundreds of samples on one machine, and neither number is inside
# the other's interval. **What can you claim from a measurement?** This lesson needs some
# patience with statistics.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from labs import assets, bench, stats
from labs.checkpoints import check, predict, predicted
from labs.data.dataset import load_split
from labs.data.models import load_mobilenet_v2
from labs.records.ledger import ledger
from labs.widgets import run_with_progress

# %% [markdown]
# ## Predict
#
# You will make ten short runs of one model, one after the other, and compute a 95 %
# interval of each run's median. How many of the ten intervals will contain the median of
# all runs together? Predict this for the textbook's interval, which treats the samples of
# a run as independent, and for one that allows neighbouring samples to be alike.

# %%
predict("measurements.hold", textbook=..., steady=...)

# %% [markdown]
# ## How many samples a percentile needs
#
# The next cell reads the record that `bench` made of the eager model. A **95 % confidence
# interval** is a range that contains the true value in 95 of 100 repetitions of the
# measurement. So it shows how far a percentile may move when you measure again.

# %%
latency = ledger().first(kind="latency", option="torch-eager")
samples = 1000 * np.array(latency.samples)
rows = {}
for q in (50, 95, 99):
    p = stats.median_interval(samples, q=q)
    beyond = np.sum(samples > p.value)
    rows[f"p{q}"] = (p.value, p.low, p.high, beyond)
columns = ["milliseconds", "from", "to", "samples beyond"]
pd.DataFrame.from_dict(rows, orient="index", columns=columns).round(2)

# %% [markdown]
# The last column explains why the p99 differs so much from run to run: a handful of
# samples decide it. With even fewer samples, often *none* would be above the true p99,
# and then no sample can be the upper end of its interval. One sample is below the p99
# with probability 0.99, and all of $n$ samples with probability $0.99^n$. Allow this in
# at most 2.5 of 100 runs; the other 2.5 are for the lower end.


# %% question="measurements.fewest"
def fewest_samples(q):
    """Return the smallest n, an int, for which all n samples are below the q-th
    percentile (0 < q < 100) in at most 2.5 of 100 runs.

    Example: fewest_samples(50) returns 6, because 0.5 ** 6 = 0.016 is at most 0.025.
    """
    ### BEGIN SOLUTION
    return int(np.ceil(np.log(0.025) / np.log(q / 100)))
    ### END SOLUTION


check("measurements.fewest", fewest_samples)

# %%
fewest = {f"p{q}": fewest_samples(q) for q in (50, 90, 95, 99, 99.9)}
pd.Series(fewest, name="samples at least")

# %% [markdown]
# This is why `bench` takes 400 samples. How many more samples does a narrower interval
# need? Its width shrinks with the square root of the number of samples.


# %% question="measurements.more"
def samples_needed(have, width, wanted):
    """Return the number of samples for an interval of the width `wanted`, if `have`
    samples gave an interval of the width `width`. Do not round it.

    Example: samples_needed(100, 4.0, 2.0) returns 400.0: half the width, four times the
    samples.
    """
    ### BEGIN SOLUTION
    return have * (width / wanted) ** 2
    ### END SOLUTION


check("measurements.more", samples_needed)

# %%
for q in (50, 99):
    p = stats.median_interval(samples, q=q)
    width_ms, wanted_ms = p.high - p.low, 0.02 * p.value
    count = samples_needed(len(samples), width_ms, wanted_ms)
    took_s = count * samples.mean() / 1000
    print(f"p{q} within ± 1 %: {count:,.0f} samples, {took_s:,.0f} seconds")

# %% [markdown]
# ## One run, and another
#
# All this holds for *independent* samples. Are yours independent? The next cell makes ten
# runs of 120 calls, and draws two intervals for each run's median. Blue: the textbook's
# interval. Orange: `stats.steady_interval`, which divides a run into ten blocks, measures
# how much these differ, and widens the interval accordingly. The line is the median of
# all runs.

# %%
guesses = predicted("measurements.hold")
net = load_mobilenet_v2(assets.model())
image = load_split(assets.dataset(), "evaluation", limit=1)[0]
call = bench.caller(net)
bench.time_calls(call, image, 20)  # to warm up


def ten_runs(report):
    """Return ten runs of 120 calls in milliseconds."""
    runs = []
    for place in range(10):
        report(place / 10, f"run {place + 1} of 10")
        times_s = bench.time_calls(call, image, 120)
        runs.append(1000 * np.array(times_s))
    return runs


runs = run_with_progress(ten_runs, "Ten runs")
centre = np.median(runs)
figure, axis = plt.subplots(figsize=(9, 3.5))
methods = {"textbook": stats.median_interval, "steady": stats.steady_interval}
held = {}
for shift, (name, method) in enumerate(methods.items()):
    intervals = [method(run, q=50) for run in runs]
    held[name] = int(sum(centre in interval for interval in intervals))
    lows = [interval.low for interval in intervals]
    highs = [interval.high for interval in intervals]
    places = np.arange(10) + 0.15 * shift
    axis.vlines(places, lows, highs, f"C{shift}", lw=3)
axis.axhline(centre, color="black", lw=1)
axis.set(xlabel="run", ylabel="milliseconds", xticks=range(10))
textbook, steady = held["textbook"], held["steady"]
axis.set_title(
    f"Of ten intervals, {textbook} blue and {steady} orange ones hold the line"
)
ledger().observe("measurements.runs", held)
pd.DataFrame({"of ten intervals hold the line": held, "you predicted": guesses})

# %% [markdown]
# On two busy cores of an AMD EPYC, one blue interval of ten contained the line, and nine
# orange ones. The blue intervals are right about their own runs: during each run, the
# median was there. But a machine's clock, its other programs and its memory change more
# slowly than calls follow each other, so 120 calls in a row contain only as much
# information as a few independent ones. The orange interval measures this within a run.
# No single run can show the changes *between* runs.
#
# If the true value is known, you can count how often an interval contains it. In the next
# cell, the true median is 0, and each sample repeats 0.8 of the one before:


# %%
def series(alike):
    """Return 400 samples around 0. Each repeats the share `alike` of the one before."""
    values = random.standard_normal(400)
    new = np.sqrt(1 - alike**2)
    for place in range(1, 400):
        values[place] = alike * values[place - 1] + new * values[place]
    return values


def share_that_hold_0(method, many):
    """Return the share of intervals that contain the true median, 0."""
    return np.mean([0 in method(values, q=50) for values in many])


random = np.random.default_rng(1)
rows = {}
for name, alike in {"independent": 0.0, "neighbours alike": 0.8}.items():
    many = [series(alike) for _ in range(200)]
    rows[name] = {
        "textbook": share_that_hold_0(stats.median_interval, many),
        "steady": share_that_hold_0(stats.steady_interval, many),
    }
pd.DataFrame(rows).T.style.format("{:.0%}")

# %% [markdown]
# Both methods promise 95 %. The textbook's method keeps this promise only if samples are
# independent.
#
# ## In turns
#
# To compare two options, let them take turns, so that both run under the same conditions,
# and compute the ratio in each round. A slow moment then affects both and cancels out.
# The next cell compares the model with *exactly the same model*, and with one that stores
# the colours of a pixel next to each other (`channels_last`).

# %%
same = load_mobilenet_v2(assets.model())
channels_last = load_mobilenet_v2(assets.model())
channels_last.to(memory_format=torch.channels_last)
targets = {"the model": net, "the same again": same, "channels last": channels_last}
for target in targets.values():
    bench.describe(target, model_path=assets.model())


def in_turns(report):
    return bench.compare(targets, image, rounds=20, on_progress=report)


comparison = run_with_progress(in_turns, "In turns")
table = comparison.table("the model")
table.round(3)

# %% [markdown]
# *Times as fast* is the ratio; *at least* and *at most* are the ends of its interval.
# Which claim do they allow?


# %% question="measurements.claim"
def claim(at_least, at_most):
    """Return 'faster', 'slower' or 'cannot tell', from the ends of the interval of the
    speed-up.

    'faster' needs an interval above 1, 'slower' one below 1. An interval that contains
    1, or ends there, is 'cannot tell'. Example: claim(1.1, 1.3) returns 'faster'.
    """
    ### BEGIN SOLUTION
    if at_least > 1:
        return "faster"
    return "slower" if at_most < 1 else "cannot tell"
    ### END SOLUTION


check("measurements.claim", claim)

# %%
others = ["the same again", "channels last"]
shown = table.loc[others, ["times as fast", "at least", "at most"]].copy()
for name in others:
    at_least, at_most = shown.loc[name, ["at least", "at most"]]
    effect = comparison.ratio(name, "the model").minimum_detectable_effect
    shown.loc[name, "claim"] = claim(at_least, at_most)
    shown.loc[name, "found four times in five"] = f"{effect:.1%}"
shown

# %% [markdown]
# For *the same again*, the right claim is "cannot tell", and 95 of 100 such runs make it.
# Five do not: if you compare twenty pairs of equal models, expect to find one difference.
# But "cannot tell" does not mean equal. The last column shows the smallest difference
# that a run like this one finds four times in five; a smaller difference may exist.
#
# How far apart are single runs? Your ten runs all measured one model. The next cell
# divides their medians by each other:

# %%
medians = np.array([np.median(run) for run in runs])
ratios = medians[:, None] / medians[None, :]
print(f"largest ratio of two runs of the same model: {ratios.max():.3f}")

# %% [markdown]
# If you measure an optimization once before and once after, a gain of this size does not
# show that it works.
#
# ## A loss, and whether it was chance
#
# Answers need statistics too. *Choose an architecture* judged the half network by its 182
# drawings, with this method. Suppose that the half network were as good as the full one.
# Then each drawing's difference could equally have had the other sign. Toss a coin for
# every sign, many times, and count how often the sum is at least as far from 0 as the
# measured sum. This share is the **p-value** of a *sign-flip test*.

# %%
records = ledger().read()
drawings = np.array(assets.drawings("evaluation"))


def right_answers(name):
    """Return an array with 1.0 for each photo that a network gets right, otherwise 0."""
    record = records.latest(kind="accuracy", option=name)
    return np.array(record.samples, dtype=float)


full, half = right_answers("mobilenetv2"), right_answers("mobilenetv2-050")


def tossed(lost):
    """Return the sum of the drawings' differences, and 10,000 such sums with random
    signs, if each photo is assumed to lose `lost` (0.02 is two points).
    """
    differences = np.bincount(drawings, half - full + lost)
    signs = np.random.default_rng(0).choice([-1, 1], (10_000, len(differences)))
    return differences.sum(), signs @ differences


for lost in (0, 0.02, 0.04, 0.08, 0.10):
    seen, sums = tossed(lost)
    p = np.mean(np.abs(sums) >= abs(seen))
    print(f"as if {100 * lost:2.0f} points were lost: p = {p:.3f}")
paired = stats.paired_proportions(half, full, drawings)
low, high = 100 * paired.interval.low, 100 * paired.interval.high
print(f"{low:.1f} to {high:.1f} points, p = {paired.p_value:.3f}")

# %% [markdown]
# The first line tests the claim that no accuracy was lost; the other lines test a given
# loss. A p below 0.05 rejects the claim. The losses that are *not* rejected form the 95 %
# interval. So interval and p come from one test: p is below 0.05 exactly if 0 is outside
# the interval.
#
# **Note.** `paired_proportions` adds one drawing to each side, which makes the interval a
# little wider. Otherwise equal answers to three drawings would show that no loss exists.
#
# If you judge several pairs, one of them is more likely to look different by chance.
# **Holm's correction** raises each p-value to allow for this: it multiplies the smallest
# by the number of pairs, the next by one less, and so on, and keeps them in rising order.

# %%
p_values = {}
for name in ("mobilenetv2-075", "mobilenetv2-050"):
    p_values[name] = records.paired_accuracy(name, "mobilenetv2").p_value
p = pd.Series(p_values).sort_values()
pairs_left = np.arange(len(p), 0, -1)
by_holm = (p * pairs_left).cummax().clip(upper=1)
pd.DataFrame({"p": p, "p, by Holm": by_holm}).round(3)

# %% [markdown]
# ## What you found
#
# - One run gives a value and, with enough samples, an interval for this run. Report the
#   run and the machine.
# - Compare two options in turns, on the same drawings, and claim only what the interval
#   allows.
#
# **Try it yourself**
#
# - Close your browser, repeat the ten runs, then play a video during them. Which interval
#   shows the difference?
# - Set `torch.set_num_threads(1)`. Do the runs agree better?

# %% [markdown]
# ## Read more
#
# - [Rigorous Benchmarking in Reasonable Time](https://doi.org/10.1145/2464157.2464160)
#   (T. Kalibera and R. Jones, 2013): how many runs, and how many samples in each.
# - [Statistically Rigorous Java Performance
#   Evaluation](https://doi.org/10.1145/1297027.1297033) (A. Georges, D. Buytaert and L.
#   Eeckhout, 2007): how papers came to wrong conclusions from single runs.
