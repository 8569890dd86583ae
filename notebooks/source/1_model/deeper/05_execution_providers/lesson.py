# ---
# jupyter:
#   lesson:
#     id: providers
#     title: Execution providers
#     summary: OpenVINO against ONNX Runtime in the same precision, who really ran, and what 16 bits bring
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
# ONNX Runtime gives a graph to *execution providers*: its own for the CPU, Intel's OpenVINO, NVIDIA's CUDA and
# TensorRT. Each takes the nodes that it can run, and the CPU provider takes the rest. The rest can be everything. Last
# spring GourmetGram paid three weeks for a GPU node, and the model ran on its CPU. There was no error, and the answers
# were right. **Who really ran the model, in which precision, and is OpenVINO faster here?** You need a laptop with
# x86-64 Linux, and 120 MB to download: OpenVINO's build of ONNX Runtime.

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
from labs.machine import capability_text
from labs.machine.fingerprint import physical_core_count
from labs.records.ledger import ledger
from labs.runtimes import providers
from labs.widgets import run_with_progress
from labs.workspace import models_dir, programs_dir, workspace_dir

images, labels = load_split(assets.dataset(), "evaluation")
folder = workspace_dir() / "providers"
folder.mkdir(parents=True, exist_ok=True)
can = {one.name: one for one in for_lesson("providers")}
print(capability_text(can.values()))

# %% [markdown]
# ## Predict
#
# On the same processor, with as many threads and in the same precision (float32): how many times as fast as ONNX
# Runtime's CPU provider will OpenVINO answer one photo? And in bfloat16, with half of the bits? 2 means half the time.

# %%
predict("providers.openvino", fp32=..., bf16=...)

# %% [markdown]
# ## Ask for a provider
#
# `providers=[…]` is an order of preference. This environment's ONNX Runtime has no CUDA. Ask for it all the same, as
# was done on that GPU node:

# %%
print(ort.get_available_providers())
wanted = ["CUDAExecutionProvider", "CPUExecutionProvider"]
session = ort.InferenceSession(models_dir() / "food11.onnx", providers=wanted)
print(
    session.run(None, {"input": images[:1]})[0].argmax(),
    "is the answer, and",
    labels[0],
    "the label",
)

# %% [markdown]
# A warning, which a service writes into a log, and then an answer. This is the **silent fall-back**.
#
# OpenVINO comes with a wheel of its own, and each wheel installs a package named `onnxruntime`. Two of them in one
# environment overwrite each other's files, so each gets its own. `labs` makes it with uv, by these two commands:

# %%
environment = None
if can["OpenVINO provider"].available:
    environment = run_with_progress(
        lambda report: providers.install("openvino", report), "ONNX Runtime with OpenVINO"
    )
    print(environment.commands)

# %% [markdown]
# ## Five requests
#
# Left alone, OpenVINO chooses its precision by itself: on a processor with instructions for 16 bits it rounds to
# bfloat16, whatever a table calls it. So say precision and threads, as JSON in its option `load_config`.


# %%
def openvino(precision):
    hints = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": str(physical_core_count()),
    }
    options = {"device_type": "CPU", "load_config": json.dumps({"CPU": hints})}
    return [("OpenVINOExecutionProvider", options), "CPUExecutionProvider"]


by_option = [
    ("OpenVINOExecutionProvider", {"device_type": "CPU", "precision": "BF16"}),
    "CPUExecutionProvider",
]
requests = {
    "cpu-provider": {"file": "food11.onnx", "providers": ["CPUExecutionProvider"]},
    "openvino-provider": {"file": "food11.onnx", "providers": openvino("f32")},
    "openvino-provider-bf16": {"file": "food11.onnx", "providers": openvino("bf16")},
    "first-colleague": {"file": "food11.onnx", "providers": by_option},
    "second-colleague": {"file": "food11-all.onnx", "providers": openvino("f32")},
}

# %% [markdown]
# The last two come from colleagues. The first found an option `precision` in OpenVINO's documentation. The second took
# a file that was optimized already. Four ask for OpenVINO. **How many of them does it run?** A script of plain ONNX
# Runtime opens each with the *profiler* on, runs 20 photos, and keeps profile and logits.

