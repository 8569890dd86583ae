# ---
# jupyter:
#   lesson:
#     title: Choose, and defend it
#     summary: what raced on one frontier, an option for each target, a recommendation to the manager
#     part: 1
#     number: "16"
#     minutes: 40
#     kind: core
#     where: [laptop]
#     needs: ["14c", "15b"]
#     ports: []
#     uses: ["memory", "GPU provider"]
#     takes: {"14": ["latency onnx-all"]}
# ---

# %% [markdown]
# # Choose, and defend it
#
# Friday. You have measured more options than anybody can keep in mind. "Which one?" the manager asks. "And how do I
# know?"
#
# There is no best model. There is a best one *for something*, at a price, with some certainty. Today no model is made
# faster, and no machine is leased. You put the evidence in order, and write half a page that still holds in a year.
#
# ## You will do
#
# Lay what raced side by side, drop what nobody needs, choose for each target, hand in the model that you choose, and
# defend it.
#
# ## You will learn
#
# - what a *frontier* is, and when an option may be called beaten;
# - how to choose for a target, by a rule that others can check;
# - what a figure from one machine says about another, and what it does not.
#
# ## You need
#
# Lesson 15b, and 40 minutes at home. What it measured on the leased node came home with *pull* or *release*. Without a
# lease, its rehearsal on this computer counts.

# %%
import shutil
from dataclasses import asdict

from grading.checkpoints import answer, check, predict, predicted, reconcile, scoreboard
from labs import assets, bench
from labs.charts import frontier_chart, side_by_side
from labs.machine import capability_text, for_lesson
from labs.records.candidates import candidates, gains, of_machine, racers
from labs.records.ledger import ledger
from labs.records.reference import reference_table, source_line
from labs.records.targets import target_table, targets_for
from labs.widgets import comparison_table
from labs.widgets import scoreboard as targets_board
from labs.workspace import models_dir

# %% [markdown]
# One machine decides: the one that measured the float32 model last. After a lease that is the node, and its GPU too.

# %%
newest = ledger().latest(kind="latency", option="onnx-all")
records = of_machine(ledger().read(), newest.machine_id)
folders = [models_dir(), assets.model().parent]
found, left_out = candidates(records, folders)
print(newest.machine.label)
print(f"{len(found)} options: {', '.join(found)}")

# %% [markdown]
# And these cannot be chosen, each for its reason. Two files with the same bytes are *one* option, whatever they are
# called; a hash tells.

# %%
for option, reason in left_out.items():
    print(f"{option}: {reason}")

# %% [markdown]
# ## Predict
#
# One thing has not been measured: a server that starts anew. How many times as long as the float32 model will the INT8
# one (`int8-static-qdq`) take from a fresh process until it is ready to predict? 0.5 means half as long; the file has
# about a quarter of the size, after all.

# %% checkpoint="m.choose.start_guess"
predict("m.choose.start_guess", ...)

# %% [markdown]
# ## Act
#
# ### Everything in one table
#
# Below your options stands what others published, with *their* machines and another data set: the order may be
# compared, the milliseconds may not.

# %%
print(source_line())
shown = [one for one in records.measurements() if one.option in found]
comparison_table(shown, reference=reference_table())

# %% [markdown]
# ### The frontier by the numbers
#
# An option is *beaten* when another is at least as good in accuracy, latency, throughput and size, and better in one.
# Nobody has a reason to take it. What is left is the **frontier**: there, each gain has a price. The figure goes by the
# numbers as they stand, and noise has a say in them.

# %%
frontier_chart(shown)

# %% [markdown]
# ## Measure
#
# ### The race
#
# In lesson 15b the finalists took turns with float32, in the lessons' own environment, and each provider's options in
# its environment, against float32 on the CPU provider there. What you had chosen and what did not take part:

# %%
raced = racers(records)
for name in ledger().read().answer("m.choose.finalists") or []:
    if name not in raced:
        print(f"{name} did not take part: {left_out.get(name, 'it was in no race on this machine')}.")
print("In the race:", ", ".join(raced))

# %%
titles = {"latency": "One image", "throughput": "Batches of 32"}
for kind, title in titles.items():
    runs = {}
    for baseline in ("onnx-all", "cpu-provider"):
        for name in raced:
            run = records.comparison(baseline, name, kind=kind) if name != baseline else None
            if run:
                runs[run.records[0].details["comparison_id"]] = side_by_side(run, baseline, title=title)
    display(*runs.values())

# %% [markdown]
# ### What may be called beaten
#
# `gains(records, one, other)` holds what the evidence says about a pair: accuracy image by image, times by the race,
# size exactly. Each is an interval of how much *better* the first is, as a fraction; one that holds 0 decides nothing.
# (What raced in another environment has no times beside `onnx-all`, and so no verdict on them.)

# %%
for name in raced[1:]:
    for measure, (low, high) in gains(records, name, "onnx-all").items():
        print(f"{name:24} {measure:11} {low:+.3f} to {high:+.3f}")


