# ---
# jupyter:
#   lesson:
#     id: measure
#     title: Measure the model
#     summary: load, preprocess, predict; how fast and how certain it is, with batches and torch.compile
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
# **Prerequisites:** *Batch or online, cloud or edge*. **Runs on:** a laptop.
#
# **Based on:** Fraida Fund's lab [Model optimizations for serving machine learning
# models](https://teaching-on-testbeds.github.io/serve-model-chi/) (© 2025
# teaching-on-testbeds, MIT licence). The network, the manager's targets and the reasons
# for them come from this lab.
#
# It is Monday, nine o'clock. GourmetGram's data scientist has left for a long holiday,
# and has left you a file. It contains a MobileNetV2, a small network that is designed to
# be fast. It distinguishes eleven kinds of food. "We are a young company and cannot
# afford much hardware," says the manager. "There are three ways to serve it. I want
# figures for each, and then I will ask the cloud providers for prices."
#
# | option | one photo, median | many photos | size | machine |
# |---|---|---|---|---|
# | server, CPU | < 3 ms | at least 1,000 photos/s | | AMD EPYC 7763 |
# | server, GPU | < 1 ms | at least 5,000 photos/s | | one NVIDIA A100 |
# | on the device | < 15 ms | | < 5 MB | Raspberry Pi 5 |
#
# The targets have reasons. There is only *one* GPU because GourmetGram cannot pay for
# several and balance the load over them, so one GPU must carry all of it. On the device,
# the model is part of the app on people's phones. It may take 15 ms there, because no
# network adds a delay. Its file must stay below 5 MB, because people mind how much
# storage an app takes.
#
# "And how fast is it today? Just give me the number." You could run it once, look at a
# clock, and say "24 milliseconds". A colleague repeats it and gets 31, and a customer
# waits for 80. All three read the clock correctly. **How fast is this model, and how sure
# are you of it?**

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
from labs.display.theme import GREY, ORANGE
from labs.records.ledger import ledger
from labs.records.targets import target
from labs.widgets import compare, evaluate, scoreboard

# %% [markdown]
# ## Predict
#
# A **batch** is a group of photos that the model gets in one call. How many times as many
# photos per second will this machine answer in batches of 16 as one by one? 1 means no
# difference. In **eager mode**, its usual mode, PyTorch runs a model operation by
# operation. `torch.compile` turns the model into a C++ program first. How many times as
# fast is one photo answered then?

# %%
predict("measure.times", batch=..., compiled=...)

# %% [markdown]
# ## Load
#
# A `.safetensors` file is a dictionary of named tensors. It contains no code, so it is
# safe to open a stranger's file. (A `.pth` file can run any code. Read it with
# `torch.load(path, weights_only=True)`.) torchvision's code determines how the tensors
# belong together. `eval()` turns dropout off and makes BatchNorm use its stored
# statistics, so the answer to a photo does not depend on its batch.

# %%
model_path = assets.model()
net = mobilenet_v2(num_classes=len(CLASS_NAMES))
net.load_state_dict(load_file(model_path))
net.eval()
weight_count = sum(weight.numel() for weight in net.parameters())
print(f"{weight_count:,} weights, 4 bytes each")

# %% [markdown]
# ## Preprocess
#
# A model sees numbers, prepared as they were in its training. `crop` cuts out the middle
# square and resizes it to 224 × 224 pixels. The result has the shape (224, 224, 3): one
# byte each of red, green and blue per pixel. The network needs three planes of floats,
# with the shape (3, 224, 224). For each channel, with ImageNet's mean and standard
# deviation:
#
# $$x = \frac{\text{byte} / 255 - \text{mean}}{\text{std}}$$


# %% question="measure.normalize"
def normalize(pixels, mean, std):
    """Return the network's input for one photo: floats of the shape (3, height, width).

    pixels are bytes of the shape (height, width, 3); mean and std are arrays of three
    numbers, one per channel. Compute (byte / 255 - mean) / std. Use NumPy, not torch.

    A red byte of 255 becomes 2.0 if red has the mean 0.5 and the std 0.25.
    """
    ### BEGIN SOLUTION
    return ((pixels / 255 - mean) / std).transpose(2, 0, 1)
    ### END SOLUTION


