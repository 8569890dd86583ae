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
#     uses: [an ARM processor, dot product]
#     takes: {files: [programs/device/measure.py, latency edge-fp32]}
# ---

# %% [markdown]
# # Run on the Pi
#
# "It is a computer for sixty euros," says the canteens' technician. "How fast can it be? And at noon, when it has been
# hot for an hour?" The board is yours for less than two hours, and only it can answer. **Which file is the fastest on a
# Cortex-A76, and is it still as fast in the fifth minute?**
#
# Run this notebook twice. *At home* you rehearse it: this computer plays the board, and you see what each cell does.
# *On the lease* you run it from top to bottom where you started the container. Everything that is measured is measured
# on the board, and each cell brings its records back.

# %%
from provisioning import rehearsal

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
print(device, machine.label, capability_text(for_lesson("pi", machine)), sep="\n")

# %% [markdown]
# ## Predict
#
# All three questions are about the board: four Cortex-A76 at 2.4 GHz, with the signed dot product, and without a fan.
# How many times as fast as float32 is signed INT8 (S8S8), one photo at a time? How many times as fast are its four
# cores as one? And after five minutes without a pause, how many times as long does a photo take as in the beginning?

# %%
predict("pi.board", int8=..., cores=..., hot=...)

# %% [markdown]
# ## Four files in turns
#
# The files and your script of *Measure for the device* travel now, unless they are there. `own_script()` runs your
# script there with 200 calls of S8S8 on all cores. It runs before and after the course's benchmark, because a board may
# become slower from one minute to the next.

# %% folded=true
files = part_1_files(models_dir())
four = {
    option: files[option]
    for option in ("edge-fp32", "edge-int8-dynamic", "edge-int8-u8s8", "edge-int8-s8s8")
}
print([(each.name, each.how) for each in device.bring(four.values())])
device.bring([programs_dir() / "device" / "measure.py"], "workspace/programs/device")


def own_script():
    """Return the milliseconds of 200 calls of S8S8 on all cores, as the script prints them."""
    lines = []
    arguments = [
        f"workspace/models/{four['edge-int8-s8s8'].name}",
        str(machine.cpu_count),
        "200",
    ]
    device.python(
        ["workspace/programs/device/measure.py", *arguments],
        name="own-script",
        on_line=lines.append,
    )
    return [1000 * sample_s for sample_s in json.loads(lines[-1])["samples_s"]]


# %% [markdown]
# In between, each file classifies all photos, and then the four take turns with one photo: a board that grows warm
# grows warm for all of them.

# %%
guesses = predicted("pi.board")
before = own_script()
candidates = [Candidate(option, path.name) for option, path in four.items()]
table = compare_there(device, candidates, baseline="edge-fp32", answers=True)
after = own_script()
ledger().observe(
    "edge.own_script", {"samples_ms": before + after, "machine_id": machine.machine_id}
)
ledger().observe("edge.board", {"machine_id": machine.machine_id, "options": [*four]})
table["you predicted"] = pd.Series({"edge-int8-s8s8": guesses["int8"]})
print(
    f"Your script: median {np.median(before):.2f} ms before, {np.median(after):.2f} ms after"
)
table.style.format(precision=2, na_rep="").set_caption(machine.label)

# %% [markdown]
# Is the order the one of *Measure for the device*? There, x86 instructions decided; here SDOT does. And the answers:
# the bytes are the same, so only a few answers may differ from those at home.
#
# For this network on a Raspberry Pi 5, Arm published {{ xnnpack_fp32_pi.p50_ms }} ms in float32 and {{
# xnnpack_int8_pi.p50_ms }} ms in INT8, with ExecuTorch and the kernels of XNNPACK. You measured the kernels that ONNX
# Runtime brings itself. It can also call Arm's own kernels, those of the *Arm Compute Library*, through an execution
# provider (`ACLExecutionProvider`); but no wheel on PyPI holds it, so you would have to build ONNX Runtime from source.
#
# ## Its cores
#
# The till also prints receipts. How many of the four cores may the model have? `intra_op_num_threads` is the number of
# threads that share one operator. The same file, with one thread, two, and all:

# %%
counts = sorted({1, 2, machine.cpu_count})
options = {count: f"edge-int8-s8s8-t{count}" for count in counts}
threads = [
    Candidate(option, four["edge-int8-s8s8"].name, threads=count)
    for count, option in options.items()
]
cores = compare_there(device, threads, baseline=options[1])
cores["you predicted"] = pd.Series({options[machine.cpu_count]: guesses["cores"]})
cores.style.format(precision=2, na_rep="").set_caption(machine.label)

