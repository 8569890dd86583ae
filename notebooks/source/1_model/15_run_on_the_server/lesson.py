# ---
# jupyter:
#   lesson:
#     id: server
#     title: Run on the server
#     summary: start a leased node, prove which processor computes, OpenVINO, CUDA and TensorRT, and how many cores
#     part: 1
#     kind: core
#     where: [hub, node]
#     needs: [reserve, quantize]
#     ports: []
#     machine_minutes: 45
#     measures: [latency, throughput]
#     takes: {compile: [models/food11.onnx], quantize: [models/int8-static-u8s8.onnx]}
# ---

# %% [markdown]
# # Run on the server
#
# **Prerequisites:** *Reserve a machine*, *Compile the graph* and *Quantize*, which write
# the files to measure. **Runs on:** a laptop in a rehearsal, then Chameleon's Jupyter
# with a leased node.
#
# On a server's EPYC 7763, the manager wants one photo in 3 ms and 1,000 photos per
# second. On a single A100, it is 1 ms and 5,000: GourmetGram cannot pay for several GPUs,
# so one must carry the complete load. All figures that you have are from your laptop.
# "And last spring," the manager adds, "we paid three weeks for a GPU node, and the model
# ran on its CPU. Nobody noticed." So: **how fast is the machine that will serve, and how
# do you know which processor computed?**
#
# Keep this notebook on the computer where you reserved. It starts the leased node and
# sends measuring scripts there. Run it twice. *At home* it is a rehearsal: this computer
# plays the node, you write the functions, and cells that need a GPU print a message and
# are skipped. *On the lease*, run it from top to bottom. If you use another computer
# then, copy your `workspace` folder to it first: your models and your ledger go to the
# node from there.

# %%
from provisioning.lab import rehearsal

print(rehearsal.use())

# %%
import json

import pandas as pd
from chi import context, lease, server

from labs.checkpoints import check, predict, predicted
from labs.edge.job import Candidate
from labs.records.ledger import ledger
from labs.sites.spec import resource_name
from labs.widgets import compare_there
from labs.workspace import models_dir, programs_dir
from provisioning import lab
from provisioning.lab import facts
from provisioning.lab.device import leased, open_node
from provisioning.testbed.surroundings import site_clock
from provisioning.widgets import lease_countdown, provisioning_progress

folder = programs_dir() / "server"
folder.mkdir(exist_ok=True)

# %% [markdown]
# ## Predict
#
# All three questions are about the real node, and about one photo. How many times as fast
# as float32 will your U8S8 file be on an EPYC 7763, which has no VNNI? How many times as
# fast as ONNX Runtime is OpenVINO, with the same float32 file? And how many times as fast
# as that processor is the node's A100, in float32 with CUDA? Chameleon lists an EPYC 7763
# for these nodes, but [Fund's
# lab](https://teaching-on-testbeds.github.io/serve-model-chi/) also found one with an
# Intel processor. A later cell prints which processor you have.

# %%
predict("server.faster", int8=..., openvino=..., gpu=...)

# %% [markdown]
# ## Start the node
#
# A lease only reserves a machine. A server is a disk image that boots on it. The next
# cell uses python-chi's own calls. Two of them raise no error when something fails.
# `wait` also returns when the status is `ERROR`. `submit` returns nothing the first time
# and another object the second time; the `or node` handles both. So look at the printed
# statuses: both must be `ACTIVE`.

# %%
name = resource_name("model")
option, testbed = leased("model")  # in a rehearsal, its block begins now
context.use_site(option.site)
mine = lease.get_lease(name)
mine.wait(show=None)
# A virtual machine has no reserved node: the steps below start it with its disk.
if mine.node_reservations:
    reserved = mine.node_reservations[0]["id"]
    node = server.Server(name, reservation_id=reserved, image_name=option.image)
    timeout_s = int(option.boot_timeout_s)
    node = node.submit(idempotent=True, wait_timeout=timeout_s) or node
    address = node.get_floating_ip() or node.associate_floating_ip()
    print(node.status, address)
mine.status

