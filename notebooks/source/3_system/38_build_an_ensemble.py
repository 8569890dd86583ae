# ---
# jupyter:
#   lesson:
#     title: Build an ensemble
#     summary: from a photo to a word in one request; which step holds the others up, and what doubling it brings
#     part: 3
#     number: "38"
#     minutes: 30
#     kind: extra
#     where: [any]
#     needs: ["36"]
#     ports: []
#     machine_minutes: 8
#     uses: ["memory", "Triton", "CUDA provider"]
# ---

# %% [markdown]
# # Build an ensemble
#
# The people who write GourmetGram's app for phones complain. The fast ONNX model wants its photo as 150,528 floating
# point numbers, cropped and scaled in exactly the right way. So each app (Android, iOS, the web page) does it once
# more, each a little differently, and sends a body that is many times as large as the photo.
#
# "Can the server not do that?" It can. In Triton, an **ensemble** is a model made of models: what one puts out, the
# next takes in, inside the server. The client sends a photo and gets a word.
#
# ## You will do
#
# Wire three models into one; weigh what a client sends before and after; find the step that holds the others up, give
# it a second copy, and see where the bottleneck goes.
#
# ## You will learn
#
# - how an ensemble is described, and what its steps count;
# - what a request weighs on its way, and why that matters on a phone;
# - to scale one step and not the whole, and to know when it is the machine that is full.
#
# ## You need
#
# A laptop or a node with x86-64 Linux, 30 minutes. The machine works for less than a minute.

# %%
from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs import assets

# %%
from labs.charts import before_after
from labs.dataset import load_split
from labs.load import closed_loop, image_inputs, tensor_inputs
from labs.load.served import triton_target
from labs.load.steps import busy, steps_table, watch_steps
from labs.machine.capability import capability_text, for_lesson
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.triton import catalogue, opening
from labs.serve.triton.render import render
from labs.widgets import live_load, run_with_progress
from labs.workspace import ledger

print(opening.situation(), capability_text(for_lesson("38")), sep="\n")

# %% [markdown]
# ## Predict
#
# Three steps: `food_preprocess` decodes the photo, crops and scales it (Python, on the CPU); `food_classifier_onnx`
# runs the network; `food_label` turns eleven numbers into a word and a probability (Python). Each has one copy. With
# eight senders at once: which of the three will be busiest?

# %% checkpoint="s.ensemble.guess"
predict("s.ensemble.guess", ...)

# %% [markdown]
# ## Act

# %%
network = catalogue.food_classifier_onnx(fp32_model(), instances=opening.place(1))
ensemble = catalogue.food_ensemble()
models = [catalogue.food_preprocess(), network, catalogue.food_label(), ensemble]
triton = run_with_progress(lambda report: opening.open_triton(models, report), "Start Triton")
print(render(ensemble.settings))

# %% [markdown]
# Read the steps: on the left of each line the model's own tensor, on the right its name within the ensemble. The order
# is not written anywhere. `pixels` has to be made before it can be taken, and so Triton knows.
#
# One photo by hand. The client knows nothing of crops, means and deviations:

# %%
one = image_inputs([photo(0)])[0]["INPUT_IMAGE"][0, 0].decode()
given = {"name": "INPUT_IMAGE", "shape": [1, 1], "datatype": "BYTES", "data": [one]}
[(out["name"], out["data"]) for out in triton.infer(ensemble.name, {"inputs": [given]})["outputs"]]

# %% [markdown]
# ### What a request weighs
#
# The same photo goes to the network alone, as a ready tensor, and to the ensemble, as base64 text. One sender each.

# %%
images, _ = load_split(assets.dataset("food11-mini"), "evaluation", limit=8)
ready = triton_target(triton, network, tensor_inputs(images[:8]))
whole = triton_target(triton, ensemble, image_inputs([photo(n) for n in range(8)]), network=fp32_model())
tensor = ledger().append(closed_loop(ready, concurrency=1, duration_s=1.5, option="ensemble-tensor"))
print({"ready tensor, bytes": tensor.details["body_bytes"], "photo, bytes": len(whole.bodies[0])})

# %%
predicted("s.ensemble.guess")
single, steps = watch_steps(
    triton, ensemble.settings, lambda: closed_loop(whole, concurrency=1, duration_s=2.5, option="ensemble-1")
)
ledger().append(single)
ledger().observe("ensemble.steps.1", {name: step.compute_s + step.queue_s for name, step in steps.items()})
steps_table(steps)

