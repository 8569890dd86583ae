# ---
# jupyter:
#   lesson:
#     title: Measure on the device
#     summary: an estimate with error bars, then float32, dynamic and static INT8 side by side
#     part: 2
#     number: "23"
#     minutes: 40
#     kind: core
#     where: [any]
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
# must lie. If the measurement then falls outside, you have learned something. If you had no expectation, you have only
# got a number.
#
# ## You will do
#
# Count the model's work, estimate the latency with error bars, then measure float32, dynamic and static INT8 on the
# device and hold the estimate against it.
#
# ## You will learn
#
# - how a roofline turns work and published rates into a latency, and how unsure it is;
# - which form of INT8 is fast on the device, and whether it is the one that was fast on the server;
# - why older INT8 files of this very network lost 3.5 to 8.5 points, and yours does not.
#
# ## You need
#
# Lesson 22. 40 minutes; a real device works for about five of them.

# %%
from provisioning import rehearsal

print(rehearsal.use())

# %%
from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs import stats
from labs.edge.boards import LANDMARKS, PI_5
from labs.edge.estimate import ASSUMPTIONS, estimate
from labs.edge.examine import examine
from labs.edge.job import Candidate
from labs.edge.making import part_1_files
from labs.edge.scales import with_one_scale
from labs.edge.work import count_work

# %%
from labs.machine import Fingerprint
from labs.machine.capability import capability_text, for_lesson
from labs.records.format import milliseconds
from labs.records.reference import reference_table, source_line
from labs.widgets import comparison_table, facts, measure_there, run_with_progress
from labs.workspace import ledger, models_dir
from provisioning.device import open_device

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
# ### How much work is it?
#
# A convolution makes every number of its output as a sum of products. Each product with its addition is one
# *multiply-accumulate*, a **MAC**. They can be counted from the graph, without running anything.

# %%
work = count_work(files["edge-fp32"])
ledger().observe("edge.work", {"macs": work.macs, "dense": sum(one.macs for one in work.of_kind("dense"))})
work.table()

# %% [markdown]
# *Depthwise* layers convolve each channel for itself: many numbers to fetch, few products to make of them. Look at the
# last column. What is the share of the dense layers in all MACs, and how many million MACs does a photo take?

# %% checkpoint="e.device.work"
answer("e.device.work", {"million_macs": ..., "dense_share": ...})

# %%
check("e.device.work")

# %% [markdown]
# ### How fast could it be?
#
# Published about the Pi 5 (none of it measured by us):

# %%
vars(PI_5)

# %% [markdown]
# At the very best, all four cores would begin `int8_per_cycle` products in each cycle and never wait for anything. How
# long would a photo take then? (In seconds; all layers as if they were dense.)

# %% checkpoint="e.device.floor"
floor_s = ...
answer("e.device.floor", floor_s)

# %%
check("e.device.floor")

# %% [markdown]
# No kernel reaches that. Which share of the peak a real one reaches is published nowhere for your network; so each such
# share is a *range*, written down with its reason. You may disagree with each of them:

# %%
assumed = [(one.name, one.low, one.high, one.because) for one in ASSUMPTIONS.values()]
facts("What is assumed, since nobody publishes it", ("assumed", "from", "to", "because"), assumed)

# %% [markdown]
# The estimate draws all of them at random within their ranges, a few thousand times. The error bars hold nine of ten
# results.

# %%
guesses = {"edge-fp32": estimate(work, precision="fp32"), "edge-int8-s8s8": estimate(work, precision="int8")}
bars = {name: {"low_s": one.latency_s.low, "high_s": one.latency_s.high} for name, one in guesses.items()}
ledger().observe("edge.estimate", bars)
for one in guesses.values():
    print(one, {kind: f"{share:.0%}" for kind, share in one.shares.items()})

# %% [markdown]
# Is the method any good? Others have published two figures for this network on the Pi's older brother, a Raspberry
# Pi 4, with another library. The same method, fed with that board's data, has to allow both:

# %%
from labs.edge.boards import BOARDS

for one in LANDMARKS:
    theirs = estimate(work, precision=one.precision, threads=one.threads, board=BOARDS[one.board])
    print(f"{one.board}: {theirs}; published {milliseconds(one.p50_s)}; allowed: {theirs.allows(one.p50_s)}")

# %% [markdown]
# That is all a laptop can tell about the Pi: a **prediction**. It makes no record, and no check takes it for a result.
#
# ## Measure
#
# Now the device. The same code as in part 1 runs over there, and its records come back into your ledger.

