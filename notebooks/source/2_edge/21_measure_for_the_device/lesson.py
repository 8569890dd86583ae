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
# **Prerequisites:** *Quantize*, which writes three of the files, and *Reserve and
# provision a device*. **Runs on:** a laptop.
#
# GourmetGram's app should tell a soup from a salad on the phone, without losing accuracy.
# A photo may take **< 15 ms**. This is more time than on the server, because no network
# adds a delay. The file must have **< 5 MB**, because users mind how much storage an app
# takes. The canteens' boxes can then use the same file. You have four files that might
# do. **Which of them should you send to the board, and how do you measure on a machine
# without a notebook?**
#
# You prepare this at home, because on the lease you will have no time to write a script.
# This computer plays the device, in a separate folder, and every record notes that. A
# rehearsal shows each step, but no figure of the Pi.

# %%
from provisioning.lab import rehearsal

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

folder = programs_dir() / "device"
folder.mkdir(exist_ok=True)
device = open_device()
machine = device.machine()
print(device, machine.label, sep="\n")

# %% [markdown]
# ## Predict
#
# There are two static INT8 files: U8S8 has unsigned activations, and S8S8 signed ones.
# How many times as fast as float32 will each answer one photo on *this* device? The line
# above names the processor that plays it. A table in *Quantize* shows which format fits
# which processor.

# %%
predict("files.faster", u8s8=..., s8s8=...)

# %% [markdown]
# ## One instruction
#
# Why should the signed file be the right one for a Pi? Its Cortex-A76 has SDOT, the
# *signed dot product*. **SDOT** is an instruction that multiplies 16 signed bytes by 16
# others and adds the products in fours. A register of 128 bits contains 16 bytes, or four
# sums of 32 bits. The products of the first four bytes are added to the first sum, and so
# on. That is 16 products in one instruction; in float32 it is 4. There is an instruction
# for unsigned times unsigned as well, but none for unsigned times signed, which U8S8
# needs. In the picture, each colour is one sum, with the bytes that belong to it.

