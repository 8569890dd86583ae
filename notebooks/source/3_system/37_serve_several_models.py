# ---
# jupyter:
#   lesson:
#     title: Serve several models
#     summary: what a neighbour costs, models that come and go under load, and who gives way
#     part: 3
#     number: "37"
#     minutes: 35
#     kind: extra
#     where: [any]
#     needs: ["36"]
#     ports: []
#     machine_minutes: 8
#     uses: ["memory", "Triton", "CUDA provider"]
# ---

# %% [markdown]
# # Serve several models
#
# The designers want something: while a photo still loads, the page should paint its main colours. They bring a model
# for it, `food_palette`, and ask whether it may live on the same server as the classifier. "It is only a small thing",
# they say.
#
# A server that keeps many models runs them at the same time, and they share whatever is underneath. Before you say yes,
# you find out what the classifier's users will notice.
#
# ## You will do
#
# Measure each model alone; both at once; load and unload one of them while the other is under load; and give the
# classifier back what it lost.
#
# ## You will learn
#
# - what it means that models run concurrently, and what they share;
# - to tell whether sharing uses the machine better or only divides it;
# - that models can come and go on a server that never stops;
# - one way to protect a model from its neighbours.
#
# ## You need
#
# A laptop or a node with x86-64 Linux, 35 minutes. The machine works for about a minute.

# %%
from functools import partial

import numpy as np

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs.charts import before_after, queue_compute
from labs.load import closed_loop, image_inputs, tensor_inputs
from labs.load.served import triton_target
from labs.load.together import together
from labs.machine.capability import capability_text, for_lesson
from labs.preprocess import load_image, to_input

# %%
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.triton import catalogue, opening
from labs.widgets import run_with_progress
from labs.workspace import ledger

print(opening.situation(), capability_text(for_lesson("37")), sep="\n")

# %% [markdown]
# ## Predict
#
# Four senders on the classifier, and now four senders on the palette as well. How many times as long will the
# classifier's median answer take as before? 1 means that nobody notices.

# %% checkpoint="s.several.slower_guess"
predict("s.several.slower_guess", ...)

# %% [markdown]
# ## Act
#
# Two models, as different as they can be: a network in ONNX Runtime that eats numbers, and k-means over pixels in
# Python. Each has its own folder, its own copies, its own queue.

# %%
classifier = catalogue.food_classifier_onnx(fp32_model(), instances=opening.place(1))
palette = catalogue.food_palette()
triton = run_with_progress(lambda report: opening.open_triton([classifier, palette], report), "Start Triton")
print(triton.loaded())

# %%
given = {"name": "INPUT_IMAGE", "shape": [1, 1], "datatype": "BYTES"}
text = image_inputs([photo(3)])[0]["INPUT_IMAGE"][0, 0].decode()
triton.infer("food_palette", {"inputs": [{**given, "data": [text]}]})["outputs"]

# %% [markdown]
# ## Measure

# %%
photos = [photo(number) for number in range(8)]
tensors = tensor_inputs(np.stack([to_input(load_image(one)) for one in photos]))
to_classifier = triton_target(triton, classifier, tensors)
to_palette = triton_target(triton, palette, image_inputs(photos), network=palette.files["model.py"])
four = partial(closed_loop, concurrency=4, duration_s=4, timeout_s=60)


# %%
def load(*works):
    """Return the records of works that run at the same time, kept in the ledger."""
    records = run_with_progress(lambda report: together(*works, on_progress=report), f"{len(works)} at once")
    return [ledger().append(record) for record in records]


# %%
predicted("s.several.slower_guess")
(classifier_alone,) = load(partial(four, to_classifier, option="classifier-alone"))
(palette_alone,) = load(partial(four, to_palette, option="palette-alone"))
classifier_both, palette_both = load(
    partial(four, to_classifier, option="classifier-both"), partial(four, to_palette, option="palette-both")
)

# %%
reconcile("s.several.slower_guess")

# %%
queue_compute([classifier_alone, classifier_both, palette_alone, palette_both])