check("measure.normalize", normalize)

# %% [markdown]
# The next cell sends all *evaluation* photos through your function. The model has never
# seen them. In the course's own set, the photos are drawings of food on plates, and the
# evaluation photos are even by other artists than the training photos
# (`assets/food11-mini/README.md` names them). With real photos, the methods are the same
# and the accuracies differ.

# %%
items = list(iterate(assets.dataset(), "evaluation"))
paths = [path for path, _ in items]
labels = np.array([label for _, label in items])
images = np.empty((len(paths), 3, 224, 224), np.float32)
mean, std = np.array(IMAGENET_MEAN), np.array(IMAGENET_STD)
for place, path in enumerate(paths):
    pixels = np.asarray(crop(Image.open(path)))
    images[place] = normalize(pixels, mean, std)

# %% [markdown]
# ## The first answer
#
# The network outputs eleven numbers, the **logits**, one score for each class. The class
# with the largest logit is the answer. This is the number that the manager wants to hear:

# %%
image = torch.from_numpy(images[:1])
begin = time.time()
logits = net(image)
took_ms = 1000 * (time.time() - begin)
print(f"{CLASS_NAMES[logits.argmax()]}, in {took_ms:.0f} ms")

# %% [markdown]
# Do not send it yet. `time.time` is the calendar's clock, which can be set back while you
# measure. `perf_counter` only goes forward, in steps below a microsecond. A second
# question is whether the second call takes as long as the first.


# %%
def milliseconds(count):
    """Return the milliseconds of `count` calls, in their order."""
    times = []
    for _ in range(count):
        begin = time.perf_counter()
        net(image)
        times.append(time.perf_counter() - begin)
    return 1000 * np.array(times)


with torch.inference_mode():
    milliseconds(10)  # the warm-up: these are not used
    runs = {"one run": milliseconds(100), "another run": milliseconds(100)}

# %% [markdown]
# This cell measures better in two more ways. It begins with a **warm-up**, a few calls
# that are not counted, because the first calls take longer: they claim memory, wake
# threads and fill caches. And `inference_mode()` tells torch not to keep data that only
# training needs.
#
# The **latency** of a photo is the time until its answer is there. Now you have a hundred
# latencies instead of one. Their mean is a poor summary, because a single slow call moves
# it. Use a **percentile** instead: the time within which a given share of the calls ends.
# Half of all calls take at most p50, which is also called the **median**. 95 of 100 calls
# take at most p95.


# %% question="measure.percentile"
def percentile(samples, q):
    """Return the smallest sample s such that at least q % of all samples are <= s.

    samples is an array in any order. q is above 0, at most 100, and need not be a whole
    number. The result is one of the samples: do not interpolate between two of them. Use
    NumPy, not torch.

    percentile(np.array([40.0, 10.0, 30.0, 20.0]), 50) is 20.0.
    """
    ### BEGIN SOLUTION
    count = int(np.ceil(q * len(samples) / 100))
    return np.sort(samples)[count - 1]
    ### END SOLUTION


check("measure.percentile", percentile)

# %% [markdown]
# The next cell draws the calls in the order in which they were measured (left), and the
# same calls sorted (right).

# %% folded=true
# Draw the milliseconds of one run: in their order, and sorted with p50 and p95.
figure, axes = plt.subplots(1, 2, figsize=(10, 3))
left, right = axes
samples = runs["one run"]
left.plot(samples, ".")
left.axhline(samples.mean(), color=ORANGE)
left.set(xlabel="calls in their order (orange: their mean)", ylabel="milliseconds")
left.set_title(f"The mean is {samples.mean():.2f} ms")
right.plot(np.arange(1, 101), np.sort(samples), ".")
right.set(xlabel="per cent of the calls, the fastest first", xticks=[0, 50, 95])
right.set_ylim(left.get_ylim())
for q in (50, 95):
    ms = percentile(samples, q)
    right.plot([q, q, 0], [0, ms, ms], "--", color=GREY)
