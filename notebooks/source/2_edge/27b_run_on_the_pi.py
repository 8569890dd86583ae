# ---
# jupyter:
#   lesson:
#     title: Run on the Raspberry Pi
#     summary: "the leased board: your script on it, all files in turns, five minutes without a pause, joules an image"
#     part: 2
#     number: "27b"
#     minutes: 45
#     kind: core
#     where: [device]
#     needs: ["21", "23", "27"]
#     ports: []
#     machine_minutes: 40
#     uses: ["an ARM processor", "dot product"]
#     takes: {"23": ["accuracy edge-fp32", "accuracy edge-int8-s8s8", "programs/device/measure.py"]}
# ---

# %% [markdown]
# # Run on the Raspberry Pi
#
# All that you know about the Raspberry Pi so far is an estimate. You counted multiplications, looked up what a core can
# do in a cycle, and drew error bars. Now the board is yours for less than two hours, and it has the last word.
#
# This notebook runs twice. **At home** you fill it in and rehearse it, with this computer in the part of the board.
# **On the lease** you run it from top to bottom where you have provisioned the board, in Chameleon's Jupyter:
# everything that measures runs on the board, and its records come back with each cell.
#
# ## You will do
#
# Measure with the script that you wrote at home, race all files that you made, keep the board busy for five minutes and
# read its throttle flags, then hold the estimate against the board.
#
# ## You will learn
#
# - what it takes to measure on a machine that has little more than Python and ONNX Runtime;
# - what a small board does when it gets hot, and how it says so;
# - whether your estimate was worth its error bars.
#
# ## You need
#
# Lessons 23 and 27 at home. Then the board of lesson 21: 40 minutes of its lease when this notebook is filled in.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
import hashlib
import json

import numpy as np
import pandas as pd

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs.charts import endurance
from labs.display.format import milliseconds
from labs.edge.job import Candidate
from labs.machine import Fingerprint, capability_text, for_lesson
from labs.machine.sensors import FLAGS
from labs.records.ledger import ledger
from labs.records.targets import target

# %%
from labs.widgets import comparison_table, measure_there
from labs.widgets import scoreboard as targets_board
from labs.workspace import models_dir, programs_dir
from provisioning.lab.device import open_device

# %%
device = open_device()
vitals = device.ask(["-m", "labs.edge", "vitals"])
machine = Fingerprint.from_json(vitals["machine"])
print(device, machine.label, capability_text(for_lesson("27b", machine)), sep="\n")

# %% [markdown]
# ### What comes along
#
# These options were measured at home. Each file must be here with the very same bytes, and travels now unless set-up
# has brought it.

# %%
known = {one.option: one for one in ledger().measurements(kind="accuracy") if one.option.startswith("edge-")}
there = {option: models_dir() / one.model.name for option, one in known.items()}
hashes = {o: hashlib.sha256(path.read_bytes()).hexdigest() for o, path in there.items() if path.is_file()}
files = {option: path for option, path in there.items() if hashes.get(option) == known[option].model.sha256}
for option in known.keys() - files.keys():
    print(f"{option}: {there[option].name} is not here, or has changed since: run its lesson again")
[(one.name, one.how, one.sha256[:12]) for one in device.bring(set(files.values()))]

# %% [markdown]
# ## Predict
#
# On the board's four Cortex-A76: how many times as fast as `edge-fp32` is `edge-int8-s8s8`? The estimate of lesson 23
# has something to say, and its error bars say how much.

# %%
ledger().read().seen("edge.estimate")

# %% checkpoint="e.lease.ratio_guess"
predict("e.lease.ratio_guess", ...)

# %% [markdown]
# After five minutes without a pause: how many times as long does an image take as in the beginning?

# %% checkpoint="e.lease.slowdown_guess"
predict("e.lease.slowdown_guess", ...)

# %% [markdown]
# ## Act
#
# ### Your script
#
# The script of lesson 23 has travelled with the rest. It runs over there as on any machine, and the course's `bench`
# measures the same file with as many threads. The script runs before it and after it: a board is not the same from one
# minute to the next, and what stands between two runs can be told from the minute.

