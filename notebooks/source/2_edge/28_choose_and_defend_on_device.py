# ---
# jupyter:
#   lesson:
#     title: "Choose, and defend it: the device"
#     summary: the file against the budget, two frontiers, a recommendation
#     part: 2
#     number: "28"
#     minutes: 15
#     kind: core
#     where: [laptop]
#     needs: ["22", "27b"]
#     ports: []
#     takes: {"23": ["accuracy edge-fp32", "accuracy edge-int8-s8s8"]}
# ---

# %% [markdown]
# # Choose, and defend it: the device
#
# The canteens' buyer, the technician and the manager sit at one table. The buyer has read that a server answers in 3
# ms. The technician has a box in a bag. The manager wants a sentence to sign: *this file, on that box, is good enough,
# and this is how it is known.*
#
# You have the records. Today they are put side by side, server and device, and the file that you choose has to prove
# itself once more: by its own bytes.
#
# ## You will do
#
# Hold a file against the budget, look at the frontiers of both machines, and write the recommendation.
#
# ## You will learn
#
# - to let a file speak for itself instead of a table about it;
# - which comparisons between two machines are fair;
# - to say what has been measured, what was rehearsed, and what is only expected.
#
# ## You need
#
# Lesson 27b, and 15 minutes at home: what it measured on the board came home with *pull* or *release*. Where your
# ledger has records of several boards, or of a rehearsal and a board, the one that was measured last counts: do not mix
# two machines.

# %%
import onnxruntime as ort

from grading.checkpoints import answer, check, predict, predicted, reconcile, scoreboard
from labs import assets, bench
from labs.charts import frontiers
from labs.data.dataset import load_split
from labs.display.format import megabytes
from labs.edge.files import part_1_files

# %%
from labs.records.ledger import ledger
from labs.records.options import summarize
from labs.records.targets import target, target_table
from labs.widgets import Records
from labs.widgets import scoreboard as targets_board
from labs.workspace import models_dir

# %%
MOST_BYTES, MOST_POINTS = 2_500_000, 1.0  # the course's bars for the INT8 file
files = part_1_files(models_dir())
edge = [record for record in ledger().measurements() if record.option.startswith("edge-")]
on_device = [record for record in edge if record.machine_id == edge[-1].machine_id]
measured = [one for one in summarize(on_device) if one.accuracy and one.p50_s and one.size_bytes]
full = [one for one in measured if one.option in files]
if not {"edge-fp32", "edge-int8-s8s8"} <= {one.option for one in full}:
    raise LookupError("Nothing was measured on this device yet: run lesson 23 first, and 27b on the board.")

# %% [markdown]
# ## Predict
#
# The course has a bar for its own INT8 file: at most **2.5 MB** (2.0 would be better) at no more than **one point** of
# accuracy lost. You have measured the accuracy on the device. When *this* machine looks at the same file: on how many
# of the evaluation images will it name another class than the device did?

# %% checkpoint="e.choose.flips_guess"
predict("e.choose.flips_guess", ...)

# %% [markdown]
# ## Act
#
# ### The file itself
#
# Tables are copied, renamed and forgotten. A file's bytes are what is shipped. The next cell reads the bytes, and lets
# the file name the class of every evaluation image, here and now. Which file will you defend? It has to be one that was
# measured on the device with 224 pixels, and that keeps both bars; `full` holds those that were measured.

# %%
{option: megabytes(path.stat().st_size) for option, path in files.items()}

# %% checkpoint="e.choose.file"
choice = ...  # an option, such as "edge-int8-qdq"
answer("e.choose.file", choice)

# %% [markdown]
# (As long as you have not chosen, the signed static file is looked at.)

# %%
predicted("e.choose.flips_guess")
looked_at = choice if choice in files else "edge-int8-s8s8"
both = {"budget-float": files["edge-fp32"], "budget-choice": files[looked_at]}
images, labels = load_split(assets.dataset("food11-mini"), "evaluation")
found = Records()
for option, path in both.items():
    session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    found.append(ledger().append(bench.size(session, option=option)))
    how = {"option": option, "dataset": "food11-mini/evaluation"}
    found.append(ledger().append(bench.accuracy(session, images, labels, **how)))
