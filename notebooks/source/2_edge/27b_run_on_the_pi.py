# ---
# jupyter:
#   lesson:
#     title: Run on the Raspberry Pi
#     summary: "the leased board: a measuring script of your own, all files in turns, five minutes without a pause"
#     part: 2
#     number: "27b"
#     minutes: 45
#     kind: core
#     where: [device]
#     needs: ["21", "23", "27"]
#     ports: []
#     machine_minutes: 40
#     uses: ["an ARM processor", "dot product"]
# ---

# %% [markdown]
# # Run on the Raspberry Pi
#
# All that you know about the Raspberry Pi so far is an estimate. You counted multiplications, looked up what a core can
# do in a cycle, and drew error bars. Now the board is yours for less than two hours, and it has the last word.
#
# This notebook runs twice. **At home** you fill it in and rehearse it, on a processor that is not the Pi's. **On the
# board**, where set-up has brought it with your ledger and your models, you open it in the board's own Jupyter and run
# it from top to bottom.
#
# ## You will do
#
# Measure with a script of your own, race all files that you made, keep the board busy for five minutes and read its
# throttle flags, then hold the estimate against the board.
#
# ## You will learn
#
# - what it takes to measure on a machine that has nothing but Python and ONNX Runtime;
# - what a small board does when it gets hot, and how it says so;
# - whether your estimate was worth its error bars.
#
# ## You need
#
# Lessons 23 and 27 at home. Then the board of lesson 21: 40 minutes of its lease when this notebook is filled in.

# %%
import inspect
import json
import subprocess
import sys

import numpy as np
import onnxruntime as ort
import pandas as pd

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs import assets, bench
from labs.charts import endurance, side_by_side
from labs.dataset import load_split
from labs.edge.bringing import fingerprints_of
from labs.edge.pictures import load_split_at
from labs.edge.sustained import sustained
from labs.machine import capability_text, fingerprint, for_lesson
from labs.machine.heat import FLAGS, read_heat, run_command

# %%
from labs.records.targets import target
from labs.widgets import comparison_table, run_with_progress
from labs.widgets import scoreboard as targets_board
from labs.workspace import ledger, models_dir, workspace_dir

gate = {one.name: one for one in for_lesson("27b")}
on_the_board = gate["an ARM processor"].available
print(fingerprint().label, capability_text(gate.values()), sep="\n")

# %% [markdown]
# ### What came along
#
# These options were measured at home. Which of their files are here, with the very same bytes?

# %%
known = {one.option: one for one in ledger().measurements(kind="accuracy") if one.option.startswith("edge-")}
if "edge-int8-s8s8" not in known:
    raise LookupError("No file of part 2 was measured yet: run lesson 23 at home first, then push.")
there = [models_dir() / one.model.name for one in known.values() if (models_dir() / one.model.name).is_file()]
arrived = fingerprints_of(there)
files = {
    option: models_dir() / one.model.name
    for option, one in known.items()
    if arrived.get(one.model.name, {}).get("sha256") == one.model.sha256
}
{option: files[option].name if option in files else "not here: push it again" for option in known}

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
# ### A script of your own
#
# A box in a cupboard has no notebook and no course. What it has is Python, numpy and ONNX Runtime, and that is enough.
# Write the loop: some calls that nobody counts, to warm up, then as many as are asked for, each timed on its own.


# %% checkpoint="e.lease.script"
def durations_s(run, calls):
    """Return the seconds of so many calls of run(), one by one, after 20 that are not counted; `time` is imported."""
    ...


# %% [markdown]
# And this is the script around it, in ONNX Runtime's own words:

# %%
own_script = f"""
import json, sys, time
from pathlib import Path

import numpy as np
import onnxruntime as ort

{inspect.getsource(durations_s)}

path, threads, calls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
options = ort.SessionOptions()
options.intra_op_num_threads = threads
session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
name, image = session.get_inputs()[0].name, np.load("image.npy")
samples_s = durations_s(lambda: session.run(None, {{name: image}}), calls)
zone = Path("/sys/class/thermal/thermal_zone0/temp")
hot_c = int(zone.read_text()) / 1000 if zone.is_file() else None
print(json.dumps({{"samples_s": samples_s, "temperature_c": hot_c}}))
"""

# %% [markdown]
# It runs in a process of its own, as on any machine: `python own.py int8-static-s8s8.onnx 4 200`. Beside it, `bench`
# measures the same file with as many threads.

