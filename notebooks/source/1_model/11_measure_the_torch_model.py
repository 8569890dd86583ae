# ---
# jupyter:
#   lesson:
#     title: Measure the torch model
#     summary: percentiles and their intervals, batches, threads, eager against compiled
#     part: 1
#     number: "11"
#     minutes: 45
#     kind: core
#     where: [laptop, node]
#     needs: ["10"]
#     ports: []
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
# Time the model with a loop of your own, see what is wrong with that, and measure it properly: one photo at a time, in
# batches, with more threads, as PyTorch runs it by default (*eager*) and after `torch.compile`.
#
# ## You will learn
#
# - what p50, p95 and p99 say, and how certain each of them is;
# - what batches and threads bring, what they cost, and where the time goes when they bring nothing;
# - how to compare two options on a machine that is never quite at rest, and what may be claimed.
#
# ## You need
#
# A laptop, 45 minutes, and lesson 10. Without a C++ compiler, which `torch.compile` needs, you measure the eager model
# alone. The machine works for about two minutes.

# %%
import json
import math
import os
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import torch

# %%
from grading.checkpoints import check, predict, predicted, reconcile
from labs import assets, bench, stats
from labs.charts import latency_distribution, side_by_side, thread_sweep, throughput_curve
from labs.data.dataset import load_split
from labs.data.models import load_mobilenet_v2
from labs.machine import capability_text, for_lesson
from labs.records.ledger import ledger
from labs.records.reference import reference_table, source_line
from labs.records.targets import target
from labs.widgets import comparison_table, measure, run_with_progress

print(capability_text(for_lesson("11")))

# %% [markdown]
# ## Predict
#
# A *batch* hands the model 32 photos in one call. How many times the throughput of single photos will that give on this
# machine's CPU? 1 means that it makes no difference, 32 that a batch takes no longer than one photo.

# %% checkpoint="m.measure.batch_guess"
predict("m.measure.batch_guess", ...)

# %% [markdown]
# In eager mode, Python starts one operation after another. `torch.compile` reads the whole model first, merges
# neighbours and generates C++ for them. How many times faster will a photo be answered? 2 means in half the time.

# %% checkpoint="m.measure.compile_guess"
predict("m.measure.compile_guess", ...)

# %% [markdown]
# ## Act
#
# ### A loop of your own

# %%
model_path = assets.model()
images, labels = load_split(assets.dataset(), "evaluation")
net = load_mobilenet_v2(model_path)
image = torch.from_numpy(images[:1])

# %% [markdown]
# Call the model, look at the clock before and after, and do it again. `time.perf_counter` is the clock for that: it
# only goes forward, and its steps are finer than a microsecond.

# %%
durations_s = []
for _ in range(40):
    begin_s = time.perf_counter()
    net(image)
    durations_s.append(time.perf_counter() - begin_s)
[f"{1e3 * duration_s:.1f} ms" for duration_s in durations_s[:8]]

# %% [markdown]
# The first call pays for what the others find ready: memory is claimed, threads wake up, caches fill. That is the *cold
# start*, and not the latency. There is a second fault, and it cannot be seen. Outside of training, torch need not keep
# what it would need for gradients. `torch.inference_mode()` says so; it costs nothing, and every server should have it.


# %%
def milliseconds_of_calls(count):
    """Return the milliseconds that `count` calls take, without gradients, after five calls to warm up."""
    with torch.inference_mode():
        for _ in range(5):
            net(image)
        found = []
        for _ in range(count):
            begin_s = time.perf_counter()
            net(image)
            found.append(1e3 * (time.perf_counter() - begin_s))
    return found


two_runs = {"one run": milliseconds_of_calls(40), "another": milliseconds_of_calls(40)}
pd.DataFrame(two_runs).describe().round(2)