# %% checkpoint="m.choose.dominates"
def dominates(gains):
    """Return whether one option beats another: nowhere known to be worse, and somewhere known to be better.

    Args:
        gains: For "accuracy", "latency", "throughput" and "size" a pair (low, high), the interval of how much better
            the one is than the other: above 0 it is better, below 0 worse. A measure may be missing, since the two
            were never compared in it: then nothing is known about the pair as a whole, and the answer is False.
    """
    ...


# %%
check("m.choose.dominates", dominates)

# %% [markdown]
# Use it: which of them does no other beat? (The float32 model raced too.)

# %%
for other in raced:
    by = [name for name in raced if name != other and dominates(gains(records, name, other))]
    print(f"{other}: {'beaten by ' + ', '.join(by) if by else 'on the frontier'}")

# %% checkpoint="m.choose.frontier"
# A list of names.
answer("m.choose.frontier", ...)

# %%
check("m.choose.frontier")

# %% [markdown]
# ### A fresh start
#
# Each sample is a new process that imports its runtime, loads the file and predicts once, on this computer.

# %%
predicted("m.choose.start_guess")
for option in ("onnx-all", "int8-static-qdq"):
    if made := ledger().latest(kind="latency", option=option):
        for record in bench.cold_start(models_dir() / made.model.name, option=option, samples=3):
            ledger().append(record)

# %%
reconcile("m.choose.start_guess")

# %% [markdown]
# ## For each target, an option
#
# The manager's list. What it asks of the GPU depends on the GPU: an MI100 has limits of its own.

# %%
targets = targets_for(newest.machine.label)
target_table(newest.machine.label)

# %% [markdown]
# A rule that can be written down can be checked. Here is the manager's: *the most accurate option that keeps every
# limit*; of equally accurate ones, the one with the shortest latency. Being faster than needed counts for nothing.


# %% checkpoint="m.choose.pick"
def pick(options, target):
    """Return the name of the option to take for a target, or None when none keeps all of its limits.

    Args:
        options: Dictionaries with "option" (its name), "accuracy" (0 to 1), "p50_s", "batch_fps", "size_bytes", and
            "on_gpu" (whether it computes on a GPU).
        target: Dictionary with "p50_s" (stay below), "batch_fps" (at least), "size_bytes" (stay below), and "on_gpu"
            (whether it is meant for one). A limit of None asks for nothing.
    """
    ...


# %%
check("m.choose.pick", pick)

# %%
options = [one.row for one in found.values()]
for target in targets:
    wanted = asdict(target) | {"on_gpu": target.name == "server-gpu"}
    print(f"{target.title}, for {target.machine}: {pick(options, wanted)}")

# %% [markdown]
# Each target names *its* machine. On another one, this is a rehearsal: the rule is the same, the figures are not.

# %% checkpoint="m.choose.targets"
# The name of the option, or "none".
answer("m.choose.targets", {"server-cpu": ..., "device": ...})

# %%
check("m.choose.targets")

# %% [markdown]
# And for a server with a GPU. (Without one here, this point waits for a machine that has it.)

# %%
print(capability_text(one for one in for_lesson("16") if one.name == "GPU provider"))

# %% checkpoint="m.choose.gpu_target"
# `pick` and `wanted` are above, with `options` and `targets`.
answer("m.choose.gpu_target", ...)

# %%
check("m.choose.gpu_target")

# %%
targets_board(records)

# %% [markdown]
# ## Checkpoint
#
# ### The model that you hand in
#
# One of the racers that nobody beats, losing at most one point of accuracy. Copy its file to `chosen.onnx`: the grader
# measures that file again.

# %% checkpoint="m.choose.model"
# Copy its file with shutil.copy; found[choice].record.model.name is its name in models_dir().
choice = ...
chosen_path = ...

# %%
check("m.choose.model", chosen_path)

# %% [markdown]
# ### The recommendation
#
# Now write to the manager, for a person to read. Four things make it one that can be relied on: the choice; the
# evidence (how many times as fast as float32, from the race, and how many points of accuracy it loses, both checked
# against your records); the reason, with what the choice costs; and the measurement that would change your mind, with
# where it would have to be made.

# %% checkpoint="m.choose.recommendation"
recommendation = {
    "choice": ...,
    "times_as_fast": ...,  # float32's latency over the choice's, in the race: above 1 for faster
    "points_lost": ...,  # of accuracy against float32, in points of a hundred
    "to_the_manager": ...,  # three to six sentences; name the option
    "what_would_change_my_mind": ...,
}
answer("m.choose.recommendation", recommendation)

# %%
check("m.choose.recommendation")

# %%
check("m.choose.start_guess")

# %%
scoreboard("model")

# %% [markdown]
# ## On your own
#
# - Compare the race of your rehearsal with the node's: whose ratios agree, and which instruction explains the others?
# - Exchange recommendations with somebody whose machine is another one. Which of your records explains the difference?
#
# This is the end of part 1. The button at the end of [19 Release](19_release.ipynb) hands it in. Part 2 takes five
# of its files, float32 and INT8, to a Raspberry Pi; part 3 builds a system around the float32 model.
