# ---
# jupyter:
#   lesson:
#     id: gpus
#     title: Run on two GPUs
#     summary: batches, a second instance and a second GPU on the leased node, your earlier tables there, and the release
#     part: 3
#     kind: core
#     where: [hub, node]
#     needs: [system, batching, ensemble]
#     ports: [8000, 8001]
#     machine_minutes: 20
#     measures: [load]
#     takes:
#       triton: [programs/repository/food_classifier/1/model.py]
#       ensemble: [programs/repository/food_classifier_onnx/config.pbtxt]
# ---

# %% [markdown]
# # Run on two GPUs
#
# **Prerequisites:** your lease of *Reserve and provision a system*; *Batch and multiply*
# and *Build an ensemble*. **Runs on:** the place where you reserved; it sends scripts to
# the node. In a rehearsal, your computer plays the node, and its processors play a GPU.
#
# GourmetGram's target for part 1 names *one* GPU, because a young company cannot pay for
# load balancing over several. It now asks whether a second GPU would pay. It has a node
# with two P100, and a colleague has written `count: 1` into a configuration. "One
# instance," says the note, "so the second GPU is free for the nightly training." That
# night the training ran out of memory. **How many instances does a stanza make on two
# GPUs, and how much do batches, a second instance and a second GPU help?**

# %% folded=true
# Import the lesson's modules.
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
from provisioning import lab
from provisioning.lab import facts, rehearsal
from provisioning.lab.device import leased, open_node
from provisioning.testbed.surroundings import site_clock
from provisioning.widgets import lease_countdown, provisioning_progress

print(rehearsal.use())
folder = programs_dir() / "gpus"
folder.mkdir(exist_ok=True)

# %% [markdown]
# ## Predict
#
# Sixteen clients send prepared tensors to the ONNX model, which has one instance on one
# GPU and takes one image at a time. By what factor do they get more answers per second
# with dynamic batching (`batches`), with a second instance on the same GPU instead
# (`second`), and with one instance on each of two GPUs instead (`each`)?

# %%
predict("gpus.times", batches=..., second=..., each=...)

# %% [markdown]
# ## Stanzas
#
# An **instance group** tells Triton how many instances of a model to make, and on which
# devices. For example, `instance_group [ { count: 1 kind: KIND_GPU gpus: [ 0, 1 ] } ]`
# makes *two* instances, because `count` is per named GPU. If no `gpus` are named, `count`
# is per GPU that Triton sees. The colleague wrote it without `gpus`. Write four stanzas:
# `one` and `two` make one and two instances on GPU 0 only, `one_each` makes one on each
# GPU, and `two_each` makes two on each.

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
# The next cell draws the instances of each stanza. Each dot is an instance, with its own
# copy of the weights in its GPU's memory.

# %% folded=true
# Draw the instances that each stanza makes.
dots = []
for name, text in stanzas.items():
    groups = groups_of(text)
    print(f"{name}: {in_words(groups)}")
    for device, count in by_device(groups).items():
        numbers = range(1, count + 1)
        dots += [{"stanza": name, "device": device, "instance": n} for n in numbers]
devices = pd.DataFrame(dots).groupby("device")
size = (3.5 * len(devices), 1.8)
figure, axes = plt.subplots(ncols=len(devices), figsize=size, sharey=True, squeeze=False)
for axis, (device, instances) in zip(axes[0], devices, strict=True):
    axis.scatter(instances["instance"], instances["stanza"], s=150)
    axis.margins(y=0.2)
    axis.set(title=device, xlabel="instance", xticks=[1, 2], xlim=(0.5, 2.5))

# %% [markdown]
# ## To the node
#
# The next cell runs the set-up again; each step skips work that is already done. Then it
# copies your newer files to the node. The countdown shows how much time is left in your
# block.

# %% folded=true
# Run the set-up, copy your files, and show the countdown.
option, testbed = leased("system")
run = lab.prepare("system", option, testbed=testbed)
provisioning_progress(run).run()
print("sent:", lab.push("system", testbed))
remote = open_node("system", testbed)
machine = Fingerprint.from_json(remote.ask(["-m", "labs.edge", "vitals"])["machine"])
print(machine.label)


def brought_home():
    """Copy the node's records to this computer, and return them."""
    print("copied:", lab.pull("system", testbed, say=lambda line: None))
    return of_machine(ledger().read(), machine.machine_id)


lease_countdown(run)

# %% [markdown]
# ## Batches, instances, GPUs
#
# The next script loads the ONNX model with each of your stanzas, without and with
# batches, and sixteen clients send requests for five seconds. Then it repeats everything
# in reverse order. Your Python model follows with eight clients, one run per row. Each
# record also contains Triton's own report of its instances.
#
# NVIDIA's Triton is a large container, which the node downloads in the background. If
# Triton does not answer yet, a message says so: run the cell below the script again
# later.

