# ---
# jupyter:
#   lesson:
#     id: pi
#     title: Run on the Pi
#     summary: "the leased board: your script on it, four files in turns, its cores, and five minutes without a pause"
#     part: 2
#     kind: core
#     where: [device]
#     needs: [files, device]
#     ports: []
#     machine_minutes: 20
#     measures: [latency]
#     uses: [an ARM processor, dot product]
#     takes: {files: [programs/device/measure.py, latency edge-fp32]}
# ---

# %% [markdown]
# # Run on the Pi
#
# **Prerequisites:** *Measure for the device*, which writes your script and the files, and
# *Reserve and provision a device*. **Runs on:** a laptop in a rehearsal, then a leased
# Raspberry Pi 5.
#
# "A phone has no fan," says the app's developer. "How fast can your model be there? And
# after a guest has pointed the camera at the buffet for five minutes?" The board is yours
# for less than two hours, and only the board can answer. **Which file is the fastest on a
# Cortex-A76, and is it still as fast in the fifth minute?**
#
# Run this notebook twice. *At home* you rehearse it: this computer plays the board, and
# you see what each cell does. *On the lease*, run it from top to bottom on the computer
# where you started the container. Everything is measured on the board, and each cell
# copies its records back.

# %%
from provisioning.lab import rehearsal

print(rehearsal.use())

# %%
import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from labs import stats
from labs.checkpoints import check, predict, predicted
from labs.course.lessons import for_lesson
from labs.edge.files import part_1_files
from labs.edge.job import Candidate
from labs.machine import capability_text
from labs.records.ledger import ledger
from labs.widgets import compare_there, measure_there
from labs.workspace import models_dir, programs_dir
from provisioning.lab.device import open_device

device = open_device()
machine = device.machine()
capabilities = capability_text(for_lesson("pi", machine))
print(device, machine.label, capabilities, sep="\n")

# %% [markdown]
# ## Predict
#
# All three questions are about the board: four Cortex-A76 cores at 2.4 GHz, with the
# signed dot product, and without a fan. How many times as fast as float32 is signed INT8
# (S8S8), one photo at a time? How many times as fast are four cores as one? And after
# five minutes without a pause, by what factor does a photo take longer than at the start?

# %%
predict("pi.board", int8=..., cores=..., hot=...)

# %% [markdown]
# ## Four files in turns
#
# The next cell sends the files and your script from *Measure for the device*, unless they
# are already there. `own_script()` runs your script there with 200 calls of S8S8 on all
# cores. It runs before and after the course's benchmark, because a board may become
# slower from one minute to the next.

# %% folded=true
# Send the four files and your script to the board.
files = part_1_files(models_dir())
names = ["edge-fp32", "edge-int8-dynamic", "edge-int8-u8s8", "edge-int8-s8s8"]
four = {option: files[option] for option in names}
s8s8 = four["edge-int8-s8s8"].name
for copy in device.bring(four.values()):
    print(copy.name, copy.how)
device.bring([programs_dir() / "device" / "measure.py"], "workspace/programs/device")


def own_script():
    """Run the script with 200 calls of S8S8 on all cores, and return the milliseconds
    that it prints.
    """
    script, model = "workspace/programs/device/measure.py", f"workspace/models/{s8s8}"
    lines = []
    command = [script, model, str(machine.cpu_count), "200"]
    device.python(command, name="own-script", on_line=lines.append)
    samples_s = json.loads(lines[-1])["samples_s"]
    return [1000 * sample_s for sample_s in samples_s]


# %% [markdown]
# In between, each file classifies all photos, and then the four take turns with one
# photo. If the board grows warm, it grows warm for all of them.

