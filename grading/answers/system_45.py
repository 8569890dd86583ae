"""Answers of lesson 45."""

# %% checkpoint="s.tokens.batch_guess"
predict("s.tokens.batch_guess", 4)

# %% checkpoint="s.tokens.app"
app_text = """
import json

from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from labs.tokens.engine import engine

app = FastAPI()


class Ask(BaseModel):
    prompt: str
    max_tokens: int = Field(32, ge=1, le=256)


@app.post("/generate")
async def generate(ask: Ask):
    async def events():
        async for token in engine.stream(ask.prompt, ask.max_tokens):
            yield f"data: {json.dumps({'token': token})}\\n\\n"
        yield "data: [DONE]\\n\\n"

    return StreamingResponse(events(), media_type="text/event-stream")
"""


# %% checkpoint="s.tokens.token"
def token_of(line):
    content = line.removeprefix("data:").strip()
    if not line.startswith("data:") or content == "[DONE]":
        return None
    import json

    return json.loads(content)["token"]


# %% checkpoint="s.tokens.times"
def times(sent_s, arrived_s):
    return [arrived_s[0] - sent_s, (arrived_s[-1] - arrived_s[0]) / (len(arrived_s) - 1)]


# %% checkpoint="s.tokens.kv_cache"
def kv_cache_bytes(config, tokens, prompts, bytes_per_number):
    head = config["hidden_size"] // config["num_attention_heads"]
    numbers = 2 * config["num_hidden_layers"] * config["num_key_value_heads"] * head
    return numbers * tokens * prompts * bytes_per_number


# %% checkpoint="s.tokens.prefix_guess"
predict("s.tokens.prefix_guess", 10)

# %% checkpoint="s.tokens.order"
answer(
    "s.tokens.order",
    {
        "order": "menu, guest's name, question",
        "reason": "The menu is the same for all guests, so its keys and values are computed once and found again; "
        "the first token that differs ends the shared prefix.",
    },
)
