# ---
# jupyter:
#   lesson:
#     id: providers
#     title: Execution providers
#     summary: OpenVINO against ONNX Runtime in the same precision, proof of who ran the model, and the gain from 16 bits
#     part: 1
#     kind: deeper
#     where: [laptop]
#     needs: [compile]
#     ports: []
#     uses: [OpenVINO provider, bf16 on the CPU]
#     takes: {compile: [models/food11.onnx, models/food11-all.onnx]}
# ---

# %% [markdown]
# # Execution providers
#
# **Prerequisites:** *Compile the graph*. **Runs on:** a laptop with x86-64 Linux; it
# downloads 120 MB (OpenVINO's build of ONNX Runtime).
#
# An **execution provider** is the part of ONNX Runtime that runs a graph's nodes on one
# kind of hardware: its CPU provider, Intel's OpenVINO, NVIDIA's CUDA and TensorRT. Each
# provider takes the nodes that it can run, and the CPU provider takes the rest, which may
# be all of them. Last spring GourmetGram paid three weeks for a GPU node, and the model
# ran on its CPU. There was no error, and the answers were right. **Which provider ran the
# model, in which precision, and is OpenVINO faster on your machine?**

# %%
import json

import matplotlib.pyplot as plt
import numpy as np
import onnxruntime as ort
import pandas as pd

from labs import assets
from labs.checkpoints import check, predict, predicted
from labs.course.lessons import for_lesson
from labs.data.dataset import load_split
from labs.display.theme import ORANGE
from labs.machine import capability_text
from labs.machine.fingerprint import physical_core_count
from labs.records.ledger import ledger
from labs.runtimes import providers
from labs.widgets import run_with_progress
from labs.workspace import models_dir, programs_dir, workspace_dir

images, labels = load_split(assets.dataset(), "evaluation")
folder = workspace_dir() / "providers"
folder.mkdir(parents=True, exist_ok=True)
can = {capability.name: capability for capability in for_lesson("providers")}
print(capability_text(can.values()))

# %% [markdown]
# ## Predict
#
# Take ONNX Runtime's CPU provider as the baseline. On the same processor, with the same
# number of threads and in the same precision (float32), by what factor will OpenVINO
# answer one photo faster? And in bfloat16, which has half the bits? 2 means half the
# time.

# %%
predict("providers.openvino", fp32=..., bf16=...)

# %% [markdown]
# ## Ask for a provider
#
# `providers=[…]` is an order of preference. This environment's ONNX Runtime has no CUDA.
# Ask for it anyway, as GourmetGram did on its GPU node:

# %%
print(ort.get_available_providers())
wanted = ["CUDAExecutionProvider", "CPUExecutionProvider"]
session = ort.InferenceSession(models_dir() / "food11.onnx", providers=wanted)
(logits,) = session.run(None, {"input": images[:1]})
print(logits.argmax(), "is the answer, and", labels[0], "the label")

# %% [markdown]
# You get a warning, which a service writes to its log, and then an answer. This is the
# **silent fall-back**: the CPU provider runs the nodes that the requested provider does
# not take.
#
# OpenVINO has a separate wheel, and each wheel installs a package named `onnxruntime`.
# Two such wheels in one environment overwrite each other's files, so each needs its own
# environment. `labs` makes one with uv, by these two commands:


# %%
def install(report):
    return providers.install("openvino", report)


environment = None
if can["OpenVINO provider"].available:
    environment = run_with_progress(install, "ONNX Runtime with OpenVINO")
    print(environment.commands)

# %% [markdown]
# ## Five requests
#
# By default, OpenVINO chooses its precision: on a processor with 16-bit instructions, it
# rounds to bfloat16, whatever your table's label says. So set precision and threads
# yourself, as JSON in its option `load_config`.


# %%
def openvino(precision):
    hints = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": str(physical_core_count()),
    }
    settings = {"device_type": "CPU", "load_config": json.dumps({"CPU": hints})}
    return ("OpenVINOExecutionProvider", settings)


cpu = ("CPUExecutionProvider", {})
float32, bfloat16 = openvino("f32"), openvino("bf16")
by_option = ("OpenVINOExecutionProvider", {"device_type": "CPU", "precision": "BF16"})
requests = {
    "cpu-provider": {"file": "food11.onnx", "providers": [cpu]},
    "openvino-provider": {"file": "food11.onnx", "providers": [float32, cpu]},
    "openvino-provider-bf16": {"file": "food11.onnx", "providers": [bfloat16, cpu]},
    "first-colleague": {"file": "food11.onnx", "providers": [by_option, cpu]},
    "second-colleague": {"file": "food11-all.onnx", "providers": [float32, cpu]},
}

# %% [markdown]
# The last two requests come from colleagues. The first colleague found an option
# `precision` in OpenVINO's documentation. The second used a file that was already
# optimized. Four requests ask for OpenVINO. **How many of them does it run?** The next
# script uses only ONNX Runtime. It opens each request with the *profiler* on, runs 20
# photos, and saves profile and logits.