# %% [markdown]
# A node that has just booted is as empty as a new laptop. The next cell runs the
# remaining steps: copy the course, check the driver, install pinned packages, bring your
# models and your ledger, and start Jupyter. The progress bar shows how long this takes;
# you can read on while it runs. Each step first checks whether its work is already done,
# so you can interrupt the cell and run it again. A check marked `rehearsed` was only
# imitated. At the end, the cell prints which processor and GPU the node reports, and the
# countdown shows how much of your block is left.

# %%
run = lab.prepare("model", option, testbed=testbed)
provisioning_progress(run).run()
checked = ledger().observe("model.machine", facts.of_machine(testbed, "model"))
print(checked["checks"])
remote = open_node("model", testbed)
machine = remote.machine()
gpu = remote.ask(["-m", "labs", "gpu", "here"])
print(machine.label, gpu["said"], sep="\n")
lease_countdown(run)

# %% [markdown]
# ## Which processor computes?
#
# ONNX Runtime hands a graph to **execution providers**, libraries that run operators on
# one kind of hardware. CUDA and TensorRT are for NVIDIA's GPUs, MIGraphX is for AMD's,
# and one is for the CPU. Your list is an order of preference. Nodes that one provider
# cannot run go to the next. The providers come in different wheels and need different
# environments. The next cell writes a script to a file. The node runs it in the
# environment that fits its GPU. The script turns on ONNX Runtime's **profiler**, which
# records how long each node of the graph took and where it ran. It then answers three
# photos with each list.

# %%
# %%writefile {folder}/who_ran.py
import json
from pathlib import Path

import numpy as np
import onnxruntime as ort

if hasattr(ort, "preload_dlls"):
    # CUDA's libraries are in this environment, where the system does not search for them
    ort.preload_dlls()
model_path = "../../models/food11.onnx"
photo = np.zeros((1, 3, 224, 224), np.float32)
requests = json.loads(Path("requests.json").read_text())
for option, preferred in requests.items():
    options = ort.SessionOptions()
    options.enable_profiling = True
    providers = [(name, settings) for name, settings in preferred]
    session = ort.InferenceSession(model_path, options, providers=providers)
    for _ in range(3):
        session.run(None, {"input": photo})
    Path(session.end_profiling()).rename(f"profile-{option}.json")
    print(f"{option}: an answer, and no error. Ready are {session.get_providers()}")

# %%
cpu = ("CPUExecutionProvider", {})
cuda = ("CUDAExecutionProvider", {"use_tf32": "0"})  # TF32 keeps ten bits of a number
migraphx = ("MIGraphXExecutionProvider", {})
tensorrt_settings = {
    "trt_fp16_enable": "1",
    "trt_profile_min_shapes": "input:1x3x224x224",
    "trt_profile_opt_shapes": "input:8x3x224x224",
    "trt_profile_max_shapes": "input:32x3x224x224",
    "trt_engine_cache_enable": "1",  # TensorRT compiles for minutes
    "trt_engine_cache_path": "/tmp/engines",
}
tensorrt = ("TensorrtExecutionProvider", tensorrt_settings)
requests = {"cpu": [cpu], "cuda": [cuda, cpu], "tensorrt-fp16": [tensorrt, cuda, cpu]}
if gpu["environment"] == "migraphx":
    requests = {"cpu": [cpu], "migraphx": [migraphx, cpu]}
node_folder = "workspace/programs/server"
remote.write(f"{node_folder}/requests.json", json.dumps(requests))
remote.bring([folder / "who_ran.py"], node_folder)
command = ["-m", "labs", "gpu", "run", f"{node_folder}/who_ran.py"]
remote.python(command, name="who-ran", on_line=print)
profiles = {}
for option in requests:
    profile = remote.fetch(f"{node_folder}/profile-{option}.json")
    profiles[option] = json.loads(profile)
node_runs = [event for event in profiles["cpu"] if event["name"].endswith("_kernel_time")]
print(str(node_runs[0])[:240], "…")

