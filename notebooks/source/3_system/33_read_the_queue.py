# ---
# jupyter:
#   lesson:
#     title: Read the queue
#     summary: Triton and perf_analyzer; waiting told from working, Little's law, sixteen photos in one request
#     part: 3
#     number: "33"
#     minutes: 40
#     kind: core
#     where: [any]
#     needs: ["32"]
#     ports: []
#     uses: ["memory", "Triton", "perf_analyzer", "CUDA provider"]
# ---

# %% [markdown]
# # Read the queue
#
# GourmetGram's own little service has grown up. From today the photos go to **Triton Inference Server**, which keeps
# many models, batches requests and counts everything. On its first morning a colleague reports: "With one sender it is
# fine. With sixteen, a photo takes sixteen times as long. Triton is slow!"
#
# Is it? The server knows where each photo spent its time. Today you read it.
#
# ## You will do
#
# Start the real Triton with the model in its Python backend; put it under the load of 1, 8 and 16 senders with NVIDIA's
# perf_analyzer; and take the latency apart: queue, input, model, output.
#
# ## You will learn
#
# - what a model repository is, and what `config.pbtxt` says;
# - to tell waiting from working, and which of the two more senders bring;
# - Little's law, which checks any measurement in one line;
# - what a request with sixteen photos in it does, and what it does not.
#
# ## You need
#
# A laptop or a node with x86-64 Linux, 40 minutes. The machine works for about a minute. The first time, Triton
# (74 MB) and perf_analyzer (7 MB) are fetched.

# %%
from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs import assets

# %%
from labs.charts import queue_compute
from labs.load import image_inputs
from labs.load.perf_analyzer import Analysis, analyze
from labs.load.served import triton_target
from labs.machine.capability import capability_text, for_lesson
from labs.serve.photos import photo, write_input_data
from labs.serve.triton import catalogue, environment, opening
from labs.serve.triton.render import render
from labs.widgets import run_with_progress
from labs.workspace import ledger, workspace_dir

print(opening.situation(), capability_text(for_lesson("33")), sep="\n")

# %% [markdown]
# ## Predict
#
# The model will have one copy. Compare one sender, who waits for each answer before he sends the next photo, with eight
# such senders at once: how many times as many answers does the server give in a second? 1 means no more than before.

# %% checkpoint="s.queue.eight_guess"
predict("s.queue.eight_guess", ...)

# %% [markdown]
# ## Act
#
# A **model repository** is a folder with one folder a model: a `config.pbtxt` that says what the model takes and gives,
# and a folder `1` with its files. Ours is written from settings in Python, which are checked before Triton sees them.

# %%
model = catalogue.food_classifier(assets.model(), instances=opening.place(1))
print(render(model.settings))

# %% [markdown]
# Read it once from top to bottom. A client sends a photo as base64 text and gets a class and its probability, so
# everything happens in here: decode, scale, run the network (in torch), name the class. The code is in
# `labs/serve/triton/models/classifier.py`. Triton runs each copy of it in a process of its own.
#
# Now start the server and send one photo by hand:

# %%
triton = run_with_progress(lambda report: opening.open_triton([model], report), "Start Triton")
one = image_inputs([photo(0)])[0]["INPUT_IMAGE"][0, 0].decode()
given = {"name": "INPUT_IMAGE", "shape": [1, 1], "datatype": "BYTES", "data": [one]}
triton.infer("food_classifier", {"inputs": [given]})["outputs"]

# %% [markdown]
# ### perf_analyzer
#
# NVIDIA's load generator keeps so many requests in flight and prints what became of them. The second line below is what
# people type; the first tells a terminal where the program is. Copy both into a terminal (*File, New, Terminal*), run
# them, and find the words *queue* and *compute infer* in what it says:

# %%
program = environment.put_on_path()
input_path = write_input_data(workspace_dir() / "input.json", [photo(number) for number in range(8)])
print(f'export PATH="{program.parent}:$PATH"')
print(f"perf_analyzer -u {triton.http} -m food_classifier --input-data {input_path} -b 1 --concurrency-range 8")

# %% [markdown]
# In here the same program runs under a progress bar, and what it measured becomes a record: the latency of every
# request, and what the server counted meanwhile.

