# ---
# jupyter:
#   lesson:
#     title: Optimize the graph
#     summary: which nodes vanish or fuse at each level, why, and what it brings
#     part: 1
#     number: "13"
#     minutes: 40
#     kind: core
#     where: [any]
#     needs: ["12"]
#     ports: []
#     machine_minutes: 8
#     uses: ["memory"]
# ---

# %% [markdown]
# # Optimize the graph
#
# The exported file says *what* is to be computed, node by node, just as the model was written. Nobody has to compute
# it that way. Before a runtime answers the first photo, it rewrites the graph: it removes nodes, merges neighbours and
# lays numbers out in memory as the processor likes them. The answers stay the same.
#
# GourmetGram has used the default for a year. "Does it do anything?" the manager asks. Look inside, count, and measure.
#
# ## You will do
#
# Let ONNX Runtime optimize the model at each of its four levels, find out which nodes went where, and measure the
# levels side by side.
#
# ## You will learn
#
# - which nodes an optimizer may remove, and why that is allowed;
# - what a node costs that "does hardly anything";
# - how to read a comparison that finds no difference.
#
# ## You need
#
# A laptop, 40 minutes, and lesson 12. The machine works for about a minute.

# %%
import pandas as pd

from grading.checkpoints import answer, check, predict, reconcile
from labs import assets, bench
from labs.backends import BackendSpec
from labs.dataset import load_split
from labs.models import load_mobilenet_v2
from labs.optimize.diff import compare_graphs
from labs.optimize.export import export_onnx

# %%
from labs.optimize.graph import node_table, optimize_graph, read_graph
from labs.optimize.picture import draw_graph, show_graph
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
# ## Predict
#
# In lesson 12 every optimization was off. With all of them on, how many times as fast will one photo be answered? 2
# means in half the time.

# %% checkpoint="m.graph.speedup_guess"
predict("m.graph.speedup_guess", ...)

# %% [markdown]
# ## Act
#
# PyTorch's exporter had already folded the BatchNorms away, so half of the work was done before ONNX Runtime saw the
# file. To see all of it, export once more and keep the BatchNorms.

# %%
net = load_mobilenet_v2(assets.model("food11-mini-mobilenetv2"))
plain_path = export_onnx(net, models_dir() / "food11-unfolded.onnx", fold_batch_norm=False)
read_graph(plain_path).op_counts

# %% [markdown]
# Here is the whole graph in *Netron*, a viewer that runs on this machine; nothing is sent anywhere. Scroll, zoom, and
# click on a node to see its weights.

# %%
view = show_graph(plain_path)
view

# %% [markdown]
# The model is one pattern, seventeen times. Here is one of these *inverted residual blocks*: a convolution makes many
# channels out of few, a second looks at each by itself, a third makes few again, and the shortcut is added.

# %%
draw_graph(plain_path, contains="features.3")

# %% [markdown]
# ### Four levels
#
# ONNX Runtime has four levels, each with all that the lower ones do:
#
# - `disabled`: the graph as it is (merely constants are stored as such);
# - `basic`: rewrites that are right on any hardware, such as folding constants and BatchNorms;
# - `extended`: merges nodes into operators that only ONNX Runtime knows;
# - `all`: also changes how numbers lie in memory, to fit *this* processor.
#
# Usually the optimized graph lives in memory only. `optimize_graph` writes it down.

# %%
levels = ("disabled", "basic", "extended", "all")
graphs = {}
for level in levels:
    path = optimize_graph(plain_path, level, models_dir() / f"food11-unfolded-{level}.onnx")
    graphs[level] = read_graph(path)
nodes = {level: len(graph.nodes) for level, graph in graphs.items()}
nodes

# %% [markdown]
# How many nodes fewer does each level leave than the level *before* it?

# %% checkpoint="m.graph.fewer"
fewer = {"basic": ..., "extended": ..., "all": ...}
answer("m.graph.fewer", {"fewer": fewer, "nodes": nodes})

# %%
check("m.graph.fewer")

# %% [markdown]
# Those numbers are no accident. Compare them with the operators of the exported graph above: which operator is there
# exactly that often? `compare_graphs` follows every node and says what became of it. Operators that begin with
# `com.microsoft` are ONNX Runtime's own.

# %%
pd.set_option("display.max_colwidth", None)
compare_graphs(graphs["disabled"], graphs["extended"]).fusion_table()

# %% [markdown]
# The same block once more, at the level `extended`:

# %%
draw_graph(graphs["extended"], contains="features.3")

# %% [markdown]
# Now follow three operators through the levels: `BatchNormalization`, `Clip` and `Add`. At which level is the last of
# each gone? (`"never"`, where some are left at the end; that depends on your processor.) `graph.op_counts` is a
# dictionary from operator to number.

# %%
watched = ("BatchNormalization", "Clip", "Add")
counts = {level: {op: graph.op_counts.get(op, 0) for op in watched} for level, graph in graphs.items()}

# %% checkpoint="m.graph.gone"
gone = {"BatchNormalization": ..., "Clip": ..., "Add": ...}
answer("m.graph.gone", {"gone": gone, "counts": counts})