# %% [markdown]
# Same model, same photo, same machine, half a second later: another mean, another maximum. Compare the row *mean* with
# the row *50%*, the median. One slow call moves the mean, and the median hardly notices. So what else does a
# measurement need? Calls until warm-up has really ended, enough samples for the question that is asked, all of them
# kept, and a note of what was measured where. That is what `bench` does.
#
# ## Measure
#
# ### One photo at a time
#
# `bench` takes native objects. A torch module does not know its file, so that is said once:

# %%
bench.describe(net, model_path=model_path)

# %% [markdown]
# `bench.latency` calls until two blocks of calls in a row take the same time, throws those away, and then takes 400
# samples or more. (Accuracy is measured only if you have left lesson 10 out.)

# %%
if ledger().latest(kind="accuracy", option="torch-eager") is None:
    ledger().append(bench.accuracy(net, images, labels, option="torch-eager"))
latency = run_with_progress(
    lambda report: bench.latency(net, images[:1], option="torch-eager", on_progress=report), "Latency, eager"
)
latency = ledger().append(latency)
latency_distribution(latency, target("server-cpu").p50_s)

# %% [markdown]
# There is a fastest time that nothing can beat, and a tail of slow requests: other programs want the processor, the
# clock speed changes, the system has its own work. An average says little about that; *percentiles* do. p95 is the
# latency that 95 of 100 requests stay under.


# %% checkpoint="m.measure.percentile"
def percentile(samples_s, q):
    """Return the seconds that `q` of 100 samples stay under (an array, in the order taken)."""
    ...


# %%
check("m.measure.percentile", percentile)

# %% [markdown]
# ### How certain is that?
#
# Measure again and you get other samples, and so other percentiles. An *interval* says how far they may move: of a
# hundred intervals made this way, about 95 hold the true value.

# %%
samples = np.array(latency.samples)
rows = {}
for q in (50, 95, 99):
    found = stats.median_interval(samples, q=q)
    rows[f"p{q}"] = {
        "ms": 1e3 * found.value,
        "from": 1e3 * found.low,
        "to": 1e3 * found.high,
        "± %": 100 * found.relative_half_width,
        "samples beyond": np.sum(samples > found.value),
    }
pd.DataFrame(rows).T.round(2)

# %% [markdown]
# The last column is why p99 differs so much from one run to the next: a handful of requests decide it. With fewer
# samples still, often *none* would lie beyond the true p99, and its interval would have no upper end. A sample stays
# under p99 with probability 0.99, all of $n$ samples with probability $0.99^n$. That may happen in 2.5 of 100 runs at
# most (the other 2.5 belong to the lower end). How many samples does a percentile take at the least?


# %% checkpoint="m.measure.fewest_samples"
def fewest_samples(q):
    """Return the smallest n whose samples all lie under the q-th percentile in at most 2.5 of 100 runs."""
    ...


# %%
check("m.measure.fewest_samples", fewest_samples)

# %% [markdown]
# And how many would make an interval as narrow as you want it? Its width shrinks with the square root of their number.


# %% checkpoint="m.measure.more_samples"
def samples_needed(have, width, wanted):
    """Return how many samples give an interval of width `wanted`, when `have` samples gave one of `width`."""
    ...


# %%
check("m.measure.more_samples", samples_needed)

# %% [markdown]
# ### Many photos at a time
#
# Choose four batch sizes or more, with 1 and 32 among them. `bench.throughput(net, images, option="torch-eager",
# batch_sizes=…)` returns a list of records, one for each size. Append each to the ledger with
# `ledger().append(record)`: the check and the chart below read it.

# %% checkpoint="m.measure.batches"
predicted("m.measure.batch_guess")
...

# %%
check("m.measure.batches")

# %%
reconcile("m.measure.batch_guess")

# %%
batches = ledger().measurements(kind="throughput", option="torch-eager")
throughput_curve(batches) if batches else "Measure some batch sizes first."

# %% [markdown]
# In a batch, the first photo waits for the last. So the right batch is not the one with the best throughput, but the
# smallest within 10 % of it.


