# ---
# jupyter:
#   lesson:
#     id: ensemble
#     title: Build an ensemble
#     summary: the ONNX backend, three models wired into one and raced, the step that limits, and a vote
#     part: 3
#     kind: core
#     where: [laptop]
#     needs: [triton]
#     ports: []
#     takes: {triton: [programs/repository/food_classifier/1/model.py]}
# ---

# %% [markdown]
# # Build an ensemble
#
# "Serve the ONNX file, without any code of ours," says a colleague. "It gives many times as many answers." It also
# wants each photo as 150,528 numbers, so every phone must crop, scale and normalize it in exactly the right way. Could
# the server do that instead? **Which answers most phones: your Python model, the bare ONNX file, or an ensemble around
# it?** All three get the same clients and the same file. You need a laptop with x86-64 Linux.

# %% folded=true
import re
import shutil
import warnings

import httpx
import matplotlib.pyplot as plt
import numpy as np
import onnxruntime as ort
import pandas as pd
import torch
import tritonclient.http as httpclient

from labs import assets
from labs.checkpoints import check, predict, predicted
from labs.data.dataset import load_split
from labs.data.intake import open_photo, to_input
from labs.data.models import ARCHITECTURES, load_model
from labs.load import closed_loop, image_inputs, tensor_inputs
from labs.load.race import of, race, rate_ratio
from labs.load.served import triton_target
from labs.records.ledger import ledger
from labs.runtimes.loopback import link
from labs.serve.models import fp32_model
from labs.serve.photos import photo
from labs.serve.running import PAGE, serve_app
from labs.serve.triton import catalogue, opening
from labs.widgets import compare, run_with_progress
from labs.workspace import models_dir

# %% [markdown]
# ## Predict
#
# Eight clients, and one instance of each model, with one thread. How many times as many answers a second as your Python
# model with the ONNX file in it does the bare ONNX model give, if its clients send numbers that were prepared
# beforehand? And how many times as many does an ensemble of three models give: prepare, compute, name the class?

# %%
predict("ensemble.race", onnx=..., ensemble=...)

# %% [markdown]
# ## The ONNX backend
#
# A **backend** is what Triton runs a kind of model with. This one is called `onnxruntime`, and looks for a file
# `model.onnx`. Complete its configuration: one instance on the CPU, and input and output by the names that they have in
# the file, numbers of `TYPE_FP32`. `input` is 3 × 224 × 224 of them, and `output` is 11.

# %%
repository = opening.lesson_repository()
network = repository / "food_classifier_onnx"
(network / "1").mkdir(parents=True, exist_ok=True)
shutil.copy(fp32_model(), network / "1" / "model.onnx")

