"""The questions of "A language model": a route of OpenAI's interface, and what two levers are worth."""

from grading.builder.questions import prediction, question

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
    "A route of OpenAI's interface that streams",
    points=3,
    hint="An `async def` with `yield` in it makes the events. Which refusals must come before it begins?",
    file="labs.judge.stream:streaming_app",
    rules=[
        ("lost", "", "{lost}"),
        ("status", 200, "POST /v1/completions with `stream` answers {status}."),
        (
            "media_type",
            "text/event-stream",
            "The type is {media_type}: pass `media_type` to StreamingResponse.",
        ),
        (
            "right_events",
            True,
            "There are not ten events of a `text_completion` with a token in `choices[0].text` each.",
        ),
        (
            "streams",
            True,
            "Tokens are collected: the engine was asked for another before the one it gave was sent.",
        ),
        (
            "finish_reason",
            "length",
            "After `max_tokens` tokens, the last `finish_reason` is {finish_reason}, not `length`.",
        ),
        (
            "usage",
            True,
            "With `include_usage`, the last event before `[DONE]` has no `usage` with the right counts.",
        ),
        (
            "done",
            True,
            "The last event is not `data: [DONE]`: is that an end, or a broken connection?",
        ),
        (
            "whole",
            True,
            "Without `stream`, it is not one JSON with all the text, `usage`, and `stop` if the model ends.",
        ),
        (
            "empty",
            400,
            "An empty prompt gets {empty} and not 400: once the stream has begun, no status can tell it.",
        ),
        (
            "too_long",
            400,
            "A prompt that leaves too little room for its answer gets {too_long}: add `max_tokens`.",
        ),
    ],
    good={
        **{
            "lost": "",
            "status": 200,
            "media_type": "text/event-stream",
            "right_events": True,
        },
        **{
            "streams": True,
            "finish_reason": "length",
            "usage": True,
            "done": True,
            "whole": True,
        },
        **{"empty": 400, "too_long": 400},
    },
)
