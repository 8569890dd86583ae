# ---
# jupyter:
#   lesson:
#     title: Bring the models
#     summary: files travel in parts and prove their hashes; what an ARM core multiplies
#     part: 2
#     number: "22"
#     minutes: 10
#     kind: core
#     where: [laptop]
#     needs: ["14"]
#     ports: []
# ---

# %% [markdown]
# # Bring the models
#
# GourmetGram has a new customer: a chain of canteens. Each till gets a little camera and a little computer, a Raspberry
# Pi 5 without a fan, and it should know a soup from a salad on the spot, also when the canteen's network is down. The
# manager's third target is about this box: an answer in **15 ms**, from a file of at most **5 MB**.
#
# You have made the files already, in part 1. Today they travel: what was measured on the server and what will be
# measured on the device must be the same bytes, or the comparison is one between two models.
#
# ## You will do
#
# Send a model to the device with python-chi, see where that ends, prove by hashes that the files arrived whole, and
# compute what one instruction of its processor does.
#
# ## You will learn
#
# - how files reach a container that has no SSH, and why they travel in parts;
# - what a hash proves, and what a file's size does not;
# - what an ARM core offers a quantized model.
#
# ## You need
#
# Lesson 14. At home this computer plays the device: everything below really runs, in a container's scratch folder, and
# every record says so. 10 minutes.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
import hashlib

import numpy as np
import pandas as pd
from chi import container, context

from grading.checkpoints import check, predict
from labs.edge.files import part_1_files
from labs.machine import Fingerprint
from labs.machine.quantization_format import forms_on_arm
from labs.records.ledger import ledger
from labs.records.targets import target
from labs.widgets import facts
from labs.workspace import models_dir
from provisioning.lab.device import open_device

# %% [markdown]
# ## Predict
#
# Before you have seen anything of the device: how many seconds will one photo take there, with the signed static INT8
# file (`edge-int8-s8s8`) and all cores? 0.01 are ten milliseconds. Lesson 23 will tell.

# %% checkpoint="e.bring.latency_guess"
predict("e.bring.latency_guess", ...)

# %% [markdown]
# ## Act
#
# ### The device
#
# `open_device` finds the container of lesson 21 by its name. (In rehearsal it brings one up where there is none.) The
# device says who it is, and every record from there will carry that.

# %%
device = open_device()
vitals = device.ask(["-m", "labs.edge", "vitals"])
print(device)
{name: vitals["machine"][name] for name in ("cpu_model", "architecture", "cpu_count", "testbed")}

# %% [markdown]
# Not an ARM processor, and `testbed` says `rehearsal`? Then this is your own computer in another folder. It can show
# you every step and no figure of the Pi. Keep that in mind; the checks will.
#
# ### The files
#
# These are part 1's, under the names by which the device's records will be kept. (What is missing is made now, in the
# very way of lessons 12 and 14.) A name proves nothing: `int8-dynamic.onnx` may be last week's. Each record of part 1
# carries the hash of the file that it measured. Under which options does your ledger know these very bytes?

# %%
files = part_1_files(models_dir())
made = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files.values()}
known = {record.model.sha256: record.option for record in ledger().measurements(kind="accuracy") if record.model}
rows = [
    (option, path.name, path.stat().st_size, made[path.name][:12], known.get(made[path.name], "not measured"))
    for option, path in files.items()
]
pd.DataFrame(rows, columns=["option", "file", "bytes", "sha256", "measured in part 1 as"])

# %% [markdown]
# ### The way there
#
# python-chi's `upload` packs a file or a folder into an archive and sends it in the body of one request. Such a body
# may not be large; how large is published nowhere. Try it with all models at once:

# %%
if device.here:
    print("This kernel runs on the device: nothing has to travel.")
else:
    context.use_site("CHI@Edge")
    board = container.get_container(device.name)
    try:
        board.upload(str(models_dir()), "/tmp")
        print("it arrived")
    except Exception as refusal:
        print(type(refusal).__name__, refusal)

# %% [markdown]
# So a file travels in parts, which are joined over there, and the hash of the whole is computed *over there*.
# `device.bring` does that. Run the cell twice: what is there already does not travel again.

# %%
brought = device.bring(files.values())
[(one.name, one.sha256[:12], one.how) for one in brought]

# %% [markdown]
# ## Measure
#
# A file that lost one byte on its way, or that somebody quantized anew last night, shows another hash, though its size
# may be the same.

# %%
arrived = {one.name: {"here": made[one.name], "there": one.sha256, "size_bytes": one.size_bytes} for one in brought}
ledger().observe("edge.files", {"files": arrived, "machine": vitals["machine"]})
print(target("device"))

# %% [markdown]
# Which of them may go on: whole, and below the target's 5 MB?


# %% checkpoint="e.bring.fit"
def fit(files, most_bytes):
    """Return the names of the files that arrived whole and are smaller than a limit, in alphabetical order.

    Args:
        files: A dictionary from the name to {"here": sha256, "there": sha256, "size_bytes": size}.
        most_bytes: A file of exactly this size is too large.
    """
    ...


# %%
check("e.bring.fit", fit)

# %%
fit(arrived, target("device").size_bytes)

# %% [markdown]
# ## Checkpoint
#
# ### What the core can do
#
# You made several INT8 files because no form is fast everywhere. Here is what the course knows about the forms on the
# Pi 5's core, whichever processor plays it today. (Its flags: `asimd` is NEON, `asimddp` the dot product.)

# %%
pi_5 = Fingerprint("Cortex-A76", "aarch64", ("asimd", "asimddp", "asimdhp"), 4, 8 * 2**30, "Linux", "3.11")
known_forms = [(one.form, one.verdict, one.because) for one in forms_on_arm(pi_5)]
facts("INT8 on an ARM core with a dot product", ("form", "it is", "because"), known_forms)

# %% [markdown]
# The instruction behind the first row is SDOT, *signed dot product*. A register of 128 bits holds 16 bytes, or four
# 32-bit sums. SDOT takes two registers of 16 *signed* bytes and one of four sums. To the first sum it adds the products
# of the first four bytes of each, to the second sum those of the next four, and so on. That is 16 products in one
# instruction, where float32 gets 4. Write it with numpy:


# %% checkpoint="e.bring.sdot"
def sdot(sums, activations, weights):
    """Return the four sums after one SDOT, as int32.

    Args:
        sums: int32 array of shape (4,).
        activations, weights: int8 arrays of shape (16,).
    """
    ...


# %%
check("e.bring.sdot", sdot)

# %% [markdown]
# The server's VNNI multiplies *unsigned* activations by signed weights. This core has one instruction for both signed
# (SDOT) and one for both unsigned (UDOT), and none for a mix. So on paper S8S8, which lost on the server, is the form
# to beat here, at four times float32's rate. Lesson 23 measures.

# %%
check("e.bring.latency_guess")

# %% [markdown]
# ## On your own
#
# - Spoil a copy: change one byte of a file on this side, bring it again, and see what the device says. Then bring the
#   right one back.
# - Could the device fetch the files itself? From where, and how would it know that it got the right ones?
# - `python -m labs edge emulate` (in a terminal, on Debian) runs the device's own Python and packages as an ARM
#   Cortex-A76 on this computer, compares the labels, and shows why its times are thrown away.
