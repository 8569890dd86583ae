# ---
# jupyter:
#   lesson:
#     id: measurements
#     title: What measurements can say
#     summary: how many samples a percentile takes, what one run can promise, two options in turns, a loss by drawing
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
# "It takes 11.8 milliseconds," you say. "I measured it too," says a colleague, "and got 12.6." Both of you took
# hundreds of samples on one machine, and neither number lies in the other's interval. **What may one claim from a
# measurement?** You need *Choose an architecture*, a laptop, and some patience with statistics.

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
# Ten short runs of one model, one after the other, and for each a 95 % interval of its median. In how many of the ten
# does it hold the median of all runs together? First for the textbook's interval, which takes the samples of a run as
# independent; then for one that allows neighbours to be alike.

# %%
predict("measurements.hold", textbook=..., steady=...)

# %% [markdown]
# ## How many samples a percentile takes
#
# Take the record that `bench` made of the eager model. An *interval* says how far a percentile may move when somebody
# measures again: of a hundred intervals made this way, 95 should hold the true value.

# %%
latency = ledger().first(kind="latency", option="torch-eager")
samples = 1000 * np.array(latency.samples)
rows = {}
for q in (50, 95, 99):
    found = stats.median_interval(samples, q=q)
    rows[f"p{q}"] = (found.value, found.low, found.high, np.sum(samples > found.value))
columns = ["milliseconds", "from", "to", "samples beyond"]
pd.DataFrame.from_dict(rows, orient="index", columns=columns).round(2)

# %% [markdown]
# The last column says why p99 differs so much from run to run: a handful of samples decide it. With fewer samples
# still, often *none* would lie beyond the true p99, and then no sample can be its upper end. One sample stays below p99
# with probability 0.99, and all of $n$ with $0.99^n$. Let that happen in 2.5 of 100 runs at most: the other 2.5 belong
# to the lower end.


# %% question="measurements.fewest"
def fewest_samples(q):
    """Return the smallest n for which all n samples lie below the q-th percentile in at most 2.5 of 100 runs."""
    ### BEGIN SOLUTION
    return int(np.ceil(np.log(0.025) / np.log(q / 100)))
    ### END SOLUTION


check("measurements.fewest", fewest_samples)

# %%
pd.Series(
    {f"p{q}": fewest_samples(q) for q in (50, 90, 95, 99, 99.9)}, name="samples at least"
)

# %% [markdown]
# That is why `bench` takes 400. And how many would make an interval as narrow as you want it? Its width shrinks with
# the square root of the number of samples.


# %% question="measurements.more"
def samples_needed(have, width, wanted):
    """Return how many samples give an interval of the width `wanted`, when `have` samples gave one of `width`."""
    ### BEGIN SOLUTION
    return have * (width / wanted) ** 2
    ### END SOLUTION


check("measurements.more", samples_needed)

# %%
for q in (50, 99):
    found = stats.median_interval(samples, q=q)
    more = samples_needed(len(samples), found.high - found.low, 0.02 * found.value)
    print(
        f"p{q} within ± 1 %: {more:,.0f} samples, {more * samples.mean() / 1000:,.0f} seconds"
    )

# %% [markdown]
# ## One run, and another
#
# All this holds for *independent* samples. Are yours? Here are ten runs of 120 calls. Blue is the textbook's interval
# of each run's median, orange is `stats.steady_interval`: it cuts a run into ten blocks, looks how far these differ
# from each other, and widens the interval by as much. The line is the median of all.

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
        runs.append(1000 * np.array(bench.time_calls(call, image, 120)))
    return runs


runs = run_with_progress(ten_runs, "Ten runs")
centre = np.median(runs)
figure, axis = plt.subplots(figsize=(9, 3.5), layout="constrained")
held = {}
for shift, (name, interval) in enumerate(
    {"textbook": stats.median_interval, "steady": stats.steady_interval}.items()
):
    found = [interval(run, q=50) for run in runs]
    held[name] = int(sum(centre in one for one in found))
    axis.vlines(
        np.arange(10) + 0.15 * shift,
        [one.low for one in found],
        [one.high for one in found],
        f"C{shift}",
        lw=3,
    )
axis.axhline(centre, color="black", lw=1)
axis.set(xlabel="run", ylabel="milliseconds", xticks=range(10))
ledger().observe("measurements.runs", held)
pd.DataFrame({"of ten intervals hold the line": held, "you predicted": guesses})

# %% [markdown]
# On two busy cores of an AMD EPYC, one blue interval of ten held the line, and nine orange ones. Blue is not wrong
# about its own run: while it lasted, the median was there. But a machine's clock, its other programs and the place of
# its memory change more slowly than calls follow each other, so 120 calls in a row say no more than a few of them. The
# orange interval measures that within a run. What changes *between* runs, no single run can show.
#
# Where the truth is known, one can count. Here neighbours share four fifths of what moves them:


# %%
def series(alike):
    """Return 400 samples around 0, each of which keeps this share of the one before."""
    made = random.standard_normal(400)
    for place in range(1, 400):
        made[place] = alike * made[place - 1] + np.sqrt(1 - alike**2) * made[place]
    return made


random, rows = np.random.default_rng(1), {}
for name, alike in {"independent": 0.0, "neighbours alike": 0.8}.items():
    many = [series(alike) for _ in range(200)]
    rows[name] = [
        np.mean([0 in f(one, q=50) for one in many])
        for f in (stats.median_interval, stats.steady_interval)
    ]