# %%
images, labels = load_split(assets.dataset("food11-mini"), "evaluation")
threads, folder = fingerprint().cpu_count, workspace_dir() / "board"
folder.mkdir(parents=True, exist_ok=True)
np.save(folder / "image.npy", images[:1])
(folder / "own.py").write_text(own_script)


def opened(path):
    """Return a session on a file, with all of this machine's processors."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


# %%
path = files["edge-int8-s8s8"]
command = [sys.executable, "own.py", str(path), str(threads), "200"]
done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
own = json.loads(done.stdout) if not done.returncode else {"samples_s": None}
beside = ledger().append(bench.latency(opened(path), images[:1], option="edge-int8-s8s8"))
ledger().observe("edge.own_script", {**own, "record": beside.record_id})
print(done.stderr or f"own script: median {1e3 * np.median(own['samples_s'] or [0]):.2f} ms")
print(f"bench:      median {1e3 * beside.percentile(50):.2f} ms")

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
sessions = {option: opened(path) for option, path in files.items()}
for option, session in sessions.items():
    px = session.get_inputs()[0].shape[2]
    shown = (images, labels) if px == 224 else load_split_at(assets.dataset("food11-mini"), "evaluation", px)
    run_with_progress(
        lambda report, session=session, shown=shown, option=option: bench.measure_option(
            session,
            *shown,
            option=option,
            ledger=ledger(),
            dataset="food11-mini/evaluation",
            batch_sizes=(1, 8),
            on_progress=report,
        ),
        f"Measure {option}",
    )

# %% [markdown]
# And those that take 224 pixels once more in turns, so that a board that grows warm grows warm for all of them:

# %%
alike = {option: session for option, session in sessions.items() if session.get_inputs()[0].shape[2] == 224}
comparison = run_with_progress(
    lambda report: bench.compare(alike, images[:1], rounds=15, on_progress=report), "The files side by side"
)
for record in comparison:
    ledger().append(record)
ledger().observe("edge.lease", {"machine_id": fingerprint().machine_id, "options": list(comparison.options)})
side_by_side(comparison, "edge-fp32")

# %%
reconcile("e.lease.ratio_guess")

# %%
check("e.lease.race")

# %% [markdown]
# ### Five minutes without a pause
#
# (In a rehearsal, four seconds.) What a Raspberry Pi says about itself: `vcgencmd get_throttled`, or the kernel's file
# with the same number. Bits 0 to 3 are about now, bits 16 to 19 about any time since it was switched on.

# %%
print(run_command(["vcgencmd", "get_throttled"]) or "no vcgencmd here", FLAGS, sep="\n")
read_heat()


# %% checkpoint="e.lease.flags"
def flags(text):
    """Return the numbers of the bits that are set, ascending, from a text such as 'throttled=0x50005'."""
    ...


# %%
check("e.lease.flags", flags)

# %%
predicted("e.lease.slowdown_guess")
busy = run_with_progress(
    lambda report: sustained(
        sessions["edge-int8-s8s8"],
        images[:1],
        option="edge-lease-busy",
        duration_s=300.0 if on_the_board else 4.0,
        window_s=5.0 if on_the_board else 0.5,
        on_progress=report,
    ),
    "Without a pause",
)
ledger().append(busy)
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
# ## Checkpoint
#
# ### The estimate, tested
#
# Lesson 23 drew error bars for a Cortex-A76. Which of its two files lie within them on this machine?

# %%
bars = ledger().read().seen("edge.estimate") or {}
rows = []
for option, bar in bars.items():
    p50_s = comparison.record(option).percentile(50)
    rows.append((option, 1e3 * bar["low_s"], 1e3 * bar["high_s"], 1e3 * p50_s))
print(fingerprint().cpu_model)
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
board = ledger().measurements(machine_id=fingerprint().machine_id)
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
# - Your script with one thread to four: where does Amdahl's law of lesson 24 lose to the board's memory?
# - `labs.stats.ratio_of_medians` on the two halves of `busy.samples`: had the board settled by then?
# - The extras [25](25_keep_it_busy.ipynb) and [26](26_serve_on_the_device.ipynb), on the board.
#
# On the board: save this notebook, and **give the board back now**, in [29 Release](29_release.ipynb), which brings
# everything home. Then choose and defend at home: [28 Choose, and defend it](28_choose_and_defend_on_device.ipynb).
