# ---
# jupyter:
#   lesson:
#     id: server
#     title: Run on the server
#     summary: a leased node brought up, who really computes on it, OpenVINO, CUDA and TensorRT, and how many cores
#     part: 1
#     kind: core
#     where: [hub, node]
#     needs: [reserve, quantize]
#     ports: []
#     machine_minutes: 45
#     takes: {compile: [models/food11.onnx], quantize: [models/int8-static-u8s8.onnx]}
# ---

# %% [markdown]
# # Run on the server
#
# The manager wants one photo in 3 ms and 1,000 photos a second on a server's EPYC 7763, or 1 ms and 5,000 on its A100.
# Every figure that you have is your laptop's. "And last spring," the manager adds, "we paid three weeks for a GPU node,
# and the model ran on its CPU. Nobody noticed." So: **how fast is the machine that will serve, and how do you know who
# computed?**
#
# This notebook stays where you reserved. It brings the leased node up and sends scripts there that measure. Go through
# it twice. *At home* it is a rehearsal: this computer plays the node, the functions are yours to write, and what needs
# a GPU says so and waits. *On the lease* you run it from top to bottom. (Is that another computer? Take your
# `workspace` folder along: your models and your ledger travel to the node from here.)

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
import json

import pandas as pd
from chi import context, lease, server

from labs.checkpoints import check, predict, predicted
from labs.edge.job import Candidate
from labs.records.ledger import ledger
from labs.widgets import compare_there
from labs.workspace import models_dir, programs_dir
from provisioning import lab
from provisioning.lab import facts
from provisioning.lab.device import leased, open_node
from provisioning.sites.spec import resource_name
from provisioning.testbed.surroundings import site_clock
from provisioning.widgets import lease_countdown, provisioning_progress

(folder := programs_dir() / "server").mkdir(exist_ok=True)

# %% [markdown]
# ## Predict
#
# All three are about the real node, and one photo. How many times as fast as float32 will your U8S8 file be on an EPYC
# 7763, which has no VNNI? How many times as fast as ONNX Runtime is OpenVINO, with the same float32 file? And how many
# times as fast as that processor is the node's A100, in float32 with CUDA? (Chameleon lists an EPYC 7763 for these
# nodes. An earlier lab's notes also name one with an Intel processor. A cell below prints which processor you have.)

# %%
predict("server.faster", int8=..., openvino=..., gpu=...)

# %% [markdown]
# ## Bring the node up
#
# A lease is a promise, and a server is a disk image that boots on it. These are python-chi's own calls. Two of them do
# not raise when something fails: `wait` also returns when the status is `ERROR`, and `submit` returns nothing the first
# time and another object the second, hence the `or node`. So look at what the cell prints: both have to be `ACTIVE`.

# %%
name = resource_name("model")
option, testbed = leased("model")  # in a rehearsal, its block begins now
context.use_site(option.site)
mine = lease.get_lease(name)
mine.wait(show=None)
if mine.node_reservations:  # else it is a virtual machine: the steps below start that, with its disk and its firewall
    node = server.Server(
        name, reservation_id=mine.node_reservations[0]["id"], image_name=option.image
    )
    node = node.submit(idempotent=True, wait_timeout=int(option.boot_timeout_s)) or node
    print(node.status, node.get_floating_ip() or node.associate_floating_ip())
mine.status

# %% [markdown]
# A node that has booted is as empty as a new laptop. The rest is a list of steps: copy the course, check the driver,
# install pinned packages, bring your models and your ledger, start a Jupyter. The progress says how long that takes,
# and you can read on meanwhile. Each step looks before it makes anything, so you may interrupt them and run the cell
# again. A check that says `rehearsed` only played its part. Then the machine itself says what it is and what its GPU
# can do, and the countdown says what is left of your block.

# %%
run = lab.prepare("model", option, testbed=testbed)
provisioning_progress(run).run()
print(ledger().observe("model.machine", facts.of_machine(testbed, "model"))["checks"])
remote = open_node("model", testbed)
machine, gpu = remote.machine(), remote.ask(["-m", "labs", "gpu", "here"])
print(machine.label, gpu["said"], sep="\n")
lease_countdown(run)

# %% [markdown]
# ## Who really computes?
#
# ONNX Runtime hands a graph to *execution providers*: CUDA and TensorRT for NVIDIA's GPUs, MIGraphX for AMD's, its own
# for the CPU. Your list is an order of preference, and what one provider does not take goes to the next. Each has a
# wheel and an environment of its own. The next cell is written to a file, which runs on the node in the one that fits
# its GPU. It turns ONNX Runtime's *profiler* on, and answers three photos for each list.

