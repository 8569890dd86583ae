"""The questions of "A language model": a route of OpenAI's interface, and the gains from
batches and from a known prefix.
"""

from grading.builder.questions import prediction, question

prediction(
    "tokens.times",
    "By what factor do tokens per second grow, and does a first token come faster?",
    about={"kind": "load", "option": "tokens-16"},
    unit="×",
    between=(0.1, 1000),
    sixteen="tokens a second with sixteen prompts, over one",
    known="the first token, if the prefix is known",
)

APP_RULES = [
    ("lost", "", "{lost}"),
    (
        "models",
        True,
        "`GET /v1/models` must be a list with one model, `engine.model`: clients ask for "
        "its name first.",
    ),
    ("status", 200, "POST /v1/completions with `stream` answers {status}, not 200."),
    (
        "media_type",
        "text/event-stream",
        "The type is {media_type}: pass `media_type` to StreamingResponse.",
    ),
    (
        "max_tokens",
        10,
        "A client asked for 10 tokens, and your app asked the engine for {max_tokens}: pass "
        "`ask.max_tokens` to `engine.stream`.",
    ),
    (
        "prompt",
        True,
        "The engine got another prompt than the client sent: pass `ask.prompt` unchanged.",
    ),
    (
        "early_reason",
        "",
        "An event has the `finish_reason` {early_reason} before the last one, so a client "
        "stops there. It is null while tokens come.",
    ),
    (
        "right_events",
        True,
        "The stream must have ten events of the object `text_completion`, each with one "
        "token in `choices[0].text` and the `index` 0, then one with an empty text.",
    ),
    (
        "streams",
        True,
        "Your app collects tokens. Send each token before you ask the engine for the "
        "next one.",
    ),
    (
        "finish_reason",
        "length",
        "After `max_tokens` tokens, the last `finish_reason` is {finish_reason}, "
        "not `length`.",
    ),
    (
        "usage",
        True,
        "With `include_usage`, the last event before `[DONE]` has no `usage` with "
        "the right counts.",
    ),
    (
        "done",
        True,
        "The last event is not `data: [DONE]`, so clients cannot tell an end from a "
        "broken connection. Send it last.",
    ),
    (
        "whole",
        True,
        "Without `stream`, the reply must be one JSON object with the complete text, "
        "`usage`, and the finish reason `stop` if the model ends.",
    ),
    (
        "ignores_eos",
        True,
        "With `ignore_eos`, the model must go on to `max_tokens`: pass `ask.ignore_eos` to "
        "`engine.stream`.",
    ),
    (
        "default",
        16,
        "A client that does not say `max_tokens` gets up to {default} tokens, and OpenAI's "
        "interface says 16: keep the field of `Ask`.",
    ),
    (
        "unasked",
        False,
        "A client that did not ask for `include_usage` gets an event without a choice, and "
        "fails at `choices[0]`. Send the event with `usage` only on request.",
    ),
    (
        "named",
        True,
        "All events of a completion must have the same `id`, another one in each "
        "completion, and the engine's `model`, also without `stream`.",
    ),
    (
        "created",
        True,
        "All events, and the reply without `stream`, must have `created`: the time in whole "
        "seconds, `int(time.time())`.",
    ),
    (
        "empty",
        400,
        "An empty prompt gets {empty} instead of 400. Refuse it before the stream "
        "begins: the status is sent first.",
    ),
    (
        "too_long",
        400,
        "A prompt that leaves too little room for its answer gets {too_long} instead of "
        "400. Compare `engine.count` plus `max_tokens` with `engine.limit`.",
    ),
    (
        "reason",
        "",
        "A refusal needs a reason in OpenAI's form. An empty and a long prompt have "
        "{reason} in `error.message`: raise an `HTTPException` with a text for each.",
    ),
    (
        "fits",
        200,
        "A prompt that just fits, with `max_tokens` up to `engine.limit`, gets {fits} instead "
        "of 200.",
    ),
]

APP_FACTS = {
    "lost": "",
    "status": 200,
    "media_type": "text/event-stream",
    "right_events": True,
    "streams": True,
    "finish_reason": "length",
    "usage": True,
    "done": True,
    "whole": True,
    "max_tokens": 10,
    "models": True,
    "prompt": True,
    "early_reason": "",
    "default": 16,
    "created": True,
    "reason": "",
    "ignores_eos": True,
    "unasked": False,
    "named": True,
    "empty": 400,
    "too_long": 400,
    "fits": 200,
}

question(
    "tokens.app",
    "A route of OpenAI's interface that streams",
    points=4,
    hint="Let an `async def` with `yield` make the events. Which requests must you "
    "refuse before it begins?",
    file="labs.deeper.tokens.judge:streaming_app",
    rules=APP_RULES,
    good=APP_FACTS,
)