# %% [markdown]
# Every list gave answers. Where there was no GPU, there was at most a warning: this is
# what happened last spring. The proof is in the profiles, which are lists of events.
# Most events describe one run of one node, like the one above.


# %% question="server.nodes"
def nodes_by_provider(events):
    """Return {provider: number of nodes that it ran} for the events of a profile.

    An event is a dictionary. Count only events with event["cat"] == "Node" whose
    event["name"] ends in "_kernel_time". The name identifies the node, and
    event["args"]["provider"] is the provider that ran it. A node counts once for a
    provider, however often it ran there. Leave out providers that ran no node.

    If CUDA ran conv1 three times, the result is {"CUDAExecutionProvider": 1}.
    """
    ### BEGIN SOLUTION
    nodes = set()
    for event in events:
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time"):
            nodes.add((event["args"]["provider"], event["name"]))
    counts = {}
    for provider, _ in nodes:
        counts[provider] = counts.get(provider, 0) + 1
    return counts
    ### END SOLUTION


check("server.nodes", nodes_by_provider)

# %%
rows = {option: nodes_by_provider(events) for option, events in profiles.items()}
pd.DataFrame(rows).T.fillna(0).astype(int)

# %% [markdown]
# Does each request have nodes in the column of the provider that it names first? A
# provider that compiles takes its complete part of the graph as one node, so 1 may be
# everything. If a request fell back to the CPU, its time is the CPU's: do not report it
# as a GPU's.
#
# ## The files of *Quantize*, on this processor
#
# *Quantize* emulated an EPYC 7763. Now measure the same files on the node. Leave out
# *dynamic*: on the machine used for *Quantize*, it was slower than float32 and lost
# answers. OpenVINO runs two of the files as well. The next cell counts the right answers
# to all photos, and then measures one photo and 32 in turns. ONNX Runtime's profile
# cannot show what OpenVINO computed, because OpenVINO is no provider here. Its own
# runtime graph can, and the second table lists the results.

# %%
guesses = predicted("server.faster")
names = [
    "food11.onnx",
    "int8-static-u8s8.onnx",
    "int8-static-u8s8-7bit.onnx",
    "int8-static-s8s8.onnx",
    "pruned.onnx",
    "int8-pruned.onnx",
]
paths = [models_dir() / name for name in names if (models_dir() / name).is_file()]
remote.bring(paths)  # skips the files that are already there
files = [Candidate(path.stem, path.name) for path in paths]
files.append(Candidate("openvino", "food11.onnx", runtime="openvino"))
files.append(Candidate("openvino-int8", "int8-static-u8s8.onnx", runtime="openvino"))
table = compare_there(remote, files, baseline="food11", batches=(1, 32), answers=True)
predictions = {"int8-static-u8s8": guesses["int8"], "openvino": guesses["openvino"]}
table["you predicted"] = pd.Series(predictions)
ledger().observe("model.formats", {"machine": machine.label})
display(table.style.format(precision=2, na_rep="").set_caption(machine.label))
rows = {}
for file in files:
    run = ledger().read().latest(kind="latency", option=file.option)
    rows[file.option] = {
        "runtime": run.backend,
        "nodes by provider": run.providers_used,
        "precision": run.precision,
        "threads": run.threads.intra_op,
    }
pd.DataFrame(rows).T

# %% [markdown]
# Look at the answers too. In the emulation, both 8-bit files lost some. In a rehearsal,
# this processor is your own.
#
# ## How many cores?
#
# On an EPYC 7763, [Fund's lab](https://teaching-on-testbeds.github.io/serve-model-chi/)
# measured {{ onnx_epyc.p50_ms }} ms and {{ onnx_epyc.photos_per_s }} photos per second
# for ONNX Runtime, and {{ openvino_epyc.p50_ms }} ms and {{ openvino_epyc.photos_per_s }}
# for OpenVINO. From one file, one of them met the target and the other missed it. Both
# chose their number of threads themselves, and such a node has two processors with 128
# cores and 256 threads. In a network this small, each core gets little work, and each
# layer ends with all cores waiting for the slowest one. So ask for fewer.

