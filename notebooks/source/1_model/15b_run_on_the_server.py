# ---
# jupyter:
#   lesson:
#     title: Run on the server
#     summary: "the leased node: the finalists on its processor, CUDA and TensorRT on its GPU, and what was expected"
#     part: 1
#     number: "15b"
#     minutes: 45
#     kind: core
#     where: [node]
#     needs: ["09", "14b", "14c", "15"]
#     ports: []
#     machine_minutes: 45
#     uses: ["memory", "disk", "OpenVINO provider", "CUDA provider", "TensorRT provider", "MIGraphX provider"]
#     takes: {"14": ["latency onnx-all"]}
# ---

# %% [markdown]
# # Run on the server
#
# So far every figure is your laptop's. The manager's targets name other machines: a server with an EPYC 7763, and one
# with an A100. You have leased both in one node, for less than three hours, and everything that can be thought out
# beforehand should be, because nobody thinks well beside a countdown.
#
# So this notebook runs twice. **At home** you fill it in and rehearse it: what needs a GPU says so and waits. **On the
# node**, where set-up has brought this very notebook, your ledger and your models, you run it from top to bottom.
#
# ## You will do
#
# Choose the finalists and write down what you expect of them over there; then measure them on the node's processor,
# race CUDA against TensorRT on its GPU, watch the GPU while it works, and reconcile expectation and measurement.
#
# ## You will learn
#
# - how to carry a figure from one machine to another, and when that fails;
# - what TensorRT, 16 bits, IO binding and a cached engine each bring;
# - what `nvtop` shows, and how power becomes joules for an image.
#
# ## You need
#
# Lessons 14b, 14c and 15 at home. Then the machine of lesson 09: 45 minutes of its lease when this notebook is filled
# in.

# %%
import json
from dataclasses import replace

import altair as alt
import numpy as np
import onnxruntime as ort
import pandas as pd

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs import assets, bench
from labs.charts import frontier_chart, side_by_side
from labs.data.dataset import load_split
from labs.machine import capability_text, fingerprint, for_lesson
from labs.machine.fingerprint import physical_core_count
from labs.records.candidates import candidates, of_machine
from labs.records.ledger import ledger
from labs.records.reference import reference_table, source_line
from labs.runtimes import providers
from labs.widgets import comparison_table, measure, run_with_progress
from labs.widgets import scoreboard as targets_board
from labs.workspace import models_dir, workspace_dir

# %%
gate = {one.name: one for one in for_lesson("15b")}
print(fingerprint().label, capability_text(gate.values()), sep="\n")

# %% [markdown]
# ### What came along
#
# Measured where? The ledger knows each file by its hash. What a record names and is not here, or has other bytes now,
# is left out below with the reason; bring it with `msl lease push model` in a terminal at home, or make it again.

# %%
newest = ledger().latest(kind="latency", option="onnx-all")
folders = [models_dir(), assets.model().parent]
found, left_out = candidates(of_machine(ledger().read(), newest.machine_id), folders)
print("measured on", newest.machine.label)
rows = [(name, one.record.model.name, one.record.model.sha256[:12]) for name, one in found.items()]
pd.DataFrame(rows, columns=["option", "file", "sha256"])

# %%
for option, reason in left_out.items():
    print(f"{option}: {reason}")

# %% [markdown]
# ## Predict
#
# All three are about the node, so look at the published figures, and not at your laptop.

# %%
print(source_line())
reference_table("onnx-extended", "int8-budget-05", "openvino", "cuda", "tensorrt")

# %% [markdown]
# How many milliseconds will one image take with `onnx-all`, the float32 model, on the node's processor?

# %% checkpoint="m.lease.cpu_guess"
predict("m.lease.cpu_guess", ...)

# %% [markdown]
# One image, float32: how many times as fast is the GPU, with the CUDA provider, as the node's processor?

# %% checkpoint="m.lease.cuda_guess"
predict("m.lease.cuda_guess", ...)

# %% [markdown]
# Batches of 32: how many times as many images a second does TensorRT in fp16 give as CUDA in float32?

# %% checkpoint="m.lease.fp16_guess"
predict("m.lease.fp16_guess", ...)

