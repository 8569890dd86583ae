# ---
# jupyter:
#   lesson:
#     title: Meet the model
#     summary: weights, images, logits and labels with torch; the manager's three targets
#     part: 1
#     number: "10"
#     minutes: 35
#     kind: core
#     where: [laptop]
#     needs: ["00"]
#     ports: []
#     uses: ["memory", "disk"]
# ---

# %% [markdown]
# # Meet the model
#
# Monday, nine o'clock. The manager of GourmetGram has a model, a list of three targets, and you.
#
# "It is a MobileNetV2," the data scientist says before leaving for a long holiday. "It knows eleven kinds of food. It
# was good on my photos." That is all you are told. Before you make anything faster, find out what you have.
#
# ## You will do
#
# Build the network and load its weights with torch, prepare images for it, let it name them, count what is inside its
# file, and read the manager's targets like a contract.
#
# ## You will learn
#
# - what a model file is: tensors by name, and nothing else;
# - what has to happen between a JPEG and a label, and what goes wrong without it;
# - the four numbers that all of part 1 is about: accuracy, size, latency and throughput.
#
# ## You need
#
# A laptop and about 35 minutes; the machine itself works for less than one.

# %%
import math
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision import transforms
from torchvision.models import mobilenet_v2

# %%
from grading.checkpoints import check, predict, predicted, reconcile
from labs import assets, bench
from labs.data.dataset import iterate
from labs.data.labels import CLASS_NAMES, NUM_CLASSES
from labs.records.ledger import ledger
from labs.records.targets import target_table
from labs.widgets import image_grid, run_with_progress
from labs.workspace import models_dir

# %% [markdown]
# ## Predict
#
# The images come in three sets: *training*, which the model learned from, *validation*, which its makers watched while
# it learned, and *evaluation*, which it has never seen. Only the last one says how good it is. In the course's own
# small set it even comes from other artists than the rest, as a stranger's photo would.
#
# Eleven classes: guessing blindly is right for about 9 of 100. How many of 100 does the model get right?

# %% checkpoint="m.meet.accuracy_guess"
predict("m.meet.accuracy_guess", ...)

# %% [markdown]
# ## Act
#
# ### The images

# %%
items = list(iterate(assets.dataset(), "evaluation"))
paths = [path for path, label in items]
labels = np.array([label for path, label in items])
one_each = [int(np.argmax(labels == label)) for label in range(len(CLASS_NAMES))]
image_grid([paths[i] for i in one_each], labels[one_each], title="One image of each class")

# %% [markdown]
# ### The model's file
#
# A `.safetensors` file is a dictionary: names, and a tensor for each. It holds no code, so opening one from a stranger
# is harmless. The older `.pth` is a Python *pickle*, which can run anything when it is opened; read those with
# `torch.load(path, weights_only=True)`, and never without.

# %%
model_path = assets.model()
weights = load_file(model_path)
some = ("features.0.0.weight", "features.0.1.running_mean", "classifier.1.weight")
len(weights), {name: (tuple(weights[name].shape), weights[name].dtype) for name in some}

# %%
size = ledger().append(bench.size(model_path, option="torch-eager", backend="torch", precision="fp32"))
f"{model_path.name}: {size.value.value / 1e6:.2f} MB"

# %% [markdown]
# The file does not say how the tensors belong together. That is in torchvision's code: `mobilenet_v2` builds the
# network with random numbers in it, and `load_state_dict` puts the trained ones in their places, by name.

# %%
net = mobilenet_v2(num_classes=NUM_CLASSES)
net.load_state_dict(weights)
net.eval()
net.features[:2]

# %% [markdown]
# `eval()` is not decoration. While a network is trained, dropout switches numbers off at random and BatchNorm looks at
# the batch it is given. An answer must depend on neither.
#
# Later lessons load the model again and again, with a function that has exactly these lines in it:

# %% shows="labs.data.models:load_mobilenet_v2"
...

# %% [markdown]
# ### What goes in
#
# A model does not see files. It sees 3 × 224 × 224 numbers, prepared the way its training did: the shorter side made
# 224 pixels long, the middle cut out, each colour brought from 0…255 to 0…1, then shifted and scaled by the mean and
# the deviation that ImageNet's colours have. torchvision calls that a *transform*:

# %%
transform = transforms.Compose(
    [
        transforms.Resize(224),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
    ]
)
image = Image.open(paths[0]).convert("RGB")
tensor = transform(image)
tensor.shape, tensor.dtype, tensor.min().item(), tensor.max().item()

# %% [markdown]
# A server or a Raspberry Pi should not need torch only to prepare an image, so write the last two steps with numpy.
# `pixels` are the image's bytes after the cut, as `np.asarray(image)` gives them. (The grader runs your functions
# alone, so mean and deviation belong inside; `np` and `math` are there.)


# %% checkpoint="m.meet.normalize"
def normalize(pixels):
    """Return the model's input, float (3, height, width), for bytes (height, width, 3) from 0 to 255."""
    ...


# %%
check("m.meet.normalize", normalize)

# %% [markdown]
# The course's own recipe is in `labs.data.preprocess`. It is what every later lesson and every server uses, because a
# model that is fed differently than it was trained is a different model. Its last step looks the 256 possible results
# up in a table instead of computing them for each pixel, which takes a tenth of the time:

# %%
from labs.data.preprocess import _NORMALIZED, INPUT_SIZE_PX, crop, load_batch, load_image

# %% shows="labs.data.preprocess:to_input"
...

# %% [markdown]
# Two recipes are the same when they give the same numbers, to the last bit:

# %%
torch.equal(torch.from_numpy(to_input(load_image(paths[0]))), transform(image))

# %% [markdown]
# ### What comes out

# %%
images = load_batch(paths)
with torch.inference_mode():
    logits = net(torch.from_numpy(images[one_each])).numpy()
logits.shape, logits[0].round(1)

# %% [markdown]
# Eleven numbers an image, called *logits*; the largest one wins. *Softmax* turns a row $z$ of them into probabilities,
# positive and with a sum of one: $p_i = e^{z_i} / \sum_j e^{z_j}$. Write it for a batch. (In the check's last cases the
# logits are large. What is `np.exp(1000)`, and does the result change when the same number is subtracted from a whole
# row?)


# %% checkpoint="m.meet.softmax"
def softmax(logits):
    """Return probabilities for logits of shape (N, classes): same shape, each row sums to 1."""
    ...


# %%
check("m.meet.softmax", softmax)

# %%
from labs.data.preprocess import softmax

probs = softmax(logits)
image_grid([paths[i] for i in one_each], labels[one_each], probs, title="What the model takes them for")

# %% [markdown]
# How sure it says it is, and how right it is, are two things. Look for an image that it gets wrong with confidence, if
# there is one.
#
# ### What is inside
#
# MobileNetV2 is a stack of convolutions, made for phones. Its *parameters* are the numbers that training has found.

# %%
shapes = [tuple(parameter.shape) for parameter in net.parameters()]
count = sum(parameter.numel() for parameter in net.parameters())
print(f"{count:,} numbers in {len(shapes)} tensors, such as {shapes[:3]}")

# %% [markdown]
# How large is a file that holds tensors of some shapes, with so many bits for each number? (`math.prod` multiplies the
# numbers of a shape.)


# %% checkpoint="m.meet.parameters"
def size_bytes(shapes, bits):
    """Return the bytes that tensors of these shapes take, with `bits` bits for each of their numbers."""
    ...


# %%
check("m.meet.parameters", size_bytes)

# %% [markdown]
# For this model, and for other number formats, your function gives:

# %%
[(bits, size_bytes(shapes, bits)) for bits in (32, 16, 8)]

# %% [markdown]
# At 32 bits that is nearly the file that you have. So there are two ways to a smaller file, fewer bits for each number
# or fewer numbers, and part 1 goes both.
#
# Take a first step on one of them now. `tensor.half()` rounds to a 16-bit float: eleven bits of precision instead of
# 24. Make a dictionary with the same names as `weights` in which every floating-point tensor is halved, and write it
# with `save_file(tensors, half_path)`. (The tensors that count batches are whole numbers: leave them as they are.)

# %% checkpoint="m.meet.half"
half_path = models_dir() / "food11-half.safetensors"
...

# %%
check("m.meet.half", half_path)

# %% [markdown]
# ## Measure
#
# Accuracy, on every evaluation image. `bench` takes the torch module as it is; what a module cannot know, the file that
# its weights came from, is said once.