# %% checkpoint="s.several.slower"
# The classifier's median latency beside the palette, over its median alone.
slower = ...
answer("s.several.slower", slower)

# %%
check("s.several.slower")

# %% [markdown]
# Their queues are separate: no photo of the classifier ever stood behind one of the palette. Which part of the bar
# grew, then? What they share lies below Triton.
#
# ### Better used, or only divided?
#
# Alone, each model had the machine to itself. Side by side each reaches a *share* of what it reached alone. If the two
# shares add up to 1, the machine was only divided. If they add up to more, something idle was put to use: while one
# model waited, the other computed.

# %% checkpoint="s.several.shares"
# For each model: answers a second beside the other, over those alone. And their sum.
shares = {"classifier": ..., "palette": ..., "sum": ...}
answer("s.several.shares", shares)

# %%
check("s.several.shares")

# %% [markdown]
# On two processors, two models with one copy and one thread each hardly get into each other's way, unless something
# else wants the processors too: Triton, the two senders, your browser. On a node with GPUs one of these models would
# compute there while the other used the processors, and the sum would come closer to 2.
#
# ### Coming and going
#
# The designers have a new version every other day. Load a model and unload it again while the classifier is under load,
# and count what the classifier's senders notice.

# %%
visits = ["food_palette", "food_palette"]


def come_and_go(on_progress):
    """Unload a model and load it anew, for each visit."""
    for number, name in enumerate(visits):
        on_progress(number / len(visits), f"{name} goes and comes")
        triton.unload(name)
        triton.load(name)


# %%
loaded = partial(four, to_classifier, option="classifier-during")
during, _ = run_with_progress(lambda say: together(loaded, come_and_go, on_progress=say), "Coming and going")
ledger().append(during)
before_after(classifier_alone, during)

# %% checkpoint="s.several.during"
# How many of the classifier's requests failed meanwhile (`record.load.failures`)?
failed = ...
answer("s.several.during", failed)

# %%
check("s.several.during")

# %% [markdown]
# ### A neighbour that is allowed less
#
# When both must live on one machine, somebody decides who gives way. One means is the queue: a model whose queue is
# short refuses requests instead of collecting them, and a refused request costs nothing. Let the palette keep one
# request waiting at most, and let twelve senders ask for colours at once.

# %%
short = {"max_queue_delay_us": 0, "max_queue_size": 1}
modest = catalogue.food_palette(max_batch_size=4, dynamic_batching=short)
print(triton.change(modest.settings))

# %%
crowd = partial(closed_loop, concurrency=12, duration_s=3)
to_modest = triton_target(triton, modest, image_inputs(photos), network=modest.files["model.py"])
classifier_guarded, palette_crowd = load(
    partial(four, to_classifier, option="classifier-guarded"), partial(crowd, to_modest, option="palette-crowd")
)
f"{palette_crowd.load.error_rate:.0%} of the palette's requests were refused"

# %% checkpoint="s.several.refused"
# What status did a refused request get? It is in `palette_crowd.load.failures`: 503 (gRPC's UNAVAILABLE) or another.
# And what does a page do best when it gets no colours: "show an error", "retry until it works" or "leave them out"?
refused = {"status": ..., "page": ...}
answer("s.several.refused", refused)

# %%
check("s.several.refused")

# %% [markdown]
# ## Checkpoint
#
# A queue limit keeps a neighbour from piling up work. It does not take processors from it: whatever the palette runs,
# it runs at the classifier's side. Walls between teams need more than one server's settings, and a later lesson builds
# them.

# %%
check("s.several.slower_guess")

# %%
triton.stop()

# %% [markdown]
# ## On your own
#
# - Give the classifier two copies and repeat the run with both. Who pays for the second copy?
# - `intra_op_threads=2` for the classifier, beside the palette: a gain or a loss?
# - How much memory does the palette hold? `triton.memory_bytes()` before and after `triton.unload("food_palette")`.
# - Send to a model that is not loaded. Which status comes back, and how long does it take?
