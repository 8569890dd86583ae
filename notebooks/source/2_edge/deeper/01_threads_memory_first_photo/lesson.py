# ---
# jupyter:
#   lesson:
#     id: threads
#     title: Threads, memory, first photo
#     summary: what further cores bring, what a process holds beside its file, and how long the first answer takes
#     part: 2
#     kind: deeper
#     where: [laptop]
#     needs: [files]
#     ports: []
#     takes: {quantize: [models/int8-static-s8s8.onnx]}
# ---

# %% [markdown]
# # Threads, memory, first photo
#
# The box over the till has four cores, 4 GB of memory, and is switched on at six. "Four cores, four times as fast,"
# says the shop that sells it, "and your file has 2.4 MB, so the small one with 1 GB will do." **Apart from its clock,
# what does a model need of a board?** To find out you need a laptop, which plays the device.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from labs.checkpoints import check, predict, predicted
from labs.edge.files import part_1_files
from labs.edge.job import Candidate
from labs.records import Comparison
from labs.records.ledger import ledger
from labs.widgets import measure_there
from labs.workspace import models_dir
from provisioning.lab.device import open_device

device = open_device()
files = part_1_files(models_dir())
chosen = {option: files[option] for option in ("edge-fp32", "edge-int8-s8s8")}
cores = device.machine().cpu_count
print(device, [one.how for one in device.bring(chosen.values())], f"{cores} cores")

# %% [markdown]
# ## Predict
#
# How many times as fast will the static INT8 file answer one photo with all cores of this device, compared with one?
# (Above you see how many there are.) And the INT8 file has 6.5 MB less than the float32 one: what share of the peak
# memory of its process is the file itself, in per cent?

# %%
predict("threads.gain", gain=..., share=...)

# %% [markdown]
# ## Several numbers of threads
#
# In ONNX Runtime the number is an option of the session: `SessionOptions().intra_op_num_threads`, the number of threads
# that share one operator. The device opens the same file with one thread, with two, and so on, and once with twice as
# many threads as it has cores. All take turns with one photo.

# %%
guesses = predicted("threads.gain")
counts = [*sorted({1, 2, 4, cores} & set(range(1, cores + 1))), 2 * cores]
name = chosen["edge-int8-s8s8"].name
candidates = [Candidate(f"threads-{count}", name, threads=count) for count in counts]
turns = Comparison(tuple(measure_there(device, "compare", candidates, ledger=ledger())))
table = turns.table("threads-1")
table.insert(0, "threads", counts)
table["you predicted"] = pd.Series({f"threads-{cores}": guesses["gain"]})
table.style.format(precision=2, na_rep="").set_caption(turns.records[0].machine.label)

# %% [markdown]
# Is the last row any faster? Threads without a core of their own take turns, and wait for each other.
#
# ## What limits it
#
# Suppose that a share *p* of the work can be divided among *n* cores, and the rest runs on one. Then the whole takes
# *(1 − p) + p / n* of its former time, and is *1 / ((1 − p) + p / n)* times as fast. That is **Amdahl's law**. You have
# measured how many times as fast it is. What is *p*, and how many times as fast could infinitely many cores be?


# %% question="threads.amdahl"
def amdahl(times, cores):
    """Return (share, most): the share of the work that is divided, when so many cores are this many times as fast as
    one, and how many times as fast infinitely many could be. times lies between 1 and cores."""
    ### BEGIN SOLUTION
    share = (1 - 1 / times) / (1 - 1 / cores)
    return share, 1 / (1 - share)
    ### END SOLUTION


check("threads.amdahl", amdahl)

# %%
measured = table.loc[f"threads-{cores}", "times as fast"]
figure, axis = plt.subplots(figsize=(9, 3), layout="constrained")
many = np.arange(1, 65)
for share in (0.5, 0.8, 0.95, 0.99):
    axis.plot(many, 1 / (1 - share + share / many), color="silver")
    axis.annotate(f"{share:.0%} divided", (64, 1 / (1 - share + share / 64)), ha="right", va="bottom", size=8)
axis.plot(table["threads"][:-1], table["times as fast"][:-1], "o-", label="this device")
axis.set(xlabel="cores", ylabel="times as fast", xscale="log", yscale="log")
axis.set_xticks([1, 2, 4, 8, 16, 32, 64], [1, 2, 4, 8, 16, 32, 64])
axis.legend()
if cores > 1 and 1 < measured < cores:
    print("share divided {:.0%}, at most {:.1f} times as fast".format(*amdahl(measured, cores)))
else:
    print("All cores were no gain here, or a larger one than Amdahl's law allows: there is no share to compute.")

# %% [markdown]
# What is not divided? Threads are started and joined at each of about a hundred operators, and all cores read through
# one memory.
#
# ## Memory, and six in the morning
#
# Each sample is a fresh process: it imports ONNX Runtime, loads the file, and predicts once.

# %%
pair = [Candidate(option, path.name) for option, path in chosen.items()]
measure_there(device, "cold", pair, ledger=ledger())
rows = {}
for option, path in chosen.items():
    peak = ledger().latest(kind="peak_memory", option=option).value.value
    parts = [ledger().latest(kind=kind, option=option).value.value for kind in ("load_time", "first_prediction")]
    rows[option] = {"file, MB": path.stat().st_size / 1e6, "peak memory, MB": peak / 1e6}
    rows[option] |= {"file, % of it": 100 * path.stat().st_size / peak, "until the first class, ms": 1e3 * sum(parts)}
table = pd.DataFrame(rows).T
table["you predicted, %"] = pd.Series({"edge-int8-s8s8": guesses["share"]})
table.style.format(precision=1, na_rep="")

# %% [markdown]
# The rest of the memory is Python, numpy and the runtime, and both files need them. So what decides the size of the
# board is the process, and not the file. And after such a **cold start** the first class takes many times as long as a
# **warm** one. (The operating system runs already here, and the file is in its cache; at six in the morning both are
# still to be done.)
#
# ## What you found
#
# Cores help as far as the work is divided. Memory is the runtime's, and a smaller file hardly changes it. If a box has
# to classify the first pupil's photo as fast as all others, it loads its model when it is switched on, and classifies
# one photo as a warm-up.
#
# - Let something else work on the device while you measure. With which number of threads does a photo take longest
#   then?
# - Two processes with two threads each, or one with four: which classifies more photos per minute?