# %%
guesses = predicted("pi.board")
before = own_script()
candidates = [Candidate(option, path.name) for option, path in four.items()]
table = compare_there(device, candidates, baseline="edge-fp32", answers=True)
after = own_script()
calls = {"samples_ms": before + after, "machine_id": machine.machine_id}
ledger().observe("edge.own_script", calls)
ledger().observe("edge.board", {"machine_id": machine.machine_id, "options": names})
table["you predicted"] = pd.Series({"edge-int8-s8s8": guesses["int8"]})
before_ms, after_ms = np.median(before), np.median(after)
print(f"Your script: median {before_ms:.2f} ms before, {after_ms:.2f} ms after")
table.style.format(precision=2, na_rep="").set_caption(machine.label)

# %% [markdown]
# Is the order the same as in *Measure for the device*? On the board, SDOT decides;
# where an x86 processor plays the device, its own instructions do. If two intervals
# overlap, their order may be chance. Look at the answers too: the bytes are the same,
# so only a few answers should differ from those at home (more, if your computer is an
# x86 without VNNI).
#
# For this network on a Raspberry Pi 5, [Arm's
# course](https://learn.arm.com/courses/executorch-on-arm/optimize-image-classification/evaluate-int8-mobilenetv2/bring-the-runtime-paths-into-one-view/)
# measured {{ xnnpack_fp32_pi.p50_ms }} ms in float32 and {{ xnnpack_int8_pi.p50_ms }} ms
# in INT8, with ExecuTorch and the kernels of XNNPACK. You measured ONNX Runtime's own
# kernels. ONNX Runtime can also call Arm's kernels, those of the *Arm Compute Library*,
# through an execution provider (`ACLExecutionProvider`). But no wheel on PyPI contains
# it, so you would have to build ONNX Runtime from source.
#
# ## Its cores
#
# The app also has to draw its screen. How many of the four cores should the model get?
# `intra_op_num_threads` is the number of threads that share one operator. Measure the
# same file with one thread, with two, and with all:


# %%
def with_threads(count):
    return Candidate(f"edge-int8-s8s8-t{count}", s8s8, threads=count)


threads = [with_threads(count) for count in sorted({1, 2, machine.cpu_count})]
one_thread, *_, all_cores = threads
cores = compare_there(device, threads, baseline=one_thread.option)
cores["you predicted"] = pd.Series({all_cores.option: guesses["cores"]})
cores.style.format(precision=2, na_rep="").set_caption(machine.label)

# %% [markdown]
# Twice the threads rarely take half the time: a part of the work cannot be divided, and
# all cores share one memory. On a busy machine, more threads may even take longer.
# **Amdahl's law** is the limit of what more cores can gain: if the share *p* of the work
# can be divided, *n* cores are at most *1 / ((1 − p) + p / n)* times as fast as one.
#
# ## Five minutes without a pause
#
# Now the board works for five minutes without a pause (in a rehearsal, for four
# seconds). Every five seconds (in a rehearsal, every half second), the benchmark
# records the median latency, the number of photos, the temperature and the clock.

# %%
busy = Candidate("edge-busy", s8s8)
(record,) = measure_there(device, "sustained", [busy], ledger=ledger())
windows = pd.DataFrame(record.details["windows"])

# %% [markdown]
# The upper panel shows the latency. The lower panel shows the temperature, if the machine
# reports it.

# %% folded=true
# Draw latency and temperature over the five minutes.
panels = {"median, ms": 1000 * windows["p50_s"]}
if windows["temperature_c"].notna().any():
    panels["degrees Celsius"] = windows["temperature_c"]
count = len(panels)
figure, axes = plt.subplots(count, figsize=(9, 2 * count), sharex=True, squeeze=False)
for axis, (quantity, values) in zip(axes.flat, panels.items()):
    axis.plot(windows["t_s"], values)
    first, last = values.iloc[0], values.iloc[-1]
    axis.set_title(f"{first:.1f} at the beginning, {last:.1f} at the end")
    axis.set(xlabel="seconds without a pause", ylabel=quantity, ylim=(0, None))
unreadable = ", ".join(record.details["unreadable"])
print("Not readable on this machine:", unreadable or "nothing")