# %% folded=true
# Draw which bytes belong to which of the four sums.
byte_cells = [(cell, 1, cell // 4, "8 bit") for cell in range(16)]
sum_cells = [(4 * group, 4, group, "+ 4 products") for group in range(4)]
rows = {"activations": byte_cells, "weights": byte_cells, "sums": sum_cells}
centred = {"ha": "center", "va": "center", "size": 7}
figure, axis = plt.subplots(figsize=(9, 2.2))
axis.set_title("One SDOT adds 16 products to four sums")
for row, cells in enumerate(rows.values()):
    for left, width, group, text in cells:
        box = {"color": f"C{group}", "edgecolor": "white", "alpha": 0.7}
        axis.barh(row, width, left=left, **box)
        axis.text(left + width / 2, row, text, **centred)
axis.set_yticks(range(3), rows)
axis.set(xticks=[], ylim=(2.6, -0.6))
axis.spines[:].set_visible(False)


# %% question="files.sdot"
def sdot(sums, activations, weights):
    """Return the four sums after one SDOT: an int32 array of 4 numbers.

    sums is an int32 array of 4 numbers; activations and weights are int8 arrays of 16.
    Each product belongs to the sum of its group of four neighbouring bytes, and is added
    to the number that is already there. Nothing saturates. Use NumPy, not torch.

    If all bytes are 1, the sums [10, 20, 30, 40] become [14, 24, 34, 44].
    """
    ### BEGIN SOLUTION
    products = activations.astype(np.int32) * weights
    sums_of_four = products.reshape(4, 4).sum(axis=1)
    return (sums + sums_of_four).astype(np.int32)
    ### END SOLUTION


check("files.sdot", sdot)

# %% [markdown]
# In *Quantize*, sums of U8S8 saturated on a processor without VNNI, because they did not
# fit into 16 bits. Does this happen on the Pi with S8S8? The next cell uses 200 pixels
# and channels of 64 bytes, with the largest values that a byte can have. It passes 16 of
# them at a time to your function, and counts the wrong sums.

# %% folded=true
# Count the wrong dot products among 200 with extreme bytes.
random = np.random.default_rng(0)
extremes = np.array([-128, 127], np.int8)
wrong = 0
for _ in range(200):
    pixel, channel = random.choice(extremes, (2, 64))
    sums = np.zeros(4, np.int32)
    for bytes_of_pixel, bytes_of_channel in zip(np.split(pixel, 4), np.split(channel, 4)):
        sums = sdot(sums, bytes_of_pixel, bytes_of_channel)
    exact = pixel.astype(int) @ channel.astype(int)
    wrong += int(sums.sum() != exact)
print(f"{wrong} of 200 dot products are wrong")

# %% [markdown]
# ## Send the files
#
# A device has no SSH. Its container accepts files through python-chi's `upload`, which
# packs them into the body of one request, and the size of this body is limited. Try it
# with all your models at once:

# %%
context.use_site("CHI@Edge")
board = container.get_container(device.name)
try:
    board.upload(str(models_dir()), "/tmp")
except Exception as refusal:
    print(type(refusal).__name__, str(refusal)[:200])

# %% [markdown]
# So a file travels in parts, which are joined on the device. Then the device computes the
# hash of the bytes that arrived. A **hash** is a short number computed from a file's
# bytes; other bytes have another hash. Last week's `int8-dynamic.onnx` may have the same
# name and the same size, so compare hashes. You must measure the same bytes on the device
# as at home, or you compare two models. `device.bring` does all this. It skips files
# whose bytes are already there, such as one that the set-up has copied.

# %%
files = part_1_files(models_dir())
options = ["edge-fp32", "edge-int8-dynamic", "edge-int8-u8s8", "edge-int8-s8s8"]
four = {option: files[option] for option in options}
hashes = {}
rows = {}
for option, path in four.items():
    hashes[option] = hashlib.sha256(path.read_bytes()).hexdigest()
    rows[path.name] = {"hash here": hashes[option][:12]}
ledger().observe("edge.files", hashes)
for copy in device.bring(four.values()):
    rows[copy.name]["hash there"] = copy.sha256[:12]
    rows[copy.name]["bytes"] = copy.size_bytes
    rows[copy.name]["how"] = copy.how
pd.DataFrame(rows).T

# %% [markdown]
# Which files are below 5 MB?
#
# ## Your own script
#
# A phone has no notebook and no course. In this part you have Python, numpy and ONNX
# Runtime, and that is enough. The script below opens the file with `threads` threads.
# Complete it:
#
# 1. In that session, make 20 warm-up calls, `session.run(None, {name: image})`, which
#    are not counted.
# 2. Then make `calls` more calls, and time each of them by itself with
#    `time.perf_counter()`.
# 3. At the end, print one line of JSON: `{"samples_s": [...]}`, in seconds.

# %% question="files.script"
# %%writefile {folder}/measure.py
import json
import sys
import time

import numpy as np
import onnxruntime as ort

path = sys.argv[1]
threads, calls = int(sys.argv[2]), int(sys.argv[3])
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
# The check ran your script here, with a runtime whose calls take random times. It counted
# the calls, and compared your samples with those times. Now run the script on the device,
# with the device's own Python. It runs as a job that survives a lost connection, and you
# receive its last line.

# %%
device.bring([folder / "measure.py"], "workspace/programs/device")
script = "workspace/programs/device/measure.py"
threads, calls = str(machine.cpu_count), "100"
own_ms = {}
for option in ("edge-fp32", "edge-int8-s8s8"):
    model = f"workspace/models/{four[option].name}"
    lines = []
    command = [script, model, threads, calls]
    device.python(command, name="own-script", on_line=lines.append)
    samples_s = json.loads(lines[-1])["samples_s"]
    own_ms[option] = round(1000 * float(np.median(samples_s)), 2)
own_ms

# %% [markdown]
# ## Four files in turns
#
# Your script measures one file after the other. But if the board grows warm in between,
# it is slower for the second file. So run the course's benchmark there too: it classifies
# all photos with each file, and then measures one photo in turns. Its records are copied
# to your computer.

# %%
guesses = predicted("files.faster")
candidates = [Candidate(option, path.name) for option, path in four.items()]
table = compare_there(device, candidates, baseline="edge-fp32", answers=True)
table["your script, ms"] = pd.Series(own_ms)
table.loc["edge-int8-u8s8", "you predicted"] = guesses["u8s8"]
table.loc["edge-int8-s8s8", "you predicted"] = guesses["s8s8"]
ledger().observe("edge.race", {"options": options, "machine_id": machine.machine_id})
table.style.format(precision=2, na_rep="").set_caption(machine.label)

# %% question="files.race"
check("files.race")

# %% [markdown]
# Does your script agree with the benchmark? If the difference is large, check the
# threads and the other programs that run. If an x86 processor plays the device, do not
# reject S8S8 if it is slow here: most x86 processors have no instruction for it. For
# this network on a Raspberry Pi 5, [Arm's
# course](https://learn.arm.com/courses/executorch-on-arm/optimize-image-classification/evaluate-int8-mobilenetv2/bring-the-runtime-paths-into-one-view/)
# measured {{ xnnpack_fp32_pi.p50_ms }} ms in float32 and {{ xnnpack_int8_pi.p50_ms }}
# ms in INT8, with ExecuTorch in place of ONNX Runtime.
#
# ## What you found
#
# - **Which files should you send?** Only a measurement on the board can tell which is
#   best. So send all four: three that are below 5 MB, and float32 for comparison.
# - **How do you measure there?** With files whose hashes you have checked, and a script
#   of twenty lines that runs anywhere.
#
# **Try it yourself**
#
# - Change one byte of a copy, and bring it. What happens to the hash, and to the size?
# - What else should the script's line of JSON contain, so that a colleague can trust it
#   next year?

# %% [markdown]
# ## Read more
#
# - [Quantize ONNX
#   Models](https://onnxruntime.ai/docs/performance/model-optimizations/quantization.html)
#   (ONNX Runtime documentation): its advice on formats for Arm and x86.
# - [Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
#   Inference](https://arxiv.org/abs/1712.05877) (B. Jacob et al., CVPR 2018): measured on
#   phones with Arm processors.
# - [ExecuTorch on
#   Arm](https://learn.arm.com/courses/executorch-on-arm/optimize-image-classification/evaluate-int8-mobilenetv2/bring-the-runtime-paths-into-one-view/)
#   (Arm documentation): the source of the Pi's figures above.
# - [Efficient Edge AI on Arm CPUs and NPUs](https://pytorch.org/?p=79236) (PyTorch blog,
#   2026): labs with a Raspberry Pi 5, ExecuTorch and XNNPACK.
# - [Serving machine learning models on edge
#   devices](https://teaching-on-testbeds.github.io/serve-edge-chi/) (F. Fund, 2025): the
#   source of the 15 ms and the 5 MB.