# %%
target = triton_target(triton, model, image_inputs([photo(0)]))


def run(option: str, senders: int, pictures: int = 1):
    """Return the record of one run of perf_analyzer, kept in the ledger."""
    asked = Analysis("food_classifier", senders, pictures, input_data=input_path)
    words = f"{senders} at once, {pictures} in a request"
    record = run_with_progress(lambda say: analyze(triton, target, asked, option=option, on_progress=say), words)
    return ledger().append(record)


# %% [markdown]
# ## Measure

# %%
predicted("s.queue.eight_guess")
runs = [run("python-1", 1), run("python-8", 8), run("python-16", 16)]
queue_compute(runs)

# %%
reconcile("s.queue.eight_guess")

# %% [markdown]
# Look at the bars. The part of the *model* is about as long in each of them: a photo needs what it needs. What grows is
# the part before it.

# %%
eight = runs[1]
server, latency_s = eight.load.server, sum(eight.samples) / len(eight.samples)
print(f"mean latency {latency_s * 1e3:.1f} ms; of it queue {server.queue_s * 1e3:.1f} ms")

# %% checkpoint="s.queue.share"
# With eight senders: the share of the mean latency that a photo spent in the queue, 0 to 1.
share = ...
answer("s.queue.share", share)

# %%
check("s.queue.share")

# %% [markdown]
# So is Triton slow? Say it in the words of a mechanic: what is it that cannot go faster?

# %% checkpoint="s.queue.why"
# Why do sixteen senders get hardly more answers a second than one? One of:
# "the network is full", "one copy works on one request at a time", "the senders are too slow".
why = ...
answer("s.queue.why", why)

# %%
check("s.queue.why")

# %% [markdown]
# ### Little's law
#
# In any system that neither fills up nor runs dry: *requests inside = requests a second × seconds that each stays*.
# Nothing else is needed, no distribution and no model of the server. So it is the first thing to hold against a
# measurement: in a closed loop you know how many are inside.

# %% checkpoint="s.queue.little"
# For each of the three runs: answers a second (`record.throughput_rps.value`) times mean latency in seconds.
inside = [..., ..., ...]
answer("s.queue.little", inside)

# %%
check("s.queue.little")

# %% [markdown]
# The law also tells the colleague what he saw. When answers a second stay what they are, sixteen times the senders
# *must* wait sixteen times as long. He measured his own senders.
#
# ### Sixteen photos in one request
#
# There is another way to have sixteen photos inside: one sender, and all of them in one request. The Python model makes
# one batch of them.

# %%
batch = run("python-b16", 1, pictures=16)
pictures_rps = {"16 senders": runs[2].throughput_rps.value, "batch of 16": 16 * batch.throughput_rps.value}
queue_compute([runs[2], batch])

# %% [markdown]
# Published results of an earlier lab, on a node with two P100 (one used here), the same model in torch:
#
# | perf_analyzer | photos/s | latency | of it queue |
# |---|---:|---:|---:|
# | 1 sender | 51.5 | 19.3 ms | |
# | 8 senders | 52.4 | 152 ms | 132 ms |
# | 16 senders | 52.4 | 303 ms | |
# | batches of 16 | 656.6 | | |
#
# By what factor does the batch of sixteen raise photos a second over sixteen senders, there and here?

# %% checkpoint="s.queue.batch"
gain = {"P100": ..., "here": ...}
answer("s.queue.batch", gain)

# %%
check("s.queue.batch")

# %% [markdown]
# ## Checkpoint
#
# A GPU has thousands of small arithmetic units, and a single photo keeps few of them busy: fifteen more travel almost
# for free. A CPU core is busy with one already. Whether batches pay is a question to the hardware, and if they do,
# somebody has to make them, since users send one photo each. That is the next lesson.

# %%
check("s.queue.eight_guess")

# %%
triton.stop()

# %% [markdown]
# ## On your own
#
# - Run with 2, 3 and 4 senders. Where does throughput stop growing? Why is it not at 1?
# - `triton.statistics("food_classifier")` has the same numbers since the model was loaded, and by batch size.
# - Send something that is no photo. Which status comes back, and does the server count it as a failure?
# - Read the record's `load.usage`: how busy were the processors with one sender, and who kept them busy?
