# ---
# jupyter:
#   lesson:
#     title: Meet the model
#     summary: the images, the model, the manager's three targets
#     part: 1
#     number: "10"
#     minutes: 20
#     kind: core
#     where: [any]
#     needs: ["00"]
#     ports: []
#     machine_minutes: 5
#     uses: ["memory", "disk"]
# ---

# %% [markdown]
# # Meet the model
#
# Monday, nine o'clock. The manager of GourmetGram has a model, a list of three targets, and you.
#
# "It is a MobileNetV2," the data scientist says before leaving for a long holiday. "It knows eleven kinds of food. It
# was good on my pictures." That is all you are told. Before you make anything faster, find out what you have.
#
# ## You will do
#
# Look at the pictures, let the model name them, count what is inside it, and read the manager's targets like a
# contract.
#
# ## You will learn
#
# - the four numbers that all of part 1 is about: accuracy, size, latency and throughput;
# - where the megabytes of a model's file come from;
# - why latency and throughput are two targets and not one.
#
# ## You need
#
# A laptop and about 20 minutes; the machine itself works for less than one.

# %%
import numpy as np
import pandas as pd

from grading.checkpoints import answer, check, predict, reconcile
from labs import assets, bench
from labs.backends import BackendSpec
from labs.dataset import iterate
from labs.labels import CLASS_NAMES
from labs.preprocess import load_batch, softmax

# %%
from labs.records.targets import target_table
from labs.widgets.pictures import picture_grid
from labs.widgets.progress import run_with_progress
from labs.workspace import ledger

# %% [markdown]
# ## Predict
#
# The pictures come in three sets: *training*, which the model learned from, *validation*, which its makers watched
# while it learned, and *evaluation*, which it has never seen. Only the last one says how good it is. Here it even
# comes from other artists than the rest, as a stranger's photo would.
#
# Eleven classes, equally many pictures of each: guessing blindly is right for 9 of 100. How many of 100 does the
# model get right?

# %% checkpoint="m.meet.accuracy_guess"
predict("m.meet.accuracy_guess", ...)

# %% [markdown]
# ## Act
#
# First the pictures. Eleven classes, one picture of each:

# %%
pictures = list(iterate(assets.dataset("food11-mini"), "evaluation"))
paths = [path for path, label in pictures]
labels = np.array([label for path, label in pictures])
one_each = [int(np.argmax(labels == label)) for label in range(len(CLASS_NAMES))]
picture_grid([paths[i] for i in one_each], labels[one_each], title="One picture of each class")

# %% [markdown]
# A model does not see files. It sees numbers: 224 × 224 pixels in three colours, shifted and scaled the way its
# training did. `load_batch` does this for the whole course, in every lesson and in every server, because a model that
# is fed differently than it was trained is a different model.

# %%
images = load_batch(paths)
images.shape, images.dtype

# %% [markdown]
# Now the model. A *backend* is one way to run it; this one is plain PyTorch. All backends of this course have the
# same four verbs: `load`, `predict`, `describe`, `close`.

# %%
model_path = assets.model("food11-mini-mobilenetv2")
eager = BackendSpec("torch", str(model_path)).build()
eager.load()
logits = eager.predict(images[one_each])
logits.shape

# %% [markdown]
# Eleven numbers a picture, called *logits*. The largest one wins. `softmax` turns them into probabilities, which are
# easier to read: they are positive and add up to one.

# %%
probs = softmax(logits)
picture_grid([paths[i] for i in one_each], labels[one_each], probs, title="What the model takes them for")

# %% [markdown]
# How sure it says it is, and how right it is, are two things. Look for a picture that it gets wrong with confidence,
# if there is one.
#
# ### What is inside
#
# MobileNetV2 is a stack of convolutions, made for phones: it does with a few million *parameters* what older networks
# did with a hundred million. Each parameter is one number that training has found. How many are there?
#
# `net` is the network itself, a PyTorch module. Its `parameters()` are tensors of all shapes.

# %%
from labs.models import load_mobilenet_v2

net = load_mobilenet_v2(model_path)
[tuple(tensor.shape) for tensor in net.parameters()][:4]

# %% checkpoint="m.meet.parameters"
# How many numbers are there in all parameters together?
count = ...
answer("m.meet.parameters", count)

