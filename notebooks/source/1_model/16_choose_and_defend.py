# ---
# jupyter:
#   lesson:
#     title: Choose, and defend it
#     summary: all options on one frontier, a last race, a recommendation to the manager
#     part: 1
#     number: "16"
#     minutes: 45
#     kind: core
#     where: [any]
#     needs: ["11", "13", "14b", "14c"]
#     ports: []
#     machine_minutes: 10
#     uses: ["memory", "fast INT8", "OpenVINO provider", "GPU provider"]
# ---

# %% [markdown]
# # Choose, and defend it
#
# Friday. You have measured more options than anybody can keep in mind. "Which one?" the manager asks. "And how do I
# know?"
#
# There is no best model. There is a best one *for something*, at a price, with some certainty. Today no model is made
# faster. You put the evidence in order, run the last race fairly, and write half a page that still holds in a year.
#
# ## You will do
#
# Lay all options side by side, race the finalists in one run, drop those that nobody needs, hand in the model that you
# choose, and defend it.
#
# ## You will learn
#
# - what a *frontier* is, and when an option may be called beaten;
# - how to choose for a target, by a rule that others can check;
# - what a figure from this machine says about the manager's machines, and what it does not.
#
# ## You need
#
# A laptop or the leased node, 45 minutes, and lessons 11 to 14c (15 if you have it). The machine works for about a
# minute.

# %%
import shutil
import subprocess
import sys
from dataclasses import asdict

import numpy as np

from grading.checkpoints import answer, check, predict, predicted, reconcile, scoreboard
from labs import assets, bench, providers
from labs.charts import frontier_chart, side_by_side
from labs.machine import capability_text, fingerprint, for_lesson
from labs.records.candidates import candidates, gains, of_machine
from labs.records.reference import reference_table, source_line
from labs.records.targets import target_table, targets_for
from labs.widgets import comparison_table
from labs.widgets import scoreboard as targets_board
from labs.workspace import ledger, models_dir, workspace_dir

# %% [markdown]
# The options are those in your ledger that were measured on this machine, on its GPU too. A model that was made
# elsewhere counts here once it was measured here.

# %%
machine = fingerprint().machine_id
records = of_machine(ledger().read(), machine)
folders = [models_dir(), assets.model().parent]
found, left_out = candidates(records, folders)
if "onnx-all" not in found:
    raise FileNotFoundError("There is no onnx-all to compare with yet: run lesson 14 first, which measures it.")
print(f"{len(found)} options: {', '.join(found)}")

# %% [markdown]
# And these cannot take part, each for its reason. Two files with the same bytes are *one* option, whatever they are
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
# ### A first look at the frontier
#
# An option is *beaten* when another is at least as good in accuracy, latency, throughput and size, and better in one.
# Nobody has a reason to take it. What is left is the **frontier**: there, each gain has a price. The figure goes by the
# numbers as they stand, from different days. It is good enough to choose who may run, and not more.

# %%
frontier_chart(shown)

# %% [markdown]
# ### The finalists
#
# Which options deserve the last race against float32? Two to four, by name: of those that lose at most one point of
# accuracy, those that could win something. If you have a GPU, take its fastest option along.

# %% checkpoint="m.choose.finalists"
finalists = ...
answer("m.choose.finalists", finalists)

# %%
check("m.choose.finalists")

# %% [markdown]
# ## Measure
#
# ### One run for all
#
# The race is one run, in turns, with one image and with 32. Each option is opened again *from its record*: the same
# file by its hash, with the same settings. What needs another wheel of ONNX Runtime races in that environment, against
# the float32 model on the CPU provider there. So the script is one file, and each environment runs it.

# %%
folder = workspace_dir() / "race"
folder.mkdir(parents=True, exist_ok=True)

# %%
# %%writefile {folder}/race.py
import sys
from pathlib import Path

from labs import assets, bench
from labs.dataset import load_split
from labs.machine import fingerprint
from labs.records.candidates import candidates, of_machine
from labs.runtimes import open_model
from labs.workspace import ledger, models_dir

names = sys.argv[1:]
images, _ = load_split(assets.dataset(), "evaluation", limit=32)
found, _ = candidates(of_machine(ledger().read(), fingerprint().machine_id))
racers = {}
if names[0] == "cpu-provider":  # float32 on the CPU provider of this environment's wheel
    racers[names.pop(0)] = open_model(models_dir() / "food11.onnx")
