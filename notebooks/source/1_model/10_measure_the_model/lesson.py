# ---
# jupyter:
#   lesson:
#     id: measure
#     title: Measure the model
#     summary: load, preprocess, predict; how fast it is, how sure you are, and what batches and torch.compile bring
#     part: 1
#     kind: core
#     where: [laptop, node]
#     needs: [start]
#     ports: []
#     uses: [C++ compiler]
# ---

# %% [markdown]
# # Measure the model
#
# Monday, nine o'clock. GourmetGram's data scientist has left for a long holiday, and has left you a file: a MobileNetV2
# that tells eleven kinds of food apart. "Three ways to serve it," says the manager. "I want figures for each, and then
# I will price them out."
#
# | option | one photo, median | many photos | size | machine |
# |---|---|---|---|---|
# | server, CPU | < 3 ms | at least 1,000 photos/s | | AMD EPYC 7763 |
# | server, GPU | < 1 ms | at least 5,000 photos/s | | one NVIDIA A100 |
# | on the device | < 15 ms | | < 5 MB | Raspberry Pi 5 |
#
# "And how fast is it today? Just give me the number." You could run it once, look at a clock, and say "24
# milliseconds". Somebody repeats it and gets 31, and a customer waits for 80. All three looked at the clock correctly.
# **How fast is this model, and how sure are you of it?** To find out you need a laptop.

# %%
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from PIL import Image
from safetensors.torch import load_file
from torchvision.models import mobilenet_v2

from labs import assets, bench
from labs.charts import latency_distribution
from labs.checkpoints import check, predict, predicted
from labs.course.lessons import for_lesson
from labs.data.dataset import iterate
from labs.data.labels import CLASS_NAMES
from labs.data.preprocess import IMAGENET_MEAN, IMAGENET_STD, crop
from labs.records.ledger import ledger
from labs.records.targets import target
from labs.widgets import compare, evaluate, scoreboard

# %% [markdown]
# ## Predict
#
# A *batch* hands the model several photos in one call. How many times as many photos a second will this machine answer
# in batches of 16 as one by one? 1 means no difference. And PyTorch runs a model operation by operation, in *eager*
# mode, unless `torch.compile` makes a C++ program of it first. How many times as fast is one photo answered then?

# %%
predict("measure.times", batch=..., compiled=...)

# %% [markdown]
# ## Load
#
# A `.safetensors` file is a dictionary of named tensors. It holds no code, so a stranger's file is harmless. (A `.pth`
# file can run anything: read it with `torch.load(path, weights_only=True)`.) torchvision's code says how the tensors
# belong together. After `eval()` no answer depends on dropout, or on the other photos of its batch.

# %%
model_path = assets.model()
net = mobilenet_v2(num_classes=len(CLASS_NAMES))
net.load_state_dict(load_file(model_path))
net.eval()
print(f"{sum(weight.numel() for weight in net.parameters()):,} weights, 4 bytes each")

# %% [markdown]
# ## Preprocess
#
# A model sees numbers, prepared as they were in its training. `crop` resizes the shorter side to 224 pixels and cuts
# out the middle. What is left are 224 × 224 pixels with a byte each of red, green and blue. The model wants three
# planes of floats, red, green and blue, brought to 0 to 1, less ImageNet's mean and divided by its standard deviation.


# %% question="measure.normalize"
def normalize(pixels, mean, std):
    """Return a photo as the model wants it: bytes (height, width, 3) become floats (3, height, width), 0 to 1 first,
    then less the mean and divided by the standard deviation of each channel; mean and std are arrays of three."""
    ### BEGIN SOLUTION
    return ((pixels / 255 - mean) / std).transpose(2, 0, 1)
    ### END SOLUTION


check("measure.normalize", normalize)

# %% [markdown]
# All *evaluation* photos go through your function now. The model has never seen them; in the course's own set they are
# even drawn by other artists than the training photos.

# %%
items = list(iterate(assets.dataset(), "evaluation"))
paths, labels = [path for path, _ in items], np.array([label for _, label in items])
images = np.empty((len(paths), 3, 224, 224), np.float32)
for place, path in enumerate(paths):
    images[place] = normalize(
        np.asarray(crop(Image.open(path))),
        np.array(IMAGENET_MEAN),
        np.array(IMAGENET_STD),
    )

