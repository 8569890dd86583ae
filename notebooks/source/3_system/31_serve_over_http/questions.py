"""The questions of "Serve over HTTP": a route that keeps its promise, and Amdahl's law."""

from grading.builder.questions import at_most, prediction, question

prediction(
    "http.sixteen",
    "Sixteen clients instead of one: how many times as many answers, and how many times as long a wait?",
    about={"kind": "load", "option": "http-16"},
    unit="×",
    between=(0.05, 200),
    answers="answers a second",
    latency="median latency",
)

question(
    "http.app",
    "A route with its schema and its refusals",
    points=4,
    hint="Go through the table row by row: which line makes that row true? What is given answers a `PhotoError`: "
    "`refuse` for a whole request, `opened` for one photo of several.",
    file="labs.judge.app:app",
    rules=[
        ("lost", "", "{lost}"),
        (
            "photo",
            200,
            "A photo is answered with {photo} instead of 200. The answer says: {said}",
        ),
        (
            "fields",
            ["prediction", "probability"],
            "An answer holds {fields}. Phones read `prediction` and `probability`, and nothing else.",
        ),
        (
            "right",
            True,
            "It answers {said}, which is not what `classify` says of this photo.",
        ),
        (
            "no_field",
            422,
            "A request without `image` is answered with {no_field}: let a pydantic model hold it.",
        ),
        (
            "no_base64",
            422,
            "The text 'lunch.jpg' is no base64, and is answered with {no_base64}. 200 would look like success, and 500 "
            "says that the service is broken. `from_base64` refuses it, and the given `refuse` says so.",
        ),
        (
            "no_image",
            422,
            "Base64 of 'hello' is no photo, and is answered with {no_image}: let `open_photo` refuse it.",
        ),
        (
            "cut",
            422,
            "A photo that ends in the middle is answered with {cut}: let `open_photo` refuse it.",
        ),
        (
            "large",
            413,
            "10,000,001 bytes are answered with {large} instead of 413: let `from_base64` compare them.",
        ),
        (
            "pixels",
            413,
            "A PNG of 30 million pixels is answered with {pixels} instead of 413: `open_photo` reads how many it has.",
        ),
        (
            "endless",
            413,
            "A body of 60 MB that comes piece by piece is answered with {endless}, and not 413: `guard(app)`.",
        ),
        (
            "endless_mb",
            at_most(20),
            "It took {endless_mb} MB of a body of 60 before it refused it: `guard(app)` counts.",
        ),
        (
            "full",
            503,
            "When no more may wait, it answers with {full}: is the work done inside `with place():`?",
        ),
        (
            "placed",
            True,
            "Not every call of the model comes from inside `with place():`, so some pass those that wait.",
        ),
        (
            "returns",
            ["prediction", "probability"],
            "`/openapi.json` does not say what an answer holds: name `Answer` as `response_model`.",
        ),
        (
            "many",
            200,
            "`POST /predict/many` with six photos is answered with {many}: {many_said}",
        ),
        (
            "many_right",
            True,
            "Six photos in a request are not answered as each alone, in their order: {many_said}",
        ),
        (
            "many_refused",
            True,
            "Of six texts one is half a photo: `error` is to stand in its place, and the others' answers in theirs. It "
            "answers {many_said}",
        ),
        (
            "many_calls",
            1,
            "Six photos in a request call the model {many_calls} times: collect the images, then call `classify` once.",
        ),
        (
            "too_many",
            422,
            "Nine images in a request are answered with {too_many}: `Field(max_length=8)` bounds them.",
        ),
        (
            "alive",
            True,
            "While the model computes a photo, `/healthz` does not answer: the event loop waits for the model. FastAPI "
            "gives a route a thread of its own if it is written with `def`; after `async def`, what blocks stops all.",
        ),
    ],
    good={
        "lost": "",
        "alive": True,
        "placed": True,
        "many": 200,
        "many_said": "[]",
        "many_calls": 1,
        "pixels": 413,
        "photo": 200,
        "said": "{}",
        "right": True,
        "large": 413,
        "full": 503,
    }
    | dict.fromkeys(("no_field", "no_base64", "no_image", "cut", "too_many"), 422)
    | {"endless": 413, "endless_mb": 15, "many_right": True, "many_refused": True}
    | {name: ["prediction", "probability"] for name in ("fields", "returns")},
)


@question(
    "http.amdahl",
    "Amdahl's law",
    points=2,
    hint="Let a request take 1 second. How much of it is left as it was, and what becomes of the share?",
)
def amdahl(random):
    yield (
        (0.5, 2.0),
        "Of 1 s, half stays and the other half takes 0.25 s: 0.75 s, so 1.33 times as many.",
    )
    yield (
        (0.8, 1e9),
        "The model takes next to nothing, and the other fifth of the time is still there: 5 times as many.",
    )
    yield (
        (0.25, 0.5),
        "This change made its share slower: 0.75 s and 0.5 s, so fewer than before.",
    )
    yield (int(random.integers(10, 95)) / 100, int(random.integers(15, 60)) / 10), ""
