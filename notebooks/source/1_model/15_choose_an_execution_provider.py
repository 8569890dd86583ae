# ---
# jupyter:
#   lesson:
#     title: Choose an execution provider
#     summary: OpenVINO beside the CPU provider, and who really ran the model
#     part: 1
#     number: "15"
#     minutes: 40
#     kind: core
#     where: [laptop]
#     needs: ["12"]
#     ports: []
#     uses:
#       - disk
#       - CPU provider
#       - OpenVINO provider
#       - bf16 on the CPU
#     takes: {"12": ["models/food11.onnx"]}
# ---

# %% [markdown]
# # Choose an execution provider
#
# ONNX Runtime does not run a model alone. It hands the graph to *execution providers*: its own for the CPU, Intel's
# OpenVINO, NVIDIA's CUDA and TensorRT, AMD's MIGraphX. Each takes the nodes that it can run, and the CPU provider takes
# the rest.
#
# The rest can be everything. Last spring GourmetGram paid for a GPU node for three weeks, and the model ran on its CPU.
# There was no error, and the answers were right. "How could nobody notice?" the manager asks. Today you learn to.
#
# ## You will do
#
# Ask for providers in ONNX Runtime's own words, read from a profile which of them ran, tell from the logits in which
# precision, and measure OpenVINO. (CUDA and TensorRT want a GPU: they wait for lesson 15b, on the leased node.)
#
# ## You will learn
#
# - how to tell which provider *really* ran, and what only looks like proof;
# - why 16 bits must be asked for, or refused, by name;
# - why a comparison may change one thing only.
#
# ## You need
#
# A laptop, 40 minutes, and lesson 12. OpenVINO's build of ONNX Runtime is 120 MB to download and 400 MB on disk; on a
# leased node, set-up has fetched it already. The machine measures for about a minute.

# %%
import json

import numpy as np
import onnxruntime as ort
import openvino as ov

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs import assets, bench
from labs.charts import side_by_side
from labs.data.dataset import load_split
from labs.machine import capability_text, fingerprint, for_lesson
from labs.machine.fingerprint import physical_core_count
from labs.records.ledger import ledger
from labs.records.reference import reference_table, source_line
from labs.runtimes import providers
from labs.widgets import comparison_table, measure, run_with_progress
from labs.workspace import models_dir, workspace_dir

# %%
onnx_path = models_dir() / "food11.onnx"
images, labels = load_split(assets.dataset(), "evaluation")
folder = workspace_dir() / "providers"
folder.mkdir(parents=True, exist_ok=True)

# %% [markdown]
# What can this machine have? What it cannot is said with the reason; those parts of the lesson are then *not run here*,
# and their points wait for a machine that can.

# %%
gate = {one.name: one for one in for_lesson("15")}
print(capability_text(gate.values()))

# %% [markdown]
# ## Ask for a provider
#
# The list `providers=[…]` is an order of preference. Which ones are there depends on the *wheel*: this environment
# holds plain `onnxruntime`.

# %%
ort.get_available_providers()

# %% [markdown]
# CUDA is not among them. Ask for it all the same, as the colleague did who set up that GPU node:

# %%
session = ort.InferenceSession(onnx_path, providers=["CUDAExecutionProvider", "CPUExecutionProvider"])
session.run(None, {session.get_inputs()[0].name: images[:1]})[0].argmax(), labels[0]

# %% [markdown]
# A warning, which a service writes into a log, and then a right answer. This is the *silent fall-back*.
#
# ### An environment for each wheel
#
# `onnxruntime`, `onnxruntime-openvino` and `onnxruntime-gpu` all install a package named `onnxruntime`, and two in one
# environment overwrite each other's files. So each gets an environment of its own. `labs` makes it with uv, from pinned
# versions; by hand it takes the two commands below.

# %%
environment = None
if gate["OpenVINO provider"].available:
    environment = run_with_progress(lambda report: providers.install("openvino", report), "ONNX Runtime with OpenVINO")
    print(environment.commands)

# %% [markdown]
# ## Predict
#
# On the same processor, with as many threads and in the same precision (float32): how many times as fast will OpenVINO
# answer one image as ONNX Runtime's CPU provider? 2 means in half the time, 0.5 in twice.

