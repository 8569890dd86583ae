# ---
# jupyter:
#   lesson:
#     title: Optimize the graph
#     summary: five optimization levels, what each does to the nodes, and where the time goes
#     part: 1
#     number: "13"
#     minutes: 40
#     kind: core
#     where: [laptop]
#     needs: ["12"]
#     ports: [8081, 8082, 8083, 8084]
#     uses: ["memory", "disk"]
#     takes: {"12": ["models/food11.onnx"]}
# ---

# %% [markdown]
# # Optimize the graph
#
# The exported file says *what* is to be computed, node by node. Nobody has to compute it that way. Before a runtime
# answers the first photo, it rewrites the graph: it removes nodes, merges neighbours and lays numbers out in memory as
# the processor likes them. The answers stay the same.
#
# GourmetGram has used the default for a year. "Does it do anything?" the manager asks. Look inside, count, and measure.
#
# ## You will do
#
# Let ONNX Runtime optimize the model at each of its five levels and write the results down, find out which nodes went
# where, profile which operators take the time, and measure the levels side by side.
#
# ## You will learn
#
# - which nodes an optimizer may remove, and why that is allowed;
# - to read a runtime's profile;
# - what may be said of a comparison, and what not.
#
# ## You need
#
# A laptop, 40 minutes and lesson 12, whose baseline stands in your ledger. The machine works for about a minute.

# %%
import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import onnx
import onnxruntime as ort
import pandas as pd

from grading.checkpoints import check, predict, predicted, reconcile
from labs import assets, bench
from labs.charts import operator_profile, side_by_side
from labs.data.dataset import load_split
from labs.data.models import load_mobilenet_v2
from labs.optimize.diff import compare_graphs
from labs.optimize.drawing import draw_graph, show_graph
from labs.optimize.export import export_onnx
from labs.records.ledger import ledger
from labs.records.reference import reference_table
from labs.widgets import comparison_table, measure, run_with_progress
from labs.workspace import models_dir

# %% [markdown]
# ## Predict
#
# In lesson 12 every optimization was off. With all of them on, how many times as fast will one photo be answered? 2
# means in half the time.

# %% checkpoint="m.graph.speedup_guess"
predict("m.graph.speedup_guess", ...)

# %% [markdown]
# ## Act
#
# PyTorch's exporter had already folded the BatchNorms away, so a part of the work was done before ONNX Runtime saw the
# file. To see all of it, export once more and keep them.

# %%
images, labels = load_split(assets.dataset(), "evaluation")
net = load_mobilenet_v2(assets.model())
onnx_path = models_dir() / "food11.onnx"
plain_path = export_onnx(net, models_dir() / "food11-unfolded.onnx", fold_batch_norm=False)


def operators(path):
    """Return how many nodes of each operator a file holds, with the domain of those that are not ONNX's own."""
    return Counter(f"{node.domain}:{node.op_type}".lstrip(":") for node in onnx.load(path).graph.node)


operators(plain_path)

# %% [markdown]
# Here is the whole graph in *Netron*, a viewer that runs on this machine; nothing is sent anywhere. Scroll, zoom, and
# click on a node to see its weights.

# %%
view = show_graph(plain_path)
view

# %% [markdown]
# The model is one pattern, seventeen times: a convolution makes many channels out of few (the first block leaves it
# out), a second looks at each by itself, a third makes few again, and in ten of them the shortcut is added.

# %%
draw_graph(plain_path, contains="features.3")

# %% [markdown]
# ### Five levels
#
# `SessionOptions` says how far a session may go; each level does all that the lower ones do.
#
# - `ORT_DISABLE_ALL`: the graph as it is;
# - `ORT_ENABLE_BASIC`: rewrites within ONNX that are right on any hardware: constants worked out, BatchNorms folded;
# - `ORT_ENABLE_EXTENDED`: merges nodes into operators that only ONNX Runtime knows (`com.microsoft`);
# - `ORT_ENABLE_LAYOUT`: also changes how numbers lie in memory, to fit *this* processor;
# - `ORT_ENABLE_ALL`: the default; merges once more what conversions between float16 and float32 have left behind.
#
# The result lives in memory only, unless the options name a file:

