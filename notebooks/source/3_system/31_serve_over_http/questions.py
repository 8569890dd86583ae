"""The questions of "Serve over HTTP": a route that keeps its promise, and Amdahl's
law.
"""

from grading.builder.questions import (
    at_most,
    domain,
    pick,
    prediction,
    question,
)

prediction(
    "http.sixteen",
    "Sixteen clients instead of one: by what factor do answers and waiting times grow?",
    about={"kind": "load", "option": "http-16"},
    unit="×",
    between=(0.05, 200),
    answers="answers a second",
    latency="median latency",
)

#: Megabytes of a 60 MB body that the app may receive before it refuses the request.
FEW_MB = at_most(20)

APP_RULES = [
    ("lost", "", "{lost}"),
    (
        "photo",
        200,
        "A photo is answered with {photo} instead of 200. The answer says: {said}",
    ),
    (
        "fields",
        ["prediction", "probability"],
        "An answer contains {fields}. It must contain `prediction` and `probability` "
        "only: phones read these two.",
    ),
    (
        "right",
        True,
        "It answers {said}, but `classify` returns another result for this photo.",
    ),
    (
        "no_field",
        422,
        "A request without `image` is answered with {no_field} instead of 422. Declare "
        "the route's argument as a pydantic model.",
    ),
    (
        "no_text",
        422,
        "A request whose `image` is the number 7 is answered with {no_text} instead of "
        "422. Declare `image` as a `str`.",
    ),
    (
        "no_base64",
        422,
        "The text 'lunch.jpg' is not base64, and is answered with {no_base64} instead "
        "of 422. 200 would look like success, and 500 like a broken service. "
        "`from_base64` raises a `PhotoError`: let the given `refuse` answer it.",
    ),
    (
        "no_image",
        422,
        "The base64 of 'hello' is not a photo, and is answered with {no_image} instead "
        "of 422: let `open_photo` refuse it.",
    ),
    (
        "cut",
        422,
        "A photo that is cut off in the middle is answered with {cut} instead of 422: "
        "let `open_photo` refuse it.",
    ),
    (
        "large",
        413,
        "A photo of 10,000,001 bytes is answered with {large} instead of 413: let "
        "`from_base64` check the size.",
    ),
    (
        "pixels",
        413,
        "A PNG of 30 million pixels is answered with {pixels} instead of 413: "
        "let `open_photo` check the number of pixels.",
    ),
    (
        "endless",
        413,
        "A body of 60 MB that arrives in pieces is answered with {endless} instead of "
        "413: keep the line `guard(app)`.",
    ),
    (
        "endless_mb",
        FEW_MB,
        "It received {endless_mb} MB of a 60 MB body before it refused the request: "
        "keep the line `guard(app)`, which counts the bytes.",
    ),
    (
        "full",
        503,
        "When the waiting room is full, it answers with {full} instead of 503: do all "
        "image work inside `with place():`.",
    ),
    (
        "many",
        200,
        "`POST /predict/many` with eight photos is answered with {many}: {many_said}",
    ),
    (
        "many_full",
        503,
        "When the waiting room is full, `/predict/many` answers with {many_full} instead of "
        "503: do its image work inside `with place():`, too.",
    ),
    (
        "placed",
        True,
        "Some calls of the model are outside `with place():`, so they overtake waiting "
        "requests. Move them inside.",
    ),
    (
        "opened_inside",
        True,
        "Some photos are opened outside `with place():`, so too many are decoded at the "
        "same time. Call `open_photo` inside.",
    ),
    (
        "returns",
        ["prediction", "probability"],
        "`/openapi.json` does not describe the answer: add `response_model=Answer` to "
        "the route.",
    ),
    (
        "many_right",
        True,
        "Eight photos in one request must get the same answers as eight single requests, "
        "in the same order. The answer is: {many_said}",
    ),
    (
        "many_refused",
        True,
        "Of eight texts, one is half a photo and one is no base64. Return "
        '{{"error": "…"}} with the reason at their positions, and the other six answers at '
        "theirs. It answers {many_said}",
    ),
    (
        "many_calls",
        1,
        "For eight photos in one request, it calls the model {many_calls} times: collect "
        "the images, then call `classify` once.",
    ),
    (
        "too_many",
        422,
        "Nine images in one request are answered with {too_many} instead of 422: "
        "declare the list with `Field(max_length=8)`.",
    ),
    (
        "waits",
        "",
        "While `{waits}` opens a photo or the model computes it, `/healthz` does not "
        "answer: the event loop waits. Write the route with `def`, so that FastAPI runs it "
        "on a separate thread. In an `async def`, blocking work stops all requests.",
    ),
]

APP_FACTS = {
    "lost": "",
    "photo": 200,
    "said": "{}",
    "fields": ["prediction", "probability"],
    "right": True,
    "no_field": 422,
    "no_text": 422,
    "no_base64": 422,
    "no_image": 422,
    "cut": 422,
    "large": 413,
    "pixels": 413,
    "endless": 413,
    "endless_mb": 15,
    "full": 503,
    "many_full": 503,
    "placed": True,
    "opened_inside": True,
    "returns": ["prediction", "probability"],
    "many": 200,
    "many_said": "[]",
    "many_right": True,
    "many_refused": True,
    "many_calls": 1,
    "too_many": 422,
    "waits": "",
}

question(
    "http.app",
    "A route with its schema and its refusals",
    points=6,
    hint="Check the table row by row: which of your lines makes the row true? The given "
    "`refuse` answers a `PhotoError` of a single photo, and the given `opened` answers "
    "it for one photo of several.",
    file="labs.judge.app:app",
    rules=APP_RULES,
    good=APP_FACTS,
)


@question(
    "http.amdahl",
    "Amdahl's law",
    points=1,
    hint="Let a request take 1 second. How much of it stays unchanged, and how long "
    "does the faster share take now?",
)
def amdahl(random):
    yield (
        (0.5, 2.0),
        "0.5 s stay unchanged, and the other 0.5 s become 0.25 s. 1 s / 0.75 s = 1.33.",
    )
    yield (
        (0.8, 1e9),
        "The model takes almost no time now, but the other 0.2 s remain: 1 / 0.2 = 5.",
    )
    yield (
        (0.25, 0.5),
        "A factor of 0.5 makes the share slower: 0.75 s + 0.5 s, so fewer requests than "
        "before.",
    )
    share = int(random.integers(10, 95)) / 100
    factor = int(random.integers(15, 60)) / 10
    yield (share, factor), ""


@domain("http.amdahl")
def any_share(random):
    return pick(random, 0.0, 1.0, random.random()), random.uniform(0.2, 20)