# %%
own_script = programs_dir() / "device" / "measure.py"
file, threads = files["edge-int8-s8s8"].name, machine.cpu_count
device.bring([own_script], "workspace/programs/device")
arguments = ["workspace/programs/device/measure.py", f"workspace/models/{file}", str(threads), "200"]


def run_own_script() -> list[float]:
    lines = []
    device.python(arguments, name="own-script", on_line=lines.append)
    return json.loads(lines[-1])["samples_s"]


samples_s = [run_own_script()]
pair = measure_there(
    device, "compare", [Candidate(option, files[option].name, threads) for option in ("edge-fp32", "edge-int8-s8s8")]
)
beside = ledger().append(pair[1])
samples_s.append(run_own_script())
ledger().observe("edge.own_script", {"samples_s": samples_s, "record": beside.record_id})
print("own script, before: median", milliseconds(np.median(samples_s[0])))
print("bench:              median", milliseconds(beside.percentile(50)))
print("own script, after:  median", milliseconds(np.median(samples_s[1])))

# %%
check("e.lease.script")

# %% [markdown]
# ## Measure
#
# ### All files
#
# Size, accuracy, latency and throughput of each, with the images in the size that it takes.

# %%
predicted("e.lease.ratio_guess")
pixels = {option: int(option.rpartition("-")[2][:-2]) if option.endswith("px") else 224 for option in files}
candidates = [Candidate(option, path.name, threads, pixels[option]) for option, path in files.items()]
measure_there(device, "options", candidates, ledger=ledger())

# %% [markdown]
# And those that take 224 pixels once more in turns, so that a board that grows warm grows warm for all of them:

# %%
alike = [one for one in candidates if one.input_px == 224]
race = {record.option: record for record in measure_there(device, "compare", alike, ledger=ledger())}
ledger().observe("edge.board_race", {"machine_id": race["edge-fp32"].machine_id, "options": list(race)})
{option: milliseconds(record.percentile(50)) for option, record in race.items()}

# %%
reconcile("e.lease.ratio_guess")

# %%
check("e.lease.race")

# %% [markdown]
# ### Five minutes without a pause
#
# (In a rehearsal, four seconds.) A Raspberry Pi says by its throttle flags whether it is held back: `vcgencmd
# get_throttled`, or the kernel's file with the same number. Bits 0 to 3 are about now, bits 16 to 19 about any time
# since it was switched on.

# %%
print(FLAGS)
vitals["heat"]


# %% checkpoint="e.lease.flags"
def flags(text):
    """Return the numbers of the bits that are set, ascending, from a text such as 'throttled=0x50005'."""
    ...


# %%
check("e.lease.flags", flags)

# %%
predicted("e.lease.slowdown_guess")
(busy,) = measure_there(device, "sustained", [Candidate("edge-lease-busy", file, threads)], ledger=ledger())
endurance(busy)

# %% [markdown]
# One window says little, and the first and the last one as well. Compare a fifth of them at each end (one at least).


# %% checkpoint="e.lease.slowdown"
def slowdown(p50_s):
    """Return the median of the last fifth of the windows' medians over the median of the first fifth.

    Args:
        p50_s: Median latency of each window in seconds, in the order taken; a fifth is rounded, and one at least.
    """
    ...


# %%
check("e.lease.slowdown", slowdown)

# %%
print(slowdown([window["p50_s"] for window in busy.details["windows"]]))
last = busy.details["windows"][-1]["throttle_bits"]
print("throttle flags:", "not told here" if last is None else flags(f"throttled={last:#x}"))

# %%
reconcile("e.lease.slowdown_guess")

# %%
check("e.lease.busy")

# %% [markdown]
# ### Joules an image
#
# Power is joules a second. A Raspberry Pi 5 tells the power of its chip's rails through `vcgencmd pmic_read_adc`,
# without what hangs on its 5 V pins and USB. A container is often shown neither the tool nor its device: then the
# answer is None, and the record says why. The mean power times the seconds, over the images: what the idle board takes
# is in this figure too, since a box that is switched on all day pays for it.


# %% checkpoint="e.lease.energy"
def joules_an_image(windows):
    """Return the joules of one image in a run without a pause, or None where the machine told no power.

    The plain mean of the windows' power, times the whole time, over all images.

    Args:
        windows: Dictionaries in their order, each with "t_s" (its end, seconds since the start), "calls" (images in
            it) and "power_w" (watts, or None in a window in which they were not told).
    """
    ...