# %%
options = ort.SessionOptions()
options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
options.optimized_model_filepath = str(models_dir() / "food11-unfolded-basic.onnx")
ort.InferenceSession(plain_path, options, providers=["CPUExecutionProvider"])
operators(options.optimized_model_filepath)

# %% [markdown]
# That is worth a function, and all five levels a table:

# %% shows="labs.optimize.graph:optimize_graph"
...

# %%
levels = {
    "disabled": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "layout": "ORT_ENABLE_LAYOUT",
    "all": "ORT_ENABLE_ALL",
}
paths = {
    name: optimize_graph(plain_path, level, models_dir() / f"food11-unfolded-{name}.onnx")
    for name, level in levels.items()
}
counts = {name: operators(path) for name, path in paths.items()}
pd.DataFrame(counts).fillna(0).astype(int)

# %% [markdown]
# What did each level do to the one before it? Write a function that says so.


# %% checkpoint="m.graph.changes"
def changes(before, after):
    """Return by how many nodes each operator changed: negative where some went, without those that stayed the same.

    Args:
        before, after: Dictionaries from operator to number of nodes. An operator that a graph lacks is not in its.
    """
    ...


# %%
check("m.graph.changes", changes)

# %%
{name: changes(counts[lower], counts[name]) for lower, name in pairwise(levels)}

# %% [markdown]
# The numbers repeat, and that is no accident: nodes went *into* others. `compare_graphs` follows each of them, and says
# why it was allowed to go:

# %%
pd.set_option("display.max_colwidth", None)
compare_graphs(paths["disabled"], paths["extended"]).fusion_table()

# %%
print(compare_graphs(paths["disabled"], paths["all"]).explain())

# %%
draw_graph(paths["all"], contains="features.3")

# %% [markdown]
# ### A file optimized in advance
#
# Rewriting takes time whenever a session opens. Where processes come and go, one can do it once and keep the result.
# But not every result may travel: a file in this processor's layout (`com.microsoft.nchwc`) may fail on another.
#
# Optimize `food11.onnx` as far as possible for a file that *any* machine with ONNX Runtime may load.

# %% checkpoint="m.graph.file"
offline_path = models_dir() / "food11-offline.onnx"
# Write the optimized graph of `onnx_path` to `offline_path`.
...

# %%
check("m.graph.file", offline_path)

# %% [markdown]
# Ship the file as exported all the same where you can choose: it is valid ONNX, which OpenVINO and TensorRT read too,
# and each machine finds its own best layout.
#
# ### Where the time goes
#
# With `enable_profiling`, ONNX Runtime writes down when each node began and how long it took. Whoever wants to make a
# model faster begins here, and not with a guess.


# %%
def profile(path, level, runs=40):
    """Return what ONNX Runtime wrote down while it ran a graph some times with one photo."""
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    options.enable_profiling = True
    options.profile_file_prefix = str(models_dir() / "profile")
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    for _ in range(runs):
        session.run(None, {"input": images[:1]})
    written = Path(session.end_profiling())
    events = json.loads(written.read_text())
    written.unlink()
    return events


# %%
predicted("m.graph.speedup_guess")
profiles = {name: profile(onnx_path, levels[name]) for name in ("disabled", "all")}
events = profiles["disabled"]
node = next(event for event in events if event["cat"] == "Node")
node["name"], node["dur"], node["args"]["op_name"], node["args"]["input_type_shape"]

# %% [markdown]
# `dur` is in *microseconds*. Events of category `Node` are operators; those of category `Session` enclose them: one
# `model_run` for each call. How long does one run spend in each operator?


# %% checkpoint="m.graph.time_by_operator"
def time_by_operator(events):
    """Return the mean seconds of one run that each operator takes, by the operator's name.

    Args:
        events: A list of dictionaries with "cat", "name" and "dur" (microseconds). Those of category "Node" have
            ["args"]["op_name"]; a run of the model is an event named "model_run".
    """
    ...


# %%
check("m.graph.time_by_operator", time_by_operator)

# %%
times = pd.DataFrame({name: time_by_operator(found) or {} for name, found in profiles.items()})
(times * 1e3).round(3)  # in milliseconds

# %%
operator_profile(profiles)

