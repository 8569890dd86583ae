# ---
# jupyter:
#   lesson:
#     id: files
#     title: Measure for the device
#     summary: files that prove their hashes, a measuring script of your own, and four files in turns
#     part: 2
#     kind: core
#     where: [laptop]
#     needs: [quantize, device]
#     ports: []
#     takes:
#       compile: [models/food11.onnx]
#       quantize: [models/int8-dynamic.onnx, models/int8-static-u8s8.onnx, models/int8-static-s8s8.onnx]
# ---

# %% [markdown]
# # Measure for the device
#
# Twelve canteens get a box over each till: a camera and a Raspberry Pi 5, without a fan. It should tell a soup from a
# salad in **< 15 ms**, with a file of **< 5 MB**, and without losing accuracy, also when the network is down. You have
# four files that might do. **Which of them should travel to the board, and how do you measure on a machine without a
# notebook?**
#
# You prepare it here, at home: this computer plays the device, in a folder of its own, and every record says so. A
# rehearsal shows each step, and no figure of the Pi. On the lease you will have no time to write a script.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
import hashlib
import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from chi import container, context

from labs.checkpoints import check, predict, predicted
from labs.edge.files import part_1_files
from labs.edge.job import Candidate
from labs.records.ledger import ledger
from labs.widgets import compare_there
from labs.workspace import models_dir, programs_dir
from provisioning.lab.device import open_device

(folder := programs_dir() / "device").mkdir(exist_ok=True)
device = open_device()
machine = device.machine()
print(device, machine.label, sep="\n")

# %% [markdown]
# ## Predict
#
# Two static INT8 files, U8S8 with unsigned activations and S8S8 with signed ones: how many times as fast as float32
# will each answer one photo on *this* device? The line above says which processor plays it. In *Quantize* there is a
# table that says which format fits which processor.

# %%
predict("files.faster", u8s8=..., s8s8=...)

# %% [markdown]
# ## One instruction
#
# Why should the signed file be the right one for a Pi? Its Cortex-A76 has SDOT, the *signed dot product*. A register of
# 128 bits holds 16 bytes, or four sums of 32 bits. SDOT multiplies 16 signed bytes by 16 others, and adds the products
# in fours: those of the first four bytes go to the first sum, and so on. That is 16 products in one instruction; in
# float32 it is 4. There is one for unsigned times unsigned as well, but none for the mix that VNNI wants. Each colour
# in the picture is one sum, with the bytes that belong to it.

# %% folded=true
figure, axis = plt.subplots(figsize=(9, 2.2), layout="constrained")
for row, cells in enumerate((16, 16, 4)):
    for cell in range(cells):
        group, width = cell * 4 // cells, 16 / cells
        axis.barh(
            row, width, left=cell * width, color=f"C{group}", edgecolor="white", alpha=0.7
        )
        axis.text(
            (cell + 0.5) * width,
            row,
            "+ 4 products" if cells == 4 else "8 bit",
            ha="center",
            va="center",
            size=7,
        )
axis.set(
    yticks=range(3),
    yticklabels=["activations", "weights", "sums"],
    xticks=[],
    ylim=(2.6, -0.6),
)
axis.spines[:].set_visible(False)


# %% question="files.sdot"
def sdot(sums, activations, weights):
    """Return the four sums after one SDOT, as an int32 array. sums is an int32 array of 4, activations and weights are
    int8 arrays of 16."""
    ### BEGIN SOLUTION
    products = activations.astype(np.int32) * weights
    return (sums + products.reshape(4, 4).sum(axis=1)).astype(np.int32)
    ### END SOLUTION


check("files.sdot", sdot)

# %% [markdown]
# In *Quantize* a processor without VNNI cut off sums of U8S8 that did not fit into 16 bits. Does this happen on the Pi
# with S8S8? The next cell takes 200 pixels and channels of 64 bytes with the largest values that a byte can have, gives
# 16 of them at a time to your function, and counts the sums that are wrong.

# %% folded=true
random, wrong = np.random.default_rng(0), 0
for _ in range(200):
    pixel, channel = random.choice(np.array([-128, 127], np.int8), (2, 64))
    sums = np.zeros(4, np.int32)
    for at in range(0, 64, 16):
        sums = sdot(sums, pixel[at : at + 16], channel[at : at + 16])
    wrong += int(sums.sum()) != int(pixel.astype(int) @ channel.astype(int))
print(f"{wrong} of 200 dot products are wrong")

# %% [markdown]
# ## The way there
#
# A device has no SSH. Its container takes files through python-chi's `upload`, which packs them into the body of one
# request, and the size of such a body is limited. Try it with all your models at once:

# %%
context.use_site("CHI@Edge")
try:
    container.get_container(device.name).upload(str(models_dir()), "/tmp")
