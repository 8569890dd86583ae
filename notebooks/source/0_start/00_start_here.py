# ---
# jupyter:
#   lesson:
#     title: Start here
#     summary: check up on the machine, one measurement, two questions
#     part: 0
#     number: "00"
#     minutes: 10
#     kind: core
#     where: [laptop]
#     needs: []
#     ports: []
# ---

# %% [markdown]
# # Start here
#
# GourmetGram is a small photo-sharing start-up. People post photos of what they eat, and a model sorts each of them
# into one of eleven kinds of food. The model is trained, and it is accurate enough. Now it has to be *served*: every
# upload waits for its answer, the bill for machines arrives monthly, and some day the model should run on a device in a
# kitchen. You are the engineer who makes that work.
#
# The course has three parts: make the **model** itself fast and small, serve it on an **edge** device, and build the
# **system** around it that answers many people at once. This first lesson checks your machine and shows how the lessons
# work.
#
# ## You will do
#
# Check up on your machine, take one measurement, and answer two questions.
#
# ## You will learn
#
# - what it means to *rehearse* a lesson and to *run* it;
# - where your results are kept, and why each one remembers its machine;
# - how predictions, functions and checks work.
#
# ## You need
#
# Any machine that shows this page, and ten minutes.

# %% [markdown]
# ## Two ways through the course
#
# **Rehearse.** Every lesson runs on an ordinary laptop, with real tools, a real model and a small set of drawn food
# images. Your figures will be your laptop's, and they are real figures.
#
# **Run.** On Chameleon you lease the machines that the manager's targets speak of: a server with a GPU, or a Raspberry
# Pi. The notebooks are the same. A lease lasts a few hours, so rehearse first.
#
# Run the cells from top to bottom: **Shift + Enter** runs one and moves on. If the first one says
# `ModuleNotFoundError`, this notebook runs in another Python than the course's: choose *Kernel → Change Kernel…* and
# take *Python 3 (ipykernel)* of the JupyterLab that `make lab` has opened.

# %%
from grading.checkpoints import check, predict, predicted, reconcile, scoreboard
from labs import assets, bench
from labs.machine import capabilities, capability_text, fingerprint, for_lesson
from labs.machine.version import code_version, library_versions
from labs.records.ledger import ledger

# %% [markdown]
# ## Predict
#
# Before each measurement you say what you expect. You are not graded on being right. But a number that you had no
# expectation of teaches you little, and one that surprises you teaches you a lot.
#
# Here is the first. The model looks at a photo and names the food. A photo from a phone takes about three megabytes.
# How many megabytes will the file of the *model* take? Run the cell, type a number into the box and press the button.
# (Or replace the dots with your number.)

# %% checkpoint="start.size_guess"
predict("start.size_guess", ...)

# %% [markdown]
# You may change your mind until the measurement has been taken. The cell that measures waits for your prediction, so
# you cannot run past it by accident.
#
# ## Act
#
# ### Check up on the machine
#
# Every number in this course belongs to a machine. This one is:

# %%
fingerprint().label

# %% [markdown]
# And these libraries will do the work. Their versions are pinned, for another version gives other numbers.

# %%
library_versions("torch", "torchvision", "onnx", "onnxruntime", "openvino", "jupyterlab") | {"course": code_version()}

# %% [markdown]
# What can it do? Below is one line for each thing that a lesson will ask for. A *no* is not a fault: no laptop has it
# all. Each comes with its reason and with what to do instead, and nothing below keeps you from going on.

# %%
print(capability_text(capabilities()))

# %% [markdown]
# Each lesson asks again for itself, so you need not remember any of it. Lesson 11, for one, needs:

# %%
print(capability_text(for_lesson("11")))

# %% [markdown]
# ### Get the model
#
# `labs.assets` hands out the model and the images, and checks that each file is the one it should be. Where the
# addresses of the real Food-11 and its published model are set, you get those; everywhere else, the small ones that
# come with the course.

# %%
model_path = assets.model()
assets.default_dataset(), assets.default_model(), model_path.name

# %% [markdown]
# ## Measure
#
# Everything that is measured becomes a **record**, and records go into your **ledger**: a file that is only ever
# appended to. You can close a lesson and open it again, and nothing is lost.

# %%
predicted("start.size_guess")
record = ledger().append(bench.size(model_path, option="torch-eager", backend="torch", precision="fp32"))
reconcile("start.size_guess")

# %% [markdown]
# A record holds more than its number. It knows which file was measured and on which machine: milliseconds from your
# laptop say little about a server, so the course never mixes the two without telling you.

# %%
record.model, record.machine.label, record.machine.cpu_count

# %% [markdown]
# ## Checkpoint
#
# A lesson asks three kinds of questions. You have answered the first kind, a **prediction**. The second kind is a
# **function** that you write; the third, later, a **file** that you make. The check below a function calls it on some
# cases and on your own records, and shows what it did. Try as often as you like: after the first failing try there is a
# hint, after the second a stronger one. What was expected is shown once you have passed. The grader will call your
# function without the rest of the lesson: what it needs beside `np` and `math`, import in its body.
#
# The first function is a short one. Replace the dots, run the cell, then the check.


# %% checkpoint="start.megabytes"
def megabytes(size_bytes):
    """Return a size in megabytes (MB, a million bytes)."""
    ...


# %%
check("start.megabytes", megabytes)

# %%
check("start.size_guess")

# %% [markdown]
# The scoreboard shows how you stand, in one lesson or a whole part:

# %%
scoreboard("start")

# %% [markdown]
# ## When you are stuck
#
# - `?` behind a name shows its documentation: try `bench.size?` in a cell of its own.
# - **A cell raises an error.** Read its last line first; the course's own say what to do.
# - **Everything says `NameError`.** The kernel was restarted and has forgotten your variables; your ledger has
#   forgotten nothing. Run the lesson's first cell, `begin(…)`: its link leads to where you go on. Select that cell and
#   choose *Run → Run All Above Selected Cell*, which makes the names again.
# - **A measurement takes too long.** Its *Cancel* button stops it, and what was finished is kept.
#
# ## On your own
#
# - Find your ledger: it is a text file, `workspace/ledger.jsonl`, one line an entry. Open it from the file browser on
#   the left and find your prediction in it, with the time at which you made it.
# - Run the check of your function once more after breaking it on purpose. What does the card say?
# - To begin the course afresh, with new predictions, close the notebooks and rename the folder `workspace`.
#
# On a laptop, part 1's lessons from [10 Meet the model](../1_model/10_meet_the_model.ipynb) on need no testbed.