# %% [markdown]
# ## Measure
#
# Size first. It is read from the file, so there is nothing to wait for.

# %%
size = ledger().append(bench.size(model_path, option="torch-eager", backend="torch", precision="fp32"))
size.value.value / 1e6

# %% [markdown]
# That many megabytes, and nearly all of them are your parameters: each is a 32-bit float, four bytes. Remember this.
# It means that there are two ways to a smaller file, fewer bits for each number or fewer numbers, and part 1 goes both
# ways.

# %%
check("m.meet.parameters")

# %% [markdown]
# Now accuracy, on every evaluation picture. A bar shows how far it is.

# %%
settings = {"option": "torch-eager", "dataset": "food11-mini/evaluation"}
accuracy = run_with_progress(
    lambda report: bench.accuracy(eager, images, labels, on_progress=report, **settings),
    "Accuracy on the evaluation pictures",
)
ledger().append(accuracy)
reconcile("m.meet.accuracy_guess")

# %% [markdown]
# One number hides eleven. The record kept what was predicted for each picture, so ask it: here is a row for every
# picture, with its true class, and whether the model was right.

# %%
names = np.array(CLASS_NAMES)
table = pd.DataFrame(
    {
        "truth": names[labels],
        "predicted": names[accuracy.details["predicted"]],
        "right": accuracy.samples,
    }
)
table.head()

# %% checkpoint="m.meet.hardest_class"
# Which class is wrong most often? Its name, as in the table.
hardest = ...
answer("m.meet.hardest_class", hardest)

# %%
check("m.meet.hardest_class")

# %% [markdown]
# What does the model take that class for? `pd.crosstab(table["truth"], table["predicted"])` shows all confusions at
# once. When you make the model smaller, this is where the loss will show first: on the pictures that were close calls
# already.

# %%
pd.crosstab(table["truth"], table["predicted"])

# %% [markdown]
# ## Checkpoint
#
# The manager's list. It names three places where the model might run, and what it would have to do there.

# %%
target_table()

# %% [markdown]
# - **Latency** is how long one request takes. The *median* is the latency that half of the requests stay under.
# - **Throughput** is how many pictures are done in a second when nobody waits for a particular one.
# - **Size** is the file that has to be stored, shipped and loaded.
# - **Accuracy** does not stand in the list. The manager takes for granted that it stays. It will be your job to say
#   what it costs.
#
# Four people have written to support. Which of the four numbers is each of them about?

# %% checkpoint="m.meet.complaints"
complaints = {
    "spinner": ...,  # "I post a photo and look at a spinner before the label shows up."
    "overnight": ...,  # "Relabelling our ten million old photos takes more than a night."
    "download": ...,  # "The update of your app ate my data plan."
    "dessert": ...,  # "My borscht was filed under dessert."
}
answer("m.meet.complaints", complaints)

# %%
check("m.meet.complaints")

# %% [markdown]
# Suppose the server's CPU just meets its latency limit: 3 ms for each photo, one after another. How many frames a
# second is that? And by what factor does it fall short of the throughput that the same row asks for?

# %% checkpoint="m.meet.one_by_one"
frames_per_second = ...
times_short = ...
answer("m.meet.one_by_one", {"frames_per_second": frames_per_second, "times_short": times_short})

# %%
check("m.meet.one_by_one")

# %% [markdown]
# So a server that answers in time may still be far too slow, unless several photos are under way at once: in a batch,
# or on several processor cores. Lesson 11 measures how much that brings.
#
# Last, the device. Its flash memory is small. If the file keeps all its numbers and each gets fewer bits, which
# format is the widest that fits: 32, 16, 8 or 4 bits?

# %% checkpoint="m.meet.bits"
answer("m.meet.bits", ...)

# %%
check("m.meet.bits")

# %%
check("m.meet.accuracy_guess")

# %% [markdown]
# ## On your own
#
# - Show the ten pictures that the model got wrong with the greatest confidence, with `picture_grid`. Would you have
#   known better?
# - The evaluation pictures are drawings by artists whom the model never met. What would you expect on the *training*
#   set, and what would that number be good for?
# - The published model of the real Food-11 photos is right for 90.6 of 100. Why is it no use to compare that with
#   yours?