found

# %%
check("e.choose.file")

# %%
reconcile("e.choose.flips_guess")

# %% [markdown]
# ### The budget
#
# Hold the examined file against the bars: by its own bytes, and by the classes that it has just named.


# %% checkpoint="e.choose.budget"
def budget(size_bytes, float_right, choice_right, most_bytes, most_points):
    """Return {"bytes_left": …, "points_lost": …, "kept": …}: negative bytes are too many, and both bars must be kept.

    Args:
        size_bytes: Of the chosen file.
        float_right, choice_right: 1 or 0 for each image, of the float file and of the chosen one.
        most_bytes, most_points: What the file may have, and what it may lose, in points of accuracy.
    """
    ...


# %%
check("e.choose.budget", budget)

# %%
right = [list(ledger().latest(kind="accuracy", option=option).samples) for option in both]
budget(ledger().latest(kind="size", option="budget-choice").samples[0], *right, MOST_BYTES, MOST_POINTS)

# %% [markdown]
# ## Measure
#
# ### Server and device
#
# One frontier for each machine in your ledger: the one of part 1, and the device. (In rehearsal the device is a machine
# of its own in the ledger, played by this computer: its figures stand apart from the computer's own. A ledger without
# part 1 has the device's alone.)

# %%
frontiers(ledger().measurements())

# %% [markdown]
# What may be said across the two frontiers, and what not? Mark each sentence `True` (a fair comparison) or `False`:
#
# - `accuracy`: "The INT8 file is as accurate on the device as on the server", from the accuracy records of one and the
#   same file.
# - `latency`: "INT8 makes the device twice as fast as the server's float32", from the two medians.
# - `size`: "It takes the same bytes on both."
# - `ratio`: "INT8 gains more on the one than on the other", from a ratio within each machine.

# %% checkpoint="e.choose.fair"
fair = {"accuracy": ..., "latency": ..., "size": ..., "ratio": ...}
answer("e.choose.fair", fair)

# %%
check("e.choose.fair")

# %% [markdown]
# ### The target

# %%
target_table()

# %%
targets_board(on_device, targets=[target("device")])

# %% [markdown]
# ## Checkpoint
#
# ### The recommendation
#
# The same four things as in part 1, and a fifth: **where**. A sentence about a Pi that rests on a rehearsal must say
# so, and may lean on the estimate, as long as it calls it one.

# %%
for record in on_device:
    if record.option == looked_at:
        print(record.record_id, record.kind, f"× {record.batch_size}", record.machine.label)
played = on_device[-1].machine.testbed.get("site") == "rehearsal"
real = on_device[-1].machine.architecture in ("aarch64", "arm64") and not played
print("the real device" if real else "a rehearsal")

# %% checkpoint="e.choose.recommendation"
recommendation = {
    "choice": ...,  # an option that was measured on the device
    "evidence": [...],  # record ids from the device: accuracy, size and latency of the choice at least
    "p50_s": ...,  # its median latency there, in seconds
    "where": ...,  # "device" or "rehearsal"
    "points_lost": ...,  # against edge-fp32, in points
    "to_the_manager": "...",  # three to six sentences; name the option, and say where it was measured
    "what_it_costs": "...",
    "what_would_change_my_mind": "...",
}
answer("e.choose.recommendation", recommendation)

# %%
check("e.choose.recommendation")

# %%
check("e.choose.flips_guess")

# %%
scoreboard("edge")

# %% [markdown]
# ## On your own
#
# - Exchange ledgers with somebody who has had a real Pi. Which of your predictions held, and which assumption of the
#   estimate was furthest off?
# - The buyer asks for a box at half the price, with Cortex-A72 cores. What do you expect (`labs.edge.estimate` has it),
#   and what would you measure first?
# - A year later a colleague finds your recommendation. Can that colleague tell from it alone which file it means?
#
# Do you still have the board? Give it back now, in [29 Release the device](29_release.ipynb): somebody is waiting for
# it.