# %% [markdown]
# A phone in a train sends 5 megabits a second on a good day. How long is each of the two requests on its way?

# %% checkpoint="s.ensemble.bytes"
# Bytes of the tensor's request over bytes of the photo's (`details["body_bytes"]` of `tensor` and `single`), and the
# seconds that each takes at 5,000,000 bits a second.
weight = {"ratio": ..., "tensor_s": ..., "photo_s": ...}
answer("s.ensemble.bytes", weight)

# %%
check("s.ensemble.bytes")

# %% [markdown]
# ## Measure
#
# Does it cost much that three models take turns? Add up what the steps say (queue and compute), and hold it against
# what the sender saw.

# %% checkpoint="s.ensemble.sum"
# Share of the mean latency of `single` that the steps explain, 0 to 1. The rest is the network, what is handed over
# between the steps, and waiting for a processor.
share = ...
answer("s.ensemble.sum", share)

# %%
check("s.ensemble.sum")

# %% [markdown]
# Now eight senders. By the utilization law, a step is busy for *rate × its compute* of the time: `busy` multiplies.

# %%
before, steps = live_load(
    lambda **hooks: watch_steps(
        triton,
        ensemble.settings,
        lambda: closed_loop(whole, concurrency=8, duration_s=3, option="ensemble-8", **hooks),
    ),
    "Eight senders",
)
before = ledger().append(before)

# %%
shares = busy(steps, before.throughput_rps.value)
ledger().observe("ensemble.steps.8", {"busy": shares})
steps_table(steps)

# %% [markdown]
# Where do the photos queue, and who is busy? The queue stands in front of the step that cannot keep up, as cars do in
# front of a narrow bridge: *behind* it the road is free.

# %% checkpoint="s.ensemble.bottleneck"
# The busiest step, and how busy it was (`shares`), 0 to 1.
bottleneck = {"step": ..., "busy": ...}
answer("s.ensemble.bottleneck", bottleneck)

# %%
check("s.ensemble.bottleneck")

# %%
reconcile("s.ensemble.guess")

# %% [markdown]
# ### A second copy, of one step
#
# Whoever scales the whole pays for three. Only the busiest step gets a second copy. (The others go on serving
# meanwhile.)

# %%
busiest = max(shares, key=shares.get)
folder = next(one for one in models if one.name == busiest)
more = [group.but(count=2) for group in folder.settings.instances]
print(triton.change(folder.settings.but(instances=more)))

# %%
after, steps = live_load(
    lambda **hooks: watch_steps(
        triton,
        ensemble.settings,
        lambda: closed_loop(whole, concurrency=8, duration_s=3, option="ensemble-8-scaled", **hooks),
    ),
    "Eight senders, one step scaled",
)
after = ledger().append(after)

# %%
scaled = busy(steps, after.throughput_rps.value, {busiest: 2})
ledger().observe("ensemble.steps.scaled", {"busy": scaled, "copies": {busiest: 2}})
print({name: f"{share:.0%}" for name, share in scaled.items()}, f"processors {max(after.load.usage.cpu):.0%}")
before_after(before, after)

# %% [markdown]
# What did the second copy bring, and who is busiest now? A gain of less than two does not mean that the copy idles:
# somebody else may be the narrow bridge now. Look at the other steps, and at the processors.

# %% checkpoint="s.ensemble.scaled"
# Answers a second after over before; and the step whose copies are busiest now (`scaled`).
moved = {"ratio": ..., "busiest": ...}
answer("s.ensemble.scaled", moved)

# %%
check("s.ensemble.scaled")

# %%
triton.stop()

# %% [markdown]
# ## Checkpoint
#
# One preprocessing, in one place, tested once. The price is that Python code on the CPU now stands in front of a
# network that a GPU runs in a millisecond. On the node with two P100, give `food_preprocess` as many copies as the GPUs
# can use up: the busy shares tell you how many.

# %%
check("s.ensemble.guess")

# %% [markdown]
# ## On your own
#
# - Let `food_classifier_onnx` batch dynamically. Do batches form behind a step that hands on one photo at a time?
# - Keep giving copies to the busiest step until the processors are full. How are the copies distributed then, and could
#   you have computed it from the first `steps_table`?
# - `food_classifier` does all three steps in one Python model. What does it save, and what can you no longer scale?
# - What if one client *has* a ready tensor? Both names are served at the same time: send it to the network itself.