# %%
# %%writefile {folder}/arrange.py
import json
from pathlib import Path

from labs.load.arrange import ONNX, PYTHON, Models

stanzas = json.loads(Path(__file__).with_name("stanzas.json").read_text())
with Models() as models:
    for name in [*stanzas, *reversed(stanzas)]:
        batched = stanzas[name] + "dynamic_batching { }"
        models.arrange(name, ONNX, clients=16, stanza=stanzas[name])
        models.arrange(f"{name}-batched", ONNX, clients=16, stanza=batched)
    stanzas["four_each"] = stanzas["two_each"].replace("count: 2", "count: 4")
    for name in ("one", "two_each", "four_each"):
        models.arrange(f"python-{name}", PYTHON, clients=8, stanza=stanzas[name])

# %% [markdown]
# The next cell runs the script on the node. The table shows the mean of both runs of
# each arrangement of the ONNX model.

# %% folded=true
# Run the script on the node, fetch its records, and tabulate them.
guesses = predicted("gpus.times")
remote.bring([folder / "arrange.py", folder / "stanzas.json"], "workspace/programs/gpus")
remote.python(["workspace/programs/gpus/arrange.py"], name="arrange", on_line=print)
records = brought_home()


def row_of(runs):
    """Return a row of the table: the mean of some runs, and the last one's resources."""
    last = runs[-1]
    usage = last.load.usage
    rates_rps = [run.throughput_rps.value for run in runs]
    latencies_s = np.concatenate([run.samples for run in runs])
    median_ms = 1e3 * np.median(latencies_s)
    rates = [f"{rate_rps:.0f}" for rate_rps in rates_rps]
    busy = [f"{np.mean(shares):.0%}" for shares in usage.gpu]
    peaks_gb = [f"{max(sizes) / 1e9:.1f}" for sizes in usage.gpu_memory_bytes]
    return {
        "instances": in_words(last.details["instance_group"]),
        "answers/s": np.mean(rates_rps),
        "each run": ", ".join(rates),
        "median, ms": median_ms,
        "images per execution": last.load.server.mean_batch,
        "GPUs busy": ", ".join(busy),
        "GPUs' memory, GB": ", ".join(peaks_gb),
    }


onnx_runs = {}
for name in stanzas:
    for option in (name, f"{name}-batched"):
        runs = records.measurements(kind="load", option=f"gpus-{option}")
        onnx_runs[option] = runs[-2:]
python_runs = {}
for option in ("python-one", "python-two_each", "python-four_each"):
    runs = records.measurements(kind="load", option=f"gpus-{option}")
    python_runs[option] = runs[-1:]
rows = {}
for option, runs in (onnx_runs | python_runs).items():
    if runs:
        rows[option] = row_of(runs)
        version = runs[-1].libraries.get("tritonserver", "not recorded")
print("Triton's version on the node:", version)
table = pd.DataFrame.from_dict(rows, orient="index")
times_one = table["answers/s"] / table["answers/s"]["one"]
table["times one"] = times_one.filter(list(onnx_runs))
rows_asked = {"batches": "one-batched", "second": "two", "each": "one_each"}
table["you predicted"] = pd.Series(guesses).rename(rows_asked)
table.style.format(precision=2, na_rep="").format("{:.0f}", subset="answers/s")

# %% question="gpus.placed"
check("gpus.placed")

# %% [markdown]
# A second instance on a busy GPU shares its arithmetic units, but needs its own memory. A
# second GPU adds both units and memory. Do more Python instances always help? [Fund's
# lab](https://teaching-on-testbeds.github.io/serve-system-chi/) measured two P100 with
# eight clients:
#
# | model | instances | images per second |
# |---|---|---:|
# | Python | one | {{ python_8.requests_per_s }} |
# | Python | two on each GPU | {{ two_each_python_8.requests_per_s }} |
# | Python | four on each GPU | {{ four_each_python_8.requests_per_s }} |
# | ONNX | two on each GPU | {{ onnx_two_each_8.requests_per_s }} |
#
# Its author explains the low rate of four instances by the Python processes themselves.
#
# ## Your earlier tables, on the node
#
# The next cell serves your files from your laptop: your app with PyTorch and with ONNX
# Runtime, your `model.py` without and with batches, the ONNX model, and your ensemble.
# Photos are decoded on processors. Each figure is one run, and the latencies are the
# node's. The last column shows where the network ran. Your app's log names the provider
# that computed a first photo. Triton's configuration names each instance's device.