# %%
check("m.graph.gone")

# %% [markdown]
# And why were those allowed to go? Here is the reason for each, in words:

# %%
print(compare_graphs(graphs["disabled"], graphs["all"]).explain())

# %% [markdown]
# The last level has added something as well: where the new layout ends, a node that puts the numbers back in the order
# in which the rest of the graph expects them.

# %%
node_table(graphs["all"]).tail(8)

# %% [markdown]
# ### What does a node cost that hardly computes?
#
# `Clip` compares each value with 0 and with 6. That is nothing for a processor. But a node of its own has to *read*
# every value from memory and *write* it back, where a convolution that clips its own results has them at hand.
#
# Take the first Clip of block 2: its convolution has made 96 channels of 112 × 112 values, each a float32. How many
# bytes does this one node move for one photo, reading and writing together?

# %% checkpoint="m.graph.traffic"
moved_bytes = ...
answer("m.graph.traffic", moved_bytes)

# %%
check("m.graph.traffic")

# %% [markdown]
# One small node can move more bytes than all the weights of the model. What that costs in time depends on whether the
# values still lie in the processor's cache. Only a measurement can tell.
#
# ## Measure
#
# Back to `food11.onnx`, the file that would be shipped. `onnx-disabled` is there since lesson 12, and `onnx-basic` has
# its turn in the run after this one; now the two others.

# %%
images, labels = load_split(assets.dataset("food11-mini"), "evaluation")
specs = {f"onnx-{level}": BackendSpec("onnxruntime", str(onnx_path), {"graph_level": level}) for level in levels}
for option in ("onnx-extended", "onnx-all"):
    measure(specs[option], images, labels, option=option, ledger=ledger(), batch_sizes=(32,))

# %% [markdown]
# And all four in one run, in turns:

# %%
backends = {option: spec.build() for option, spec in specs.items()}
for backend in backends.values():
    backend.load()
comparison = run_with_progress(
    lambda report: bench.compare(backends, images[:1], on_progress=report), "The four levels, side by side"
)
for record in comparison.records:
    ledger().append(record)

# %%
reconcile("m.graph.speedup_guess")

# %% [markdown]
# ### A difference that is not there
#
# Start with `basic`. In this file the exporter has folded the BatchNorms already. What is left for `basic` to do?

# %%
basic_path = optimize_graph(onnx_path, "basic", models_dir() / "food11-basic.onnx")
compare_graphs(onnx_path, basic_path).op_table()

# %% [markdown]
# Nothing: node by node it is the same graph. The two sessions compute the same thing in the same way, and still no two
# measured medians are equal. This is where you can try your method: will the interval hold 1?
#
# `comparison.ratio(option, baseline)` has an `interval` with `low` and `high`. Its `minimum_detectable_effect` is the
# smallest difference that this run would have found four times in five: 0.03 means 3 %.

# %% checkpoint="m.graph.twins"
# basic over disabled: the interval, the smallest difference that this run would have seen, and the claim,
# which is one of "basic is faster", "disabled is faster" and "cannot tell".
twins = {"low": ..., "high": ..., "smallest": ..., "claim": ...}
answer("m.graph.twins", twins)

# %%
check("m.graph.twins")

# %% [markdown]
# "Cannot tell" is a result too, and `smallest` says how much it is worth: a larger difference would most likely have
# shown. It never says that two options are equally fast. That they are, you know from the graph. (Your interval does
# not hold 1? That happens to one quiet run in twenty, and more often on a busy machine.)
#
# ### Which level does the work?
#
# Now the two steps that do change something: `extended` over `basic`, and `all` over `extended`. Look at `fewer` again:
# which of them removed more nodes? Does the time follow?

# %% checkpoint="m.graph.steps"
# The ratio of each step (the `value` of its interval), and which step saves more: "extended", "all", or "cannot tell"
# where the two intervals overlap.
steps = {"extended": ..., "all": ..., "larger": ...}
answer("m.graph.steps", steps)

# %%
check("m.graph.steps")

# %% [markdown]
# Counting nodes helps to understand an optimizer, and does not predict its gain: a removed node saves what it cost, and
# that may be next to nothing. A new layout removes few nodes, and changes how *every* convolution reads its numbers.
#
# ## Checkpoint
#
# The levels in one table. Look at the accuracy as well: a rewrite that changes it would be a bug. (`onnx-basic` took
# part in the common run only: the same graph gives the same answers.)

# %%
measured = [record for record in ledger().measurements() if record.option in backends]
print(source_line())
comparison_table(measured, reference=reference_table(*backends))

# %%
check("m.graph.speedup_guess")

# %%
for backend in backends.values():
    backend.close()
view.stop()

# %% [markdown]
# ## On your own
#
# - Optimize on your machine, copy `food11-unfolded-all.onnx` to another kind of processor and load it there. Why does
#   everybody warn against that, and what should be shipped?
# - Measure `food11-unfolded.onnx` with optimizations off against `food11.onnx`. What do 52 BatchNorms cost, when nobody
#   folds them?
# - Optimizing takes time when a session is made. How much? (`bench.cold_start` measures it.) Where would that matter?
