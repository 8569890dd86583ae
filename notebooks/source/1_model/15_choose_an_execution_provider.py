# ---
# jupyter:
#   lesson:
#     title: Choose an execution provider
#     summary: OpenVINO here, CUDA and TensorRT where there is a GPU, and who really ran the model
#     part: 1
#     number: "15"
#     minutes: 40
#     kind: core
#     where: [any]
#     needs: ["12"]
#     ports: []
#     machine_minutes: 25
#     uses: ["disk", "CPU provider", "OpenVINO provider", "bf16 on the CPU", "CUDA provider", "TensorRT provider", "MIGraphX provider"]
# ---

# %% [markdown]
# # Choose an execution provider
#
# An ONNX file can be run by many hands. ONNX Runtime brings its own for the CPU, Intel gives it OpenVINO, NVIDIA gives
# it CUDA and TensorRT, AMD gives it MIGraphX. Each is an *execution provider*: it takes the nodes that it can run, and
# the CPU provider takes the rest.
#
# The rest can be everything. Last spring GourmetGram paid for a GPU node for three weeks, and the model ran on its CPU.
# There was no error, and the answers were right. "How could nobody notice?" the manager asks. Today you learn to.
#
# ## You will do
#
# Run the same file with every provider that this machine can have, each in an environment of its own; catch one that
# does not do what it was asked; and compare what may be compared.
#
# ## You will learn
#
# - how to tell which provider *really* ran;
# - how to see from the answers in which precision they were computed;
# - why a comparison may change one thing only.
#
# ## You need
#
# A laptop, 40 minutes, and lesson 12. The machine works for about a minute; the first time it also installs an
# environment for OpenVINO: 120 MB to download, half a gigabyte on disk.

# %%
from grading.checkpoints import answer, check, predict, reconcile
from labs import assets, bench
from labs.backends import BackendUnavailableError
from labs.dataset import load_split
from labs.machine import capability_text, for_lesson
from labs.providers import open_backend, provider_report
from labs.providers.precision import relative_difference

# %%
from labs.records.reference import reference_table, source_line
from labs.widgets.comparison import comparison_table
from labs.widgets.measure import measure
from labs.widgets.progress import run_with_progress
from labs.workspace import ledger, models_dir

# %%
onnx_path = models_dir() / "food11.onnx"
if not onnx_path.is_file():
    raise FileNotFoundError("There is no food11.onnx yet: run lesson 12 first, which exports it.")

# %% [markdown]
# What can this machine have? The answer for each provider, with the reason, and with what to do instead:

# %%
gate = {one.name: one for one in for_lesson("15")}
print(capability_text(gate.values()))

# %% [markdown]
# ## Predict
#
# OpenVINO is Intel's own runtime. On the same processor, with as many threads and in the same precision (float32), how
# many times as fast will it answer one photo as ONNX Runtime's CPU provider? 2 means in half the time, 0.5 in twice.

# %% checkpoint="m.provider.openvino_guess"
predict("m.provider.openvino_guess", ...)

# %% [markdown]
# ## Act
#
# Each provider comes with its own build of ONNX Runtime, and two builds in one environment overwrite each other's
# files. So each lives in an environment of its own, and runs in a *worker*: a process that gets your photos and returns
# logits. The clock runs in there, next to the model, so that the way there and back is not counted.
#
# Of each option we say the provider *and* the precision. Nobody else does it for us: left alone, some runtimes round to
# 16 bits where the hardware likes that.

# %%
wanted = {
    "onnx-all": ("CPUExecutionProvider", "fp32", ["CPU provider"]),
    "openvino": ("OpenVINOExecutionProvider", "fp32", ["OpenVINO provider"]),
    "openvino-bf16": ("OpenVINOExecutionProvider", "bf16", ["OpenVINO provider", "bf16 on the CPU"]),
    "cuda": ("CUDAExecutionProvider", "fp32", ["CUDA provider"]),
    "tensorrt": ("TensorrtExecutionProvider", "fp32", ["TensorRT provider"]),
    "migraphx": ("MIGraphXExecutionProvider", "fp32", ["MIGraphX provider"]),
}


# %%
def prepare(option: str):
    """Return a loaded backend; the first time, its environment is installed under a progress bar."""
    provider, precision, _ = wanted[option]
    settings = {"provider": provider, "precision": precision}
    backend = run_with_progress(
        lambda report: open_backend(onnx_path, on_progress=report, **settings), f"Prepare {option}"
    )
    backend.load()
    return backend


# %%
backends = {}
for option, (_, _, needs) in wanted.items():
    missing = [gate[name].reason for name in needs if not gate[name].available]
    try:
        backends |= {} if missing else {option: prepare(option)}
    except BackendUnavailableError as error:
        missing = [str(error)]
    if missing:
        print(f"{option} is left out: {missing[0]}.")

# %% [markdown]
# ### A colleague's setting
#
# A colleague wants OpenVINO in bf16 as well. He finds an option named `precision` in its documentation, sets it to
# `BF16`, and notes the latency in his table as "OpenVINO, bf16":

# %%
if "openvino" in backends:
    settings = {"provider": "OpenVINOExecutionProvider", "provider_options": {"precision": "BF16"}}
    backends["colleague"] = open_backend(onnx_path, **settings)
    backends["colleague"].load()

# %% [markdown]
# No error. It loads and answers. And its answers are right: on a hundred photos, how often does each option name
# another class than the CPU provider?

# %%
images, labels = load_split(assets.dataset("food11-mini"), "evaluation")
logits = {option: backend.predict(images[:100]) for option, backend in backends.items()}
{option: int((given.argmax(1) != logits["onnx-all"].argmax(1)).sum()) for option, given in logits.items()}