# %% checkpoint="m.provider.openvino_guess"
predict("m.provider.openvino_guess", ...)

# %% [markdown]
# ## Act
#
# ### Five requests
#
# Left alone, OpenVINO chooses precision and threads by itself: on a processor with matrix instructions for 16 bits it
# rounds to bfloat16, whatever a table calls it. So say both. Its hints travel as JSON in the option `load_config`.

# %%
threads = physical_core_count()


def openvino(precision):
    """Return a list of providers: OpenVINO on the CPU, computing in 'f32' or 'bf16', then the CPU provider."""
    hints = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": str(threads)}
    options = {"device_type": "CPU", "load_config": json.dumps({"CPU": hints})}
    return [("OpenVINOExecutionProvider", options), "CPUExecutionProvider"]


# %% [markdown]
# Two of the requests come from colleagues. One found an option `precision` in OpenVINO's documentation and set it to
# `BF16`. The other took an INT8 file of lesson 14b, in the format QOperator.

# %%
requests = {
    "cpu-provider": {"file": "food11.onnx", "providers": ["CPUExecutionProvider"]},
    "openvino": {"file": "food11.onnx", "providers": openvino("f32")},
    "openvino-bf16": {"file": "food11.onnx", "providers": openvino("bf16")},
    "colleague": {
        "file": "food11.onnx",
        "providers": [
            ("OpenVINOExecutionProvider", {"device_type": "CPU", "precision": "BF16"}),
            "CPUExecutionProvider",
        ],
    },
    "qoperator": {"file": "int8-static-qoperator.onnx", "providers": openvino("f32")},
}
requests = {option: one for option, one in requests.items() if (models_dir() / one["file"]).is_file()}

# %% [markdown]
# The next cell is written to a file instead of being run here: a script of plain ONNX Runtime that any environment can
# run. For each request it opens a session with the *profiler* on, runs 20 images, and keeps profile and logits.

# %%
# %%writefile {folder}/who_ran.py
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort

models = Path(sys.argv[1])
images = np.load("images.npy")
if hasattr(ort, "preload_dlls"):
    ort.preload_dlls()  # CUDA's libraries lie in this environment, where the system does not look

for option, one in json.loads(Path("requests.json").read_text()).items():
    options = ort.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = f"profile-{option}"
    wanted = [tuple(given) if isinstance(given, list) else given for given in one["providers"]]
    session = ort.InferenceSession(models / one["file"], options, providers=wanted)
    name = session.get_inputs()[0].name
    logits = [session.run(None, {name: image[np.newaxis]})[0] for image in images]
    Path(session.end_profiling()).rename(f"profile-{option}.json")
    np.save(f"logits-{option}.npy", np.concatenate(logits))
    print(f"{option}: get_providers() says {', '.join(session.get_providers())}")


# %%
def who_ran(environment, requests, **how):
    """Run the script in an environment; return each option's profile and logits."""
    np.save(folder / "images.npy", images[:20])
    (folder / "requests.json").write_text(json.dumps(requests))
    environment.run(folder / "who_ran.py", models_dir(), **how)
    profiles = {option: json.loads((folder / f"profile-{option}.json").read_text()) for option in requests}
    return profiles, {option: np.load(folder / f"logits-{option}.npy") for option in requests}


# %%
profiles, logits = who_ran(environment, requests) if environment else ({}, {})

# %% [markdown]
# No exception for any of them. `get_providers()` names OpenVINO for three of the four that asked for it; the option of
# the first colleague was refused, in a line of red log. But this list only says who is *ready* to take nodes.
#
# ### Who took them?
#
# A profile is a list of events. Some are about the session, most about a node:

# %%
for events in list(profiles.values())[:1]:
    event = next(event for event in events if event["cat"] == "Node")
    args = {key: event["args"][key] for key in ("op_name", "provider", "node_index")}
    print(json.dumps({"cat": event["cat"], "name": event["name"], "dur": event["dur"], "args": args}, indent=1))

# %% [markdown]
# Count the nodes by provider. Mind that there is one event for each node *and run*, and the script ran 20 times. (A
# provider that compiles takes its whole part of the graph as *one* node, so 1 may well be everything.)