right.set_title(f"Half of the calls take at most {percentile(samples, 50):.2f} ms")

# %% [markdown]
# Go up from 50 % to the curve, and then left to the axis: this is the median. The calls
# to the right of 95 are the **tail**, the slowest few per cent: another program needed
# the processor, or the clock speed changed. Sooner or later, a customer meets it.
#
# Ten warm-up calls may be too few, and a hundred samples leave only 5 above the p95. So
# `bench` repeats the warm-up until two blocks of calls take the same time. Then it takes
# at least 400 samples, so that 20 are above the p95. It also records the file, the
# machine and the versions. The chart includes the manager's limit for the server.

# %%
bench.describe(net, model_path=model_path)  # a torch network does not know its file
latency = ledger().append(bench.latency(net, images[:1], option="torch-eager"))
display(latency_distribution(latency, target("server-cpu").p50_s))
runs["bench"] = 1000 * np.array(latency.samples)
rows = {}
for name, run in runs.items():
    p50, p95 = percentile(run, 50), percentile(run, 95)
    rows[name] = {"calls": len(run), "mean": run.mean(), "p50": p50, "p95": p95}
pd.DataFrame(rows).T.style.format(precision=2).format("{:.0f}", subset="calls")

# %% [markdown]
# These are three runs of one model on one machine: the differences between the rows show
# how sure you can be. (*What measurements can say* works it out.)
#
# ## Is it right?
#
# Speed is useless if the answers are wrong. The next cell shows one photo of each class,
# with the predicted class and its probability, and then counts the right answers to all
# photos.

# %% folded=true
# Show one photo of each class with the model's answer, then count the right answers.
first_of_class = [np.argmax(labels == label) for label in range(len(CLASS_NAMES))]
examples = torch.from_numpy(images[first_of_class])
with torch.inference_mode():
    probabilities = net(examples).softmax(dim=1).numpy()
figure, axes = plt.subplots(2, 6, figsize=(12, 4.2))
for axis in axes.flat:
    axis.axis("off")
for axis, place, shares in zip(axes.flat, first_of_class, probabilities):
    label = CLASS_NAMES[labels[place]]
    answer = CLASS_NAMES[shares.argmax()]
    verdict = "✓ right" if answer == label else f"✗ {answer}"
    axis.imshow(crop(Image.open(paths[place])))
    answer_says = f"{verdict}, {shares.max():.0%} sure"
    axis.set_title(f"{label}\n{answer_says}", fontsize=8)
    print(f"{label}: {answer_says}")
plt.show()
evaluate({"torch-eager": net}, images, labels)

# %% [markdown]
# From here on, options will be faster or smaller, and some will give more wrong answers.
# The manager takes accuracy for granted, so we set the rule before we measure the first
# option. The 660 photos show only 182 drawings, and photos of one drawing are often right
# or wrong together. If an option answers differently on one drawing in twenty, we know
# its loss to about 3 points either way. A loss of one point is too small to detect or to
# rule out. So an option's accuracy is **kept** if the 95 % interval of the difference,
# over the drawings, stays above −3 points. Otherwise it is **not shown**: the data do not
# show that it was kept. With fewer photos, fewer options pass.
#
# ## Many photos at a time
#
# "Relabelling our ten million old photos takes more than a night." No user waits for a
# particular photo there. The important number is the **throughput**, the photos answered
# per second. Do batches raise it?

# %%
guesses = predicted("measure.times")
sizes = (1, 2, 4, 8, 16, 32)
records = bench.throughput(
    net, images, option="torch-eager", batch_sizes=sizes, min_batches=8, limit_s=2
)
rates = [ledger().append(record).throughput_fps.value for record in records]
table = pd.DataFrame({"photos a second": rates}, index=sizes)
table["times one by one"] = table["photos a second"] / rates[0]
table["milliseconds per batch"] = 1000 * table.index / table["photos a second"]
table["you predicted"] = pd.Series({16: guesses["batch"]})
table.style.format(precision=2, na_rep="")

