"""The questions of "Serve over HTTP": a route that keeps its promise, how many may wait, and a container image."""

from grading.builder.questions import another, at_most, not_, prediction, question

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
    hint="Go through the table row by row: which line of your route makes that row true? A `try` around two lines, and "
    "one `except`, are enough for everything that is no photo.",
    file="labs.judge.app:app",
    rules=[
        ("lost", "", "{lost}"),
        ("photo", 200, "A photo is answered with {photo} instead of 200. The answer says: {said}"),
        (
            "fields",
            ["prediction", "probability"],
            "An answer holds {fields}. Phones read `prediction` and `probability`, and nothing else.",
        ),
        ("right", True, "It answers {said}, which is not what `classify` says of this photo."),
        (
            "no_field",
            422,
            "A request without `image` is answered with {no_field}: let a pydantic model hold it.",
        ),
        (
            "no_base64",
            422,
            "The text 'lunch.jpg' is no base64, and is answered with {no_base64}. 200 would look like success, and 500 "
            "says that the service is broken. Does `b64decode` validate, and is its error caught?",
        ),
        ("no_image", 422, "Base64 of 'hello' is no photo, and is answered with {no_image}: catch what PIL raises."),
        ("cut", 422, "A photo that ends in the middle is answered with {cut}: only `classify` notices that."),
        ("large", 413, "10,000,001 bytes are answered with {large} instead of 413: let `from_base64` compare them."),
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
        ("full", 503, "Where nobody more may wait, it answers with {full}: is the work done inside `with place():`?"),
        (
            "placed",
            True,
            "Not every call of the model comes from inside `with place():`, so some pass those that wait.",
        ),
        (
            "returns",
            ["prediction", "probability"],
            "`/openapi.json` does not say what an answer holds: name your second model as `response_model`.",
        ),
        ("many", 200, "`POST /predict/many` with six photos is answered with {many}: {many_said}"),
        ("many_right", True, "Six photos in a request are not answered as each alone, in their order: {many_said}"),
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
        ("too_many", 422, "Nine images in a request are answered with {too_many}: `Field(max_length=8)` bounds them."),
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
    "http.may_wait",
    "How many may wait",
    points=2,
    hint="How many whole rounds fit before the deadline? To whom does the first of them belong?",
)
def may_wait(random):
    each = int(random.integers(11, 90)) / 1000
    yield (
        (0.25, 0.1, 1),
        "Two whole rounds fit into 0.25 s. In the first one the worker is busy with another, so one may wait.",
    )
    yield (0.25, 0.1, 4), "Four workers take four of the waiting in one round."
    yield (
        (0.39, 0.1, 4),
        "Three whole rounds fit into 0.39 s, the first is taken, and two rounds of four are left. What is begun in a "
        "fourth round is not finished in time.",
    )
    yield (each * (int(random.integers(5, 20)) + 0.4), each, int(random.integers(2, 9))), ""
    yield (0.15, 0.1, 2), "Only one round fits, and it belongs to those who are busy: nobody may wait."
    yield (0.05, 0.1, 3), "Not even one round fits. Nobody may wait, and fewer than 0 cannot."


@another("http.may_wait")
def another_may_wait(deadline_s, seconds_each, workers):
    waiting, ends_s = 0, 2 * seconds_each
    while ends_s <= deadline_s:
        waiting, ends_s = waiting + workers, ends_s + seconds_each
    return waiting


question(
    "http.dockerfile",
    "A Dockerfile",
    points=2,
    hint="Seven lines: FROM, WORKDIR, COPY, RUN, COPY, USER, CMD.",
    file="labs.checkpoints.reads.http:dockerfile",
    rules=[
        ("fault", "", "Docker cannot read it. {fault}."),
        ("base", not_(""), "It has no line `FROM`: an image always begins with another one."),
        ("tagged", True, "`{base}` names no version: tomorrow it may be another Python."),
        (
            "missing",
            "",
            "`{missing}` cannot be copied: the folder holds `requirements.txt` and the three `.py` files alone.",
        ),
        (
            "lacking",
            "",
            "The app needs packages that no `RUN` installs: {lacking}. Copy `requirements.txt`, then "
            "`RUN pip install -r requirements.txt`.",
        ),
        (
            "absent",
            "",
            "What starts in the last `WORKDIR` does not find these files there: {absent}. `COPY` all three.",
        ),
        (
            "cached",
            True,
            "The app is copied before the packages are installed, so each change installs all anew.",
        ),
        ("root", False, "It runs as root. Name another `USER`: who breaks in then owns less."),
        ("uvicorn", True, "`CMD` in its list form begins with uvicorn: a shell around it would not pass signals on."),
        ("starts", True, "`CMD` starts something else than `app` of `app.py`: `app:app`."),
        ("everywhere", True, "uvicorn listens to the container's own loopback, where nobody asks: `--host 0.0.0.0`."),
    ],
    good={"base": "python:3.12-slim", "root": False}
    | dict.fromkeys(("fault", "missing", "lacking", "absent"), "")
    | dict.fromkeys(("tagged", "cached", "uvicorn", "starts", "everywhere"), True),
)