# %% question="ensemble.onnx"
config = """
name: "food_classifier_onnx"
backend: "onnxruntime"
max_batch_size: 16
### BEGIN SOLUTION
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
# (Your laptop's Triton lacks NVIDIA's backend in C++, so the course brings one in Python.)
#
# ## Three models, and wires
#
# An **ensemble** is a model without code. It says which models a request passes, and which output becomes which input.
# The two models around the network are given:

# %% folded=true
models = catalogue.ModelRepository(repository)
models.write([catalogue.food_preprocess(), catalogue.food_label()])
figure, axis = plt.subplots(figsize=(9, 1), layout="constrained")
axis.set(xlim=(-0.5, 6.5), ylim=(-1, 1))
axis.axis("off")
for place, step in enumerate(("food_preprocess", "food_classifier_onnx", "food_label")):
    box = {
        "boxstyle": "round,pad=0.5",
        "fc": "lightblue" if place == 1 else "moccasin",
        "ec": "grey",
    }
    axis.text(2 * place + 1, -0.3, step, ha="center", va="center", fontsize=9, bbox=box)
for place, tensor in enumerate(
    ("INPUT_IMAGE", "pixels", "logits", "FOOD_LABEL\nPROBABILITY")
):
    axis.annotate(
        "",
        (2 * place + 0.25, -0.3),
        (2 * place - 0.25, -0.3),
        arrowprops={"arrowstyle": "->", "lw": 1.5},
    )
    axis.text(2 * place, 0.1, tensor, ha="center", va="bottom", fontsize=8)

# %% [markdown]
# `food_preprocess` takes `INPUT_IMAGE`, a photo in base64, and gives `input`, what the network takes. `food_label`
# takes `output`, the network's logits, and gives `FOOD_LABEL` and `PROBABILITY`. Two steps are wired below: `key` is
# the model's own name of a tensor, `value` the name on an arrow of the picture. What one step gives as `pixels`, the
# next one takes by that name; the order is written nowhere else. Add the third step.

# %% question="ensemble.steps"
ensemble = repository / "food_classifier_ensemble"
(ensemble / "1").mkdir(parents=True, exist_ok=True)
config = """
name: "food_classifier_ensemble"
platform: "ensemble"
max_batch_size: 16
input [ { name: "INPUT_IMAGE" data_type: TYPE_STRING dims: [ 1 ] } ]
output [
  { name: "FOOD_LABEL" data_type: TYPE_STRING dims: [ 1 ] },
  { name: "PROBABILITY" data_type: TYPE_FP32 dims: [ 1 ] }
]
ensemble_scheduling {
  step {
    model_name: "food_preprocess"
    model_version: -1
    input_map { key: "INPUT_IMAGE" value: "INPUT_IMAGE" }
    output_map { key: "input" value: "pixels" }
  }
  step {
    model_name: "food_classifier_onnx"
    model_version: -1
    input_map { key: "input" value: "pixels" }
    output_map { key: "output" value: "logits" }
  }
  ### BEGIN SOLUTION
  step {
    model_name: "food_label"
    model_version: -1
    input_map { key: "output" value: "logits" }
    output_map { key: "FOOD_LABEL" value: "FOOD_LABEL" }
    output_map { key: "PROBABILITY" value: "PROBABILITY" }
  }
  ### STUB
  # Your turn: replace this line.
  ### END SOLUTION
}
"""
(ensemble / "config.pbtxt").write_text(config)
check("ensemble.steps", ensemble)

# %% [markdown]
# The check has asked a Triton of its own about six photos. A fair comparison needs one model more, called
# `food_classifier_whole`: a copy of your `food_classifier` with the same ONNX file beside it, which the `load` of
# `food.py` then runs instead of torch's weights. This makes it, starts your Triton and loads all of them, an ensemble
# after the models that it is made of.

# %% folded=true
whole = repository / "food_classifier_whole"
shutil.copytree(repository / "food_classifier", whole, dirs_exist_ok=True)
shutil.copy(fp32_model(), whole / "1" / "model.onnx")
config = (
    (whole / "config.pbtxt")
    .read_text()
    .replace('"food_classifier"', '"food_classifier_whole"')
)
(whole / "config.pbtxt").write_text(config)

STEPS = ["food_preprocess", "food_classifier_onnx", "food_label"]
triton = run_with_progress(
    lambda report: opening.serve(repository, report), "Start Triton"
)
client = httpclient.InferenceServerClient(triton.http, network_timeout=180)
for name in ("food_classifier_whole", *STEPS, "food_classifier_ensemble"):
    client.load_model(name, headers=triton.headers)

# %% [markdown]
# In front of the ensemble comes GourmetGram's page, which sends a visitor's photo as it is. Open it and click a sample;
# the last line does so too.

# %%
page = serve_app(
    app=PAGE,
    PAGE_SERVER=f"http://{triton.http}",
    PAGE_TRITON_MODEL="food_classifier_ensemble",
)
print("the page:", link(page.url + "/"))
answered = httpx.post(page.url, data={"sample": 3}, timeout=30)
print(*re.findall(r'id="(?:label|probability)">([^<]+)<', answered.text))

# %% [markdown]
# ## The race
#
# Three ways, the same eight clients and photos, in turns, so that a slow moment of the machine hits all three. Twenty
# rounds take two minutes.

# %% folded=true
guesses = predicted("ensemble.race")
photos = [photo(number) for number in range(8)]
texts, numbers = (
    image_inputs(photos),
    tensor_inputs(np.stack([to_input(open_photo(one)) for one in photos])),
)
targets = {
    "python": triton_target(triton, "food_classifier_whole", texts),
    "onnx": triton_target(triton, "food_classifier_onnx", numbers),
    "ensemble": triton_target(
        triton, "food_classifier_ensemble", texts, network=network / "1" / "model.onnx"
    ),
}
runs = run_with_progress(
    lambda report: race(
        targets, concurrency=8, rounds=20, duration_s=0.8, on_progress=report
    ),
    "Race",
)
rows, shown = {}, {"bytes per request": "{:,.0f}"}
for name in targets:
    first, rates = (
        ledger().append(of(runs, name)[0]),
        rate_ratio(runs, name, "python").interval,
    )
    latencies = [sample for run in of(runs, name) for sample in run.samples]
    rows[name] = {
        "bytes per request": first.details["body_bytes"],
        "median latency, ms": 1e3 * np.median(latencies),
    }
    rows[name]["answers a second"] = np.median(
        [run.throughput_rps.value for run in of(runs, name)]
    )
    if name != "python":
        rows[name] |= {
            "times as many": rates.value,
            "at least": rates.low,
            "at most": rates.high,
        }
        rows[name]["you predicted"] = guesses[name]
pd.DataFrame(rows).T.astype(float).style.format(shown, precision=2, na_rep="")

# %% [markdown]
# Look at the bytes first. The ONNX model's clients sent many times as many, and decoded their photos before the clock
# ran, so theirs is another, smaller job. The fair pair is the first row and the last: the same photos, the same code
# that prepares them, the same file. It differs in the ensemble alone: one process does everything, or three do a step
# each. Three can use more processors, and each hand-over takes time. *At least* and *at most* are the ends of a 95 %
# interval over the rounds.
#
# ## The step that limits
#
# The steps of a chain work at the same time, on different photos. None can pass on more than it finishes, and a step
# with two instances finishes twice as many. So the lowest of their rates limits the chain:


# %%
def most_a_second(seconds_of_steps, instances_of_steps):
    """Return the highest rate that a chain can reach, in requests a second, and the place of the step that limits it.

    Both arguments have one entry per step: the seconds that an instance needs for a request, and the instances.
    """
    rates = [
        instances / seconds
        for seconds, instances in zip(seconds_of_steps, instances_of_steps)
    ]
    return min(rates), rates.index(min(rates))


# %% [markdown]
# Triton counts the seconds of each step. The eight clients ask the ensemble again, the step that limits gets a second
# instance, and they ask once more. Nothing else is changed. Each column is one run.


# %% folded=true
def computed(step):
    """Return a step's answers since it was loaded, and the seconds that it computed."""
    statistics = client.get_inference_statistics(step)["model_stats"][0][
        "inference_stats"
    ]
    taken_ns = [
        statistics[part]["ns"]
        for part in ("compute_input", "compute_infer", "compute_output")
    ]
    return np.array([statistics["success"]["count"], sum(taken_ns) / 1e9])