# %% [markdown]
# The first photo of a batch waits for the last: look at the column *milliseconds per
# batch*. So do not simply take the batch size with the highest throughput: take the
# smallest one that comes near it:

# %%
near_the_highest = table[table["photos a second"] >= 0.9 * max(rates)]
print("90 % of the highest throughput:", near_the_highest.index.min())

# %% [markdown]
# A GPU has thousands of lanes that one photo leaves idle. A CPU has few cores, and one
# photo can already keep them busy. There, a batch may gain little, and it may even cost
# time: in eager mode, each layer asks for memory for its complete output. Linux's C
# library returns blocks above 32 MB to the system after each use, so every layer asks for
# fresh memory. On two cores of an AMD EPYC, 32 photos in one call reached 0.65 times the
# throughput of single photos. If the library keeps its memory, they reached 1.3 times.
#
# ## Eager or compiled
#
# `torch.compile` reads the complete network, merges neighbouring operations and generates
# C++, at the first call. Imagine a server that restarts at noon when you see how long
# that takes. (It needs a C++ compiler. Without one, skip the next cell.)
#
# You measured eager mode minutes ago, and the processor has become warmer since. To
# compare options fairly, let them take turns: if something slows the machine down, it
# slows all of them. `compare` does this, here and in all later lessons. It shows the
# manager's four columns: one photo (with the 95 % interval of its median, from `low` to
# `high`), 32 photos at once, size and right answers. *At least* and *at most* are the
# ends of the interval of *times as fast*. You may say "faster" if both are above 1, and
# "slower" if both are below 1. Otherwise this run cannot tell.

# %%
available = {need.name: need.available for need in for_lesson("measure")}
if available["C++ compiler"]:
    option = "torch-compiled"
    compiled = torch.compile(net)
    bench.describe(compiled, model_path=model_path)
    begin = time.perf_counter()
    with torch.inference_mode():
        compiled(image)
    print(f"first call: {time.perf_counter() - begin:.1f} s")
    options = {"torch-eager": net, option: compiled}
    table = compare(options, images, labels, baseline="torch-eager")
    table["you predicted"] = pd.Series({option: guesses["compiled"]})
    display(table.style.format(precision=2, na_rep=""))

# %% [markdown]
# ## The board
#
# The next cell shows how far the manager's three options are today. Each card shows the
# best option so far and the machine that measured it. A target can be met only on its own
# machine, so your laptop's figures are a rehearsal. Later lessons of this part add
# options.

# %%
scoreboard(ledger().read())

# %% [markdown]
# ## What you found
#
# - **How fast is it?** Report a median and a p95, of at least 400 calls after the
#   warm-up, and name the machine.
# - **How sure are you?** As sure as the differences between two runs allow. To tell which
#   of two options is faster, let them take turns.
# - **How far is it to the targets?** The board shows it.
#
# Write the manager two sentences.
#
# **Try it yourself**
#
# - Swap red and blue in the input, or leave out the means. How many answers change, and
#   do you get any error message?

# %% [markdown]
# ## Read more
#
# - [Rigorous Benchmarking in Reasonable Time](https://doi.org/10.1145/2464157.2464160)
#   (T. Kalibera and R. Jones, ISMM 2013): how many warm-up calls and repetitions a
#   measurement needs.
# - [Statistically Rigorous Java Performance
#   Evaluation](https://doi.org/10.1145/1297027.1297033) (A. Georges, D. Buytaert and L.
#   Eeckhout, OOPSLA 2007): why intervals belong to every comparison.
# - [MLPerf Inference Benchmark](https://arxiv.org/abs/1911.02549) (V. J. Reddi et al.,
#   ISCA 2020): how the industry measures latency and throughput of served models.
# - [The Tail at Scale](https://doi.org/10.1145/2408776.2408794) (J. Dean and L. A.
#   Barroso, CACM 2013): why the slowest requests matter to users.
# - [Introduction to
#   torch.compile](https://docs.pytorch.org/tutorials/intermediate/torch_compile_tutorial.html)
#   (PyTorch, 2026): how it works, and when it has to compile again.
