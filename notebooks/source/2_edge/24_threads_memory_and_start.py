# ---
# jupyter:
#   lesson:
#     title: Threads, memory and the start
#     summary: one to four threads, Amdahl's law, peak memory, the first photo
#     part: 2
#     number: "24"
#     minutes: 30
#     kind: extra
#     where: [laptop]
#     needs: ["23"]
#     ports: []
# ---

# %% [markdown]
# # Threads, memory and the start
#
# The till also prints receipts, reads cards and shows advertisements. "How many of the four cores may we have?" asks
# the technician. "And what happens at six in the morning, when it is switched on and the first pupil stands there with
# a tray?"
#
# A latency measured with all cores, on an idle machine, warm, is one point of a curve. Today you draw the rest of it.
#
# ## You will do
#
# Measure one to four threads side by side, compute which part of the work runs in parallel, hold the device to one
# core, weigh the memory, and start cold.
#
# ## You will learn
#
# - why four threads do not answer four times as fast, and how to compute what limits them;
# - what a model takes of a small machine's memory, and how little of it is the model;
# - what the first photo after switching on costs.
#
# ## You need
#
# Lesson 23. 30 minutes; the device works for about three of them.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
import onnxruntime as ort

from grading.checkpoints import check, predict, predicted, reconcile
from labs import stats

# %%
from labs.display.format import megabytes, milliseconds, times
from labs.edge.estimate import count_work, estimate, estimate_ratio
from labs.edge.files import part_1_files
from labs.edge.job import Candidate
from labs.records.ledger import ledger
from labs.widgets import measure_there
from labs.workspace import models_dir
from provisioning.lab.device import open_device

# %%
device = open_device()
files = part_1_files(models_dir())
chosen = {option: files[option] for option in ("edge-fp32", "edge-int8-s8s8")}
cores = device.ask(["-m", "labs.edge", "vitals"])["machine"]["cpu_count"]
print(device, [one.how for one in device.bring([*chosen.values(), files["edge-int8-qdq"]])], f"{cores} cores")

# %% [markdown]
# ## Predict
#
# How many times as fast will static INT8 answer a single photo with all cores of this device, compared with one? (On a
# Pi all are four. Above you see how many there are here.)

# %% checkpoint="e.threads.gain_guess"
predict("e.threads.gain_guess", ...)

# %% [markdown]
# ## Act
#
# ### One option, several numbers of threads
#
# In ONNX Runtime the number is an option of the session. Here it is on this computer, with one:

# %%
options = ort.SessionOptions()
options.intra_op_num_threads = 1  # threads that share one operator; 0, the default, is one for each physical core
session = ort.InferenceSession(files["edge-int8-s8s8"], options, providers=["CPUExecutionProvider"])
session.get_session_options().intra_op_num_threads

# %% [markdown]
# The device opens the same file like that: with one thread, with two, and so on, up to all cores, and once with twice
# as many as there are.

# %%
counts = [*sorted({1, 2, 3, 4, cores} & set(range(1, cores + 1))), 2 * cores]
file = files["edge-int8-s8s8"].name
candidates = [Candidate(f"edge-int8-s8s8-t{count}", file, threads=count) for count in counts]
[one.option for one in candidates]

# %% [markdown]
# What does the estimate say about the Pi? Remember that it *assumes* how much a further core brings; it is written
# down among its assumptions.

# %%
work = count_work(files["edge-fp32"])
for count in (1, 2, 4):
    print(estimate(work, precision="int8", threads=count))

# %% [markdown]
# ## Measure

# %%
predicted("e.threads.gain_guess")
race = measure_there(device, "compare", candidates, ledger=ledger())

# %%
blocks = {record.threads.intra_op: record.blocks for record in race}
gains = {count: stats.ratio_of_medians(blocks[1], blocks[count]).interval for count in counts}
{count: f"{times(gain.value)} [{times(gain.low)}, {times(gain.high)}]" for count, gain in gains.items()}

# %%
ledger().observe("edge.threads", {"cores": cores, "counts": counts})
reconcile("e.threads.gain_guess")