# %%
# %%writefile {folder}/who_ran.py
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort

images = np.load("images.npy")
requests = json.loads(Path("requests.json").read_text())
for option, request in requests.items():
    options = ort.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = f"profile-{option}"
    model_path = Path(sys.argv[1]) / request["file"]
    preferred = [(name, settings) for name, settings in request["providers"]]
    session = ort.InferenceSession(model_path, options, providers=preferred)
    logits = [session.run(None, {"input": image[np.newaxis]})[0] for image in images]
    Path(session.end_profiling()).rename(f"profile-{option}.json")
    np.save(f"logits-{option}.npy", np.concatenate(logits))
    ready = ", ".join(session.get_providers())
    print(f"{option}: get_providers() says {ready}")

# %%
np.save(folder / "images.npy", images[:20])
(folder / "requests.json").write_text(json.dumps(requests))
if environment:
    environment.run(folder / "who_ran.py", models_dir())

# %% [markdown]
# There was no exception. `get_providers()` lists only the providers that are *ready* to
# take nodes. The profile shows which provider took them: each event of a node contains
# its provider. A provider that compiles takes its part of the graph as *one* node.

# %%
ran = {}
for option in requests if environment else []:
    profile_path = folder / f"profile-{option}.json"
    events = pd.DataFrame(json.loads(profile_path.read_text()))
    events["provider"] = events["args"].str["provider"]
    is_run = events["cat"].eq("Node") & events["name"].str.endswith("_kernel_time")
    nodes = events[is_run].drop_duplicates(["provider", "name"])
    ran[option] = nodes["provider"].value_counts()
pd.DataFrame(ran).T.fillna(0).astype(int)

# %% [markdown]
# OpenVINO ran two of four. It refused the first colleague's option with a red line in the
# log, and all nodes went to the CPU. In the second colleague's request, OpenVINO is first
# in `get_providers()`, but took almost no nodes: it does not support the operators of
# ONNX Runtime's blocked layout, so all convolutions stayed on the CPU provider.
#
# ## In which precision?
#
# A provider that ran may still use another precision than its label says. The logits show
# it. A float32 keeps 24 significant bits of a number, and a bfloat16 keeps 8. How large
# is each option's difference from the CPU provider, relative to the largest logit?

# %%
logits_of = {option: np.load(folder / f"logits-{option}.npy") for option in ran}
for option, logits in logits_of.items():
    expected = logits_of["cpu-provider"]
    apart = np.abs(logits - expected).max() / np.abs(expected).max()
    changed = logits.argmax(axis=1) != expected.argmax(axis=1)
    count = changed.sum()
    print(f"{option:16} differs by {apart:.0e}, {count} of 20 photos get another class")

# %% [markdown]
# If float32 numbers are added in another order, the sum changes by about one part in a
# million. With 16 bits, it changes by one part in a thousand to one part in a hundred.
# Write a function that distinguishes the two, with a limit of 0.00005 of the largest
# expected logit.


# %% question="providers.precision"
def computed_in_fp32(logits, expected):
    """Return True if every logit is within 0.00005 × m of the expected logit, where m is
    the largest absolute expected logit; otherwise return False.

    Both arguments are arrays of the shape (photos, classes).
    """
    ### BEGIN SOLUTION
    largest_difference = np.abs(logits - expected).max()
    return bool(largest_difference <= 5e-5 * np.abs(expected).max())
    ### END SOLUTION


check("providers.precision", computed_in_fp32)

# %%
for option, logits in logits_of.items():
    in_fp32 = computed_in_fp32(logits, logits_of["cpu-provider"])
    print(f"{option}: {in_fp32}")

# %% [markdown]
# ## Measure
#
# The next script measures the options in turns, in OpenVINO's environment. Even the CPU
# provider comes from the same wheel, because another release of ONNX Runtime would be a
# second difference. The colleagues' requests are left out: their figures would be the
# CPU's.

# %%
# %%writefile {folder}/race.py
import json
import sys
from pathlib import Path

import onnxruntime as ort

from labs import assets, bench
from labs.data.dataset import load_split
from labs.records.ledger import ledger

images, labels = load_split(assets.dataset(), "evaluation")
requests = json.loads(Path("requests.json").read_text())
sessions = {}
for option, request in requests.items():
    model_path = Path(sys.argv[1]) / request["file"]
    preferred = [(name, settings) for name, settings in request["providers"]]
    session = ort.InferenceSession(model_path, providers=preferred)
    described = bench.describe(session, settings={"providers": request["providers"]})
    print(option, described.providers_used)
    sessions[option] = session
for record in bench.compare(sessions, images[:1]):
    ledger().append(record)
for option, session in sessions.items():
    ledger().append(bench.size(session, option=option))
    ledger().append(bench.accuracy(session, images, labels, option=option))

