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
#     machine_minutes: 40
#     uses: [an ARM processor, dot product]
#     takes: {files: [programs/device/measure.py, latency edge-fp32]}
# ---

# %% [markdown]
# # Run on the Pi
#
# "It is a computer for sixty euros," says the canteens' technician. "How fast can it be? And at noon, when it has been
# hot for an hour?" The board is yours for less than two hours, and it has the last word. **Which file answers fastest
# on a Cortex-A76, and does it still in the fifth minute?**
#
# Run this notebook twice. *At home* you write two functions and rehearse, with this computer in the part of the board.
# *On the lease* you run it from top to bottom where you started the container. Everything that measures runs on the
# board, and its records come back with each cell.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from labs.checkpoints import check, predict, predicted
from labs.course.lessons import for_lesson
from labs.edge.files import part_1_files
from labs.edge.job import Candidate
from labs.machine import capability_text
from labs.machine.sensors import FLAGS
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
# All three are about the board: four Cortex-A76 at 2.4 GHz, with the signed dot product, and without a fan. How many
# times as fast as float32 is signed INT8 (S8S8), one photo at a time? How many times as fast are its four cores as one?
# And after five minutes without a pause, how many times as long does a photo take as in the beginning?

# %%
predict("pi.board", int8=..., cores=..., hot=...)

# %% [markdown]
# ## Your script
#
# The files and your script of *Measure for the device* travel now, unless they are there. The script runs before and
# after the course's benchmark: a board is not the same from one minute to the next.

# %%
files = part_1_files(models_dir())
four = {option: files[option] for option in ("edge-fp32", "edge-int8-dynamic", "edge-int8-u8s8", "edge-int8-s8s8")}
print([(one.name, one.how) for one in device.bring(four.values())])
device.bring([programs_dir() / "device" / "measure.py"], "workspace/programs/device")


def own_script():
    """Return the milliseconds of 200 calls of S8S8 on all cores, as the script prints them."""
    lines = []
    arguments = [f"workspace/models/{four['edge-int8-s8s8'].name}", str(machine.cpu_count), "200"]
    device.python(["workspace/programs/device/measure.py", *arguments], name="own-script", on_line=lines.append)
    return [1000 * one for one in json.loads(lines[-1])["samples_s"]]


# %% [markdown]
# ## Four files in turns
#
# All photos for each file, and then one photo in turns, so that a board that grows warm grows warm for all of them.

# %%
guesses = predicted("pi.board")
before = own_script()
candidates = [Candidate(option, path.name) for option, path in four.items()]
table = compare_there(device, candidates, baseline="edge-fp32", answers=True)
after = own_script()
ledger().observe("edge.own_script", {"samples_ms": before + after, "machine_id": machine.machine_id})
ledger().observe("edge.board", {"machine_id": machine.machine_id, "options": [*four]})
table["you predicted"] = pd.Series({"edge-int8-s8s8": guesses["int8"]})
print(f"Your script: median {np.median(before):.2f} ms before, {np.median(after):.2f} ms after")
table.style.format(precision=2, na_rep="").set_caption(machine.label)

# %% [markdown]
# Is the order the one of *Measure for the device*? There, x86 instructions decided; here SDOT does. And the answers:
# the bytes are the same, so more than a few of them should not differ from those at home.
#
# ## Its cores
#
# The till also prints receipts. How many of the four cores may the model have? `intra_op_num_threads` is the number of
# threads that share one operator. The same file, with one thread, two, and all:

# %%
counts = sorted({1, 2, machine.cpu_count})
options = {count: f"edge-int8-s8s8-t{count}" for count in counts}
threads = [Candidate(option, four["edge-int8-s8s8"].name, threads=count) for count, option in options.items()]
cores = compare_there(device, threads, baseline=options[1])
cores["you predicted"] = pd.Series({options[machine.cpu_count]: guesses["cores"]})
cores.style.format(precision=2, na_rep="").set_caption(machine.label)

# %% [markdown]
# Twice the threads seldom take half the time: a part of the work cannot be divided, and all cores share one memory. On
# a busy machine more threads may even take longer. The deep dive *Threads, memory and the first photo* computes how
# large that part is.
#
# ## Five minutes without a pause
#
# (In a rehearsal, four seconds.) A hot processor slows itself down. A Raspberry Pi says so in one number, of which each
# bit is a flag. `vcgencmd get_throttled` prints it in hexadecimal: `0x50005` has bits 0, 2, 16 and 18.

# %%
pd.Series(FLAGS, name="what the bit means").to_frame()


# %% question="pi.throttled"
def throttled(flags):
    """Return (now, ever): whether a Raspberry Pi is throttled now (bit 2), and whether it was since it booted (bit 18).
    flags is a whole number; the other bits do not count."""
    ### BEGIN SOLUTION
    return bool(flags >> 2 & 1), bool(flags >> 18 & 1)
    ### END SOLUTION


check("pi.throttled", throttled)

# %% [markdown]
# Now keep it busy. Every five seconds the median latency is noted, with temperature, clock and flags.

# %%
busy = [Candidate("edge-busy", four["edge-int8-s8s8"].name)]
(record,) = measure_there(device, "sustained", busy, ledger=ledger())
windows = pd.DataFrame(record.details["windows"])
figure, axis = plt.subplots(figsize=(9, 3), layout="constrained")
axis.plot(windows["t_s"], 1000 * windows["p50_s"], color="tab:blue")
axis.set(xlabel="seconds without a pause", ylabel="median, ms (blue)", ylim=(0, None), title=machine.label)
if windows["temperature_c"].notna().any():
    axis.twinx().plot(windows["t_s"], windows["temperature_c"], color="tab:red")
    axis.set_title(f"{machine.label}; red: degrees Celsius, {windows['temperature_c'].max():.0f} at most")
print("Not told here:", ", ".join(record.details["unreadable"]) or "nothing")

# %% [markdown]
# One number for five minutes: compare the last windows with the first. A single window may have met a stray process, so
# take several at each end, and their median.


# %% question="pi.slow_down"
def slow_down(windows_ms, count):
    """Return how many times as long the last windows' median is as the first windows', count windows each. windows_ms
    is in the order of time."""
    ### BEGIN SOLUTION
    return float(np.median(windows_ms[-count:]) / np.median(windows_ms[:count]))
    ### END SOLUTION


check("pi.slow_down", slow_down)

# %%
last = windows["throttle_bits"].iloc[-1]
print("throttled now, ever:", "not told here" if pd.isna(last) else throttled(int(last)))
found = slow_down([1000 * one for one in windows["p50_s"]], max(1, len(windows) // 5))
pd.DataFrame({"times as long": [found], "you predicted": [guesses["hot"]]}, index=[machine.label]).round(3)

# %% question="pi.measured"
check("pi.measured")

# %% [markdown]
# A cause and its effect belong together: a figure above 1 *with* the throttle bit is heat. Without it, something else
# was running. A board in a closed box over a till will be hotter than one in an airy rack.
#
# ## What you found
#
# The technician's two questions have an answer each, with the name of the machine on it. If that name is not a
# Cortex-A76, they are still open, and the lease will close them.
#
# - Two processes with two threads each, or one with four: which answers more photos in a minute?
# - On the lease: bring everything home, and give the board back, in *Choose for the device*.
#