pd.DataFrame.from_dict(rows, orient="index", columns=["textbook", "steady"]).style.format(
    "{:.0%}"
)

# %% [markdown]
# Both promise 95 %. The textbook's keeps its promise where samples are independent, and only there.
#
# ## In turns
#
# To compare two options, let them take turns, so that both run under the same conditions, and take the ratio round by
# round: what slows both cancels out. Here is the model, *the very same model again*, and the model with the colours of
# a pixel stored side by side (`channels_last`).

# %%
targets = {"the model": net, "the same again": load_mobilenet_v2(assets.model())}
targets["channels last"] = load_mobilenet_v2(assets.model()).to(
    memory_format=torch.channels_last
)
for target in targets.values():
    bench.describe(target, model_path=assets.model())
comparison = run_with_progress(
    lambda report: bench.compare(targets, image, rounds=20, on_progress=report),
    "In turns",
)
table = comparison.table("the model")
table.round(3)

# %% [markdown]
# *Times as fast* is the ratio, *at least* and *at most* are the ends of its interval. What do they let you say?


# %% question="measurements.claim"
def claim(at_least, at_most):
    """Return 'faster', 'slower' or 'cannot tell', from the ends of the interval of how many times as fast it is."""
    ### BEGIN SOLUTION
    if at_least > 1:
        return "faster"
    return "slower" if at_most < 1 else "cannot tell"
    ### END SOLUTION


check("measurements.claim", claim)

# %%
others = list(targets)[1:]
table["claim"] = pd.Series(
    {
        name: claim(table.loc[name, "at least"], table.loc[name, "at most"])
        for name in others
    }
)
effects = {
    name: comparison.ratio(name, "the model").minimum_detectable_effect for name in others
}
table["found four times in five"] = pd.Series(effects).map("{:.1%}".format)
table.loc[
    others, ["times as fast", "at least", "at most", "claim", "found four times in five"]
]

# %% [markdown]
# For *the same again* the right claim is "cannot tell", and 95 of 100 such runs make it. Five do not: if you compare
# twenty pairs that do not differ, expect to find one difference. "Cannot tell" does not mean equal, either. The last
# column is the smallest difference that a run like this one finds four times in five; a smaller one may well be there.
#
# And with single runs? Divide the medians of your ten runs by each other, which are one model and nothing else:

# %%
medians = np.array([np.median(run) for run in runs])
ratios = medians[:, None] / medians[None, :]
print(f"largest ratio of two runs of the same model: {ratios.max():.3f}")

# %% [markdown]
# An optimization of that size, measured once before and once after, is no optimization yet.
#
# ## A loss, and whether it was chance
#
# Answers need statistics too. *Choose an architecture* judged the half network by its 182 drawings. How? Suppose that
# it were as good as the full one. Then each drawing's difference might as well have had the other sign. Toss a coin for
# every sign, many times, and count how often the sum is at least as far from 0 as the one that was seen. That share is
# **p**, of a *sign-flip test*.

# %%
records, drawings = ledger().read(), np.array(assets.drawings("evaluation"))
names = ["mobilenetv2", "mobilenetv2-050"]
full, half = (
    np.array(records.latest(kind="accuracy", option=name).samples, dtype=float)
    for name in names
)


def tossed(lost):
    """Return (the sum over the drawings, its sums with signs tossed), if so much of each photo is taken as lost."""
    differences = np.bincount(drawings, half - full + lost)
    signs = np.random.default_rng(0).choice([-1, 1], (10_000, len(differences)))
    return differences.sum(), signs @ differences


for lost in (0, 0.02, 0.04, 0.08, 0.10):
    seen, sums = tossed(lost)
    print(
        f"as if {100 * lost:2.0f} points were lost: p = {np.mean(np.abs(sums) >= abs(seen)):.3f}"
    )
paired = stats.paired_proportions(half, full, drawings)
print(
    f"{100 * paired.interval.low:.1f} to {100 * paired.interval.high:.1f} points, p = {paired.p_value:.3f}"
)

# %% [markdown]
# The first line asks for no loss at all, the others for a given one, and a p below 0.05 refuses it. The losses that are
# *not* refused are the 95 % interval. So interval and p come from one test: p is below 0.05 exactly if 0 lies outside.
# (`paired_proportions` adds one drawing to each side, which makes the interval a little wider: without that, equal
# answers to three drawings would prove that nothing is ever lost.)
#
# If several pairs are judged, one of them is more likely to look uneven by chance. **Holm's correction** raises each p:
# the smallest is multiplied by the number of pairs, the next by one less, and none may be below the one before it.

# %%
others = ["mobilenetv2-075", "mobilenetv2-050"]
p = pd.Series(
    {name: records.paired_accuracy(name, "mobilenetv2").p_value for name in others}
).sort_values()
pd.DataFrame(
    {"p": p, "p, by Holm": (p * np.arange(len(p), 0, -1)).cummax().clip(upper=1)}
).round(3)

# %% [markdown]
# ## What you found
#
# One run has a value and, with enough samples, an interval for itself: say which run, and which machine. Two options
# are compared in turns, on the same drawings, and the claim is what the whole interval lets you say.
#
# - Close your browser, repeat the ten runs, then play a video during them. Which interval notices?
# - `torch.set_num_threads(1)`: do the runs agree better?
#
