# ---
# jupyter:
#   lesson:
#     title: Measure on the device
#     summary: a measuring script of your own, an estimate with error bars, and four files side by side
#     part: 2
#     number: "23"
#     minutes: 25
#     kind: core
#     where: [laptop]
#     needs: ["22"]
#     ports: []
#     uses: ["an ARM processor", "NEON", "dot product", "i8mm", "fast INT8"]
# ---

# %% [markdown]
# # Measure on the device
#
# "It is a computer for sixty euros," says the canteens' technician. "How fast can it be?" You could look it up in a
# forum. You could run the files and read a number. Or you could do what an engineer does before the parcel arrives:
# count what has to be done, look up how fast the parts are, and say in advance between which two numbers the answer
# must lie. A measurement that falls outside then teaches something.
#
# ## You will do
#
# Write a script that measures on a machine with little more than Python and ONNX Runtime, count the model's work,
# estimate the latency with error bars, and measure four files on the device.
#
# ## You will learn
#
# - to measure where there is no notebook, and to bring the samples home;
# - how work and published rates become a latency, and how unsure it is;
# - which format of INT8 is fast on the device, and what is known about the older INT8 files of this very network.
#
# ## You need
#
# Lesson 22. 25 minutes; a real device works for about five of them.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
import json
from collections import Counter

import numpy as np
import onnx
import pandas as pd
from onnx import numpy_helper

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs.charts import side_by_side
from labs.display.format import milliseconds
from labs.edge.estimate import ASSUMPTIONS, BOARDS, LANDMARKS, PI_5, count_work, estimate
from labs.edge.files import part_1_files
from labs.edge.job import Candidate
from labs.machine import Fingerprint, capability_text, for_lesson
from labs.records.ledger import ledger
from labs.records.reference import reference_table, source_line
from labs.widgets import comparison_table, facts, measure_there
from labs.workspace import models_dir, programs_dir
from provisioning.lab.device import open_device

# %%
device = open_device()
vitals = device.ask(["-m", "labs.edge", "vitals"])
print(device)
print(capability_text(for_lesson("23", Fingerprint.from_json(vitals["machine"]))))

# %%
files = part_1_files(models_dir())
options = {option: path for option, path in files.items() if option != "edge-int8-pruned"}
[one.how for one in device.bring(options.values())]

# %% [markdown]
# ## Predict
#
# Four files: `edge-fp32`, `edge-int8-dynamic`, and static INT8 with unsigned (`edge-int8-qdq`) and with signed
# activations (`edge-int8-s8s8`). Which one answers a single photo fastest on *this* device? (In rehearsal, this device
# is your laptop: predict for it. What the Pi would say, the estimate below tells.)

# %% checkpoint="e.device.form_guess"
predict("e.device.form_guess", ...)

# %% [markdown]
# ## Act
#
# ### A script of your own
#
# A box in a cupboard has no notebook and no course. What it has is Python, numpy and ONNX Runtime, and that is enough.
# Write the script, as a text, that is called as
#
#     python measure.py MODEL.onnx THREADS CALLS
#
# It opens the file with so many threads (`SessionOptions().intra_op_num_threads`) on the CPU provider, makes an image
# of zeros in the shape (1, 3, 224, 224), calls the model 20 times without counting, then `CALLS` times, each timed on
# its own with `time.perf_counter()`, and prints one line of JSON: `{"samples_s": [...]}`, in seconds.

# %% checkpoint="e.device.script"
script = ...  # the script, as a text

# %%
folder = programs_dir() / "device"
folder.mkdir(exist_ok=True)
if script is not ...:
    (folder / "measure.py").write_text(script)

# %% [markdown]
# The check runs it here, with a small model.

# %%
check("e.device.script", folder / "measure.py")

# %% [markdown]
# Now over there, with the device's own pins. It starts as a job that survives a lost connection, and its last line
# comes home:

