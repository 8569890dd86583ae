# ---
# jupyter:
#   lesson:
#     id: gpus
#     title: Run on two GPUs
#     summary: batches, a second instance and a second GPU on the leased node, home's tables there, and the release
#     part: 3
#     kind: core
#     where: [hub, node]
#     needs: [system, batching, ensemble]
#     ports: [8000, 8001]
#     machine_minutes: 20
#     takes:
#       triton: [programs/repository/food_classifier/1/model.py]
#       ensemble: [programs/repository/food_classifier_onnx/config.pbtxt]
# ---

# %% [markdown]
# # Run on two GPUs
#
# GourmetGram has a node with two P100, and a colleague has written `count: 1` into a configuration. "One instance,"
# says the note beside it, "so the second GPU is free for the nightly training." That night the training ran out of
# memory. **What does a stanza make on two GPUs, and what are batches, a second instance and a second GPU worth there?**
#
# You need your lease of *Reserve and provision a system*. This notebook stays where you reserved, and sends scripts to
# the node. In rehearsal your own computer plays the node, and its processors play a GPU.

# %% folded=true
import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from labs.checkpoints import check, predict, predicted
from labs.machine import Fingerprint
from labs.records.collection import of_machine
from labs.records.ledger import ledger
from labs.serve.triton.groups import by_device, groups_of, in_words
from labs.workspace import programs_dir
from provisioning import lab, rehearsal
from provisioning.lab import facts
from provisioning.lab.device import leased, open_node
from provisioning.testbed.surroundings import site_clock
from provisioning.widgets import lease_countdown, provisioning_progress

print(rehearsal.use())
folder = programs_dir() / "gpus"
folder.mkdir(exist_ok=True)

# %% [markdown]
# ## Predict
#
# Sixteen clients send ready tensors to the ONNX model, which has one instance on one GPU and takes one image at a time.
# How many times as many answers a second do they get with dynamic batching (`batches`), with a second instance on the
# same GPU instead (`second`), and with one instance on each of two GPUs instead (`each`)?

# %%
predict("gpus.times", batches=..., second=..., each=...)

# %% [markdown]
# ## Stanzas
#
# Parallel instances of a model are what the field calls **concurrent model execution**, and this line asks for them:
# `instance_group [ { count: 1 kind: KIND_GPU gpus: [ 0, 1 ] } ]` makes *two* instances, since `count` is per GPU that
# is named. If no `gpus` are named, it is per GPU that Triton sees. That is what the colleague wrote. Write four
# stanzas: `one` and `two` instances on GPU 0 and none elsewhere, one on each of both GPUs, two on each.

# %% question="gpus.stanza"
stanzas = {}
### BEGIN SOLUTION
stanzas["one"] = "instance_group [ { count: 1 kind: KIND_GPU gpus: [ 0 ] } ]"
stanzas["two"] = "instance_group [ { count: 2 kind: KIND_GPU gpus: [ 0 ] } ]"
stanzas["one_each"] = "instance_group [ { count: 1 kind: KIND_GPU gpus: [ 0, 1 ] } ]"
stanzas["two_each"] = "instance_group [ { count: 2 kind: KIND_GPU gpus: [ 0, 1 ] } ]"
### STUB
stanzas["one"] = "instance_group [ { count: 1 kind: KIND_GPU } ]"  # the colleague's
stanzas["two"] = "instance_group [ { count: 1 kind: KIND_GPU } ]"
stanzas["one_each"] = "instance_group [ { count: 1 kind: KIND_GPU } ]"
stanzas["two_each"] = "instance_group [ { count: 1 kind: KIND_GPU } ]"
### END SOLUTION
(folder / "stanzas.json").write_text(json.dumps(stanzas))
check("gpus.stanza", folder / "stanzas.json")

# %% [markdown]
# What they make, drawn from their text. Each dot is an instance, with the weights in its GPU's memory once more:

# %% folded=true
dots = [
    {"stanza": name, "device": device, "instance": number + 1}
    for name, text in stanzas.items()
    for device, count in by_device(groups_of(text)).items()
    for number in range(count)
]
print(
    *(f"{name}: {in_words(groups_of(text))}" for name, text in stanzas.items()), sep="\n"
)
devices = pd.DataFrame(dots).groupby("device")
drawn, axes = plt.subplots(
    ncols=len(devices), figsize=(3.5 * len(devices), 1.8), sharey=True, squeeze=False
)
for axis, (device, of_it) in zip(axes[0], devices, strict=True):
    axis.scatter(of_it["instance"], of_it["stanza"], s=150)
    axis.margins(y=0.2)
    axis.set(title=device, xlabel="instance", xticks=[1, 2], xlim=(0.5, 2.5))

# %% [markdown]
# ## To the node
#
# The steps of the set-up look before they make anything: what is there already stays. Then what you have made since
# travels there. The countdown says what is left of your block.

# %% folded=true
option, testbed = leased("system")
run = lab.prepare("system", option, testbed=testbed)
provisioning_progress(run).run()
print("brought:", lab.push("system", testbed))
remote = open_node("system", testbed)
machine = Fingerprint.from_json(remote.ask(["-m", "labs.edge", "vitals"])["machine"])
print(machine.label)


def brought_home():
    """Bring home what the node recorded, and return its records."""
    print("home:", lab.pull("system", testbed, say=lambda line: None))
    return of_machine(ledger().read(), machine.machine_id)


lease_countdown(run)