# %% [markdown]
# ## Act
#
# ### The finalists
#
# The node has no time for all options. An option is *beaten* when another is at least as good in accuracy, latency,
# throughput and size, and better in one. What is left is the *frontier*. (Numbers as they stand, from different days:
# good enough to choose who may come along.)

# %%
frontier_chart([one for one in of_machine(ledger().read(), newest.machine_id).measurements() if one.option in found])

# %% [markdown]
# Two to four, by name, for the processor: of those that lose at most one point of accuracy, those that could win
# something. Remember lesson 14b: which format suits an EPYC 7763?

# %% checkpoint="m.choose.finalists"
finalists = ...
answer("m.choose.finalists", finalists)

# %%
check("m.choose.finalists")

# %% [markdown]
# ### What to expect there
#
# Milliseconds do not travel, ratios often do: if INT8 takes 0.6 of float32's time here, expect 0.6 of float32's time
# there. For float32 itself there is a published figure.


# %% checkpoint="m.lease.expected"
def expected_s(here_s, float32_here_s, float32_there_s):
    """Return the seconds to expect of an option on another machine, if its ratio to float32 is the same there.

    Args:
        here_s: The option's latency on this machine.
        float32_here_s: Float32's on this machine.
        float32_there_s: Float32's on the other one.
    """
    ...


# %%
check("m.lease.expected", expected_s)

# %% [markdown]
# This writes your expectations down, once: run it at home, before the lease. (The GPU's are the published ones.)

# %%
if ledger().read().seen("model.expected") is None and finalists is not ...:
    published = reference_table("onnx-extended", "cuda", "tensorrt")
    there_s = published["p50_s"].iloc[::-1].to_dict()  # of two machines, the first one counts
    p50_s = {name: found[name].summary.p50_s.value for name in ("onnx-all", *finalists)}
    expected = {name: expected_s(p50_s[name], p50_s["onnx-all"], there_s["onnx-extended"]) for name in p50_s}
    expected |= {name: there_s[name] for name in ("cuda", "tensorrt")}
    if None not in expected.values():
        ledger().observe("model.expected", {"p50_s": expected, "at": newest.machine.label})
expected = (ledger().read().seen("model.expected") or {}).get("p50_s", {})
{name: f"{1e3 * seconds:.2f} ms" for name, seconds in expected.items()}

# %% [markdown]
# ## Measure
#
# ### On the processor
#
# Each finalist is opened from the same bytes and with the same settings as at home, but with the threads of *this*
# machine. OpenVINO's provider lives in an environment of its own, and follows.

# %%
predicted("m.lease.cpu_guess")
images, labels = load_split(assets.dataset(), "evaluation")
onnx_path = models_dir() / "food11.onnx"
sessions = {"onnx-all": ort.InferenceSession(onnx_path, providers=["CPUExecutionProvider"])}
input_name = sessions["onnx-all"].get_inputs()[0].name
own = [name for name in ([] if finalists is ... else finalists) if not found[name].environment]
for name in own:
    record = found[name].record
    settings = {key: value for key, value in record.settings.items() if "thread" not in key.lower()}
    here = (models_dir() / record.model.name).is_file()
    sessions[name] = bench.reopen(replace(record, settings=settings), models_dir() if here else folders[1])
for name, session in sessions.items():
    measure(session, images, labels, option=name, ledger=ledger(), batch_sizes=(32,))

# %%
if len(sessions) > 1:
    one = run_with_progress(
        lambda report: bench.compare(sessions, images[:1], on_progress=report), "One image, side by side"
    )
    many = run_with_progress(
        lambda report: bench.compare(
            sessions, images[:32], rounds=10, block_calls=2, settle_calls=1, on_progress=report
        ),
        "Batches of 32, side by side",
    )
    for record in [*one, *many]:
        ledger().append(record)
    ledger().observe(
        "model.server_race",
        {"machine_id": fingerprint().machine_id, "machine": fingerprint().label, "options": [*sessions]},
    )
    display(side_by_side(one, "onnx-all", title="One image"), side_by_side(many, "onnx-all", title="Batches of 32"))

# %%
reconcile("m.lease.cpu_guess")

# %%
check("m.lease.race")