# %%
own = {}
if (folder / "measure.py").is_file():
    predicted("e.bring.latency_guess")  # lesson 22
    device.bring([folder / "measure.py"], "workspace/programs/device")
    for option in ("edge-fp32", "edge-int8-s8s8"):
        lines = []
        arguments = [f"workspace/models/{files[option].name}", str(vitals["machine"]["cpu_count"]), "100"]
        device.python(["workspace/programs/device/measure.py", *arguments], name="own-script", on_line=lines.append)
        own[option] = json.loads(lines[-1])["samples_s"]
{option: milliseconds(float(np.median(samples_s))) for option, samples_s in own.items()}

# %% [markdown]
# ### How much work is it?
#
# A convolution makes every number of its output as a sum of products. Each product with its addition is one
# *multiply-accumulate*, a **MAC**. Count them for one layer. With *groups*, a filter sees the channels of its own group
# only; a *depthwise* convolution has as many groups as channels.


# %% checkpoint="e.device.macs"
def macs(output_shape, in_channels, kernel, groups):
    """Return the multiply-accumulates of a convolution for one image.

    Args:
        output_shape: (channels, height, width) of what it makes.
        in_channels: Channels that it reads.
        kernel: (height, width) of a filter.
        groups: Groups of channels; 1 where each filter sees all of them.
    """
    ...


# %%
check("e.device.macs", macs)

# %% [markdown]
# `count_work` does that for every layer of the graph:

# %%
work = count_work(files["edge-fp32"])
ledger().observe("edge.work", {"macs": work.macs, "dense": sum(one.macs for one in work.of_kind("dense"))})
work.table()

# %% [markdown]
# ### How fast could it be?
#
# Published about the Pi 5 (none of it measured by this course):

# %%
vars(PI_5)

# %% [markdown]
# At the very best, every core begins `macs_per_cycle` multiply-accumulates in each cycle and never waits for anything.


# %% checkpoint="e.device.floor"
def floor_s(macs, cores, clock_hz, macs_per_cycle):
    """Return the seconds that so much work takes at least, if every core does its most in every cycle.

    Args:
        macs: Multiply-accumulates of one image.
        cores: How many work on it.
        clock_hz: Cycles a second.
        macs_per_cycle: That one core begins in a cycle.
    """
    ...


# %%
check("e.device.floor", floor_s)

# %%
floor_s(work.macs, PI_5.cores, PI_5.clock_hz, PI_5.int8_per_cycle)

# %% [markdown]
# No kernel reaches that. Which share of the peak a real one reaches is published nowhere for your network; so each such
# share is a *range*, written down with its reason. You may disagree with each of them:

# %%
assumed = [(one.name, one.low, one.high, one.because) for one in ASSUMPTIONS.values()]
facts("What is assumed, since nobody publishes it", ("assumed", "from", "to", "because"), assumed)

# %% [markdown]
# The estimate draws all of them at random within their ranges, a few thousand times. The error bars hold nine of ten
# results. Is the method any good? Others have published figures for this network on both boards, with another library.
# It has to allow all of them:

# %%
guesses = {"edge-fp32": estimate(work, precision="fp32"), "edge-int8-s8s8": estimate(work, precision="int8")}
bars = {name: {"low_s": one.latency_s.low, "high_s": one.latency_s.high} for name, one in guesses.items()}
ledger().observe("edge.estimate", bars)
rows = []
for one in LANDMARKS:
    theirs = estimate(work, precision=one.precision, threads=one.threads, board=BOARDS[one.board])
    low_ms, high_ms = 1e3 * theirs.latency_s.low, 1e3 * theirs.latency_s.high
    rows.append((one.board, one.precision, low_ms, high_ms, 1e3 * one.p50_s, theirs.allows(one.p50_s), one.source))
columns = ["board", "precision", "from, ms", "to, ms", "published, ms", "allowed", "source"]
pd.DataFrame(rows, columns=columns).round(2)

# %% [markdown]
# That is all a laptop can tell about the Pi: a **prediction**. It makes no record, and no check takes it for a result.
#
# ## Measure
#
# The same code as in part 1 runs over there, and its records come back into your ledger; then once more in turns, so
# that a device that grows warm grows warm for all of them.

