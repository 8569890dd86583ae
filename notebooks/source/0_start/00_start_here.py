# ---
# jupyter:
#   lesson:
#     title: Start here
#     summary: check up on the machine, one measurement, two checkpoints
#     part: 0
#     number: "00"
#     minutes: 10
#     kind: core
#     where: [any]
#     needs: []
#     ports: []
# ---

# %% [markdown]
# # Start here
#
# GourmetGram is a small photo-sharing start-up. People post pictures of what they eat, and a model sorts each picture
# into one of eleven kinds of food. The model is trained and it is accurate enough. Now it has to be *served*: every
# upload waits for its answer, the bill for machines arrives monthly, and some day the model should run on a device in
# a kitchen. You are the engineer who makes that work.
#
# The course has three parts: make the **model** itself fast and small, serve it on an **edge** device, and build the
# **system** around it that answers many people at once. This first lesson checks your machine and shows how the
# lessons work.
#
# ## You will do
#
# Check up on your machine, take one measurement, and pass two checkpoints.
#
# ## You will learn
#
# - what it means to *rehearse* a lesson and to *run* it;
# - where your results are kept, and why each one remembers its machine;
# - how predictions, answers and checkpoints work.
#
# ## You need
#
# Any machine that shows this page, and ten minutes.

# %% [markdown]
# ## Two ways through the course
#
# **Rehearse.** Every lesson runs on an ordinary laptop, with real tools, a real model and a small set of drawn food
# pictures. Your figures will be your laptop's, and they are real figures.
#
# **Run.** On Chameleon you lease the machines that the manager's targets speak of: a server with a GPU, or a
# Raspberry Pi. The notebooks are the same. A lease lasts a few hours, so the wise come rehearsed.
#
# Run the cells from top to bottom: **Shift + Enter** runs one and moves on. The first one brings the tools. Should it
# say `ModuleNotFoundError`, then this notebook runs in another Python than the course's: choose *Kernel → Change
# Kernel…* and take *Python 3 (ipykernel)* of the JupyterLab that `make lab` has opened.

# %%
from grading.checkpoints import answer, check, predict, reconcile, scoreboard
from labs import assets, bench
from labs.machine import capabilities, capability_text, fingerprint, for_lesson
from labs.version import code_version, library_versions
from labs.workspace import ledger

# %% [markdown]
# ## Predict
#
# Before each measurement you will say what you expect. You are not graded on being right. But a number that you had
# no expectation of teaches you little, and one that surprises you teaches you a lot.
#
# So here is the first. The model looks at a photo and names the food. A photo from a phone takes about three
# megabytes. How many megabytes will the file of the *model* take? Replace the dots with a number and run the cell.

# %% checkpoint="start.size_guess"
predict("start.size_guess", ...)

# %% [markdown]
# You may change your mind until the measurement has been taken; after that, the prediction stands. That is why it
# pays to go slowly: *Run All* would measure first and ask you afterwards.
#
# ## Act
#
# ### Check up on the machine
#
# Every number in this course belongs to a machine. This one is:

# %%
fingerprint().label

# %% [markdown]
# And these are the libraries that will do the work. They are pinned, because another version is another number.

# %%
library_versions("torch", "onnxruntime", "openvino", "nncf", "jupyterlab") | {"course": code_version()}

# %% [markdown]
# What can it do? Below is one line for each thing that a lesson will ask for. A *no* is not a fault: no laptop has it
# all. Each comes with its reason and with what to do instead, and nothing below keeps you from going on.

# %%
print(capability_text(capabilities()))

# %% [markdown]
# Each lesson asks this question again for itself, so you need not remember any of it. Lesson 11, for one, needs:

# %%
print(capability_text(for_lesson("11")))

# %% [markdown]
# ### Fetch the model
#
# `labs.assets` hands out models and pictures by name, and checks that each file is the one it should be.

# %%
model_path = assets.model("food11-mini-mobilenetv2")
model_path.name

# %% [markdown]
# ## Measure
#
# Everything that is measured becomes a **record**, and records go into your **ledger**: a file that is only ever
# appended to. A lesson can be closed and opened again, and nothing is lost.

# %%
record = ledger().append(bench.size(model_path, option="torch-eager"))
reconcile("start.size_guess")

# %% [markdown]
# A record holds more than its number. It knows which file was measured and on which machine, because a number without
# its machine means nothing. Milliseconds from your laptop say little about a server, so the course never mixes the
# two without telling you.

# %%
record.model

# %%
record.machine.label

# %% [markdown]
# ## Checkpoint
#
# A lesson's questions look like this one: a cell with dots in it, then a check. Nothing is hidden in the check. It
# reads your ledger and says what it expected and what it found, as often as you like.
#
# How many processors may this notebook use? The record has it under `record.machine`; press **Tab** behind the dot to
# see what else is there.

# %% checkpoint="start.processors"
answer("start.processors", ...)

# %%
check("start.processors")

# %%
check("start.size_guess")

# %%
scoreboard("start")

# %% [markdown]
# ## On your own
#
# - Find your ledger: it is a text file, `workspace/ledger.jsonl`, one line an entry. Open it from the file browser on
#   the left and find your prediction in it, with the time at which you made it.
# - Run the checks of this lesson once more. What happens to the ledger? (Checks only read.)
# - To begin the course afresh, with new predictions, close the notebooks and rename the folder `workspace`.
#
# Then go on to [01 Meet the testbed](01_meet_the_testbed.ipynb). (On a laptop, part 1's lessons from
# [10 Meet the model](../1_model/10_meet_the_model.ipynb) on need no testbed.)