# %%
# %%writefile {folder}/who_ran.py
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort

images = np.load("images.npy")
for option, one in json.loads(Path("requests.json").read_text()).items():
    options = ort.SessionOptions()
    options.enable_profiling, options.profile_file_prefix = True, f"profile-{option}"
    wanted = [
        tuple(given) if isinstance(given, list) else given for given in one["providers"]
    ]
    session = ort.InferenceSession(
        Path(sys.argv[1]) / one["file"], options, providers=wanted
    )
    logits = [session.run(None, {"input": image[np.newaxis]})[0] for image in images]
    Path(session.end_profiling()).rename(f"profile-{option}.json")
    np.save(f"logits-{option}.npy", np.concatenate(logits))
    print(f"{option}: get_providers() says {', '.join(session.get_providers())}")

# %%
np.save(folder / "images.npy", images[:20])
(folder / "requests.json").write_text(json.dumps(requests))
if environment:
    environment.run(folder / "who_ran.py", models_dir())

# %% [markdown]
# No exception. `get_providers()` only says who is *ready* to take nodes. The profile says who took them: each event of
# a node names its provider. A provider that compiles takes its whole part of the graph as *one* node.

# %%
ran = {}
for option in requests if environment else []:
    events = json.loads((folder / f"profile-{option}.json").read_text())
    events = [
        event
        for event in events
        if event["cat"] == "Node" and event["name"].endswith("_kernel_time")
    ]
    nodes = pd.DataFrame(
        [
            {"node": event["name"], "provider": event["args"]["provider"]}
            for event in events
        ]
    )
    ran[option] = nodes.drop_duplicates()["provider"].value_counts()
pd.DataFrame(ran).T.fillna(0).astype(int)

# %% [markdown]
# OpenVINO ran two of four. The first colleague's option was refused with a line of red log, and all nodes went to the
# CPU. In the second request OpenVINO is the first in `get_providers()` and took next to nothing: it does not know the
# operators of ONNX Runtime's own layout, so all convolutions stayed on the CPU provider.
#
# ## In which precision?
#
# A provider that ran may still not do what its label says. The logits know. A float32 keeps 24 significant bits of a
# number, and a bfloat16 keeps 8. How far is each option from the CPU provider, as a part of its largest logit?

# %%
logits = {option: np.load(folder / f"logits-{option}.npy") for option in ran}
for option, found in logits.items():
    expected = logits["cpu-provider"]
    apart = np.abs(found - expected).max() / np.abs(expected).max()
    changed = np.sum(found.argmax(axis=1) != expected.argmax(axis=1))
    print(f"{option:16} {apart:.0e} apart, {changed} of 20 photos get another class")

# %% [markdown]
# Float32 added up in another order is about one part in a million away, and 16 bits are one part in a hundred or in a
# thousand away. Write a function that tells them apart, with a limit of 0.00005 of the largest expected logit.


# %% question="providers.precision"
def computed_in_fp32(logits, expected):
    """Return whether no logit differs from the expected one by more than 0.00005 of the largest absolute expected
    logit: True or False. Both are arrays (photos, classes)."""
    ### BEGIN SOLUTION
    return bool(np.abs(logits - expected).max() <= 5e-5 * np.abs(expected).max())
    ### END SOLUTION


check("providers.precision", computed_in_fp32)

# %%
{
    option: computed_in_fp32(found, logits["cpu-provider"])
    for option, found in logits.items()
}

# %% [markdown]
# ## Measure
#
# Side by side, in OpenVINO's environment: even the CPU provider comes from the same wheel, since another release of
# ONNX Runtime would be one more difference. The colleagues' requests are left out: their figures would be the CPU's.

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
sessions = {}
for option, one in json.loads(Path("requests.json").read_text()).items():
    wanted = [
        tuple(given) if isinstance(given, list) else given for given in one["providers"]
    ]
    sessions[option] = ort.InferenceSession(
        Path(sys.argv[1]) / one["file"], providers=wanted
    )
    print(
        option,
        bench.describe(
            sessions[option], settings={"providers": one["providers"]}
        ).providers_used,
    )
for record in bench.compare(sessions, images[:1]):
    ledger().append(record)