# %% [markdown]
# ### The script for the other environments
#
# As in lesson 15, one file of plain ONNX Runtime and `bench`, which any provider's environment can run. `bench` reads
# from a profile which provider ran the nodes; the script prints that before it measures anything.

# %%
folder = workspace_dir() / "server"
folder.mkdir(parents=True, exist_ok=True)

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
    ort.preload_dlls()  # CUDA's libraries lie in this environment, where the system does not look

sessions = {}
for option, one in json.loads(Path("requests.json").read_text()).items():
    wanted = [tuple(given) if isinstance(given, list) else given for given in one["providers"]]
    sessions[option] = ort.InferenceSession(models / one["file"], providers=wanted)
    about = bench.describe(sessions[option], settings={"providers": one["providers"]})
    print(f"{option}: {about.providers_used}, {about.precision}")
    if option != "cpu-provider":
        settings = {"option": option, "ledger": ledger(), "batch_sizes": (32,)}
        bench.measure_option(sessions[option], images, labels, **settings)

one = bench.compare(sessions, images[:1])
many = bench.compare(sessions, images[:32], rounds=10, block_calls=2, settle_calls=1)
for record in [*one, *many]:
    ledger().append(record)


# %%
def race(environment, requests, **how):
    """Measure options in an environment, each in full and then side by side."""
    (folder / "requests.json").write_text(json.dumps(requests))
    environment.run(folder / "race.py", models_dir(), **how)


cpu = {"file": "food11.onnx", "providers": ["CPUExecutionProvider"]}


def openvino(file, precision):
    """Return a request for OpenVINO on the processor, with the threads of this machine, as in lesson 15."""
    hints = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": str(physical_core_count())}
    options = {"device_type": "CPU", "load_config": json.dumps({"CPU": hints})}
    return {"file": file, "providers": [("OpenVINOExecutionProvider", options), "CPUExecutionProvider"]}


asked = {"openvino": openvino("food11.onnx", "f32")}
for name in [] if finalists is ... else finalists:
    if found[name].environment == "openvino":
        record = found[name].record
        asked[name] = openvino(record.model.name, "bf16" if record.precision == "bf16" else "f32")
if gate["OpenVINO provider"].available:
    environment = run_with_progress(lambda report: providers.install("openvino", report), "ONNX Runtime with OpenVINO")
    race(environment, {"cpu-provider": cpu} | asked)
    display(side_by_side(ledger().comparison("openvino", "cpu-provider"), "cpu-provider"))
else:
    print(f"Not run here: {gate['OpenVINO provider'].reason}.")

# %% [markdown]
# ### The request for the GPU
#
# Lesson 15's list, with other names. TensorRT compiles the graph for the very GPU, in fp32, fp16, or INT8 from a QDQ
# file whose zero points are all 0; the CUDA provider runs what TensorRT leaves. Compiling takes minutes and starts anew
# in each process, unless the finished *engine* is kept in a folder.
#
# Write the list once, for every precision. You need no GPU to write it.


# %% checkpoint="m.provider.tensorrt_providers"
def tensorrt_providers(precision, cache_folder):
    """Return a list of providers: TensorRT with options, CUDA with options, and the CPU provider as a bare name.

    A pair is `(name, options)`; the values of options are texts, "1" for yes and "0" for no.
    TensorRT: "trt_fp16_enable", "trt_int8_enable", "trt_engine_cache_enable" (yes), "trt_engine_cache_path".
    CUDA: "use_tf32" (no; left alone, it rounds float32 to TF32).

    Args:
        precision: "fp32"; "fp16"; or "int8", where the layers that are not quantized run in fp16.
        cache_folder: Folder for finished engines, a text.
    """
    ...


# %%
check("m.provider.tensorrt_providers", tensorrt_providers)

# %% [markdown]
# Where there is an NVIDIA GPU, the same script runs in the environment of `onnxruntime-gpu`. With TensorRT it is 5 GB
# to download and 9 GB on disk; set-up has fetched it. First a file for TensorRT's INT8: weights and activations signed
# and symmetric, biases left in float32.