# %% folded=true
# Serve your earlier files on the node, and compare both machines.
remote.python(["-m", "labs.load.repeat"], name="repeat", on_line=print)
on_node = brought_home()
at_home = ledger().read()
rows = {}
for option in (
    "http-torch-16",
    "http-16",
    "batching-off-16",
    "batching-on-16",
    "onnx",
    "ensemble",
):
    row = {"home": np.nan, "node": np.nan}
    rows[option] = row
    if run := at_home.latest(kind="load", option=option):
        row["home"] = run.throughput_rps.value
    if run := on_node.latest(kind="load", option=f"gpus-{option}"):
        row["node"] = run.throughput_rps.value
        for percent in (50, 95, 99):
            row[f"p{percent}, ms"] = 1e3 * run.percentile(percent)
        row["network on"] = run.provider_requested
answers = pd.DataFrame.from_dict(rows, orient="index")
replaced = {
    "onnx": "onnx (at home: the course's Python backend)",
    "ensemble": "ensemble (at home: with the same backend)",
}
answers = answers.rename(index=replaced).rename_axis("answers a second")
answers.style.format(precision=0, na_rep="")

# %% [markdown]
# Which rows gained from the node, and which did not? (In a rehearsal, the node is this
# computer.) A row that spends its time on decoding photos benefits from the node's
# processors, not from its GPU.
#
# ## In containers, by hand
#
# This section needs a lease, because a rehearsal has no Docker. Nobody has run it on a
# node yet. Open a terminal on the node. Its Triton still serves the ONNX model on GPU 0.
# NVIDIA ships perf_analyzer in a second image of the same release (several gigabytes):
#
# ```sh
# cd ~/serving-labs/provisioning/node/p100 && . ./.env
# sudo docker run --rm --network host "${LABS_TRITON_BASE%@*}:$LABS_TRITON_RELEASE-py3-sdk" \
#   perf_analyzer -u 127.0.0.1:8001 -i grpc -m food_classifier_onnx \
#   --concurrency-range 1:16:15 -p 5000 -s 999
# ```
#
# Compare its p99 with that of the row *onnx*. **Docker Compose** builds and starts several
# containers from one file. Here they are GourmetGram's page, and your app behind it:
#
# ```sh
# cd ~/serving-labs/labs/serve/containers
# files="--file compose.yaml --file gpu.yaml"
# sudo docker compose $files up --build --detach --wait
# sudo docker compose logs service
# curl --silent --form sample=3 http://127.0.0.1:8095/ | grep 'id="label"'
# sudo WORKERS=4 docker compose $files up --detach --wait
# sudo docker compose logs --timestamps
# sudo docker compose down
# ```
#
# The service's log names the provider: CUDA's, or without `gpu.yaml` the processor's. The
# second `up` finds a changed setting. Which container does it recreate, and which one does
# it leave alone?
#
# ## Release
#
# `give_back` checks that all records are on your computer, and asks you first if nothing
# was measured. Then it deletes the machine, the address and the lease, and lists the
# resources that the site still holds for you.

# %% question="gpus.released"
ledger().observe("system.lease_at_release", facts.of_lease(testbed, "system"))
print("copied:", lab.pull("system", testbed))
records = ledger().read()
runs = [records.latest(kind="load", option=f"gpus-{name}") for name in stanzas]
measured = any(runs)
print(*lab.give_back("system", testbed, measured=measured, sure=False), sep="\n")
holdings = facts.of_holdings(testbed, "system", site_clock().now())
ledger().observe("system.release", holdings)
check("gpus.released")

# %% [markdown]
# ## What you found
#
# - The note was wrong: `count` is per GPU, and a group without `gpus` is on every GPU.
# - Your first table shows the rate of each arrangement on the machine that it names. If
#   two arrangements are equally fast, prefer the one with fewer instances: each instance
#   takes memory even when it is idle, and the nightly training needs that memory.
#
# **Try it yourself**
#
# - Which arrangement would you choose if 95 % of the best rate is enough?
# - Run `msl lease sweep --mine` in a terminal. It searches all sites for resources that
#   you forgot.

# %% [markdown]
# ## Read more
#
# - [System optimizations for
#   serving](https://teaching-on-testbeds.github.io/serve-system-chi/) (F. Fund, 2025):
#   the lab with the figures above, on the same type of node.
# - [Triton model configuration: instance
#   groups](https://triton-inference-server.github.io/model_navigator/0.7.4/triton/instance_groups)
#   (NVIDIA documentation): each field of an instance group in one sentence.
# - [Batchers](https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/batcher.html)
#   (NVIDIA documentation): the recommended order of tuning batches and instances.