# %% checkpoint="m.measure.knee"
def knee(batch_sizes, throughputs_fps):
    """Return the smallest batch size whose throughput is at least 0.9 times the best (two lists)."""
    ...


# %%
check("m.measure.knee", knee)

# %% [markdown]
# ### Why so little?
#
# On many machines a batch of 32 is *slower* for each image than a single one. Arithmetic cannot be the reason: it is 32
# times the same. What grows is the memory. In eager mode each layer asks for room for its whole output, and gives it
# back when the next one is done. Here are the largest outputs, for a batch of 32:

# %%
outputs_mb = {}


def note(name):
    """Return a hook that notes the size of a layer's output in megabytes."""

    def hook(layer, given, output):
        outputs_mb[name] = output.numel() * output.element_size() / 1e6

    return hook


layers = [(name, layer) for name, layer in net.named_modules() if not list(layer.children())]
hooks = [layer.register_forward_hook(note(name)) for name, layer in layers]
with torch.inference_mode():
    net(torch.from_numpy(images[:32]))
for hook in hooks:
    hook.remove()
pd.Series(outputs_mb, name="MB").nlargest(4)

# %% [markdown]
# C's `malloc` keeps small pieces of memory for the next one who asks. On Linux, pieces above 32 MB never stay: they
# come from the system and go back to it, each time. And each time the system has to find empty pages of 4 kB, write
# zeros into them and enter them into the process's page table, one *page fault* after another, when a layer first
# writes there.
#
# The system counts page faults, and `malloc` can be told to keep everything. So test the explanation: the same script
# twice, the second time with that setting.

# %%
script = """
import json, resource, time
import torch
from labs import assets
from labs.data.models import load_mobilenet_v2

net, rows = load_mobilenet_v2(assets.model()), {}
with torch.inference_mode():
    for size, calls in ((1, 40), (32, 4)):
        batch = torch.rand(size, 3, 224, 224)
        net(batch), net(batch)
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        begin_s = time.perf_counter()
        for _ in range(calls):
            net(batch)
        spent_s = time.perf_counter() - begin_s
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
        images, claimed_mb = calls * size, faults * resource.getpagesize() / 1e6
        rows[f"batch {size}"] = {"images/s": images / spent_s, "MB claimed per image": claimed_mb / images}
print(json.dumps(rows))
"""
keep_everything = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(4 * 10**9)}


def run(extra):
    """Return what the script prints, run in a process of its own with these environment variables."""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env={**os.environ, **extra}, capture_output=True, text=True, check=True)
    return pd.DataFrame(json.loads(done.stdout)).T.round(1)


pd.concat({"as it is": run({}), "memory kept": run(keep_everything)})

# %% [markdown]
# On the machine where this lesson was made (two cores of an AMD EPYC, at rest), a batch of 32 claimed 69 MB from the
# system for each image. With the memory kept it claimed none, and went from 32 to 100 images a second: from 0.65 of the
# throughput of single photos to 1.3 times it. (The setting is glibc's: on macOS both runs are alike.)
#
# Those 30 % are what a batch really brings here: one photo already keeps a CPU's few cores busy. A GPU has thousands of
# lanes that one photo leaves idle, which is why the target for it asks for batches. And a runtime that plans its memory
# once, as ONNX Runtime does, never meets this trouble: lesson 12.
#
# ### More threads
#
# torch divides each operation among threads, by default one for each *physical* core. Two hardware threads of one core
# (SMT) share its arithmetic units, so the second adds little. Is that right? Sweep it: half as many, as many, twice as
# many.