# %% [markdown]
# A hot processor is **throttled**: it lowers its clock until it is cool enough. A
# Raspberry Pi reports this as a number whose bits are flags. `vcgencmd get_throttled`
# prints it in hexadecimal: `0x50005` has bits 0, 2, 16 and 18. `throttled` reads the two
# bits about the clock. `slow_down` compares the last windows with the first ones. A
# single window may be slow because another process ran, so it takes several at each end,
# and their median.


# %%
def throttled(flags):
    """Return whether a Raspberry Pi is throttled now (bit 2), and whether it was since it
    booted (bit 18).
    """
    return bool(flags >> 2 & 1), bool(flags >> 18 & 1)


def slow_down(windows_ms, count):
    """Return the median of the last `count` windows divided by that of the first."""
    first_ms, last_ms = np.median(windows_ms[:count]), np.median(windows_ms[-count:])
    return float(last_ms / first_ms)


fifth = max(1, len(windows) // 5)
longer = slow_down(list(1000 * windows["p50_s"]), fifth)
bits = windows["throttle_bits"].iloc[-1]
flags = "not readable here" if pd.isna(bits) else throttled(int(bits))
print("throttled now, ever:", flags)
row = {"times as long": longer, "you predicted": guesses["hot"]}
pd.DataFrame([row], index=[machine.label]).round(3)

# %% [markdown]
# A median does not describe the slowest photos, and a user waits for each of them. Five
# minutes are long enough for a **p99**, the time within which 99 of 100 photos are
# answered. A reliable p99 needs 20 photos that took longer, so 2,000 in all. In a
# rehearsal, the run may be too short. And how many photos per second did the board
# answer, at first and in the end?

# %%
tail = stats.steady_interval(record.samples, q=99)
if tail.too_short:
    print(tail.too_short)
else:
    p99_ms, low_ms, high_ms = 1e3 * tail.value, 1e3 * tail.low, 1e3 * tail.high
    print(f"p99: {p99_ms:.2f} ms, {low_ms:.2f} to {high_ms:.2f}")
windows["spent_s"] = np.diff(windows["t_s"], prepend=0)
ends = {"first fifth": windows[:fifth], "last fifth": windows[-fifth:]}
rates = {}
for end, part in ends.items():
    rates[end] = part["calls"].sum() / part["spent_s"].sum()
table = pd.Series(rates, name="photos per second").to_frame()
table.style.format(precision=0).set_caption(machine.label)

# %% question="pi.measured"
check("pi.measured")

# %% [markdown]
# Compare the factor with the throttle bit. If the factor is above 1 and the bit is set,
# heat is a likely cause. If the factor is above 1 without the bit, look for another
# process that took the cores. A phone in a warm hand cools differently from a board in an
# airy rack, so measure on phones too before you ship.
#
# ## What you found
#
# - You can answer both of the developer's questions, for the machine that the tables
#   name.
# - If that machine is no Cortex-A76, the questions are still open, and you answer them on
#   the lease.
#
# **Try it yourself**
#
# - Which answers more photos per minute: two processes with two threads each, or one with
#   four?
# - Build ONNX Runtime with the Arm Compute Library, and add its file to the comparison.
#   What must be installed, and where, before the board can use it?
# - On the lease, copy all results to your computer and give the board back, in *Choose
#   for the device*.

# %% [markdown]
# ## Read more
#
# - [vcgencmd](https://www.raspberrypi.com/documentation/computers/os.html#vcgencmd)
#   (Raspberry Pi documentation): all bits of `get_throttled`.
# - [Thread
#   management](https://onnxruntime.ai/docs/performance/tune-performance/threading.html)
#   (ONNX Runtime documentation): how `intra_op_num_threads` works.
# - [Validity of the single processor approach to achieving large scale computing
#   capabilities](https://doi.org/10.1145/1465482.1465560) (G. Amdahl, 1967): the four
#   pages behind Amdahl's law.
# - [The Tail at Scale](https://doi.org/10.1145/2408776.2408794) (J. Dean and L. A.
#   Barroso, CACM 2013): why a p99 matters to users.
