# ---
# jupyter:
#   lesson:
#     title: Measure the torch model
#     summary: percentiles and their intervals, batches, eager against compiled
#     part: 1
#     number: "11"
#     minutes: 40
#     kind: core
#     where: [any]
#     needs: ["10"]
#     ports: []
#     machine_minutes: 10
#     uses: ["memory", "C++ compiler", "torch.compile on the GPU", "torch's default CUDA build"]
# ---

# %% [markdown]
# # Measure the torch model
#
# "So how fast is it now?" the manager asks in passing. "Just give me the number."
#
# You could run the model once, look at a clock, and say "24 milliseconds". Somebody repeats it and gets 31. A customer
# waits for 80. Nobody lied. There is no *number*: there are many requests, and they take different times. This lesson
# is about saying honestly how fast a model is, and how sure you are of it.
#
# ## You will do
#
# Measure the model as PyTorch runs it by default (*eager*) and after `torch.compile`, alone and side by side.
#
# ## You will learn
#
# - what p50, p95 and p99 say, and how certain each of them is;
# - what batching buys, and what it costs;
# - how to compare two options on a machine that is never quite at rest.
#
# ## You need
#
# A laptop, 40 minutes, and lesson 10. Without a C++ compiler, which `torch.compile` needs, you measure the eager model
# alone. The machine works for about two minutes.

# %%
import numpy as np

from grading.checkpoints import answer, check, predict, reconcile
from labs import assets, bench, stats
from labs.backends import BackendSpec
from labs.dataset import load_split
from labs.machine import capability_text, for_lesson

# %%
from labs.records.format import duration
from labs.records.reference import reference_table, source_line
from labs.records.targets import target
from labs.widgets.comparison import comparison_table
from labs.widgets.distribution import latency_distribution
from labs.widgets.measure import measure
from labs.widgets.progress import run_with_progress
from labs.workspace import ledger

print(capability_text(for_lesson("11")))

# %% [markdown]
# ## Predict
#
# A *batch* hands the model 32 photos in one call. How many times the throughput of single photos will that give? 1
# means that it makes no difference, 32 that a batch takes no longer than one photo.

# %% checkpoint="m.measure.batch_guess"
predict("m.measure.batch_guess", ...)

# %% [markdown]
# In eager mode, Python starts one operation after another. `torch.compile` reads the whole model first, merges
# neighbours and generates C++ for them. How many times faster will a photo be answered? 2 means in half the time.

# %% checkpoint="m.measure.compile_guess"
predict("m.measure.compile_guess", ...)

# %% [markdown]
# ## Act

# %%
images, labels = load_split(assets.dataset("food11-mini"), "evaluation")
model_path = str(assets.model("food11-mini-mobilenetv2"))
eager = BackendSpec("torch", model_path).build()
eager.load()
eager.describe()

# %% [markdown]
# What is the very first call like, and the second? `time_calls` calls the model a few times and returns the seconds
# that each call took.

# %%
[f"{seconds * 1e3:.1f} ms" for seconds in eager.time_calls(images[:1], 8)]

# %% [markdown]
# The first call pays for what the others find ready: memory is claimed, threads wake up, caches fill. That is the *cold
# start*, and not the latency. So every measurement of this course begins with calls that are thrown away, until two
# blocks of them in a row take the same time.
#
# ## Measure
#
# ### One photo at a time
#
# Size and accuracy stand in your ledger since lesson 10, so the latency is what is missing. `bench.latency` shows the
# model one photo again and again, 400 times at least. (Accuracy is measured only if you have left lesson 10 out.)

# %%
if ledger().latest(kind="accuracy", option="torch-eager") is None:
    settings = {"option": "torch-eager", "dataset": "food11-mini/evaluation"}
    ledger().append(bench.accuracy(eager, images, labels, **settings))
latency = run_with_progress(
    lambda report: bench.latency(eager, images[:1], option="torch-eager", on_progress=report), "Latency, eager"
)
latency = ledger().append(latency)

# %%
samples = np.array(latency.samples)
latency_distribution(latency, target("server-cpu").p50_s)

# %% [markdown]
# Every dot is one request. There is a fastest time that none can beat, and a tail of slow ones: other programs want the
# processor, the clock speed changes, the system has its own work. An average says little about that; *percentiles* do.
# p95 is the latency that 95 of 100 requests stay under. Do it once by hand. `samples` holds the latencies in seconds.

# %% checkpoint="m.measure.percentiles"
percentiles = {"p50": ..., "p95": ..., "p99": ...}
answer("m.measure.percentiles", percentiles)

# %%
check("m.measure.percentiles")

# %% [markdown]
# ### How certain is that?
#
# Measure again and you get other samples, and so other percentiles. An *interval* says how far they may move: of a
# hundred intervals made this way, about 95 hold the true value. Its `relative_half_width` is the "plus or minus", as a
# share of the value. (`q` is the percentile.)

# %%
stats.median_interval(samples, q=50)

# %% checkpoint="m.measure.certainty"
# Which of p50, p95 and p99 is least certain? And how many samples are larger than that percentile?
widest = ...
samples_beyond = ...
answer("m.measure.certainty", {"widest": widest, "samples_beyond": samples_beyond})