# %%
default_threads = torch.get_num_threads()
counts = sorted({1, max(1, default_threads // 2), default_threads, 2 * default_threads})
sweep = []
for threads in counts:
    torch.set_num_threads(threads)
    option = f"torch-eager-threads-{threads}"
    sweep.append(ledger().append(bench.latency(net, images[:1], option=option, min_samples=40, limit_s=3)))
torch.set_num_threads(default_threads)
thread_sweep(sweep)

# %% [markdown]
# The line is what would be ideal: twice the threads, half the time. The distance has a name. If a share $s$ of the work
# runs on one thread whatever you do, $n$ threads take $s + (1 - s)/n$ of the time of one. That is Amdahl's law. Solve
# it for $s$.


# %% checkpoint="m.measure.serial_share"
def serial_share(one_s, many_s, threads):
    """Return the share that is not parallel, from the times with one thread and with `threads`."""
    ...


# %%
check("m.measure.serial_share", serial_share)

# %% [markdown]
# With $s = 0.1$, the 64 cores of the manager's server are at most 8.8 times as fast as one. A single small photo is not
# enough work for them; 64 photos at once would be.
#
# ### Compiled
#
# Compiling happens at the first call, and usually once more at a second batch size; from then on the code takes any
# size. Think of a server that is restarted at noon, with people waiting, when you see what that call takes. `measure`
# takes size, accuracy, latency and throughput in one go, as it will for every option from now on, and keeps each record
# as soon as it is there.

# %%
predicted("m.measure.compile_guess")
targets = {"torch-eager": net}
if all(one.available for one in for_lesson("11") if one.name == "C++ compiler"):
    compiled = torch.compile(net)
    with torch.inference_mode():
        begin_s = time.perf_counter()
        compiled(image)
        print(f"first call: {time.perf_counter() - begin_s:.1f} s")
    bench.describe(compiled, model_path=model_path)
    targets["torch-compiled"] = compiled
    display(measure(compiled, images, labels, option="torch-compiled", ledger=ledger(), batch_sizes=(32,)))

# %% [markdown]
# ### Side by side
#
# Eager was measured minutes ago. Since then the processor has become warmer, and perhaps your mail has been fetched. To
# compare two options fairly, let them take turns, A B A B, in one run: whatever slows the machine down then slows both.

# %%
comparison = None
if len(targets) > 1:
    comparison = run_with_progress(
        lambda report: bench.compare(targets, images[:1], on_progress=report), "Eager and compiled, turn by turn"
    )
    for record in comparison:
        ledger().append(record)
reconcile("m.measure.compile_guess")

# %%
side_by_side(comparison, "torch-eager") if comparison else "Eager alone: there is nothing to compare."

# %% [markdown]
# The ratio is new over old: 0.5 is half the time. What does its interval let you say?


# %% checkpoint="m.measure.claim"
def claim(low, high):
    """Return 'faster', 'slower' or 'cannot tell' for the new option, from the interval of new over old."""
    ...


# %%
check("m.measure.claim", claim)

# %% [markdown]
# ## Checkpoint
#
# The rows below yours were published for the same architecture on real Food-11 photos, on other machines. Use them as
# landmarks, and never subtract one from the other.

# %%
measured = [record for record in ledger().measurements() if record.option in targets]
print(source_line())
comparison_table(measured, reference=reference_table("torch-eager", "torch-compiled"))

# %% [markdown]
# The manager's server must answer in less than 3 ms. The faster of the two takes this much, going by its median:

# %%
fastest = comparison.fastest if comparison else latency
f"{fastest.option}: {fastest.percentile(50) / target('server-cpu').p50_s:.1f} times the limit"

# %%
check("m.measure.batch_guess")

# %%
check("m.measure.compile_guess")

# %% [markdown]
# ## On your own
#
# - Write down your answer to the manager in two sentences, with one number, its uncertainty, and the machine.
# - `net.to(memory_format=torch.channels_last)` stores the colours of a pixel side by side. Compare it with `net`, turn
#   by turn. Does your interval allow a claim?
# - The published EPYC server has 64 cores, and yet it answers later in eager mode than the other machine. What does
#   your sweep say to that?