# %%
predicted("m.meet.accuracy_guess")
bench.describe(net, model_path=model_path)

# %%
accuracy = run_with_progress(
    lambda report: bench.accuracy(net, images, labels, option="torch-eager", on_progress=report),
    "Accuracy on the evaluation images",
)
ledger().append(accuracy)
reconcile("m.meet.accuracy_guess")

# %% [markdown]
# And does the half-precision file cost anything? Load it into a second network, which computes in 32 bits as before,
# and count the images that change their class.

# %%
rounded = mobilenet_v2(num_classes=NUM_CLASSES)
if half_path.is_file():
    rounded.load_state_dict(load_file(half_path))
rounded.eval()
with torch.inference_mode():
    now = np.concatenate([rounded(batch).argmax(dim=1) for batch in torch.from_numpy(images).split(8)])
f"{np.sum(now != accuracy.details['predicted'])} of {len(now)} images change their class"

# %% [markdown]
# One number hides eleven. The record kept what was predicted for each image, so look at the confusions: rows are what
# the images show, columns what the model takes them for.

# %%
names = np.array(CLASS_NAMES)
truth, answers = labels, np.array(accuracy.details["predicted"])
pd.crosstab(pd.Series(names[truth], name="truth"), pd.Series(names[answers], name="predicted"))

# %% [markdown]
# Which class does it get wrong most often? Classes may differ in size, so compare shares.


# %% checkpoint="m.meet.hardest_class"
def hardest_class(labels, predicted):
    """Return the index of the class, 0 to 10, with the smallest share of right predictions.

    Both arguments are arrays of class indices, one an image: what it shows, and what the model takes it for.
    """
    ...


# %%
check("m.meet.hardest_class", hardest_class)

# %% [markdown]
# When you make the model smaller, this is where the loss will show first: on the images that were close calls already.
#
# Other evaluation images would have given another accuracy. If each of $n$ images is right with probability $p$, the
# measured share varies with a standard deviation of $\sqrt{p(1-p)/n}$, and 95 of 100 measurements lie within 1.96 of
# them. How many percentage points up or down is that?


# %% checkpoint="m.meet.accuracy_interval"
def half_width_points(right, total):
    """Return half the width of the 95 % interval of an accuracy, in percentage points."""
    ...


# %%
check("m.meet.accuracy_interval", half_width_points)

# %% [markdown]
# Here several images show the same drawing, and a model that fails at one of them often fails at the others, so the
# true interval is wider still; the [model card](../../assets/models/README.md) gives it. In lesson 14c you may lose one
# point of accuracy at most. Could you see one point? Yes, if both models are shown *the same* images and you look at
# those where they differ. That is how it will be done.
#
# ## Checkpoint
#
# The manager's list. It names three places where the model might run, and what it would have to do there.

# %%
target_table()

# %% [markdown]
# - **Latency** is how long one request takes: "I post a photo and look at a spinner." Half of all requests stay under
#   the *median*.
# - **Throughput** is how many images are done in a second when nobody waits for a particular one: "Relabelling our ten
#   million old photos takes more than a night."
# - **Size** is the file that is stored, shipped and loaded: "The update of your app ate my data plan."
# - **Accuracy** does not stand in the list: "My borscht was filed under dessert." The manager takes for granted that it
#   stays. It will be your job to say what it costs.
#
# Latency and throughput are two targets and not one. Suppose that the server's CPU just meets its latency limit, 3 ms
# for each photo. One after another that makes 333 frames a second, a third of what the same row asks for. So several
# photos must be under way at once, in a batch or on several cores. How many, on average?


# %% checkpoint="m.meet.in_flight"
def in_flight(latency_s, throughput_fps):
    """Return how many photos are under way at once, from the time that each takes and the rate."""
    ...


# %%
check("m.meet.in_flight", in_flight)

# %%
check("m.meet.accuracy_guess")

# %% [markdown]
# ## On your own
#
# - Feed the model wrongly on purpose: leave out `Normalize`, or give it blue before red. What does each cost in
#   accuracy? This is among the most common bugs of served models, and no error message comes with it.
# - Show the ten images that the model got wrong with the greatest confidence, with `image_grid`. Would you have known
#   better?
# - What would you expect on the *training* images, and what would that number be good for?