# %%
# %%writefile {folder}/who_ran.py
import json
from pathlib import Path

import numpy as np
import onnxruntime as ort

if hasattr(ort, "preload_dlls"):
    ort.preload_dlls()  # CUDA's libraries lie in this environment, where the system does not look
for option, wanted in json.loads(Path("requests.json").read_text()).items():
    options = ort.SessionOptions()
    options.enable_profiling = True
    providers = [tuple(one) if isinstance(one, list) else one for one in wanted]
    session = ort.InferenceSession(
        "../../models/food11.onnx", options, providers=providers
    )
    for _ in range(3):
        session.run(None, {"input": np.zeros((1, 3, 224, 224), np.float32)})
    Path(session.end_profiling()).rename(f"profile-{option}.json")
    print(f"{option}: an answer, and no error. Ready are {session.get_providers()}")

# %%
cpu, cuda = (
    "CPUExecutionProvider",
    ("CUDAExecutionProvider", {"use_tf32": "0"}),
)  # TF32 keeps ten bits of a number
shapes = {
    f"trt_profile_{end}_shapes": f"input:{n}x3x224x224"
    for end, n in (("min", 1), ("opt", 8), ("max", 32))
}
kept = {
    "trt_engine_cache_enable": "1",
    "trt_engine_cache_path": "/tmp/engines",
}  # TensorRT compiles for minutes
tensorrt = ("TensorrtExecutionProvider", {"trt_fp16_enable": "1"} | shapes | kept)
requests = {"cpu": [cpu], "cuda": [cuda, cpu], "tensorrt-fp16": [tensorrt, cuda, cpu]}
if gpu["environment"] == "migraphx":
    requests = {"cpu": [cpu], "migraphx": ["MIGraphXExecutionProvider", cpu]}
there = "workspace/programs/server"
remote.write(f"{there}/requests.json", json.dumps(requests))
remote.bring([folder / "who_ran.py"], there)
remote.python(
    ["-m", "labs", "gpu", "run", f"{there}/who_ran.py"], name="who-ran", on_line=print
)
profiles = {
    one: json.loads(remote.fetch(f"{there}/profile-{one}.json")) for one in requests
}
print(
    str(
        next(event for event in profiles["cpu"] if event["name"].endswith("_kernel_time"))
    )[:240],
    "…",
)

# %% [markdown]
# Every list was answered. A rehearsal has no GPU, and there was a warning at most: that is what happened last spring.
# The proof is in the profiles, which are lists of events. Most tell of one run of one node, as the one above does.


# %% question="server.nodes"
def nodes_by_provider(events):
    """Return {provider: number of nodes that it ran} of a profile; each node counts once, however often it ran. Only
    events of the category 'Node' whose name ends in '_kernel_time' count; args['provider'] ran the node of that
    name."""
    ### BEGIN SOLUTION
    nodes = [
        one
        for one in events
        if one["cat"] == "Node" and one["name"].endswith("_kernel_time")
    ]
    providers = [
        provider
        for provider, _ in {(one["args"]["provider"], one["name"]) for one in nodes}
    ]
    return {provider: providers.count(provider) for provider in providers}
    ### END SOLUTION


check("server.nodes", nodes_by_provider)

# %%
pd.DataFrame(
    {option: nodes_by_provider(events) for option, events in profiles.items()}
).T.fillna(0).astype(int)

# %% [markdown]
# Does each request have nodes in the column of the provider that it names first? (A provider that compiles takes its
# whole part of the graph as one node, so 1 may be everything.) If a request fell back, its time is the CPU's: do not
# report it as a GPU's.
#
# ## The files of *Quantize*, on this processor
#
# *Quantize* imitated an EPYC 7763. Here are the same bytes on the node (without *dynamic*, which was slower than
# float32 and lost answers), and OpenVINO with two of them: right answers to all photos, then one photo and 32 in turns.
# OpenVINO is no provider here, so no profile of ONNX Runtime proves who computed: its own runtime graph does, and the
# second table shows what `bench` read there.

