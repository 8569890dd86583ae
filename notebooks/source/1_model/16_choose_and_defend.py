# ---
# jupyter:
#   lesson:
#     title: Choose, and defend it
#     summary: all options on one frontier, a last race, a recommendation to the manager
#     part: 1
#     number: "16"
#     minutes: 45
#     kind: core
#     where: [any]
#     needs: ["11", "13", "14b", "14c"]
#     ports: []
#     machine_minutes: 10
#     uses: ["memory", "fast INT8", "OpenVINO provider"]
# ---

# %% [markdown]
# # Choose, and defend it
#
# Friday. You have measured more options than the manager has fingers. "Which one?" she asks. "And how do I know?"
#
# There is no best model. There is a best one *for something*, at a price, with some certainty. Today no model is made
# faster. You put the evidence in order, run the last race fairly, and write half a page that still holds in a year.
#
# ## You will do
#
# Lay all options side by side, drop those that nobody needs, race the finalists in one run, and write a recommendation
# that names its evidence.
#
# ## You will learn
#
# - what a *frontier* is, and why it shortens the discussion more than any ranking;
# - how to state a speed-up so that it can be checked;
# - what a figure from this machine says about the manager's machines, and what it does not.
#
# ## You need
#
# A laptop, 45 minutes, and lessons 11 to 14 (15 if you have it). The machine works for about a minute.

# %%
from grading.checkpoints import answer, check, predict, reconcile, scoreboard
from labs import assets, bench
from labs.backends import BackendSpec
from labs.dataset import load_split
from labs.machine import fingerprint
from labs.records.format import times
from labs.records.options import summarize

# %%
from labs.records.reference import reference_table, source_line
from labs.records.targets import target_table
from labs.widgets.comparison import comparison_table
from labs.widgets.frontier import frontier
from labs.widgets.measure import measure
from labs.widgets.progress import run_with_progress
from labs.widgets.scoreboard import scoreboard as targets_board
from labs.workspace import ledger, models_dir

# %% [markdown]
# The models are those that you made. What is missing is left out, and said. (Part 2 keeps a device's records in the
# same ledger; this lesson is about the machine that it runs on.)

# %%
here = {"machine_id": fingerprint().machine_id}
made = {"onnx-all": "food11.onnx"}
forms = ("int8-static-qdq", "int8-static-qoperator", "int8-static-s8s8")
made |= {name: f"{name}.onnx" for name in (*forms, "int8-budget-05", "int8-budget-01", "int8-pruned")}
made |= {"openvino-int8": "int8-static-qdq.onnx", "openvino-int8-pruned": "int8-pruned.onnx"}
measured = {record.option for record in ledger().measurements(**here)}
specs = {
    name: BackendSpec("openvino" if name.startswith("openvino") else "onnxruntime", str(models_dir() / file))
    for name, file in made.items()
    if (models_dir() / file).is_file() and (name in measured or name == "onnx-all")
}

# %%
if "onnx-all" not in specs:
    raise FileNotFoundError("There is no food11.onnx to compare with yet: run lesson 12 first, which exports it.")
print("Not made yet:", ", ".join(name for name in made if name not in specs) or "nothing, all options are there")

# %% [markdown]
# ## Predict
#
# One thing has not been measured: a server that starts anew. How many times as long as the float32 model will the INT8
# one (`int8-static-qoperator`) take from a fresh process until it is ready to predict? 0.5 means half as long; the
# file, after all, has about a quarter of the size.

# %% checkpoint="m.choose.start_guess"
predict("m.choose.start_guess", ...)

# %% [markdown]
# ## Act
#
# ### Everything in one table
#
# All that your ledger holds about this machine, and below it what others published, with *their* machines and another
# data set: the order may be compared, the milliseconds may not.

# %%
print(source_line())
comparison_table(ledger().measurements(**here), reference=reference_table())

# %% [markdown]
# ### The frontier
#
# An option is *beaten* when another is at least as good in accuracy, latency, throughput and size, and better in one.
# Nobody has a reason to take it. What is left is the **frontier**: there, each gain has a price.

# %%
images, labels = load_split(assets.dataset("food11-mini"), "evaluation")
if not any(one.option == "onnx-all" and one.accuracy for one in summarize(ledger().measurements(**here))):
    with specs["onnx-all"].build() as backend:
        measure(backend, images, labels, option="onnx-all", ledger=ledger(), batch_sizes=(32,))

# %%
frontier(ledger().measurements(**here))

# %% checkpoint="m.choose.beaten"
# An option that is beaten, and one that beats it in all four measures or equals it.
beaten = ...
beaten_by = ...
answer("m.choose.beaten", {"beaten": beaten, "by": beaten_by})

# %%
check("m.choose.beaten")

# %% [markdown]
# Look at the intervals before you throw something away for its last digit. Where two differ by less than a run can see,
# another reason decides, such as which runtimes can read the file.
#
# ### The finalists
#
# Which options deserve the last race against float32? Two or three, by name. Some may be one and the same file: where
# the tuner had nothing to give back, a budget's file is the static one. The hashes tell.

# %%
records = [ledger().latest(kind="latency", option=name) for name in specs]
{record.option: (record.backend, record.model.sha256[:8]) for record in records if record}

# %% checkpoint="m.choose.finalists"
finalists = ...
answer("m.choose.finalists", finalists)

# %%
check("m.choose.finalists")