except Exception as refusal:
    print(type(refusal).__name__, str(refusal)[:200])

# %% [markdown]
# So a file travels in parts, which are joined on the device. Then its *hash* is computed there, from the bytes that
# arrived. A name proves nothing, and neither does a size: last week's `int8-dynamic.onnx` may have both. What you
# measure on the device must be the same bytes that you measured at home, or you compare two models. `device.bring` does
# all that, and skips a file whose bytes are there already, such as one that set-up has brought.

# %%
files = part_1_files(models_dir())
four = {
    option: files[option]
    for option in ("edge-fp32", "edge-int8-dynamic", "edge-int8-u8s8", "edge-int8-s8s8")
}
here = {
    path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in four.values()
}
brought = device.bring(four.values())
ledger().observe("edge.files", {option: here[path.name] for option, path in four.items()})
rows = [
    (each.name, each.size_bytes, here[each.name][:12], each.sha256[:12], each.how)
    for each in brought
]
pd.DataFrame(rows, columns=["file", "bytes", "hash here", "hash there", "how"]).set_index(
    "file"
)

# %% [markdown]
# Which of them keep the bound of 5 MB?
#
# ## A script of your own
#
# A box in a cupboard has no notebook and no course. It has Python, numpy and ONNX Runtime, and that is enough. The
# script below opens the file with so many threads. Complete it: in that session, make 20 **warm-up calls**,
# `session.run(None, {name: image})`, which are not counted. Then make `calls` more, and time each of them on its own
# with `time.perf_counter()`. At the end print one line of JSON: `{"samples_s": [...]}`, in seconds.

# %% question="files.script"
# %%writefile {folder}/measure.py
import json
import sys
import time

import numpy as np
import onnxruntime as ort

path, threads, calls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
image = np.zeros((1, 3, 224, 224), np.float32)
options = ort.SessionOptions()
options.intra_op_num_threads = threads
session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
### BEGIN SOLUTION
for _ in range(20):
    session.run(None, {name: image})
samples_s = []
for _ in range(calls):
    begin = time.perf_counter()
    session.run(None, {name: image})
    samples_s.append(time.perf_counter() - begin)
print(json.dumps({"samples_s": samples_s}))
### END SOLUTION

# %%
check("files.script", folder / "measure.py")

# %% [markdown]
# The check ran your script here, with a runtime whose calls take a time that was drawn for each. It counted the calls,
# and compared your samples with those times. Now run it on the device, under the device's own Python. It runs as a job
# that survives a lost connection, and its last line comes home.

# %%
device.bring([folder / "measure.py"], "workspace/programs/device")
own_ms = {}
for option in ("edge-fp32", "edge-int8-s8s8"):
    lines = []
    arguments = [f"workspace/models/{four[option].name}", str(machine.cpu_count), "100"]
    device.python(
        ["workspace/programs/device/measure.py", *arguments],
        name="own-script",
        on_line=lines.append,
    )
    own_ms[option] = round(1000 * float(np.median(json.loads(lines[-1])["samples_s"])), 2)
own_ms

# %% [markdown]
# ## Four files in turns
#
# Your script measures one file after the other. But a board that grows warm in between is slower for the second file.
# So the course's benchmark runs there too: all photos for each file, and then one photo in turns. Its records come
# home.

# %%
guesses = predicted("files.faster")
candidates = [Candidate(option, path.name) for option, path in four.items()]
table = compare_there(device, candidates, baseline="edge-fp32", answers=True)
table["your script, ms"] = pd.Series(own_ms)
table["you predicted"] = pd.Series(
    {"edge-int8-u8s8": guesses["u8s8"], "edge-int8-s8s8": guesses["s8s8"]}
)
ledger().observe("edge.race", {"options": [*four], "machine_id": machine.machine_id})
table.style.format(precision=2, na_rep="").set_caption(machine.label)

# %% question="files.race"
check("files.race")

# %% [markdown]
# Does your script agree with the benchmark? If it is far off, look at the threads, and at what else runs. And if an x86
# processor plays the device, do not drop S8S8 because it is slow here: x86 has no instruction for it. For this network
# on a Raspberry Pi 5, Arm published {{ xnnpack_fp32_pi.p50_ms }} ms in float32 and {{ xnnpack_int8_pi.p50_ms }} ms in
# INT8, with ExecuTorch in place of ONNX Runtime.
#
# ## What you found
#
# Which file? Only the board can tell, so all four travel: three that keep the 5 MB, and float32 to compare them with.
# And you know how to measure there: with files that prove what they are, and a script of twenty lines that runs
# anywhere.
#
# - Change one byte of a copy, and bring it. What does the hash say, and what does the size?
# - What else should the script's line of JSON hold, so that a colleague can trust it next year?
#