# %%
guesses = predicted("providers.openvino")
compared = ["cpu-provider", "openvino-provider"]
if can["bf16 on the CPU"].available:
    compared.append("openvino-provider-bf16")
raced = {option: requests[option] for option in compared}
(folder / "requests.json").write_text(json.dumps(raced))
if environment:
    environment.run(folder / "race.py", models_dir())
    table = ledger().comparison(*compared).table("cpu-provider")
    predictions = {
        "openvino-provider": guesses["fp32"],
        "openvino-provider-bf16": guesses["bf16"],
    }
    table["you predicted"] = pd.Series(predictions)
    for option in compared:
        answers = ledger().latest(kind="accuracy", option=option)
        table.loc[option, f"right of {len(labels)}"] = sum(answers.samples)
    display(table.style.format(precision=2, na_rep=""))

# %% [markdown]
# How much faster is OpenVINO than ONNX Runtime's CPU provider? Choose the pair that
# differs only in the provider, and make the claim that its interval allows.

# %% question="providers.fair"
### BEGIN SOLUTION
race = ledger().comparison("openvino-provider", "cpu-provider")
interval = race.ratio("cpu-provider", "openvino-provider").interval
claim = "cannot tell"
if interval.low > 1:
    claim = "faster"
elif interval.high < 1:
    claim = "slower"
fair = {"option": "openvino-provider", "baseline": "cpu-provider", "claim": claim}
### STUB
# The claim is "faster", "slower" or "cannot tell".
fair = {"option": ..., "baseline": ..., "claim": ...}
### END SOLUTION
check("providers.fair", fair)

# %% [markdown]
# ## The energy of a photo
#
# *Run on the server* reads the A100's power from NVML, the library behind `nvtop`, while
# the GPU answers batches for ten seconds. (A slice of a GPU reports no power.) The next
# cell draws these readings. A watt is a joule per second, so the shaded area is the
# energy. Each strip is as wide as the time between two readings, which varies, and as
# high as their mean.

# %% folded=true
# Draw the readings of the power over time.
power_path = programs_dir() / "server" / "power.json"
if power_path.is_file():
    readings = json.loads(power_path.read_text())
else:
    print("You have no readings yet, so the figure shows made-up ones as an example.")
    readings = {
        "times_s": [0, 1, 2, 5, 6],
        "watts": [60, 240, 250, 250, 100],
        "images": 21_000,
    }
figure, axis = plt.subplots(figsize=(9, 2.6))
axis.set_title("The area below the power is the energy")
axis.fill_between(readings["times_s"], readings["watts"], color=ORANGE, alpha=0.3)
axis.stem(readings["times_s"], readings["watts"], basefmt=" ")
axis.set(xlabel="seconds", ylabel="watts", ylim=(0, None))
plt.show()


# %% question="providers.joules"
def joules_an_image(times_s, watts, images):
    """Return the joules per image, a float, from readings of power.

    times_s are the seconds of the readings, which may be unevenly spaced, and watts their
    values. Between two readings, the power is their mean. `images` were answered between
    the first reading and the last.
    Example: joules_an_image([0, 2], [100, 200], 10) returns 30.0.
    """
    ### BEGIN SOLUTION
    watts = np.array(watts)
    mean_watts = (watts[1:] + watts[:-1]) / 2
    joules = np.diff(times_s) * mean_watts
    return float(joules.sum() / images)
    ### END SOLUTION


check("providers.joules", joules_an_image)

# %%
joules = joules_an_image(**readings)
print(f"{joules:.4f} joules per image, {joules / 3.6:.3f} kWh for a million images")

# %% [markdown]
# ## What you found
#
# - **Which provider ran?** Only a profile shows it.
# - **In which precision?** The logits show it.
# - **Is OpenVINO faster?** See your table. On the machine used for this page, an AMD EPYC
#   with instructions for bfloat16, the float32 speed of OpenVINO could not be
#   distinguished from that of the CPU provider. In bfloat16 it took little more than half
#   the time, with the same number of right answers.
#
# **Try it yourself**
#
# - Run `int8-static-u8s8.onnx` of *Quantize* in OpenVINO. How many nodes does it take,
#   and is it faster?
# - `SessionOptions().add_session_config_entry("session.disable_cpu_ep_fallback", "1")`
#   forbids the silent fall-back. Ask for CUDA with it. Would GourmetGram have noticed its
#   mistake?

# %% [markdown]
# ## Read more
#
# - [Performance Hints and Thread
#   Scheduling](https://docs.openvino.ai/2025/openvino-workflow/running-inference/inference-devices-and-modes/cpu-device/performance-hint-and-thread-scheduling.html)
#   (OpenVINO, 2025): how OpenVINO chooses threads if you do not set them.
# - [Graph
#   Optimizations](https://onnxruntime.ai/docs/performance/model-optimizations/graph-optimizations.html)
#   (ONNX Runtime, 2025): why an optimized file contains operators that other providers do
#   not support.