# %% [markdown]
# ## Batches, instances, GPUs
#
# The script loads the ONNX model with each of your stanzas, without and with batches, and has sixteen clients ask for
# five seconds; then all of it again in reverse order. Your Python model follows with eight clients, one run per row.
# What Triton says of its own instances goes into each record. NVIDIA's Triton is a large container, fetched while you
# do other things: if it does not answer yet, the message says so, and you run the cell below the script again.

# %%
# %%writefile {folder}/arrange.py
import json
from pathlib import Path

from labs.load.arrange import ONNX, PYTHON, Models

stanzas = json.loads(Path(__file__).with_name("stanzas.json").read_text())
with Models() as models:
    for name in [*stanzas, *reversed(stanzas)]:
        for option, batching in ((name, ""), (f"{name}-batched", "dynamic_batching { }")):
            models.arrange(option, ONNX, clients=16, stanza=stanzas[name] + batching)
    stanzas["four_each"] = stanzas["two_each"].replace("count: 2", "count: 4")
    for name in ("one", "two_each", "four_each"):
        models.arrange(f"python-{name}", PYTHON, clients=8, stanza=stanzas[name])

# %% [markdown]
# This runs it there, and shows the mean of both runs with each of them.

# %% folded=true
guesses = predicted("gpus.times")
remote.bring([folder / "arrange.py", folder / "stanzas.json"], "workspace/programs/gpus")
remote.python(["workspace/programs/gpus/arrange.py"], name="arrange", on_line=print)
records, rows = brought_home(), {}
turns = {f"{name}{suffix}": 2 for name in stanzas for suffix in ("", "-batched")}
for name, count in (
    turns | {f"python-{name}": 1 for name in ("one", "two_each", "four_each")}
).items():
    runs = records.measurements(kind="load", option=f"gpus-{name}")[-count:]
    if runs:
        newest, rates = runs[-1], [run.throughput_rps.value for run in runs]
        rows[name] = {
            "instances": in_words(newest.details["instance_group"]),
            "answers/s": np.mean(rates),
            "each run": ", ".join(f"{rate:.0f}" for rate in rates),
            "median, ms": 1e3
            * np.median([sample for run in runs for sample in run.samples]),
            "images per execution": newest.load.server.mean_batch,
            "GPUs busy": ", ".join(
                f"{np.mean(gpu):.0%}" for gpu in newest.load.usage.gpu
            ),
            "GPUs' memory, GB": ", ".join(
                f"{max(gpu) / 1e9:.1f}" for gpu in newest.load.usage.gpu_memory_bytes
            ),
        }
table = pd.DataFrame.from_dict(rows, orient="index")
table["times one"] = (table["answers/s"] / table["answers/s"]["one"]).filter(list(turns))
asked = {"one-batched": "batches", "two": "second", "one_each": "each"}
table["you predicted"] = pd.Series(
    {row: guesses[name] for row, name in asked.items() if row in rows}
)
table.style.format(precision=2, na_rep="").format("{:.0f}", subset="answers/s")

# %% question="gpus.placed"
check("gpus.placed")

# %% [markdown]
# A second instance on a busy GPU shares its arithmetic units, and takes memory of its own. A second GPU brings both. Do
# more Python instances always help? An older lab published for two P100 and eight clients: its Python model gave
# {{ python_8.requests_per_s }} images a second with one instance, {{ two_each_python_8.requests_per_s }} with two on
# each GPU, and only {{ four_each_python_8.requests_per_s }} with four on each, which it puts down to the Python
# processes themselves. Its ONNX model gave {{ onnx_two_each_8.requests_per_s }} with two on each.
#
# ## Home's tables, here
#
# The same files that you wrote at home, on this machine: your route, your `model.py` without and with batches, the ONNX
# model alone, and your ensemble. Networks run on GPU 0 if there is one; photos are decoded on processors. Each figure
# is one run.

# %% folded=true
remote.python(["-m", "labs.load.repeat"], name="repeat", on_line=print)
records, at_home, rows = brought_home(), ledger().read(), {}
for option in ("http-16", "batching-off-16", "batching-on-16", "onnx", "ensemble"):
    pair = {"home": at_home.latest(kind="load", option=option)}
    pair["node"] = records.latest(kind="load", option=f"gpus-{option}")
    rows[option] = {
        place: run.throughput_rps.value for place, run in pair.items() if run is not None
    }
answers = pd.DataFrame.from_dict(rows, orient="index", columns=["home", "node"])
answers.rename_axis("answers a second").style.format(precision=0, na_rep="")

# %% [markdown]
# Which rows gained most by the node? A row whose time goes into decoding photos gains what the node's processors are
# worth, and not what its GPU is.
#
# ## Release
#
# All records are home, or `give_back` would refuse. It also asks first if nothing was measured. Machine, address and
# lease go, and the site is asked what it still counts under your name.

# %% question="gpus.released"
ledger().observe("system.lease_at_release", facts.of_lease(testbed, "system"))
print("home:", lab.pull("system", testbed))
measured = any(
    ledger().read().latest(kind="load", option=f"gpus-{name}") for name in stanzas
)
print(*lab.give_back("system", testbed, measured=measured, sure=False), sep="\n")
ledger().observe(
    "system.release", facts.of_holdings(testbed, "system", site_clock().now())
)
check("gpus.released")

# %% [markdown]
# ## What you found
#
# The note was wrong: `count` is per GPU, and a group that names none is on every GPU. Your first table says what each
# arrangement is worth on the machine that it names. Of two that give nearly the same, the one with fewer instances is
# better: an instance takes memory whether it works or not, and the nightly training wants that memory.
#
# - Which arrangement would you choose, if 95 % of the best rate is enough?
# - In a terminal: `msl lease sweep --mine`. It looks over all sites for what you have forgotten.