# %% [markdown]
# ### What limits it
#
# Suppose that a share $p$ of the work can be divided among $n$ cores, and the rest runs on one. Then the whole takes
# $(1 - p) + p / n$ of its former time, and the gain is $S = 1 / ((1 - p) + p / n)$. That is Amdahl's law. You know $S$
# and $n$. Solve for $p$; and what could *infinitely many* cores gain at most?


# %% checkpoint="e.threads.amdahl"
def amdahl(gain, n):
    """Return the share of the work that runs in parallel, and the gain that infinitely many cores would reach.

    Args:
        gain: How many times as fast n cores are as one; between 1 and n.
        n: Number of cores, 2 or more.
    """
    ...


# %%
check("e.threads.amdahl", amdahl)

# %%
if cores > 1 and 1 < gains[cores].value < cores:
    print(amdahl(gains[cores].value, cores))
else:
    print("All cores were no gain here, or more than Amdahl's law knows: there is nothing to solve.")

# %% [markdown]
# ### On one core
#
# What can a laptop say about a small machine? Not its milliseconds. But it can be given one thread: no second core
# helps now, and what is left is the *shape* of the answer: how many times as long as float32 does each form take? (A
# laptop whose cores differ may move that thread about; on Linux, `taskset -c 0` before a command holds it to one core.)

# %%
forms = {option: files[option].name for option in ("edge-fp32", "edge-int8-qdq", "edge-int8-s8s8")}
alone = [Candidate(f"{option}-alone", name, threads=1) for option, name in forms.items()]
turns = {one.option: one.blocks for one in measure_there(device, "compare", alone, ledger=ledger())}
ratios = {option: stats.ratio_of_medians(turns[option], turns["edge-fp32-alone"]).interval for option in turns}
ratios |= {"the Pi's INT8, a prediction": estimate_ratio(work, threads=1)}
{option: f"{times(one.value)} [{times(one.low)}, {times(one.high)}]" for option, one in ratios.items()}

# %% [markdown]
# The prediction is for S8S8, the form that the Pi's dot product multiplies. An x86 core with VNNI has such an
# instruction for U8S8 and none for S8S8, so its `qdq` row plays that part, and its `s8s8` row shows what a processor
# *without* the fitting instruction makes of the same file. The shape follows the instructions; however few
# threads a laptop gets, it will not grow others.
#
# ### Memory and the first photo
#
# The INT8 file is 6.5 MB smaller than the float32 one. What share of its process's peak memory is the file itself?

# %% checkpoint="e.threads.peak_guess"
predict("e.threads.peak_guess", ...)

# %% [markdown]
# Each sample is a fresh process: it imports ONNX Runtime, loads the file, and predicts once.

# %%
predicted("e.threads.peak_guess")
pair = [Candidate(option, path.name) for option, path in chosen.items()]
measure_there(device, "cold", pair, ledger=ledger())

# %%
peaks = {option: ledger().latest(kind="peak_memory", option=option).value.value for option in chosen}
sizes = {option: path.stat().st_size for option, path in chosen.items()}
{option: (megabytes(sizes[option]), megabytes(peaks[option])) for option in chosen}

# %%
reconcile("e.threads.peak_guess")

# %% [markdown]
# ### The first photo
#
# Six in the morning. The cell below says how many times as long as a warm photo the first answer of a fresh process
# takes, from the start of loading to the first class, with static INT8. (The system itself has started already, and the
# file is in its cache; both would come on top.)

# %%
parts = {
    kind: ledger().latest(kind=kind, option="edge-int8-s8s8").value.value for kind in ("load_time", "first_prediction")
}
warm = race[counts.index(cores)].value.value
print(times(sum(parts.values()) / warm))
{**{kind: milliseconds(seconds) for kind, seconds in parts.items()}, "warm": milliseconds(warm)}

# %% [markdown]
# A box that classifies at once therefore loads its model when it starts, and shows it one photo before the first pupil
# comes.
#
# ## Checkpoint

# %%
check("e.threads.peak_guess")

# %%
check("e.threads.gain_guess")

# %% [markdown]
# ## On your own
#
# - Let something else work on the device while you measure (a second job waits for its turn; a shell loop does not).
#   Which number of threads suffers most?
# - Measure float32 with one to four threads. Is its parallel share larger or smaller than INT8's, and why?
# - Two processes with two threads each, or one with four: which classifies more photos in a minute?