# %%
counts = [count for count in (1, 4, 16, 64) if count < machine.cpu_count]
counts.append(machine.cpu_count)
sweep = []
for runtime in ("onnxruntime", "openvino"):
    for count in counts:
        option = f"{runtime}, {count} threads"
        sweep.append(Candidate(option, "food11.onnx", threads=count, runtime=runtime))
table = compare_there(remote, sweep, baseline=sweep[0].option, batches=(1, 32))
table.style.format(precision=2)

# %% [markdown]
# Which number is fastest with one photo, and which with 32? A service sets it
# (`intra_op_num_threads`, `INFERENCE_NUM_THREADS`) and gives the remaining cores to
# further processes. A cloud rents out the node by the thread, so this table also
# determines the price of the CPU: see *Choose, and defend it*.
#
# ## The GPU
#
# `labs/bench/gpu.py` makes the same measurements with the providers: right answers, one
# photo, and batches of 32. At the same time, it reads the GPU's power for ten seconds,
# from which the deep dive *Execution providers* computes joules. Then `pull` copies
# everything to your computer: entries by their id, files by their hash. The countdown
# also does this every few minutes, so if the lease ends, you lose only minutes of work.

# %% question="server.gpu"
if gpu["environment"]:
    command = ["-m", "labs", "gpu", "run", "labs/bench/gpu.py", "server"]
    remote.python(command, name="gpu", on_line=print)
if gpu["environment"] in ("gpu", "tensorrt"):
    power = remote.fetch(f"{node_folder}/power.json")
    (folder / "power.json").write_bytes(power)
print("copied:", lab.pull("model", testbed))
if gpu["environment"]:
    records = ledger().read()
    race = records.comparison("cpu").table("cpu")
    many = records.comparison("cpu", kind="throughput").table("cpu")
    race = race.join(many[["32 at once, photos/s"]])
    race["you predicted"] = pd.Series({"cuda": guesses["gpu"]})
    display(race.style.format(precision=2, na_rep=""))
check("server.gpu")

# %% [markdown]
# ## Release
#
# `give_back` first asks the machine whether all results are on your computer, and refuses
# until they are. It also refuses if you measured nothing, unless you set `sure=True`.
# Then it deletes the machine, its address, and last the lease: as long as you have the
# lease, you can repeat a step that failed. It ends when the site no longer lists any of
# them.

# %% question="server.released"
ledger().observe("model.lease_at_release", facts.of_lease(testbed, "model"))
measured = ledger().read().seen("model.formats") is not None
steps = lab.give_back("model", testbed, measured=measured, sure=False)
print(*steps, sep="\n")
holdings = facts.of_holdings(testbed, "model", site_clock().now())
ledger().observe("model.release", holdings)
check("server.released")

# %% [markdown]
# ## What you found
#
# - **How fast is the machine?** Your tables show it for the machine that they name, and
#   for no other.
# - **Which processor computed?** The list of providers and `get_providers()` cannot tell
#   you. The profile and OpenVINO's runtime graph can.
#
# *Choose, and defend it* asks next which targets are met, and at what price.
#
# **Try it yourself**
#
# - A GPU also draws power while it waits. What would a photo cost at one request per
#   second?

# %% [markdown]
# ## Read more
#
# - [Thread
#   management](https://onnxruntime.ai/docs/performance/tune-performance/threading.html)
#   (ONNX Runtime documentation): what its two kinds of threads do.
# - [Execution Providers](https://onnxruntime.ai/docs/execution-providers/) (ONNX Runtime
#   documentation): all providers, and how a graph is divided among them.
# - [Performance Hints and Thread
#   Scheduling](https://docs.openvino.ai/2025/openvino-workflow/running-inference/inference-devices-and-modes/cpu-device/performance-hint-and-thread-scheduling.html)
#   (OpenVINO documentation): how it chooses cores and threads.
# - [Model optimizations for serving machine learning
#   models](https://teaching-on-testbeds.github.io/serve-model-chi/) (F. Fund, 2025): the
#   same providers on the same nodes.