# %% [markdown]
# ## The first answer
#
# Eleven numbers come out, the *logits*, and the largest one wins. Here is what the manager wants to hear:

# %%
image = torch.from_numpy(images[:1])
begin = time.time()
logits = net(image)
print(f"{CLASS_NAMES[logits.argmax()]}, in {1000 * (time.time() - begin):.0f} ms")

# %% [markdown]
# Do not send it yet. `time.time` is the calendar's clock, which may be set back while you measure; `perf_counter` only
# goes forward, in steps below a microsecond. And is the second call like the first?


# %%
def milliseconds(count):
    """Return the milliseconds of some calls, in their order."""
    found = []
    for _ in range(count):
        begin = time.perf_counter()
        net(image)
        found.append(1000 * (time.perf_counter() - begin))
    return np.array(found)


with torch.inference_mode():
    milliseconds(10)  # to warm up: these are thrown away
    runs = {"one run": milliseconds(100), "another run": milliseconds(100)}

# %% [markdown]
# This cell measures better in two more ways. The first calls pay for what later ones find ready: memory is claimed,
# threads wake up, caches fill. So they are thrown away. And `inference_mode()` tells torch not to keep what only
# training needs.
#
# Now there are a hundred numbers instead of one. Their mean will not do, since one slow call moves it. A **percentile**
# counts instead: half of all calls take at most p50, the **median**, and 95 of 100 take at most p95.


# %% question="measure.percentile"
def percentile(samples, q):
    """Return the smallest sample that at least q per cent of all samples do not exceed; samples is an array."""
    ### BEGIN SOLUTION
    return np.sort(samples)[int(np.ceil(q * len(samples) / 100)) - 1]
    ### END SOLUTION


check("measure.percentile", percentile)

# %% [markdown]
# The next cell draws the calls as they came (left), and the same calls sorted (right).

# %% folded=true
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3), layout="constrained")
samples = runs["one run"]
left.plot(samples, ".")
left.axhline(samples.mean(), color="tab:red")
left.set(xlabel="calls in their order (red: their mean)", ylabel="milliseconds")
right.plot(np.arange(1, 101), np.sort(samples), ".")
right.set(
    xlabel="per cent of the calls, the fastest first",
    ylim=left.get_ylim(),
    xticks=[0, 50, 95],
)
for q in (50, 95):
    right.plot(
        [q, q, 0],
        [0, percentile(samples, q), percentile(samples, q)],
        "--",
        color="black",
    )

# %% [markdown]
# Walk up from 50 per cent to the curve, and then left to the axis: that is the median. The calls to the right of 95 are
# the *tail*: another program wanted the processor, or the clock speed changed. Sooner or later a customer meets it.
#
# Were ten calls enough to warm up, and a hundred for a p95? And what was measured, on which machine? `bench` calls
# until two blocks of calls take the same time, then takes 400 samples or more, so that 20 lie beyond the p95, and notes
# file, machine and versions. The chart shows the manager's limit for the server too.

# %%
bench.describe(net, model_path=model_path)  # a torch network does not know its file
latency = ledger().append(bench.latency(net, images[:1], option="torch-eager"))
display(latency_distribution(latency, target("server-cpu").p50_s))
runs["bench"] = 1000 * np.array(latency.samples)
rows = {
    name: (len(run), run.mean(), percentile(run, 50), percentile(run, 95))
    for name, run in runs.items()
}
pd.DataFrame.from_dict(
    rows, orient="index", columns=["calls", "mean", "p50", "p95"]
).round(2)

# %% [markdown]
# These are three runs of one model on one machine: the differences between the rows show how sure you can be. (*What
# measurements can say* works it out.)
#
# ## Is it right?
#
# Speed is worth nothing if the answers are wrong. The next cell shows one photo of each class, with what the model
# takes it for and how sure it says it is, and then counts the right answers to all photos.

# %% folded=true
one_each = [int(np.argmax(labels == label)) for label in range(len(CLASS_NAMES))]
with torch.inference_mode():
    probabilities = net(torch.from_numpy(images[one_each])).softmax(dim=1).numpy()
figure, axes = plt.subplots(2, 6, figsize=(12, 4.2), layout="constrained")
for axis in axes.flat:
    axis.axis("off")
