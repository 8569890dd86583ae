# ---
# jupyter:
#   lesson:
#     id: ensemble
#     title: Build an ensemble
#     summary: the ONNX backend, three models wired into one, a race under the same clients, the step that limits
#     part: 3
#     minutes: 30
#     kind: core
#     where: [laptop]
#     needs: [triton]
#     ports: []
#     uses: [memory, Triton]
# ---

# %% [markdown]
# # Build an ensemble
#
# "Serve the ONNX file, without any code of ours," says a colleague. "It gives three times as many answers." It also
# wants each photo as 150,528 numbers, so every phone must crop, scale and normalize it in exactly the right way. Could
# the server not do that? **Which of the three answers most phones: the Python model, the ONNX file, or an ensemble
# around it?** A fair race has the same clients for all. You need a laptop with x86-64 Linux.

# %%
import shutil

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import tritonclient.http as httpclient

from labs.checkpoints import check, predict, predicted
from labs.data.preprocess import load_image, to_input
from labs.load import closed_loop, image_inputs, tensor_inputs
from labs.load.race import latency_ratio, of, race, rate_ratio
from labs.load.served import triton_target
from labs.records.ledger import ledger
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.triton import catalogue, opening
from labs.widgets import run_with_progress

# %% [markdown]
# ## Predict
#
# Eight clients, and one instance of each model, with one thread. How many times as many answers a second as the Python
# model does the ONNX model give, if its clients send numbers that were prepared beforehand? And how many times as many
# does an ensemble give, in which a first model prepares the photos, and a last one names the class?

# %%
predict("ensemble.race", onnx=..., ensemble=...)

# %% [markdown]
# ## The ONNX backend
#
# A **backend** is what Triton runs a kind of model with. This one is called `onnxruntime`, and looks for a file
# `model.onnx`. Write the configuration of `food_classifier_onnx`: batches of up to 16, and one instance on the CPU.
# Input and output have the names that they have in the file, and numbers of `TYPE_FP32`: `input` is 3 × 224 × 224 of
# them, and `output` is 11.

# %%
repository = opening.lesson_repository()
network = repository / "food_classifier_onnx"
(network / "1").mkdir(parents=True, exist_ok=True)
shutil.copy(fp32_model(), network / "1" / "model.onnx")

# %% question="ensemble.onnx"
config = """
### BEGIN SOLUTION
name: "food_classifier_onnx"
backend: "onnxruntime"
max_batch_size: 16
input [ { name: "input" data_type: TYPE_FP32 dims: [ 3, 224, 224 ] } ]
output [ { name: "output" data_type: TYPE_FP32 dims: [ 11 ] } ]
instance_group [ { count: 1 kind: KIND_CPU } ]
### STUB
# Your turn: replace this line.
### END SOLUTION
"""
(network / "config.pbtxt").write_text(config)
check("ensemble.onnx", network / "config.pbtxt")

# %% [markdown]
# (In NVIDIA's container this backend is written in C++. Your laptop's Triton has none, so the course brings one in
# Python, which runs the same repository.)
#
# ## Three models, and wires
#
# An **ensemble** is a model without code. It says which models a request passes, and which output becomes which input.
# The two models around the network are given, since you have written such code before:

# %%
models = catalogue.ModelRepository(repository)
models.write([catalogue.food_preprocess(), catalogue.food_label()])
figure, axis = plt.subplots(figsize=(9, 1.5), layout="constrained")
axis.set(xlim=(-0.7, 6.7), ylim=(-0.5, 0.5))
axis.axis("off")
for place, step in enumerate(("food_preprocess", "food_classifier_onnx", "food_label")):
    box = {"boxstyle": "round,pad=0.6", "fc": "tab:blue" if place == 1 else "tab:orange", "alpha": 0.4}
    axis.text(2 * place + 1, 0, step, ha="center", va="center", bbox=box)
for place, name in enumerate(("INPUT_IMAGE", "pixels", "logits", "FOOD_LABEL\nPROBABILITY")):
    axis.annotate("", (2 * place + 0.25, -0.3), (2 * place - 0.25, -0.3), arrowprops={"arrowstyle": "->", "lw": 2})
    axis.text(2 * place, -0.38, name, ha="center", va="top", fontsize=9)
print((repository / "food_preprocess" / "config.pbtxt").read_text())