# %% checkpoint="m.provider.providers_used"
def providers_used(events):
    """Return how many nodes each provider ran, such as {"CPUExecutionProvider": 56}.

    Args:
        events: A profile. Events with "cat" equal to "Node" tell of one run of one node; their "args" hold
            "provider" and "node_index", the node's number.
    """
    ...


# %%
check("m.provider.providers_used", providers_used)

# %%
{option: providers_used(events) for option, events in profiles.items()}

# %% [markdown]
# `colleague` ran on the CPU altogether. And `qoperator`? OpenVINO is first in its `get_providers()`, and took next to
# nothing: it does not know QOperator's operators, so the convolutions stayed on the CPU provider. Only a profile tells.
# (OpenVINO reads the QDQ format, which is one of the reasons why 14b made both.)
#
# ### In which precision?
#
# A provider that ran may still not do what its label says. The logits themselves know. A float32 keeps 24 significant
# bits of a number and a bfloat16 keeps 8: each result is rounded to about one part in $2^{24}$, or in $2^8$. Over fifty
# layers this adds up a little. How far is each option from the CPU provider, as a fraction of its largest logit?

# %%
for option, found in logits.items():
    expected = logits["cpu-provider"]
    apart = np.abs(found - expected).max() / np.abs(expected).max()
    changed = int((found.argmax(1) != expected.argmax(1)).sum())
    print(f"{option:15} {apart:.1e} apart, {changed} of {len(found)} images get another class")


# %% checkpoint="m.provider.computed_in_fp32"
def computed_in_fp32(logits, expected):
    """Return whether logits are as near to the expected ones as float32 in another order of adding up would be.

    Args:
        logits: Array (N, 11) of the option.
        expected: Array (N, 11), computed in float32 by another provider from the same file and images.
    """
    ...


# %%
check("m.provider.computed_in_fp32", computed_in_fp32)

# %% [markdown]
# The class of an image hardly ever gives a precision away, and a label never does. `openvino-bf16` is recorded as bf16
# because the request says so *and* the logits do. (`qoperator` is apart for another reason: its file holds 8 bits.)
#
# ## Measure
#
# ### In OpenVINO's environment
#
# The second script measures with the course's `bench`, which that environment can import too: `openvino` and
# `openvino-bf16` in full, then side by side with the CPU provider *of the same wheel*, since two releases of ONNX
# Runtime would be one more difference. The fallen-back ones are not measured: their figures would be the CPU's.

# %%
# %%writefile {folder}/race.py
import json
import sys
from pathlib import Path

import onnxruntime as ort

from labs import assets, bench
from labs.data.dataset import load_split
from labs.records.ledger import ledger

models = Path(sys.argv[1])
images, labels = load_split(assets.dataset(), "evaluation")
if hasattr(ort, "preload_dlls"):
    ort.preload_dlls()

sessions = {}
for option, one in json.loads(Path("requests.json").read_text()).items():
    wanted = [tuple(given) if isinstance(given, list) else given for given in one["providers"]]
    sessions[option] = ort.InferenceSession(models / one["file"], providers=wanted)
    about = bench.describe(sessions[option], settings={"providers": one["providers"]})
    print(f"{option}: {about.providers_used}, {about.precision}, {about.threads.intra_op} threads")
    if option != "cpu-provider":
        settings = {"option": option, "ledger": ledger(), "batch_sizes": (32,)}
        bench.measure_option(sessions[option], images, labels, **settings)

for record in bench.compare(sessions, images[:1]):
    ledger().append(record)


# %%
def race(environment, requests, **how):
    """Measure options in an environment, each in full and then side by side."""
    (folder / "requests.json").write_text(json.dumps(requests))
    environment.run(folder / "race.py", models_dir(), **how)


# %%
predicted("m.provider.openvino_guess")
racers = ["cpu-provider", "openvino", *(["openvino-bf16"] if gate["bf16 on the CPU"].available else [])]
if environment:
    race(environment, {option: requests[option] for option in racers})

# %%
reconcile("m.provider.openvino_guess")

# %%
beside = ledger().comparison("openvino", "cpu-provider")
side_by_side(beside, "cpu-provider") if beside else print("Not run here:", gate["OpenVINO provider"].reason)

# %% [markdown]
# What does OpenVINO bring over ONNX Runtime's CPU provider? Choose the pair that differs in the provider and in nothing
# else, and make the claim that the interval of its ratio allows.