for axis, place, shares in zip(axes.flat, one_each, probabilities):
    answer = int(shares.argmax())
    said = "✓ right" if answer == labels[place] else f"✗ {CLASS_NAMES[answer]}"
    axis.imshow(crop(Image.open(paths[place])))
    axis.set_title(
        f"{CLASS_NAMES[labels[place]]}\n{said}, {shares.max():.0%} sure", fontsize=8
    )
    print(axis.get_title().replace("\n", ": "))
evaluate({"torch-eager": net}, images, labels)

# %% [markdown]
# From here on, options will be faster or smaller, and some will answer worse. The manager takes accuracy for granted,
# so the rule is set before the first option is measured. The 660 photos show only 182 drawings, and photos of one
# drawing are right or wrong together. If an option answers differently on one drawing in twenty, its loss is known to
# about 3 points either way: a loss of one point cannot be shown here, nor its absence. So an option's accuracy is
# **kept** if the 95 % interval of the difference, over the drawings, stays above −3 points. Otherwise it is **not
# shown**, and with fewer photos fewer options pass.
#
# ## Many photos at a time
#
# "Relabelling our ten million old photos takes more than a night." Nobody waits for a particular photo there: what
# counts is the **throughput**, photos a second. Do batches raise it?

# %%
guesses = predicted("measure.times")
sizes = (1, 2, 4, 8, 16, 32)
records = bench.throughput(
    net, images, option="torch-eager", batch_sizes=sizes, min_batches=8, limit_s=2
)
rates = [ledger().append(record).throughput_fps.value for record in records]
table = pd.DataFrame(
    {"photos a second": rates, "times one by one": np.array(rates) / rates[0]}, sizes
)
table["milliseconds per batch"] = 1000 * np.array(sizes) / rates
table["you predicted"] = pd.Series({16: guesses["batch"]})
table.style.format(precision=2, na_rep="")

# %% [markdown]
# The first photo of a batch waits for the last: look at the third column. So the right batch is not the one with the
# highest throughput, but the smallest that comes near it:

# %%
print(
    "90 % of the highest throughput:",
    min(size for size, rate in zip(sizes, rates) if rate >= 0.9 * max(rates)),
)

# %% [markdown]
# One photo already keeps the few cores of a CPU busy, so a batch brings little. It may even cost: in eager mode each
# layer asks for memory for its whole output, and on Linux a piece above 32 MB comes from the system anew each time. On
# two cores of an AMD EPYC, 32 photos in one call reached 0.65 times the throughput of single ones, and 1.3 times with
# the memory kept. A GPU has thousands of lanes that one photo leaves idle.
#
# ## Eager or compiled
#
# `torch.compile` reads the whole network, merges neighbouring operations and generates C++, at the first call. Imagine
# a server that is restarted at noon when you see how long that takes. (It needs a C++ compiler; without one, skip it.)
#
# Eager was measured minutes ago; since then the processor has become warmer. To compare options fairly, let them take
# turns: what slows the machine down then slows all of them. That is what `compare` does, here and in all that follows,
# for the manager's four columns: one photo (with the 95 % interval of its median, from `low` to `high`), 32 at once,
# size and right answers. *At least* and *at most* are the ends of the interval of *times as fast*. You may say "faster"
# if both lie above 1, "slower" if both lie below, and otherwise this run cannot tell.

# %%
if all(need.available for need in for_lesson("measure") if need.name == "C++ compiler"):
    compiled, option = torch.compile(net), "torch-compiled"
    bench.describe(compiled, model_path=model_path)
    begin = time.perf_counter()
    with torch.inference_mode():
        compiled(image)
    print(f"first call: {time.perf_counter() - begin:.1f} s")
    table = compare(
        {"torch-eager": net, option: compiled}, images, labels, baseline="torch-eager"
    )
    table["you predicted"] = pd.Series({option: guesses["compiled"]})
    display(table.style.format(precision=2, na_rep=""))

# %% [markdown]
# ## The board
#
# Here is where the manager's three options stand today. Each card shows the option that comes first, and the machine
# that measured it. A target is met on its own machine only, so figures of your laptop are a rehearsal. Later lessons of
# this part add options.

# %%
scoreboard(ledger().read())

# %% [markdown]
# ## What you found
#
# How fast is it? A median and a p95, of 400 calls or more after the warm-up, on a machine that you name. How sure? As
# far as another run may move them; and which of two options is faster, only turns can say. How far is it to the
# targets? The board says so. Write the manager two sentences.
#
# - Feed the model blue before red, or leave out the means. How many answers change, and does anything complain?
#