# %%
predicted("e.device.form_guess")
predicted("e.bring.latency_guess")  # lesson 22
candidates = [Candidate(option, path.name) for option, path in options.items()]
measure_there(device, "options", candidates, ledger=ledger())

# %%
measure_there(device, "compare", candidates, ledger=ledger())
race = ledger().comparison(*options)
side_by_side(race, "edge-fp32")

# %%
reconcile("e.device.form_guess")

# %%
reconcile("e.bring.latency_guess")

# %% [markdown]
# Does the measured median of `edge-fp32` lie within the estimate's error bars? Before you answer: which processor made
# the record, and which one is the estimate about?

# %%
found = ledger().latest(kind="latency", option="edge-fp32", batch_size=1)
(found.machine.label, milliseconds(found.value.value), str(guesses["edge-fp32"]))

# %% checkpoint="e.device.tested"
# "within", "outside", or "not tested" where another processor than the estimate's was measured.
answer("e.device.tested", ...)

# %%
check("e.device.tested")

# %% [markdown]
# ## Checkpoint
#
# ### What the bits cost, and what they cost others

# %%
measured = [record for record in ledger().measurements() if record.option in options]
print(source_line())
comparison_table(measured, reference=reference_table("int8-dynamic", "int8-budget-05"))

# %% [markdown]
# Look at the published rows: 90.59 % in float32, 82.04 % as dynamic INT8, and static INT8 of a tuner that was allowed
# to lose five points: **87.12 % on the EPYC 7763, 89.87 % on the Intel**. Those files are public. What is in them? Ask
# your own in the same way: which types are in it, and has a weight tensor one scale or one a channel?


# %%
def quantized_as(path):
    """Return how many convolutions have weights of which type and how many scales, and the types of activations."""
    graph = onnx.load(path).graph
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found = Counter()
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in stored and stored[node.input[0]].ndim == 4:
            scales = "a scale a channel" if stored[node.input[1]].size > 1 else "a scale a tensor"
            found[f"{stored[node.input[0]].dtype} weights, {scales}"] += 1
        elif node.op_type == "QuantizeLinear" and node.input[0] not in stored:
            found[f"{stored[node.input[2]].dtype} activations"] += 1
        elif node.op_type == "ConvInteger":  # one scale, which is multiplied in behind it
            found[f"{stored[node.input[1]].dtype} weights, a scale a tensor"] += 1
    return dict(found)


{option: quantized_as(path) for option, path in options.items()}

# %% [markdown]
# The older *dynamic* file has a scale a tensor, like yours, and loses 8.6 points. MobileNetV2's depthwise channels
# differ by orders of magnitude once BatchNorm is folded in, and the widest one dictates the step for all. The older
# *static* file has 52 `QLinearConv`, all of them with **int8 weights, a scale a channel, and uint8 activations**: the
# format of your `edge-int8-qdq`.
#
# The tuner stops at the first file within its budget; that explains a loss, and not why it differs between the
# machines. For that, remember lesson 14b: the EPYC 7763 has no VNNI. Without it, two products of unsigned by signed
# bytes are added in 16 bits, and 2 × 255 × 127 does not fit there. The Intel sums in 32 bits, and so does the Pi.
#
# Which explanation of the *EPYC's further 2.75 points* do the facts rule out, which fits them, and what would show it?

# %% checkpoint="e.device.older"
# Out of: "a scale a tensor", "sums that overflow", "the tuner's budget". And one or two sentences.
answer("e.device.older", {"ruled_out": ..., "fits": ..., "what_would_show_it": ...})

# %%
check("e.device.older")

# %%
check("e.device.form_guess")

# %% [markdown]
# ## On your own
#
# - Take the assumption that you believe least and halve its range: `ASSUMPTIONS[name]` is a frozen dataclass, and
#   `dataclasses.replace` makes another one. Which of the error bars moves? Is that the one a measurement should test
#   first?
# - Your script says nothing about the machine. What should a line of it hold, so that somebody believes it next year?
# - `estimate(work, precision="int8", threads=1)` against `threads=4`: what would you buy with a fifth core?
