# ---
# jupyter:
#   lesson:
#     title: Give it fewer pixels
#     summary: smaller images without new training, against fewer channels
#     part: 2
#     number: "25"
#     minutes: 25
#     kind: extra
#     where: [laptop]
#     needs: ["14", "23"]
#     ports: []
# ---

# %% [markdown]
# # Give it fewer pixels
#
# "It works," says the manager, "but make it smaller. Smaller is always better on a small machine." Smaller *what*? The
# file, the arithmetic, the image and the memory can each be made smaller, and each by another means. Quantizing took
# bits from the numbers. Today you take numbers from the network, and pixels from the image, and find out what each of
# them is good for.
#
# ## You will do
#
# Give the model smaller images without retraining it, compare with the pruned network of part 1, and choose what
# stays within a point of accuracy.
#
# ## You will learn
#
# - why a smaller image makes an answer faster and the file not one byte smaller;
# - what pruning takes from the file, and what from the time;
# - to choose a point on a curve for a reason.
#
# ## You need
#
# Lessons 14 and 23. 25 minutes; the device works for about five of them.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
import numpy as np
import onnx
import pandas as pd

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs.display.format import megabytes, milliseconds
from labs.edge.estimate import count_work, estimate
from labs.edge.files import part_1_files, with_input_size
from labs.edge.job import Candidate
from labs.machine import Fingerprint

# %%
from labs.records.ledger import ledger
from labs.widgets import comparison_table, measure_there
from labs.workspace import models_dir
from provisioning.lab.device import open_device

# %%
device = open_device()
files = part_1_files(models_dir())
machine = Fingerprint.from_json(device.ask(["-m", "labs.edge", "vitals"])["machine"])
there = {"machine_id": machine.machine_id}  # a rehearsal, or another board, is another machine: its records stay out
print(device)

# %% [markdown]
# ## Predict
#
# The model has seen images of 224 × 224 pixels all its life. Shown the same images at 160 × 160, without any new
# training, how many points of accuracy will static INT8 lose against float32 at 224?

# %% checkpoint="e.smaller.loss_guess"
predict("e.smaller.loss_guess", ...)

# %% [markdown]
# ## Act
#
# ### Fewer pixels
#
# A convolution slides over its image and does not ask how large that is; MobileNetV2 averages over whatever is left at
# its end. So nothing but two numbers in the file's header has to change: height and width of `model.graph.input[0]`.
# (What was noted about values in between, `value_info`, is wrong then, and has to go.) Write the signed static file
# for 160 × 160 pixels, with `onnx.load` and `onnx.save`.

# %%
sizes_px = (192, 160, 128)
small = {f"edge-int8-{px}px": models_dir() / f"int8-static-s8s8-{px}px.onnx" for px in sizes_px}

# %% checkpoint="e.smaller.file"
# From files["edge-int8-s8s8"] to small["edge-int8-160px"].
...

# %%
check("e.smaller.file", small["edge-int8-160px"])

# %%
if not small["edge-int8-160px"].is_file():
    raise FileNotFoundError("There is no file for 160 pixels yet: write it above, the other two are made then.")
for px in (192, 128):
    with_input_size(files["edge-int8-s8s8"], small[f"edge-int8-{px}px"], px)
works = {px: count_work(files["edge-fp32"], input_px=px) for px in (224, *sizes_px)}
rows = [(px, one.macs / works[224].macs, str(estimate(one, precision="int8"))) for px, one in works.items()]
print({option: megabytes(path.stat().st_size) for option, path in small.items()})
pd.DataFrame(rows, columns=["pixels", "share of the MACs", "estimate for the Pi"]).round(2)

# %% [markdown]
# ### Fewer channels
#
# Part 1 pruned channels that the rest could make up for, and quantized what was left in the format that fits the
# machine it was made on (lesson 14c; the file is `int8-pruned.onnx`). If you have it, it takes part; if not, the rest
# of the lesson works without. Was that machine an x86 one? Then compare it with `edge-int8-qdq`, which has the same
# format: against `edge-int8-s8s8` you would measure the format too.

# %%
known = ("edge-fp32", "edge-int8-qdq", "edge-int8-s8s8", "edge-int8-pruned")
contest = {option: files[option] for option in known if option in files}
contest |= small
[(one.name, one.how) for one in device.bring(contest.values())]

# %% [markdown]
# ## Measure
#
# All of them anew, those of lesson 23 included: the device may be warmer now than it was then.

# %%
predicted("e.smaller.loss_guess")
pixels = dict(zip(small, sizes_px, strict=True))
candidates = [Candidate(option, path.name, input_px=pixels.get(option, 224)) for option, path in contest.items()]
measure_there(device, "options", candidates, ledger=ledger())

# %%
reconcile("e.smaller.loss_guess")

# %%
comparison_table([record for record in ledger().measurements(**there) if record.option in contest])

# %%
accuracy = {option: ledger().latest(kind="accuracy", option=option, **there).value.value for option in contest}
p50 = {option: ledger().latest(kind="latency", option=option, batch_size=1, **there).value.value for option in contest}
{
    option: (f"{100 * (accuracy['edge-fp32'] - accuracy[option]):.2f} points", milliseconds(p50[option]))
    for option in contest
}

# %% [markdown]
# ### Two kinds of smaller
#
# Choose for each wish the *static INT8* option that serves it best, among those of this lesson that lose **at most one
# point** against `edge-fp32`:

# %% checkpoint="e.smaller.picks"
picks = {
    "download": ...,  # "The update goes over a mobile network: as few bytes as possible."
    "queue": ...,  # "At noon they queue: one photo as fast as possible."
}
answer("e.smaller.picks", picks)

# %%
check("e.smaller.picks")

# %% [markdown]
# ## Checkpoint
#
# ### What a point buys
#
# Suppose that the canteens would accept the loss at 128 pixels. Whoever decides needs both sides of the bargain.


# %% checkpoint="e.smaller.bargain"
def bargain(before_right, after_right, before_s, after_s):
    """Return the points of accuracy that are lost, and how many times as fast an image is answered, by the medians.

    Args:
        before_right, after_right: 1 or 0 for each image.
        before_s, after_s: Latencies in seconds.
    """
    ...


# %%
check("e.smaller.bargain", bargain)

# %%
pair = ("edge-int8-s8s8", "edge-int8-128px")
right = [list(ledger().latest(kind="accuracy", option=name, **there).samples) for name in pair]
timed = [list(ledger().latest(kind="latency", option=name, batch_size=1, **there).samples) for name in pair]
bargain(*right, *timed)

# %%
check("e.smaller.loss_guess")

# %% [markdown]
# A network that is *trained* at 160 pixels loses far less than one that only meets such images at work. Whether that
# training pays is a question for the one who pays for it; you can now say what it would have to bring.
#
# ## On your own
#
# - Are the ranges that were calibrated at 224 pixels still right at 128? Calibrate anew on small images and measure.
# - Prune first and shrink the image then: do the losses add up?
# - Where does the time go at 128 pixels? The work is a third, and the latency is not quite.