for name in names:
    record = found[name].record
    here = (models_dir() / record.model.name).is_file()
    racers[name] = bench.reopen(record, models_dir() if here else Path(assets.model()).parent)
    print(name, "is", bench.describe(racers[name]).precision, "with", record.threads.intra_op, "threads")

one = bench.compare(racers, images[:1])
many = bench.compare(racers, images, rounds=10, block_calls=2, settle_calls=1)
for record in [*one, *many]:
    ledger().append(record)


# %%
def race(names):
    """Race options, each in the environment that it needs; return the names that took part, by environment."""
    places = {"": ["onnx-all"]}
    for name in names:
        place = found[name].environment
        if place == "gpu" and providers.environment("tensorrt").is_installed:
            place = "tensorrt"  # it holds the CUDA provider too
        places.setdefault(place, []).append(name)
    places[""] = list(dict.fromkeys(places[""]))
    # Unless TF32 itself takes part, none of NVIDIA's libraries may round to it; elsewhere nobody reads this variable.
    tf32 = any(found[name].record.precision == "tf32" for name in names)
    for place, racers in places.items():
        if place:
            variables = {} if tf32 else {"NVIDIA_TF32_OVERRIDE": "0"}
            providers.install(place).run(folder / "race.py", "cpu-provider", *racers, variables=variables)
        elif len(racers) > 1:
            command = [sys.executable, folder / "race.py", *racers]
            done = subprocess.run(command, capture_output=True, text=True)
            print(done.stdout or done.stderr)
    return places


# %%
places = race([] if finalists is ... else finalists)
records = of_machine(ledger().read(), machine)

# %%
titles = {"latency": "One image", "throughput": "Batches of 32"}
for place, racers in places.items():
    baseline = "cpu-provider" if place else "onnx-all"
    for kind, title in titles.items():
        run = records.comparison(baseline, *racers, kind=kind)
        if run:
            display(side_by_side(run, baseline, title=title))

# %% [markdown]
# ### What may be called beaten
#
# `gains(records, one, other)` holds what the evidence says about a pair: accuracy image by image, times by the race,
# size exactly. Each is an interval of how much *better* the first is, as a fraction; one that holds 0 decides nothing.
# (What raced in another environment has no times beside `onnx-all`, and so no verdict on them.)

# %%
racers = list(dict.fromkeys(name for names in places.values() for name in names))
for name in racers[1:]:
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
# Use it: which racers does no other racer beat? (The float32 model raced too.)

# %%
for other in racers:
    by = [name for name in racers if name != other and dominates(gains(records, name, other))]
    print(f"{other}: {'beaten by ' + ', '.join(by) if by else 'on the frontier'}")

# %% checkpoint="m.choose.frontier"
# A list of names.
answer("m.choose.frontier", ...)

# %%
check("m.choose.frontier")

# %% [markdown]
# ### A fresh start
#
# Each sample is a new process that imports its runtime, loads the file and predicts once.

# %%
predicted("m.choose.start_guess")
for option in ("onnx-all", "int8-static-qdq"):
    if option in found:
        path, settings = models_dir() / found[option].record.model.name, found[option].record.settings
        for record in bench.cold_start(path, option=option, settings=settings, samples=3):
            ledger().append(record)

# %%
reconcile("m.choose.start_guess")

# %% [markdown]
# ## For each target, an option
#
# The manager's list. What it asks of the GPU depends on the GPU: an MI100 has limits of its own.

# %%
targets = targets_for(fingerprint().label)
target_table(fingerprint().label)

# %% [markdown]
# A rule that can be written down can be checked. Here is the manager's: *the most accurate option that keeps every
# limit*; of equally accurate ones, the one with the shortest latency. Faster than needed is worth nothing to her.


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
found, _ = candidates(records, folders)
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
# One of the racers that nobody beats, losing at most one point of accuracy. Copy its file to `chosen.onnx`: that is
# what part 2 puts on a Raspberry Pi and part 3 behind a server.

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
# - Run the race again with other programs at work. Which of your ratios left its interval?
# - Open each racer with one thread, as a server with many requests may. Does the order change?
# - Exchange recommendations with somebody whose machine is another one. Which of your records explains the difference?
#
# This is the end of part 1: give your machine back now, in [19 Release](19_release.ipynb). Part 2 takes the winner to a
# Raspberry Pi, and part 3 puts it behind a server.