# %% [markdown]
# Convolutions take nearly all of the time, before and after. So merging 35 `Clip` nodes can save their few per cent and
# no more, and a new layout, which leaves the number of convolutions as it is, can save much: it changes how *each* of
# them reads its numbers. Counting nodes helps to understand an optimizer; it does not predict what it gains.
#
# What does a node cost that hardly computes? Each `Clip` reads every value from memory and writes it back. The profile
# knows how many bytes that is (`activation_size` and `output_size`); here is the largest:

# %%
largest = max(
    (event for event in events if event["cat"] == "Node" and event["args"]["op_name"] == "Clip"),
    key=lambda event: int(event["args"]["output_size"]),
)
moved_bytes = int(largest["args"]["activation_size"]) + int(largest["args"]["output_size"])
print(f"{largest['name']}: {moved_bytes / 1e6:.1f} MB in {largest['dur']} µs; all weights: 8.9 MB")

# %% [markdown]
# One small node moves more bytes than all weights of the model have. It is quick only as long as the values still lie
# in the processor's cache.
#
# ## Measure
#
# All five levels of `food11.onnx`, first alone (the two that the reference has), then in turns in one run:

# %%
sessions = {}
for name, level in levels.items():
    options = ort.SessionOptions()
    options.graph_optimization_level = getattr(ort.GraphOptimizationLevel, level)
    sessions[f"onnx-{name}"] = ort.InferenceSession(onnx_path, options, providers=["CPUExecutionProvider"])

# %%
predicted("m.graph.speedup_guess")
for option in ("onnx-extended", "onnx-all"):
    measure(sessions[option], images, labels, option=option, ledger=ledger(), batch_sizes=(32,))

# %%
comparison = run_with_progress(
    lambda report: bench.compare(sessions, images[:1], on_progress=report), "The five levels, side by side"
)
for record in comparison:
    ledger().append(record)
side_by_side(comparison, "onnx-disabled")

# %%
reconcile("m.graph.speedup_guess")

# %%
check("m.graph.speedup_guess")

# %% [markdown]
# ### What may be said
#
# `comparison.ratio("onnx-all", "onnx-disabled")` is the time of the one over the time of the other, with its interval:
# both had their turn in each round, so what slowed the machine for a while slowed both. An interval below 1 says
# "faster", one above 1 "slower", and one that holds 1 says nothing: *cannot tell*.
#
# Do not compare two options by the intervals of each: whether those overlap is another question. (Two that overlap can
# still differ clearly, when each round says so.)


# %% checkpoint="m.graph.claim"
def claim(low, high):
    """Return what an interval of a ratio of times allows to be said: "faster", "slower" or "cannot tell".

    Args:
        low, high: Ends of the interval of the first option's time over the second's. One that ends at 1 holds it.
    """
    ...


# %%
check("m.graph.claim", claim)

# %%
for lower, higher in pairwise(sessions):
    ratio = comparison.ratio(higher, lower)
    low, high = ratio.interval.low, ratio.interval.high
    seen = f"would have seen {ratio.minimum_detectable_effect:.1%}"
    print(f"{higher:<14} over {lower:<14} {low:.3f} to {high:.3f}: {claim(low, high)}; {seen}")

# %% [markdown]
# Two of these comparisons are tests of your method. In `food11.onnx` the BatchNorms are gone, so `basic` finds nothing
# to do: it is the same graph as `disabled`. And `all` is the same as `layout`, for there is no float16 in it. No two
# measured medians are equal, and yet nothing may be claimed. "Cannot tell" is a result too, and the last column says
# what it is worth: a larger difference would most likely have shown. (An interval does not hold 1 there? That happens
# to one run in twenty, and more often on a machine that is busy.)
#
# ## Checkpoint
#
# The levels in one table. Look at the accuracy as well: a rewrite that changes it would be a bug.

# %%
mine = [record for record in ledger().measurements() if record.option in sessions]
comparison_table(mine, reference=reference_table(*sessions))

# %%
view.stop()

# %% [markdown]
# ## On your own
#
# - Copy `food11-unfolded-all.onnx` to a machine with another kind of processor and load it there.
# - What do 52 BatchNorms cost when nobody folds them? Profile `plain_path` without optimizations.
# - How much does `food11-offline.onnx` save when a session opens? (`bench.cold_start` measures it.)
