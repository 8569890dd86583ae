# ---
# jupyter:
#   lesson:
#     title: Bring the models
#     summary: part 1's files travel in parts and prove their hashes; what an ARM core multiplies
#     part: 2
#     number: "22"
#     minutes: 20
#     kind: core
#     where: [any]
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
# You have made the files already, in part 1. Today they travel, and nothing else does: what was measured on the server
# and what will be measured on the device must be the same bytes, or the comparison is one between two models.
#
# ## You will do
#
# Meet the device, carry the models there, prove by their hashes that they arrived whole, and find out which form of
# INT8 suits its processor.
#
# ## You will learn
#
# - how files reach a container that has no SSH, and why they travel in parts;
# - what a hash proves, and what a file's size does not;
# - what an ARM core offers a quantized model.
#
# ## You need
#
# Lesson 14. At home this computer plays the device: everything below really runs, in
# a container's scratch folder, and every record says so. 20 minutes.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
from grading.checkpoints import answer, check, predict
from labs.edge.bringing import comparison_of_hashes, fingerprints_of, measured_before
from labs.edge.making import part_1_files
from labs.machine import Fingerprint
from labs.machine.arm import forms_on_arm
from labs.records.format import megabytes
from labs.records.targets import target
from labs.widgets import facts
from labs.workspace import ledger, models_dir
from provisioning.chameleon.shells import UPLOAD_PART_BYTES
from provisioning.device import open_device

# %% [markdown]
# ## Predict
#
# Before you have seen anything of the device: how many milliseconds will one photo take there, with the static INT8
# file and all four cores? Write seconds. Lesson 23 will tell.

# %% checkpoint="e.bring.latency_guess"
predict("e.bring.latency_guess", ...)

# %% [markdown]
# ## Act
#
# ### The device
#
# `open_device` looks for your container by its name. (In rehearsal it brings one up where there is none.)

# %%
device = open_device()
print(device)

# %% [markdown]
# It can be asked who it is. A number without its machine is worth nothing, so every record from there will carry this.

# %%
vitals = device.ask(["-m", "labs.edge", "vitals"])
{name: vitals["machine"][name] for name in ("cpu_model", "architecture", "cpu_count", "cpu_flags", "testbed")}

# %% [markdown]
# Not an ARM processor, and `testbed` says `rehearsal`? Then this is your own computer in another folder. It can show
# you every step and no figure of the Pi. Keep that in mind; the checks will.
#
# ### The files
#
# These are part 1's, under the names by which the device's records will be kept. (What is missing is made now, in the
# very way of lessons 12 and 14.)

# %%
files = part_1_files(models_dir())
made = fingerprints_of(files.values())
{option: (path.name, megabytes(path.stat().st_size), made[path.name]["sha256"][:12]) for option, path in files.items()}

# %% [markdown]
# A name proves nothing: `int8-dynamic.onnx` may be last week's. But each record of part 1 carries the hash of the file
# that it measured. Under which options does your ledger know these very bytes?

# %%
measured_before(ledger().measurements(), made)

# %% [markdown]
# An empty list means that part 1 has not measured this file, or has measured another one of this name. Its figures may
# then not be set beside the device's.
#
# ### The way there
#
# A container on a device has no SSH. The container service can do two things for you: run a command, and unpack an
# archive that comes in the body of a request. Such a body may not be large. So a file travels in parts, each of at most

# %%
UPLOAD_PART_BYTES

# %% [markdown]
# bytes, which are joined over there. Into how many parts does the largest file fall?

# %%
largest = max(path.stat().st_size for path in files.values())
ledger().observe("edge.largest", {"bytes": largest})

# %% checkpoint="e.bring.parts"
parts = ...
answer("e.bring.parts", parts)

# %%
check("e.bring.parts")

# %% [markdown]
# Off they go. Run the cell twice: what is there already does not travel again.

# %%
brought = device.bring(files.values())
[(one.name, megabytes(one.size_bytes), one.sha256[:12], one.how) for one in brought]

# %% [markdown]
# ## Measure
#
# The hashes in that list were computed *over there*. Put them beside the ones from here: a file that lost one byte on
# its way, or that somebody quantized anew last night, would show another one, though its size might be the same.

# %%
arrived = comparison_of_hashes(made, brought)
ledger().observe("edge.files", {"files": arrived, "machine": vitals["machine"]})
arrived

# %% [markdown]
# Which of them may go on: whole, and within the target's 5 MB?

# %%
target("device")

# %% checkpoint="e.bring.fit"
# Two lists of file names: those whose two hashes agree, and those of them that keep the size limit.
answer("e.bring.fit", {"whole": [...], "fit": [...]})

# %%
check("e.bring.fit")

# %% [markdown]
# ## Checkpoint
#
# ### What the core can do
#
# You made several INT8 files because no form is fast everywhere. Here is what the course knows about the forms on the
# Pi 5's core, whichever processor plays it today. (Its flags: `asimd` is NEON, `asimddp` the dot product.)

# %%
pi_5 = Fingerprint("Cortex-A76", "aarch64", ("asimd", "asimddp", "asimdhp"), 4, 8 * 2**30, "Linux", "3.11")
known = [(one.form, one.verdict, one.because) for one in forms_on_arm(pi_5)]
facts("INT8 on an ARM core with a dot product", ("form", "it is", "because"), known)

# %% [markdown]
# The VNNI instruction of a server multiplies *unsigned* activations by *signed* weights. What does the Pi's dot product
# want, and how many 8-bit products does one such instruction make, where a float32 one makes four?

# %% checkpoint="e.bring.form"
# `activations` and `weights`: "signed" or "unsigned". `products` of one instruction. `times` float32's rate.
form = {"activations": ..., "weights": ..., "products": ..., "times": ...}
answer("e.bring.form", form)

# %%
check("e.bring.form")

# %%
check("e.bring.latency_guess")

# %% [markdown]
# So on paper, S8S8 is the form to beat, and the one that lost on the server. Paper is patient. Lesson 23 measures.
#
# ## On your own
#
# - Spoil a copy: change one byte of a file on this side, bring it again, and see what the device says. Then bring the
#   right one back.
# - Could the device fetch the files itself? From where, and how would it know that it got the right ones?
# - `python -m labs edge emulate` (in a terminal, on Debian) runs the device's own Python and packages as an ARM
#   Cortex-A76 on this computer, compares the labels, and shows why its times are thrown away.
