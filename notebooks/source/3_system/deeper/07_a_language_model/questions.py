"""The questions of "A language model": a streaming route, the two latencies, and what keys and values take."""

from grading.builder.questions import another, prediction, question

prediction(
    "tokens.times",
    "How many times as many tokens, and how many times as fast a first one?",
    about={"kind": "load", "option": "tokens-16"},
    unit="×",
    between=(0.1, 1000),
    sixteen="tokens a second with sixteen prompts, over one",
    known="the first token, if the beginning is known",
)

question(
    "tokens.app",
    "A route that streams tokens as they come",
    points=3,
    hint="An `async def` with `yield` in it makes the events. What describes the body, with its bounds?",
    file="labs.judge.stream:streaming_app",
    rules=[
        ("lost", "", "{lost}"),
        ("status", 200, "POST /generate with a prompt and max_tokens answers {status}."),
        (
            "media_type",
            "text/event-stream",
            "The reply's type is {media_type}: pass `media_type` to StreamingResponse.",
        ),
        (
            "right_events",
            True,
            "There are not ten events with a token each: `data: `, JSON with `token`, an empty line.",
        ),
        (
            "streams",
            True,
            "The engine was asked for another token before the one that it had given was sent. Tokens are collected: "
            "`yield` each as it comes.",
        ),
        ("done", True, "The last event is not `data: [DONE]`: is that an end, or a broken connection?"),
        ("without_prompt", 422, "A body without `prompt` gets {without_prompt} and not 422: describe it by a model."),
        (
            "too_many",
            422,
            "100,000 tokens are accepted: one client would hold a place for an hour. Set an upper bound.",
        ),
    ],
    good={
        "lost": "",
        "status": 200,
        "media_type": "text/event-stream",
        "right_events": True,
        "streams": True,
        "done": True,
        "without_prompt": 422,
        "too_many": 422,
    },
)


@question(
    "tokens.latencies",
    "Time to first token, and time per output token",
    points=2,
    hint="How many gaps are there between so many tokens? And does the first token's wait belong to the pace?",
)
def latencies(random):
    yield (0.0, [1.0, 1.5]), "The first token came after 1 s, and the second half a second later."
    yield (10.0, [11.0, 11.5]), "It was sent at 10 s: the first token took 1 s, and not 11."
    yield (0.0, [2.0, 2.1, 2.2, 2.3]), "Four tokens have three gaps of 0.1 s between them."
    yield (0.0, [5.0, 5.2, 5.4]), "The 5 s before the first token do not belong to the pace after it, 0.2 s."
    first = float(random.integers(1, 20)) / 10
    yield (0.0, [first + step * float(random.integers(1, 9)) / 100 for step in range(6)]), ""


@question(
    "tokens.kv_cache",
    "How many bytes the keys and values take",
    points=2,
    hint="What does each layer keep for each token, and for how many heads? How many numbers has a head?",
)
def kv_cache(random):
    def config(hidden, layers, heads, groups):
        names = ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
        return dict(zip(names, (hidden, layers, heads, groups), strict=True))

    yield (config(8, 1, 1, 1), 1, 1, 1), "One layer, one head of 8 numbers: a key and a value are 16 bytes."
    yield (config(8, 3, 1, 1), 1, 1, 1), "Each of the 3 layers keeps its own 16 bytes."
    yield (config(8, 1, 2, 2), 1, 1, 1), "Two heads share the 8 numbers: each has 4, and together they keep 16 bytes."
    yield (config(8, 1, 4, 2), 1, 1, 1), "Four query heads of 2 numbers share two heads of keys and values: 8 bytes."
    yield (config(8, 1, 1, 1), 5, 3, 2), "Fifteen tokens in all, 2 bytes per number: 480 bytes."
    groups = int(random.integers(1, 4))
    yield (config(64 * groups * 3, int(random.integers(2, 9)), groups * 3, groups), 100, 4, 2), ""