# %%
gpu, has_tensorrt = None, gate["TensorRT provider"].available
if gate["CUDA provider"].available:
    predicted("m.lease.cuda_guess")
    name = "tensorrt" if has_tensorrt else "gpu"
    gpu = run_with_progress(lambda report: providers.install(name, report), "ONNX Runtime with CUDA")
else:
    print(f"Not run here: {gate['CUDA provider'].reason}.")

# %%
if has_tensorrt:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class TrainingImages(CalibrationDataReader):
        """Hand out training images one by one, as in lesson 14."""

        def __init__(self, count):
            self.images = iter(load_split(assets.dataset(), "training", limit=count)[0])

        def get_next(self):
            image = next(self.images, None)
            return None if image is None else {input_name: image[np.newaxis]}

    quantize_static(
        onnx_path,
        models_dir() / "int8-tensorrt.onnx",
        TrainingImages(128),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QInt8,
        weight_type=QuantType.QInt8,
        extra_options={"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False},
    )

# %% [markdown]
# TF32 keeps the range of float32 and 10 of its 23 bits after the point. The CUDA provider has a switch for it. TensorRT
# has none in ONNX Runtime; for it, the variable `NVIDIA_TF32_OVERRIDE=0`, which all of NVIDIA's libraries obey, says no
# for the whole process.

# %%
if gpu:
    cpu = {"file": "food11.onnx", "providers": ["CPUExecutionProvider"]}
    cuda = {
        name: {
            "file": "food11.onnx",
            "providers": [("CUDAExecutionProvider", {"use_tf32": tf32}), "CPUExecutionProvider"],
        }
        for name, tf32 in (("cuda", "0"), ("cuda-tf32", "1"))
    }
    race(gpu, {"cpu-provider": cpu} | cuda)
    display(side_by_side(ledger().comparison("cuda", "cuda-tf32"), "cuda"))

# %% [markdown]
# Now TensorRT, for batches of 1 to 32 images. Which precision would you serve, if at most one point of accuracy may be
# lost?

# %%
if has_tensorrt:
    predicted("m.lease.fp16_guess")
    shape = "3x224x224"
    ranges = {
        f"trt_profile_{end}_shapes": f"{input_name}:{size}x{shape}"
        for end, size in (("min", 1), ("opt", 8), ("max", 32))
    }
    options = {"tensorrt": "fp32", "tensorrt-fp16": "fp16", "tensorrt-int8": "int8"}
    tensorrt = {}
    for option, precision in options.items():
        (first, given), *rest = tensorrt_providers(precision, str(folder / "engines" / precision))
        file = "int8-tensorrt.onnx" if precision == "int8" else "food11.onnx"
        tensorrt[option] = {"file": file, "providers": [(first, given | ranges), *rest]}
    race(gpu, {"cpu-provider": cpu, "cuda": cuda["cuda"]} | tensorrt, variables={"NVIDIA_TF32_OVERRIDE": "0"})
    display(side_by_side(ledger().comparison(*options), "tensorrt"))

# %% checkpoint="m.provider.gpu_precision"
# "tensorrt", "tensorrt-fp16" or "tensorrt-int8". (Without TensorRT here, these points wait for a machine that has it.)
answer("m.provider.gpu_precision", ...)

# %%
check("m.provider.gpu_precision")

# %% [markdown]
# ### What a call on a GPU is made of
#
# `session.run` copies the image to the GPU and the logits back, each time. With *IO binding* both stay there: in a
# service whose next step is on the GPU too, that is the time to look at. And a process that starts: with an engine in
# the cache, and without.

# %%
# %%writefile {folder}/gpu.py
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort

from labs import assets, bench
from labs.data.dataset import load_split
from labs.records.ledger import ledger

path, device = Path(sys.argv[1]) / "food11.onnx", sys.argv[2]
requests = json.loads(Path("requests.json").read_text())
image = load_split(assets.dataset(), "evaluation", limit=1)[0]
ort.preload_dlls()

wanted = requests["cuda"]["providers"]
session = ort.InferenceSession(path, providers=[tuple(one) if isinstance(one, list) else one for one in wanted])
binding = session.io_binding()
on_gpu = ort.OrtValue.ortvalue_from_numpy(image, device, 0)
logits = ort.OrtValue.ortvalue_from_shape_and_type((1, 11), np.float32, device, 0)
binding.bind_ortvalue_input(session.get_inputs()[0].name, on_gpu)
binding.bind_ortvalue_output(session.get_outputs()[0].name, logits)


def bound():
    session.run_with_iobinding(binding)
    binding.synchronize_outputs()


asked = {"providers": wanted}
bench.describe(session, settings=asked)
bench.describe(bound, model_path=path, backend="onnxruntime", precision="fp32", provider=wanted[0][0], settings=asked)
for record in bench.compare({"cuda": session, "cuda-bound": bound}, image):
    ledger().append(record)
bound()
print(
    "the same logits:",
    np.allclose(logits.numpy(), session.run(None, {session.get_inputs()[0].name: image})[0], atol=1e-4),
)

if "tensorrt-fp16" in requests:
    engines = Path(requests["tensorrt-fp16"]["providers"][0][1]["trt_engine_cache_path"])
    shutil.rmtree(engines, ignore_errors=True)
    for option, samples in (("tensorrt-built", 1), ("tensorrt-cached", 3)):
        settings = {"providers": requests["tensorrt-fp16"]["providers"]}
        for record in bench.cold_start(path, option=option, settings=settings, samples=samples):
            ledger().append(record)
            if record.kind != "peak_memory":
                print(f"{option}: {record.kind.replace('_', ' ')} {record.percentile(50):.2f} s")

# %%
if gpu:
    (folder / "requests.json").write_text(json.dumps(cuda | (tensorrt if has_tensorrt else {})))
    gpu.run(folder / "gpu.py", models_dir(), "cuda", variables={"NVIDIA_TF32_OVERRIDE": "0"})
    display(side_by_side(ledger().comparison("cuda", "cuda-bound"), "cuda"))

# %%
check("m.provider.gpu")

# %%
check("m.provider.engine_cache")

# %% [markdown]
# ### What nvtop shows
#
# `nvtop` in a terminal of the node (where it is missing, `sudo apt-get install -y nvtop`) draws utilization, memory and
# power of the GPU while something runs. It reads them from NVML, NVIDIA's library for that, and so can you. Utilization
# is the share of time in which *any* kernel ran: 100 % does not say that the GPU was full. This runs batches of 32 for
# ten seconds, and looks ten times a second.

# %%
# %%writefile {folder}/nvtop.py
import json
import sys
import threading
import time
from pathlib import Path

import onnxruntime as ort
import pynvml

from labs import assets
from labs.data.dataset import load_split

models, option = Path(sys.argv[1]), sys.argv[2]
one = json.loads(Path("requests.json").read_text())[option]
images = load_split(assets.dataset(), "evaluation", limit=32)[0]
ort.preload_dlls()
wanted = [tuple(given) if isinstance(given, list) else given for given in one["providers"]]
session = ort.InferenceSession(models / one["file"], providers=wanted)
name = session.get_inputs()[0].name
for _ in range(20):
    session.run(None, {name: images})

pynvml.nvmlInit()
gpu = pynvml.nvmlDeviceGetHandleByIndex(0)
seen = {"option": option, "t_s": [], "busy": [], "memory_bytes": [], "power_w": []}
over = threading.Event()


def watch():
    while not over.wait(0.1):
        seen["t_s"].append(time.perf_counter() - begin_s)
        seen["busy"].append(pynvml.nvmlDeviceGetUtilizationRates(gpu).gpu / 100)
        seen["memory_bytes"].append(pynvml.nvmlDeviceGetMemoryInfo(gpu).used)
        seen["power_w"].append(pynvml.nvmlDeviceGetPowerUsage(gpu) / 1000)


begin_s = time.perf_counter()
thread = threading.Thread(target=watch)
thread.start()
calls = 0
while time.perf_counter() < begin_s + 10:
    session.run(None, {name: images})
    calls += 1
over.set()
thread.join()
Path("nvtop.json").write_text(json.dumps(seen | {"images": 32 * calls}))

# %%
if gpu:
    gpu.run(folder / "nvtop.py", models_dir(), "cuda")
    seen = json.loads((folder / "nvtop.json").read_text())
    card = fingerprint().cuda_gpus[0].name
    ledger().observe("model.gpu", seen | {"gpu": card, "machine_id": fingerprint().machine_id})
    columns = ["t_s", "busy", "memory_bytes", "power_w"]
    long = pd.DataFrame({name: seen[name] for name in columns}).melt("t_s", var_name="what")
    lines = (
        alt.Chart(long).mark_line().encode(x="t_s", y=alt.Y("value", title=None), row="what", tooltip=["t_s", "value"])
    )
    display(lines.properties(width=560, height=90).resolve_scale(y="independent"))
else:
    print(f"Not run here: {gate['CUDA provider'].reason}.")

# %%
check("m.lease.watched")

# %% [markdown]
# Power is energy a second. A GPU that is four times as fast at ten times the power is not the cheaper one. Readings
# come in pairs of seconds and watts, not quite evenly: between two of them, take the mean of both.


# %% checkpoint="m.lease.energy"
def joules_per_image(t_s, power_w, images):
    """Return the energy of an image in joules.

    Args:
        t_s: Seconds of the readings, ascending.
        power_w: Watts, as many.
        images: Images that were answered between the first reading and the last.
    """
    ...


# %%
check("m.lease.energy", joules_per_image)

# %%
if gpu:
    share = (seen["t_s"][-1] - seen["t_s"][0]) / 10
    joules = joules_per_image(seen["t_s"], seen["power_w"], share * seen["images"])
    print(f"{joules:.3f} J an image" if joules else "Write joules_per_image first.")

# %% [markdown]
# An AMD GPU has MIGraphX, with a wheel of its own and the same script:

# %%
if gate["MIGraphX provider"].available:
    amd = run_with_progress(lambda report: providers.install("migraphx", report), "ONNX Runtime with MIGraphX")
    cpu = {"file": "food11.onnx", "providers": ["CPUExecutionProvider"]}
    migraphx = {
        name: {
            "file": "food11.onnx",
            "providers": [("MIGraphXExecutionProvider", {"migraphx_fp16_enable": fp16}), "CPUExecutionProvider"],
        }
        for name, fp16 in (("migraphx", "0"), ("migraphx-fp16", "1"))
    }
    race(amd, {"cpu-provider": cpu} | migraphx)
else:
    print(f"Not run here: {gate['MIGraphX provider'].reason}.")

# %% [markdown]
# ## Checkpoint
#
# ### Expected and measured

# %%
check("m.lease.cpu_guess")

# %%
check("m.lease.cuda_guess")

# %%
check("m.lease.fp16_guess")

# %%
records = of_machine(ledger().read(), fingerprint().machine_id)
rows = []
for name, seconds in expected.items():
    if record := records.latest(kind="latency", option=name, batch_size=1):
        measured_s = record.percentile(50)
        factor = max(seconds / measured_s, measured_s / seconds)
        rows.append((name, 1e3 * seconds, 1e3 * measured_s, factor))
pd.DataFrame(rows, columns=["option", "expected, ms", "measured, ms", "off by a factor of"]).round(3)

# %% [markdown]
# Which expectation was off by most, and why? Before you answer: is this the machine that the expectations are about? In
# a rehearsal the first reason is a plain one. On the node, look at the instructions that the two processors have, at
# their threads, and at what was published with another version.

# %% checkpoint="m.lease.surprise"
answer("m.lease.surprise", {"option": ..., "factor": ..., "reason": ...})

# %%
check("m.lease.surprise")

# %% [markdown]
# ### The targets

# %%
comparison_table(records.measurements(), reference=reference_table("onnx-extended", "openvino", "cuda", "tensorrt"))

# %%
targets_board(records)

# %% [markdown]
# ## On your own
#
# Only while the countdown leaves you time.
#
# - Open `nvtop` in a terminal and run the cell with `nvtop.py` again with `"tensorrt-fp16"`. Is an image cheaper?
# - One thread for each session, as in a server with many requests: does the order on the processor change?
# - Race your finalists with `taskset` on one socket only. Whose figures change?
#
# On the node: save this notebook, and **release the machine now**, in [19 Release](19_release.ipynb), which brings
# everything home. Then choose and defend at home: [16 Choose, and defend it](16_choose_and_defend.ipynb).
