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
#     machine_minutes: 30
# ---

# %% [markdown]
# # Run on two GPUs
#
# GourmetGram has a node with two P100, and somebody has written `count: 1` into a configuration. "One instance," says
# the note beside it, "so the second GPU is free for the nightly training." That night the training ran out of memory.
# **What does a stanza make on two GPUs, and what are batches, a second instance and a second GPU worth there?**
#
# You need your lease of *Reserve and provision a system*. This notebook stays where you reserved, and sends scripts to
# the node. In rehearsal your own computer plays the node, and its processors play a GPU.

# %%
import json

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from labs.checkpoints import check, predict, predicted
from labs.machine import Fingerprint
from labs.records.candidates import of_machine
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
# `instance_group [ { count: 1 kind: KIND_GPU gpus: [ 0, 1 ] } ]` makes *two* instances: `count` is for each GPU that is
# named. And where no `gpus` are named at all, it is for each GPU that Triton sees. That is what the colleague wrote.
# Write four stanzas: `one` and `two` instances on GPU 0 and none elsewhere, one on each of both GPUs, two on each.

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

# %%
dots = [
    {"stanza": name, "device": device, "instance": number + 1}
    for name, text in stanzas.items()
    for device, count in by_device(groups_of(text)).items()
    for number in range(count)
]
print(*(f"{name}: {in_words(groups_of(text))}" for name, text in stanzas.items()), sep="\n")
devices = pd.DataFrame(dots).groupby("device")
drawn, axes = plt.subplots(ncols=len(devices), figsize=(3.5 * len(devices), 1.8), sharey=True, squeeze=False)
for axis, (device, of_it) in zip(axes[0], devices, strict=True):
    axis.scatter(of_it["instance"], of_it["stanza"], s=150)
    axis.margins(y=0.2)
    axis.set(title=device, xlabel="instance", xticks=[1, 2], xlim=(0.5, 2.5))

# %% [markdown]
# ## To the node
#
# The steps of the set-up look before they make anything: what is there already stays. Then whatever you have made since
# travels there. The countdown says what is left of your block.

# %%
option, testbed = leased("system")
run = lab.prepare("system", option, testbed=testbed)
provisioning_progress(run).run()
print("brought:", lab.push("system", testbed))
remote = open_node("system", testbed)
machine = Fingerprint.from_json(remote.ask(["-m", "labs.edge", "vitals"])["machine"])
print(machine.label)
lease_countdown(run)


# %%
def brought_home():
    """Bring home what the node recorded, and return its records."""
    print("home:", lab.pull("system", testbed, say=lambda line: None))
    return of_machine(ledger().read(), machine.machine_id)


# %% [markdown]
# ## Batches, instances, GPUs
#
# The script loads each of your stanzas, without and with batches, and has sixteen clients ask for five seconds. What
# Triton then says of its own instances goes into the record. NVIDIA's Triton is a large container that is fetched while
# you do other things: where it does not answer yet, the message says so, and you run the cell again.

# %%
# %%writefile {folder}/arrange.py
import json
import shutil
from pathlib import Path

import numpy as np
import tritonclient.http as httpclient

from labs.data.preprocess import load_image, to_input
from labs.load import closed_loop, tensor_inputs
from labs.load.served import triton_target
from labs.machine import fingerprint
from labs.records.ledger import ledger
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.triton import opening

NAME, GPUS = "food_classifier_onnx", len(fingerprint().cuda_gpus)
CONFIG = """
name: "food_classifier_onnx"
backend: "onnxruntime"
max_batch_size: 16
input [ { name: "input" data_type: TYPE_FP32 dims: [ 3, 224, 224 ] } ]
output [ { name: "output" data_type: TYPE_FP32 dims: [ 11 ] } ]
"""
here = Path(__file__).parent
model = here / "repository" / NAME
(model / "1").mkdir(parents=True, exist_ok=True)
shutil.copy(fp32_model(), model / "1" / "model.onnx")
(model / "config.pbtxt").write_text(CONFIG)
triton = opening.open_repository(model.parent)
client = httpclient.InferenceServerClient(triton.http, network_timeout=180)
tensors = tensor_inputs(np.stack([to_input(load_image(photo(number))) for number in range(8)]))
for name, stanza in json.loads((here / "stanzas.json").read_text()).items():
    if GPUS < 2 and name.endswith("each"):
        print(f"{name}: not run here, where there are no two GPUs")
        continue
    if GPUS == 0:  # rehearsed: as many instances on the processors
        stanza = f"instance_group [ {{ count: {('one', 'two').index(name) + 1} kind: KIND_CPU }} ]"
    for suffix, batching in (("", ""), ("-batched", "dynamic_batching { }")):
        (triton.repository.folder / NAME / "config.pbtxt").write_text(CONFIG + stanza + batching)
        client.load_model(NAME, headers=triton.headers)
        told = {
            "option": f"gpus-{name}{suffix}",
            "details": {"instance_group": client.get_model_config(NAME)["instance_group"]},
        }
        target = triton_target(triton, NAME, tensors)
        record = closed_loop(target, concurrency=16, duration_s=5 if GPUS else 1, timeout_s=60, **told)
        ledger().append(record)
        print(f"{name}{suffix}: {record.throughput_rps.value:.0f} answers a second")