# %%
guesses = predicted("server.faster")
names = [
    "int8-static-u8s8",
    "int8-static-u8s8-7bit",
    "int8-static-s8s8",
    "pruned",
    "int8-pruned",
]
paths = [
    path
    for name in ["food11", *names]
    if (path := models_dir() / f"{name}.onnx").is_file()
]
remote.bring(paths)  # what is there already does not travel again
files = [Candidate(path.stem, path.name) for path in paths]
files += [Candidate("openvino", "food11.onnx", runtime="openvino")]
files += [Candidate("openvino-int8", "int8-static-u8s8.onnx", runtime="openvino")]
table = compare_there(remote, files, baseline="food11", batches=(1, 32), answers=True)
table["you predicted"] = pd.Series(
    {"int8-static-u8s8": guesses["int8"], "openvino": guesses["openvino"]}
)
ledger().observe("model.formats", {"machine": machine.label})
runs = {
    file.option: ledger().read().latest(kind="latency", option=file.option)
    for file in files
}
proof = {
    option: (run.backend, run.providers_used, run.precision, run.threads.intra_op)
    for option, run in runs.items()
}
display(table.style.format(precision=2, na_rep="").set_caption(machine.label))
pd.DataFrame.from_dict(
    proof,
    orient="index",
    columns=["runtime", "nodes by who ran them", "precision", "threads"],
)

# %% [markdown]
# And the answers? In the imitation, two files of eight bits lost some. In a rehearsal this is your own processor.
#
# ## How many cores?
#
# On an EPYC 7763 an earlier lab published {{ onnx_epyc.p50_ms }} ms and {{ onnx_epyc.photos_per_s }} photos a second
# for ONNX Runtime, and {{ openvino_epyc.p50_ms }} ms and {{ openvino_epyc.photos_per_s }} for OpenVINO: one file, one
# target met and one missed. Both were left to choose their threads, and such a node has two processors with 128 cores
# and 256 threads. A network this small gives so many cores little to share: each layer ends with all of them waiting
# for the slowest. So ask for fewer.

# %%
counts = sorted(
    {count for count in (1, 4, 16, 64) if count < machine.cpu_count} | {machine.cpu_count}
)
sweep = [
    Candidate(
        f"{runtime}, {count} threads", "food11.onnx", threads=count, runtime=runtime
    )
    for runtime in ("onnxruntime", "openvino")
    for count in counts
]
table = compare_there(remote, sweep, baseline=sweep[0].option, batches=(1, 32))
table.style.format(precision=2)

# %% [markdown]
# Which count is fastest with one photo, and which with 32? A service sets it (`intra_op_num_threads`,
# `INFERENCE_NUM_THREADS`) and gives the cores that are left to further processes. A cloud rents the node by the thread,
# so this table also decides what the CPU costs: *Choose, and defend it*.
#
# ## The GPU
#
# `labs/bench/gpu.py` does the same with the providers: right answers, one photo, and batches of 32. Meanwhile the GPU's
# power is read for ten seconds; the deep dive *Execution providers* makes joules of it. Then `pull` brings everything
# home: entries by their id, files by their hash. (The countdown does so every few minutes, so that a lease that ends
# costs minutes of work, not all of it.)

# %% question="server.gpu"
if gpu["environment"]:
    remote.python(
        ["-m", "labs", "gpu", "run", "labs/bench/gpu.py", "server"],
        name="gpu",
        on_line=print,
    )
if gpu["environment"] in ("gpu", "tensorrt"):
    (folder / "power.json").write_bytes(remote.fetch(f"{there}/power.json"))
print("home:", lab.pull("model", testbed))
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
# Everything is home, or `give_back` would refuse: it asks the machine first. It refuses as well if nothing was
# measured, unless you are sure. Then the machine goes, its address, and last the lease: while you have the lease, a
# step that failed can be tried again. Nothing counts as gone before the site no longer lists it.

# %% question="server.released"
ledger().observe("model.lease_at_release", facts.of_lease(testbed, "model"))
measured = ledger().read().seen("model.formats") is not None
print(*lab.give_back("model", testbed, measured=measured, sure=False), sep="\n")
ledger().observe("model.release", facts.of_holdings(testbed, "model", site_clock().now()))
check("server.released")

# %% [markdown]
# ## What you found
#
# How fast? Your tables say it for the machine that they name, and for no other. Who computed? Neither the list that you
# wrote nor `get_providers()` knows; a profile does, and OpenVINO's runtime graph. Which targets are met, at what price?
# *Choose, and defend it* asks that next.
#
# A GPU draws power while it waits, too. What would a photo cost at one request a second?
#