# %% [markdown]
# Now look at what ran. `describe()` runs a photo under ONNX Runtime's profiler, and `providers_used` counts the nodes
# of that profile by provider. A provider that compiles takes its whole part of the graph as *one* node, so 1 may well
# be everything.

# %%
info = {option: backend.describe() for option, backend in backends.items()}
requested = {option: one.provider_requested for option, one in info.items()}
used = {option: one.providers_used for option, one in info.items()}
used

# %% checkpoint="m.provider.really_ran"
# For each option in `used`: the name of the provider that ran it.
really_ran = ...
answer("m.provider.really_ran", {"ran": really_ran, "used": used, "requested": requested})

# %%
check("m.provider.really_ran")

# %% [markdown]
# One of them was asked for and ran nothing: it *fell back* to the CPU. The provider had refused the option, ONNX
# Runtime had said so in a log that nobody reads, and went on with what was left. `provider_report` puts it in words:

# %%
print("\n\n".join(f"{option}: {provider_report(backend)}" for option, backend in backends.items()))

# %% [markdown]
# What could have warned the colleague? Go through what you have seen in the cells above.

# %% checkpoint="m.provider.witness"
# Would it have given the fall-back away? True or False for each.
witness = {"an error when loading": ..., "the classes that it names": ..., "the profile of a run": ...}
answer("m.provider.witness", witness)

# %%
check("m.provider.witness")

# %% [markdown]
# ### In which precision?
#
# A provider that ran may still not do what its label says. The answers themselves know. A float32 keeps 24 significant
# bits of a number and a bfloat16 keeps 8: each result is rounded to about one part in two to the power of that. Over
# fifty layers this adds up a little. Here is how far each option's logits are from the CPU provider's, as a fraction of
# the largest logit:

# %%
apart = {option: relative_difference(given, logits["onnx-all"]) for option, given in logits.items()}
{option: f"{value:.1e}" for option, value in apart.items()}

# %% checkpoint="m.provider.precision"
# One rounding, as a fraction, in each format; and the options (without onnx-all) that computed in fp32.
rounding = {"fp32": ..., "bf16": ...}
in_fp32 = ...
answer("m.provider.precision", {"rounding": rounding, "in_fp32": in_fp32, "apart": apart})

# %%
check("m.provider.precision")

# %% [markdown]
# A label of bf16 and logits of float32: that alone would have convicted the colleague's setting. It goes no further.
# What is recorded from here on is what really ran.

# %%
for option in [name for name, one in backends.items() if name not in wanted or provider_report(one).fell_back]:
    print(f"{option} is not measured: its figures would belong to {', '.join(used[option])}.")
    backends.pop(option).close()

# %% [markdown]
# ## Measure
#
# Size, accuracy, latency and throughput, as before. (`onnx-all` is measured only if lesson 13 has not done it.)

# %%
for option, backend in backends.items():
    if option != "onnx-all" or not ledger().latest(kind="accuracy", option=option):
        measure(backend, images, labels, option=option, ledger=ledger(), batch_sizes=(32,))

# %% [markdown]
# And side by side:

# %%
comparison = None
if len(backends) > 1:
    comparison = run_with_progress(
        lambda report: bench.compare(backends, images[:1], on_progress=report), "The providers, side by side"
    )
    for record in comparison.records:
        ledger().append(record)

# %%
reconcile("m.provider.openvino_guess")

# %%
measured = [record for record in ledger().measurements() if record.option in backends]
print(source_line())
comparison_table(measured, reference=reference_table("onnx-extended", "openvino", "cuda", "tensorrt"))

# %% [markdown]
# ### What does the provider bring?
#
# The table invites a wrong conclusion. `openvino-bf16` differs from `onnx-all` in two things, and whoever puts those
# two side by side cannot say which of them made the difference. Choose the pair that answers the question: *what does
# OpenVINO bring over ONNX Runtime's CPU provider?* Then read the ratio's interval.

# %%
{record.option: (record.provider_requested, record.precision, record.threads.intra_op) for record in measured}

# %% checkpoint="m.provider.fair"
# The option, its baseline, the interval of `comparison.ratio(option, baseline)`, and the claim:
# "OpenVINO is faster", "OpenVINO is slower" or "cannot tell".
fair = {"option": ..., "baseline": ..., "low": ..., "high": ..., "claim": ...}
answer("m.provider.fair", fair)

# %%
check("m.provider.fair")

# %% [markdown]
# ### And what does bf16 bring?
#
# Now the other question, with the other pair: same provider, half the bits. Give the ratio, and the price: on how many
# of the evaluation pictures does the bf16 option name another class than the float32 one? Each accuracy record keeps
# `details["predicted"]`. (Where `openvino-bf16` was left out above, these two points wait for a machine that has it.)

# %% checkpoint="m.provider.bf16"
bf16 = {"ratio": ..., "changed": ...}
answer("m.provider.bf16", bf16)

# %%
check("m.provider.bf16")

# %% [markdown]
# ## Checkpoint
#
# In the published rows, OpenVINO took 1.39 ms on the EPYC where ONNX Runtime took 8.70. That is another processor, and
# other versions. Whether a provider is worth its environment is a question to each machine, and you know how to ask it:
# same file, same threads, same precision, in turns, and proof of who ran.

# %%
check("m.provider.openvino_guess")

# %%
for backend in backends.values():
    backend.close()

# %% [markdown]
# ## On your own
#
# - Without a GPU: `open_backend(onnx_path, provider="CUDAExecutionProvider")` installs NVIDIA's build (300 MB) and runs
#   it all the same. Load it and print its report. Which library did it miss?
# - With one: compare `cuda` with `tensorrt`, and then with `precision="fp16"`. How long does TensorRT take to load?
# - Write a function that loads a model and *refuses* when the provider fell back. (Then see `require_provider`.)