triton.stop()

# %%
guesses = predicted("gpus.times")
remote.bring([folder / "arrange.py", folder / "stanzas.json"], "workspace/programs/gpus")
remote.python(["workspace/programs/gpus/arrange.py"], name="arrange", on_line=print)
records, rows = brought_home(), {}
for name in (f"{name}{suffix}" for name in stanzas for suffix in ("", "-batched")):
    if (one := records.latest(kind="load", option=f"gpus-{name}")) is not None:
        rows[name] = {
            "instances": in_words(one.details["instance_group"]),
            "answers/s": one.throughput_rps.value,
            "p95, ms": 1e3 * one.percentile(95),
            "images an execution": one.load.server.mean_batch,
            "GPUs busy": ", ".join(f"{np.mean(gpu):.0%}" for gpu in one.load.usage.gpu),
            "GPUs' memory, GB": ", ".join(f"{max(gpu) / 1e9:.1f}" for gpu in one.load.usage.gpu_memory_bytes),
        }
table = pd.DataFrame.from_dict(rows, orient="index")
table["times one"] = table["answers/s"] / table["answers/s"]["one"]
asked = {"one-batched": "batches", "two": "second", "one_each": "each"}
table["you predicted"] = pd.Series({row: guesses[name] for row, name in asked.items() if row in rows})
table.style.format(precision=2, na_rep="").format("{:.0f}", subset="answers/s")

# %% question="gpus.placed"
check("gpus.placed")

# %% [markdown]
# A second instance on a busy GPU shares its arithmetic units, and takes its own memory. A second GPU brings both. An
# earlier lab published for two P100: its Python model gave 52 images a second one by one, and 657 in requests of
# sixteen; the ONNX model 138 with one client, and 1,182 with one instance on each GPU and eight clients.
#
# ## Home's tables, here
#
# The same files that you wrote at home, on this machine: your route, your `model.py` without and with batches, the ONNX
# model alone, and your ensemble. Networks run on GPU 0 where there is one; whatever decodes photos stays on processors.

# %%
remote.python(["-m", "labs.load.repeat"], name="repeat", on_line=print)
records, at_home, rows = brought_home(), ledger().read(), {}
for option in ("http-16", "batching-off-16", "batching-on-16", "onnx", "ensemble"):
    pair = {"home": at_home.latest(kind="load", option=option)}
    pair["node"] = records.latest(kind="load", option=f"gpus-{option}")
    rows[option] = {where: one.throughput_rps.value for where, one in pair.items() if one is not None}
answers = pd.DataFrame.from_dict(rows, orient="index", columns=["home", "node"])
answers.assign(times=answers["node"] / answers["home"]).style.format(precision=1, na_rep="")

# %% [markdown]
# Which rows gained most by the node? A row whose time goes into decoding photos gains what the node's processors are
# worth, and not what its GPU is.
#
# ## Release
#
# All records are home, or `give_back` would refuse. Machine, address and lease go, and the site is asked what it still
# counts under your name.

# %% question="gpus.released"
ledger().observe("system.lease_at_release", facts.of_lease(testbed, "system"))
print("home:", lab.pull("system", testbed))
print(*lab.give_back("system", testbed), sep="\n")
ledger().observe("system.release", facts.of_holdings(testbed, "system", site_clock().now()))
check("gpus.released")

# %% [markdown]
# ## What you found
#
# The note was wrong: `count` is for each GPU, and whoever names none gets them all. Your first table says what each
# arrangement is worth on the machine that it names. Whatever gives nearly the same with fewer instances is the better
# one: an instance takes memory whether it works or not, and the nightly training wants that memory. This is the end of
# part 3: `msl submit` in a terminal hands it in.
#
# - Which arrangement would you choose, if 95 % of the best rate is enough?
# - In a terminal: `msl lease sweep --mine`. It looks over all sites for what you have forgotten.