# %%
check("m.measure.certainty")

# %% [markdown]
# This is why p99 differs so much from one run to the next: a handful of requests decide it. (With fewer than 368 in all
# it would be worse: too often none of them would lie beyond the true p99, and its interval would have no upper end.)
#
# How many samples would do? An interval's width shrinks with the square root of their number. You want one a quarter as
# wide as this measurement's. How many samples are that in all?

# %% checkpoint="m.measure.more_samples"
answer("m.measure.more_samples", ...)

# %%
check("m.measure.more_samples")

# %% [markdown]
# Accuracy has an interval too: other evaluation pictures would have given another one. By how many percentage points,
# up or down?

# %%
accuracy = ledger().latest(kind="accuracy", option="torch-eager")
accuracy.value

# %% checkpoint="m.measure.accuracy_interval"
answer("m.measure.accuracy_interval", ...)

# %%
check("m.measure.accuracy_interval")

# %% [markdown]
# This interval takes every picture for a new question. Here several pictures show the same drawing, and a model that
# fails at one of them often fails at the others: the true interval is wider. The
# [model card](../../assets/models/README.md) gives it, too.
#
# In lesson 14c you may lose one point of accuracy at most. Could you even see one point? Yes, if both models are shown
# *the same* pictures and you count those where they differ. That is how it will be done.
#
# ### Many photos at a time
#
# Choose four batch sizes or more, with 1 and 32 among them: where do you expect the curve to bend?
# `bench.throughput(eager, images, option="torch-eager", batch_sizes=…)` returns one record a batch size. Append each to
# the ledger: a measurement that is not kept did not happen.

# %% checkpoint="m.measure.batches"
batch_sizes = ...
# Measure, and append each record with ledger().append(record).

# %%
reconcile("m.measure.batch_guess")

# %%
check("m.measure.batches")

# %% [markdown]
# In a batch, the first photo waits for the last. So take the smallest batch within 10 % of the best throughput that you
# measured. `record.throughput_fps.value` is a record's throughput.

# %% checkpoint="m.measure.knee"
answer("m.measure.knee", ...)

# %%
check("m.measure.knee")

# %% [markdown]
# ### Compiled
#
# Compiling happens at the first call, and again for a batch size that it has not met. Think of a server that is
# restarted at noon, with people waiting, when you see what that call takes. The calls after it should be faster.
# `measure` takes size, accuracy, latency and throughput in one go, as it will for every option from now on, and keeps
# each record as soon as it is there:

# %%
options = {"torch-eager": eager}
if all(one.available for one in for_lesson("11") if one.name == "C++ compiler"):
    compiled = BackendSpec("torch", model_path, {"compiled": True}).build()
    compiled.load()
    options["torch-compiled"] = compiled
    print("First call:", duration(compiled.time_calls(images[:1], 1)[0]))
    display(measure(compiled, images, labels, option="torch-compiled", ledger=ledger(), batch_sizes=(32,)))

# %% [markdown]
# ### Side by side
#
# Eager was measured minutes ago. Since then the processor has become warmer, and perhaps your mail has been fetched. To
# compare two options fairly, let them take turns, A B A B, in one run: whatever slows the machine down then slows both.

# %%
comparison = None
if len(options) > 1:
    comparison = bench.compare(options, images[:1])
    for record in comparison.records:
        ledger().append(record)
reconcile("m.measure.compile_guess")

# %%
comparison and comparison.ratio("torch-compiled", "torch-eager")

# %% checkpoint="m.measure.speedup"
# The interval of compiled over eager: 0.5 is half the time, and one that holds 1 cannot tell them apart. What does it
# allow you to say: "compiled is faster", "eager is faster" or "cannot tell"?
speedup = {"low": ..., "high": ..., "claim": ...}
answer("m.measure.speedup", speedup)

# %%
check("m.measure.speedup")

# %% [markdown]
# ## Checkpoint
#
# The rows below yours were published for the same architecture on real Food-11 photos, on other machines. Use them as
# landmarks, and never subtract one from the other.

# %%
measured = [record for record in ledger().measurements() if record.option in options]
print(source_line())
comparison_table(measured, reference=reference_table("torch-eager", "torch-compiled"))

# %% [markdown]
# The manager's server must answer in less than 3 ms. How many times as long does the faster of the two take, going by
# its median in `comparison.records`? (Without a compiler: the eager one.)

# %% checkpoint="m.measure.gap"
fastest_s = ...
answer("m.measure.gap", ...)

# %%
check("m.measure.gap")

# %%
check("m.measure.batch_guess")

# %%
eager.close()
check("m.measure.compile_guess")

# %% [markdown]
# ## On your own
#
# - Set `{"intra_op_threads": 1}` in the `BackendSpec` and compare. Do two threads halve the latency?
# - The published EPYC server has 64 cores, and yet it answers later in eager mode than the other machine. Where could
#   its time go?
# - Write down your answer to the manager in two sentences, with one number, its uncertainty, and the machine.