instances, rows = [1, 1, 1], {}
for turn in ("one instance each", "one instance more"):
    before = [computed(step) for step in STEPS]
    run = closed_loop(
        targets["ensemble"],
        concurrency=8,
        duration_s=2,
        option=f"ensemble-{sum(instances)}",
    )
    added = [computed(step) - earlier for step, earlier in zip(STEPS, before)]
    seconds = [float(took_s / count) for count, took_s in added]
    most, place = most_a_second(seconds, instances)
    rows[turn] = {f"{step}, ms": 1e3 * one for step, one in zip(STEPS, seconds)}
    rate = ledger().append(run).throughput_rps.value
    rows[turn] |= {"it limits": STEPS[place], "the limit": most, "answers a second": rate}
    if turn == "one instance each":
        instances[place] = 2
        path = repository / STEPS[place] / "config.pbtxt"
        path.write_text(path.read_text().replace("count: 1", "count: 2"))
        client.load_model(STEPS[place], headers=triton.headers)
path.write_text(path.read_text().replace("count: 2", "count: 1"))
page.stop()
triton.stop()
pd.DataFrame(rows).style.format(precision=1)

# %% [markdown]
# A second instance lifts the limit, as long as no step takes longer than before. If steps do take longer, they wait for
# the same processors: the machine is full, and a further instance only takes from the others.
#
# ## The other ensemble: a vote
#
# Machine learning has an older meaning of the word: several models answer the same question and **vote**. Here are the
# course's three widths of MobileNetV2 as one network that averages their probabilities, beside the widest one alone.


# %% folded=true
class Vote(torch.nn.Module):
    def __init__(self, *nets):
        super().__init__()
        self.nets = torch.nn.ModuleList(nets)

    def forward(self, images):
        return torch.stack([net(images).softmax(dim=1) for net in self.nets]).mean(dim=0)


names = [name for name in ARCHITECTURES if name.startswith("mobilenetv2")]
vote = Vote(
    *(load_model(name, assets.model(f"food11-mini-{name}")) for name in names)
).eval()
files = {"mobilenetv2": fp32_model(), "vote": models_dir() / "vote.onnx"}
given = {"input_names": ["input"], "dynamic_axes": {"input": {0: "batch"}}}
with warnings.catch_warnings(
    action="ignore"
):  # torch's older exporter: quicker, and on its way out
    torch.onnx.export(
        vote, (torch.zeros(1, 3, 224, 224),), files["vote"], dynamo=False, **given
    )
sessions = {
    name: ort.InferenceSession(path, providers=["CPUExecutionProvider"])
    for name, path in files.items()
}
images, labels = load_split(assets.dataset("food11-mini"), "evaluation")
table = compare(sessions, images, labels, baseline="mobilenetv2", batches=(1,))
gain = ledger().paired_accuracy("vote", "mobilenetv2").interval
print(
    f"The vote's gain: {100 * gain.low:+.1f} to {100 * gain.high:+.1f} points (95 % interval over the drawings)"
)
table.style.format(precision=2, na_rep="")

# %% [markdown]
# A vote pays for every network that takes part. Its gain is shown only if both of its ends are above 0.
#
# ## What you found
#
# The colleague's ratio compared two jobs. With the ensemble a phone sends a photo and gets a word, prepared in one
# place for Android, iOS and the page. An older lab published, with eight clients and two instances on each of two P100,
# {{ onnx_two_each_8.requests_per_s }} images a second for the ONNX backend and {{ two_each_python_8.requests_per_s }}
# for the Python backend with PyTorch's model. What would you ask before you repeat its ratio?
#
# - Misspell `pixels` in one step and load the ensemble. Which of the two sides does Triton name?
# - `dynamic_batching { }` for `food_classifier_onnx`: do batches form behind a step that hands on one image at a time?
# - Give `food_classifier_whole` three instances, as many processes as the ensemble has. Which of them wins now?