# %% [markdown]
# ## Measure
#
# ### One run for all
#
# The figures in the table come from different days. The race is one run, in turns, with as many threads for all; first
# one photo, then 32. (As long as you have not chosen, the first options race.)

# %%
chosen = [name for name in (list(specs) if finalists is ... else finalists) if name in specs and name != "onnx-all"]
racers = {name: specs[name].build() for name in ["onnx-all", *chosen[:4]]}
for backend in racers.values():
    backend.load()
{name: (backend.describe().threads.intra_op, backend.describe().precision) for name, backend in racers.items()}

# %%
one, many = (
    run_with_progress(
        lambda report, size=size, settings=settings: bench.compare(
            racers, images[:size], on_progress=report, **settings
        ),
        f"The finalists, {size} at a time",
    )
    for size, settings in ((1, {"rounds": 20}), (32, {"rounds": 12, "block_calls": 3, "settle_calls": 1}))
)
for record in [*one.records, *many.records]:
    ledger().append(record)

# %%
for name in racers:
    if name != "onnx-all":
        time, batch = one.ratio(name, "onnx-all"), many.ratio(name, "onnx-all")
        print(f"{name}: one photo takes {times(time.interval.value)}, a batch {times(batch.interval.value)} as long")

# %% [markdown]
# The manager thinks in *photos per second*, so turn the second one around: a batch that takes half as long is twice
# the throughput. With the interval, please: which end of it becomes the lower one?

# %% checkpoint="m.choose.ratios"
# For the finalist that you would choose: latency over float32's, and throughput over float32's, with both ends.
option = ...
latency = {"low": ..., "high": ...}
throughput = {"low": ..., "high": ...}
answer("m.choose.ratios", {"option": option, "latency": latency, "throughput": throughput})

# %%
check("m.choose.ratios")

# %% [markdown]
# ### A fresh start
#
# Each sample is a new process that imports its runtime, loads the file and predicts once.

# %%
for name in ("onnx-all", "int8-static-qoperator", "openvino-int8"):
    if name in specs:
        for record in bench.cold_start(specs[name], option=name, samples=3):
            ledger().append(record)

# %%
reconcile("m.choose.start_guess")

# %% [markdown]
# ### The targets
#
# Where does this machine stand with the manager's list?

# %%
target_table()

# %%
targets_board(ledger().measurements(**here))

# %% [markdown]
# Careful. Each target names *its* machine, and this is another one. What may you tell the manager about each?
#
# - `"met here"`: one option kept every limit of this target on this machine;
# - `"missed here"`: options of the right kind were measured, and none keeps every limit;
# - `"not measured"`: nothing of the right kind was measured.

# %% checkpoint="m.choose.targets"
standing = {"server-cpu": ..., "server-gpu": ..., "device": ...}
answer("m.choose.targets", standing)

# %%
check("m.choose.targets")

# %% [markdown]
# ## Checkpoint
#
# ### Under constraints
#
# Which option do you give to each of three colleagues? All must lose at most one point of accuracy against `onnx-all`,
# on the evaluation pictures. Take options that have been measured in full.

# %%
summaries = {one.option: one for one in summarize(ledger().measurements(**here))}
summaries["onnx-all"].accuracy

# %% checkpoint="m.choose.constraints"
picks = {
    "app": ...,  # "The download must be as small as possible."
    "archive": ...,  # "Ten million old photos: as many a second as this machine can do, in batches."
    "kiosk": ...,  # "One photo at a time, as fast as possible, and only ONNX Runtime is installed there."
}
answer("m.choose.constraints", picks)

# %%
check("m.choose.constraints")

# %% [markdown]
# ### The recommendation
#
# Now write to the manager. Four things make a recommendation one that can be relied on:
#
# 1. the **choice**, one option;
# 2. the **evidence**: which records it rests on. Every record has a `record_id`; whoever doubts a number can look up
#    samples, machine and versions. At least accuracy, size and the race, for the choice;
# 3. **what it costs**: accuracy in points, and anything else that is given up;
# 4. **what would change your mind**: the measurement that would make you choose otherwise, and where it would have to
#    be made.
#
# Numbers and ids are checked against your ledger. The sentences are read by a person: write them for one.

# %%
for record in ledger().measurements(**here):
    if record.option in racers and ("comparison_id" in record.details or record.kind in ("accuracy", "size")):
        print(record.record_id, record.kind, record.option, f"× {record.batch_size}")

# %% checkpoint="m.choose.recommendation"
recommendation = {
    "choice": ...,  # an option of the race
    "evidence": [...],  # record ids
    "times_as_fast": ...,  # float32's median latency over the choice's, from the race
    "points_lost": ...,  # accuracy against onnx-all, in points
    "to_the_manager": "...",  # three to six sentences; name the option
    "what_it_costs": "...",
    "what_would_change_my_mind": "...",
}
answer("m.choose.recommendation", recommendation)

# %%
check("m.choose.recommendation")

# %%
check("m.choose.start_guess")

# %%
for backend in racers.values():
    backend.close()

# %%
scoreboard("model")

# %% [markdown]
# ## On your own
#
# - Run the race again with other programs at work. Which of your ratios left its interval?
# - Give each racer `{"intra_op_threads": 1}`, as a server with many requests may. Does the order change?
# - Exchange recommendations with somebody whose machine is another one. Which of your records explains the difference?
#
# This is the end of part 1: give your machine back now, in [19 Release](19_release.ipynb). Part 2 takes the winner to a
# Raspberry Pi, and part 3 puts it behind a server.