# %% [markdown]
# Twice the threads seldom take half the time: a part of the work cannot be divided, and all cores share one memory. On
# a busy machine more threads may even take longer. By **Amdahl's law**, *n* cores are at most *1 / ((1 − p) + p / n)*
# times as fast as one, where *p* is the share of the work that can be divided.
#
# ## Five minutes without a pause
#
# Now the board works for five minutes without a pause (in a rehearsal, for four seconds). Every five seconds the median
# latency, the number of photos, the temperature and the clock are written down.

# %%
busy = [Candidate("edge-busy", four["edge-int8-s8s8"].name)]
(record,) = measure_there(device, "sustained", busy, ledger=ledger())
windows = pd.DataFrame(record.details["windows"])

# %% [markdown]
# The picture shows latency in blue, and temperature in red if the machine tells it.

# %% folded=true
figure, axis = plt.subplots(figsize=(9, 3), layout="constrained")
axis.plot(windows["t_s"], 1000 * windows["p50_s"], color="tab:blue")
axis.set(
    xlabel="seconds without a pause",
    ylabel="median, ms (blue)",
    ylim=(0, None),
    title=machine.label,
)
if windows["temperature_c"].notna().any():
    axis.twinx().plot(windows["t_s"], windows["temperature_c"], color="tab:red")
    axis.set_title(
        f"{machine.label}; red: degrees Celsius, {windows['temperature_c'].max():.0f} at most"
    )
print(
    "Not readable on this machine:", ", ".join(record.details["unreadable"]) or "nothing"
)

# %% [markdown]
# A hot processor slows itself down: it is *throttled*. A Raspberry Pi says so in one number, each bit of which is a
# flag. `vcgencmd get_throttled` prints it in hexadecimal: `0x50005` has bits 0, 2, 16 and 18. `throttled` reads the two
# bits about the clock; `slow_down` compares the last windows with the first ones. A single window may be slow because
# another process ran, so it takes several at each end, and their median.


# %%
def throttled(flags):
    """Return whether a Raspberry Pi is throttled now (bit 2), and whether it was since it booted (bit 18)."""
    return bool(flags >> 2 & 1), bool(flags >> 18 & 1)


def slow_down(windows_ms, count):
    """Return how many times as long the last windows' median is as the first windows', count windows each."""
    return float(np.median(windows_ms[-count:]) / np.median(windows_ms[:count]))


fifth, bits = max(1, len(windows) // 5), windows["throttle_bits"].iloc[-1]
longer = slow_down(list(1000 * windows["p50_s"]), fifth)
print(
    "throttled now, ever:", "not readable here" if pd.isna(bits) else throttled(int(bits))
)
pd.DataFrame(
    {"times as long": [longer], "you predicted": [guesses["hot"]]}, index=[machine.label]
).round(3)

# %% [markdown]
# A median says nothing about the slowest photos, and each of them is a guest who waits. Five minutes are enough for a
# **p99**: 99 of 100 photos take at most as long. To believe it you need 20 photos that took longer, so 2,000 in all; in
# a rehearsal the run may be too short. And how many photos per second did the board answer, at first and in the end?

# %%
spent_s = windows["t_s"].diff().fillna(windows["t_s"].iloc[0])
tail = stats.steady_interval(record.samples, q=99)
print(
    tail.too_short
    or f"p99: {1e3 * tail.value:.2f} ms, {1e3 * tail.low:.2f} to {1e3 * tail.high:.2f}"
)
ends = {"first fifth": slice(None, fifth), "last fifth": slice(-fifth, None)}
per_second = {
    end: windows["calls"][part].sum() / spent_s[part].sum() for end, part in ends.items()
}
pd.Series(per_second, name="photos per second").to_frame().style.format(
    precision=0
).set_caption(machine.label)

# %% question="pi.measured"
check("pi.measured")

# %% [markdown]
# Look for the cause beside the effect: a figure above 1 *with* the throttle bit is heat. Without it, another process
# took the cores. A board in a closed box over a till will be hotter than one in an airy rack.
#
# ## What you found
#
# Both of the technician's questions have an answer, for the machine that is named in the tables. If it is no
# Cortex-A76, they are still open, and you answer them on the lease.
#
# - Two processes with two threads each, or one with four: which answers more photos per minute?
# - Build ONNX Runtime with the Arm Compute Library, and add its file to the comparison. What has to be installed, and
#   where, before the board can use it?
# - On the lease: bring everything home, and give the board back, in *Choose for the device*.
#