# %%
check("e.lease.energy", joules_an_image)

# %%
print(joules_an_image(busy.details["windows"]), busy.details["energy_covers"] or busy.details["unreadable"])

# %% [markdown]
# ### The published bar
#
# Arm's course has its MobileNetV2 in **4.0 ms** (median 3.98) on this board, with ExecuTorch. Yours has the `.pte` of
# lesson 27. Its Python bindings link against torch, which set-up leaves out: on a board, this cell installs both (a few
# minutes and about half a gigabyte). Elsewhere it says so and waits.

# %%
pte = models_dir() / "food11-int8.pte"
on_board = machine.architecture == "aarch64" and not device.rehearsed
if on_board and pte.is_file():
    uv = 'PATH="$PATH:$HOME/.serving-labs/uv/bin" uv pip install --python "$HOME/.serving-labs/venv/bin/python"'
    install = f"{uv} -r provisioning/node/edge/executorch.txt"
    command = ["-c", f"import subprocess, sys; sys.exit(subprocess.call({install!r}, shell=True))"]
    device.python(command, name="executorch", on_line=print)
    device.bring([pte])
    device.write(
        "workspace/programs/device/pte.py",
        """
import json, sys, time

import torch
from executorch.runtime import Runtime

method = Runtime.get().load_program(sys.argv[1]).load_method("forward")
image, samples_s = torch.zeros(1, 3, 224, 224), []
for call in range(220):
    begin_s = time.perf_counter()
    method.execute([image])
    samples_s.append(time.perf_counter() - begin_s)
print(json.dumps(samples_s[20:]))
""",
    )
    lines = []
    command = ["workspace/programs/device/pte.py", f"workspace/models/{pte.name}"]
    device.python(command, name="own-pte", on_line=lines.append)
    seen = {"samples_s": json.loads(lines[-1]), "machine": vitals["machine"]}
    ledger().observe("edge.pte_on_board", seen)
    print("ExecuTorch:", milliseconds(np.median(seen["samples_s"])))
else:
    print("Not run here: the bar is a Raspberry Pi 5's, and needs the file of lesson 27.")

# %%
check("e.lease.bar")

# %% [markdown]
# ## Checkpoint
#
# ### The estimate, tested
#
# Lesson 23 drew error bars for a Cortex-A76. Which of its two files lie within them on this machine?

# %%
bars = ledger().read().seen("edge.estimate") or {}
rows = []
for option, bar in bars.items():
    p50_s = race[option].percentile(50)
    rows.append((option, 1e3 * bar["low_s"], 1e3 * bar["high_s"], 1e3 * p50_s))
print(machine.cpu_model)
pd.DataFrame(rows, columns=["option", "from, ms", "to, ms", "measured, ms"]).round(2)

# %% checkpoint="e.lease.tested"
# For each "within", "outside", or "not tested" where another processor than the estimate's was measured.
answer("e.lease.tested", {"edge-fp32": ..., "edge-int8-s8s8": ...})

# %%
check("e.lease.tested")

# %% [markdown]
# An estimate that held is worth more than a forum's figure, and one that failed tells which assumption to look at.
#
# ### The target

# %%
board = ledger().measurements(machine_id=machine.machine_id)
comparison_table([record for record in board if record.option in files])

# %%
targets_board([record for record in board if record.option in files], targets=[target("device")])

# %%
check("e.lease.ratio_guess")

# %%
check("e.lease.slowdown_guess")

# %% [markdown]
# ## On your own
#
# Only while the countdown leaves you time.
#
# - Your script with one thread to four: how far is that from what lesson 24 has found at home?
# - `labs.stats.ratio_of_medians` on the two halves of `busy.samples`: had the board settled by then?
# - The extra [26 Serve on the device](26_serve_on_the_device.ipynb), on the board.
#
# On the lease: save this notebook, and **give the board back now**, in [29 Release](29_release.ipynb), which brings
# everything home. Then choose and defend at home: [28 Choose, and defend it](28_choose_and_defend_on_device.ipynb).