# %% checkpoint="m.provider.fair"
# "claim" is "faster", "slower" or "cannot tell".
answer("m.provider.fair", {"option": ..., "baseline": ..., "claim": ...})

# %%
check("m.provider.fair")

# %% [markdown]
# ### OpenVINO without ONNX Runtime
#
# OpenVINO reads ONNX files by itself, and is in this environment. `compile_model` says device, precision, and what is
# wanted: `LATENCY` puts all threads to one image, `THROUGHPUT` makes several *streams* that each work on their own.

# %%
core = ov.Core()
settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads}
native = {
    option: core.compile_model(onnx_path, "CPU", settings | {"INFERENCE_PRECISION_HINT": precision})
    for option, precision in (("openvino-native", "f32"), ("openvino-native-bf16", "bf16"))
}
{option: bench.describe(compiled, model_path=onnx_path).precision for option, compiled in native.items()}

# %% [markdown]
# That is the precision of the convolutions *as compiled*: the request is a hint, and a processor without instructions
# for bf16 computes in fp32.

# %%
if not gate["bf16 on the CPU"].available:
    print(f"bf16 is not run here: {gate['bf16 on the CPU'].reason}.")
    native.pop("openvino-native-bf16", None)
for option, compiled in native.items():
    measure(compiled, images, labels, option=option, ledger=ledger(), batch_sizes=(32,))

# %%
if len(native) > 1:
    comparison = run_with_progress(
        lambda report: bench.compare(native, images[:1], on_progress=report), "fp32 and bf16, side by side"
    )
    for record in comparison:
        ledger().append(record)
    display(side_by_side(comparison, "openvino-native"))

# %% [markdown]
# Half the bits: what do they bring on the same runtime, and what do they cost? Each accuracy record keeps the classes
# that it named, in `details["predicted"]`. (Without bf16 in hardware, these points wait for a machine that has it.)

# %% checkpoint="m.provider.bf16"
# How bf16 compares with fp32 ("faster", "slower", "cannot tell"), and on how many images it names another class.
answer("m.provider.bf16", {"claim": ..., "changed": ...})

# %%
check("m.provider.bf16")

# %% [markdown]
# And the other hint. The same 32 images: in one batch, and one by one to a queue of streams.

# %%
settings = {"PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads}
streams = core.compile_model(onnx_path, "CPU", settings)
queue = ov.AsyncInferQueue(streams)


def in_streams(batch):
    """Predict the images of a batch one by one, in as many requests at a time as OpenVINO finds best."""
    for image in batch:
        queue.start_async({0: image[np.newaxis]})
    queue.wait_all()


bench.describe(in_streams, model_path=onnx_path, backend="openvino", precision="fp32", settings=settings)
print(len(queue), "requests at a time")

# %%
ways = {"openvino-native": native["openvino-native"], "openvino-streams": in_streams}
comparison = run_with_progress(
    lambda report: bench.compare(ways, images[:32], rounds=10, block_calls=2, settle_calls=1, on_progress=report),
    "A batch and streams, side by side",
)
side_by_side(comparison, "openvino-native")

# %% [markdown]
# ## Checkpoint

# %%
check("m.provider.openvino_guess")

# %%
tried = ["onnx-all", "openvino", "openvino-bf16", *native]
measured = ledger().measurements(machine_id=fingerprint().machine_id)
measured = [record for record in measured if record.option in tried]
print(source_line())
comparison_table(measured, reference=reference_table("onnx-extended", "openvino", "cuda", "tensorrt"))

# %% [markdown]
# In the published rows, OpenVINO took 1.39 ms on the EPYC where ONNX Runtime took 8.70, and the A100 0.63 ms with
# TensorRT. Those are other machines and other versions. Whether a provider is worth its environment is a question to
# each machine, and you know how to ask it: same file, same threads, same precision, in turns, and a profile as proof.
#
# ## On your own
#
# - Run `int8-static-qdq.onnx` through OpenVINO. How many nodes does it take, and is it faster than the CPU provider?
# - Write a function that opens a session and *refuses* when the provider that was asked for runs no node.
# - `SessionOptions().add_session_config_entry("session.disable_cpu_ep_fallback", "1")` forbids the silent fall-back.
#   Ask for CUDA with it: what do you get now, and would the colleague have noticed?