# %%
predicted("e.device.form_guess")
predicted("e.bring.latency_guess")  # lesson 22
candidates = [Candidate(option, path.name) for option, path in options.items()]
measure_there(device, "options", candidates, ledger=ledger())

# %% [markdown]
# And once more in turns, so that a device that grows warm grows warm for all of them:

# %%
race = measure_there(device, "compare", candidates, ledger=ledger())

# %%
reconcile("e.device.form_guess")

# %%
reconcile("e.bring.latency_guess")

# %%
blocks = {record.option: record.blocks for record in race}
ratios = {name: stats.ratio_of_medians(blocks[name], blocks["edge-fp32"]).interval for name in blocks}
{name: f"{ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}]" for name, ratio in ratios.items()}

# %% [markdown]
# State it so that it can be checked: how many times as long as float32 does static INT8 in its *signed* form take on
# this device, and what may be said?

# %% checkpoint="e.device.ratio"
# The interval's two ends, and "INT8 is faster", "INT8 is slower" or "cannot tell".
answer("e.device.ratio", {"low": ..., "high": ..., "claim": ...})

# %%
check("e.device.ratio")

# %% [markdown]
# ### The estimate, tested
#
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
# ### What the bits cost

# %%
ours = [record for record in ledger().measurements() if record.option in options]
print(source_line())
comparison_table(ours, reference=reference_table("int8-dynamic", "int8-budget-05"))

# %% [markdown]
# How many points of accuracy does each INT8 file lose against float32 on the device?

# %%
correct = {option: sum(ledger().latest(kind="accuracy", option=option).samples) for option in options}
correct

# %% checkpoint="e.device.loss"
# Points for edge-int8-dynamic and for edge-int8-s8s8; there are as many pictures as an accuracy record has samples.
answer("e.device.loss", {"dynamic": ..., "s8s8": ...})

# %%
check("e.device.loss")

# %% [markdown]
# ## Checkpoint
#
# ### Why the older files lost 3.5 to 8.5 points
#
# Look at the published rows: 90.59 % in float32, 82.04 % as dynamic INT8, and the static files of a tuner that was
# allowed to lose five points: **87.12 % on the EPYC, 89.87 % on the Intel**. Yours lost less than one. Why?
#
# Change one thing, and only one. `with_one_scale` takes your signed static file and gives each weight tensor a single
# scale, the widest channel's. Graph, bits, ranges of the activations and pictures stay. (No processor decides about a
# label, so this computer looks at it.)

# %%
coarse = with_one_scale(files["edge-int8-s8s8"], models_dir() / "int8-one-scale.onnx")
examined = run_with_progress(
    lambda report: examine(coarse, option="int8-one-scale", on_progress=report), f"Examine {coarse.name}"
)
for record in examined:
    ledger().append(record)

# %%
pictures = len(examined[-1].samples)
named = {**correct, "int8-one-scale": sum(examined[-1].samples)}
{option: f"{100 * (correct['edge-fp32'] - right) / pictures:.2f} points" for option, right in named.items()}

# %% [markdown]
# So three things can be said, with falling certainty:
#
# - *One scale for a whole tensor* costs several points: you have just seen it, in a file that is yours in all other
#   respects. Your dynamic file has one scale a tensor as well, and loses as much. MobileNetV2's depthwise channels
#   differ by orders of magnitude once BatchNorm is folded in, and the widest one dictates the step for all. Your static
#   files have a scale a channel; and our shipped weights had their dead filters silenced before
#   (`assets.recipes.silence`), since a filter that never sees anything may be the widest. Whether the older files have
#   one scale a tensor, the page does not say.
# - *The budget was spent.* A tuner that may lose five points stops at the first file within them. Ours has no such
#   leave, and the check of lesson 28 looks at the file itself.
# - *Sums that overflow*, a suspicion. The EPYC 7763 has no VNNI. Without it, two products of unsigned by signed bytes
#   are added in 16 bits, and 2 × 255 × 127 does not fit there. The Intel of that table sums in 32 bits, and so does the
#   Pi's dot product. Whether the two figures come from one file, the page does not say; so it stays a suspicion, until
#   somebody runs one file on both, or 7-bit weights on the EPYC.
#
# How many points were lost on the Intel, where nothing overflows, and how many more on the EPYC?

# %% checkpoint="e.device.older"
# The three accuracies are in the text above, in percent.
answer("e.device.older", {"on_intel": ..., "more_on_epyc": ...})

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
# - On the device: in which kind of layer does it spend its time? ONNX Runtime's profile (`describe` uses it) has a
#   duration for each node. Compare with the estimate's shares.
# - `estimate(work, precision="int8", threads=1)` against `threads=4`: what would you buy with a fifth core?