for option, session in sessions.items():
    ledger().append(bench.size(session, option=option))
    ledger().append(bench.accuracy(session, images, labels, option=option))

# %%
guesses = predicted("providers.openvino")
compared = ["cpu-provider", "openvino-provider"]
compared += ["openvino-provider-bf16"] * can["bf16 on the CPU"].available
(folder / "requests.json").write_text(
    json.dumps({option: requests[option] for option in compared})
)
if environment:
    environment.run(folder / "race.py", models_dir())
    table = ledger().comparison(*compared).table("cpu-provider")
    asked = {"openvino-provider": "fp32", "openvino-provider-bf16": "bf16"}
    table["you predicted"] = pd.Series(
        {option: guesses[name] for option, name in asked.items()}
    )
    right = {
        option: sum(ledger().latest(kind="accuracy", option=option).samples)
        for option in compared
    }
    display(
        table.join(pd.Series(right, name=f"right of {len(labels)}")).style.format(
            precision=2, na_rep=""
        )
    )

# %% [markdown]
# What does OpenVINO bring over ONNX Runtime's CPU provider? Choose the pair that differs in the provider and in nothing
# else, and make the claim that its interval allows.

# %% question="providers.fair"
### BEGIN SOLUTION
interval = (
    ledger()
    .comparison("openvino-provider", "cpu-provider")
    .ratio("cpu-provider", "openvino-provider")
    .interval
)
claim = "faster" if interval.low > 1 else "slower" if interval.high < 1 else "cannot tell"
fair = {"option": "openvino-provider", "baseline": "cpu-provider", "claim": claim}
### STUB
fair = {
    "option": ...,
    "baseline": ...,
    "claim": ...,
}  # the claim is "faster", "slower" or "cannot tell"
### END SOLUTION
check("providers.fair", fair)

# %% [markdown]
# ## What a photo costs in energy
#
# *Run on the server* reads the A100's power from NVML, the library behind `nvtop`, while it answers batches for ten
# seconds. (A slice of a GPU shows none.) The next cell draws what came home. A watt is a joule a second, so the shaded
# area is the energy: each strip is as wide as the time between two readings, which differs, and as high as their mean.

# %% folded=true
home = programs_dir() / "server" / "power.json"
readings = json.loads(home.read_text()) if home.is_file() else None
if readings is None:
    readings = {
        "times_s": [0, 1, 2, 5, 6],
        "watts": [60, 240, 250, 250, 100],
        "images": 21_000,
    }
    print(
        "No power was read yet: these readings are made up, so that you can see what some look like."
    )
figure, axis = plt.subplots(figsize=(9, 2.6), layout="constrained")
axis.fill_between(readings["times_s"], readings["watts"], color="tab:orange", alpha=0.3)
axis.stem(readings["times_s"], readings["watts"], basefmt=" ")
axis.set(xlabel="seconds", ylabel="watts", ylim=(0, None))
plt.show()


# %% question="providers.joules"
def joules_an_image(times_s, watts, images):
    """Return the joules for one image from readings of power: between two readings, power is their mean. images were
    answered between the first reading and the last."""
    ### BEGIN SOLUTION
    steps = zip(times_s, times_s[1:], watts, watts[1:])
    return (
        sum((end - begin) * (first + last) / 2 for begin, end, first, last in steps)
        / images
    )
    ### END SOLUTION


check("providers.joules", joules_an_image)

# %%
print(
    f"{joules_an_image(**readings):.4f} joules an image, {joules_an_image(**readings) / 3.6:.3f} kWh for a million"
)

# %% [markdown]
# ## What you found
#
# Who ran? Only a profile shows it. In which precision? The logits show it. Is OpenVINO faster? Your table says so, for
# your machine. On the machine used for this page, an AMD EPYC with instructions for bfloat16, OpenVINO could not be
# told from the CPU provider in float32. In bfloat16 it took little more than half the time, with as many right answers.
#
# - Run `int8-static-u8s8.onnx` of *Quantize* through OpenVINO. How many nodes does it take, and is it faster?
# - `SessionOptions().add_session_config_entry("session.disable_cpu_ep_fallback", "1")` forbids the silent fall-back.
#   Ask for CUDA with it. Would the colleague have noticed?
#
