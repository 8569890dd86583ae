"""The questions of "Serve with Triton": a configuration, and a model that answers requests together."""

from grading.builder.questions import at_least, prediction, question

prediction(
    "triton.eight",
    "Eight clients instead of one: how many times as many photos, and how many times as long a wait?",
    about={"kind": "load", "option": "python-8"},
    unit="×",
    between=(0.05, 100),
    answers="photos a second",
    latency="latency",
)

question(
    "triton.config",
    "What the model takes and gives",
    points=1,
    hint="`input` and `output` are lists: square brackets around them, curly ones around each tensor, commas between.",
    file="labs.checkpoints.reads.triton_configs:config",
    rules=[
        ("fault", "", "Triton cannot read it: {fault}"),
        (
            "inputs",
            ["INPUT_IMAGE TYPE_STRING [1]"],
            "Its inputs are {inputs}. It takes one, `INPUT_IMAGE`: a text, with `dims: [ 1 ]`.",
        ),
        (
            "outputs",
            ["FOOD_LABEL TYPE_STRING [1]", "PROBABILITY TYPE_FP32 [1]"],
            "Its outputs are {outputs}. It gives two, `FOOD_LABEL` as a text and `PROBABILITY` as TYPE_FP32.",
        ),
        (
            "max_batch_size",
            at_least(16),
            "`max_batch_size` is {max_batch_size}: leave the given lines as they are.",
        ),
        (
            "backend",
            "python",
            "Its backend is '{backend}': leave the given lines as they are.",
        ),
    ],
    good={
        "fault": "",
        "inputs": ["INPUT_IMAGE TYPE_STRING [1]"],
        "outputs": ["FOOD_LABEL TYPE_STRING [1]", "PROBABILITY TYPE_FP32 [1]"],
        "max_batch_size": 16,
        "backend": "python",
    },
)

question(
    "triton.model",
    "A model for the Python backend",
    points=4,
    hint="A loop that collects inputs and remembers which rows are whose; then one run; then a loop that answers.",
    file="labs.judge.triton:model",
    rules=[
        ("lost", "", "{lost}"),
        (
            "right",
            at_least(5),
            "Of six photos, sent one by one, {right} get their class. {said}",
        ),
        (
            "rows",
            at_least(5),
            "Six photos in one request get {rows} right rows: take all texts of a request.",
        ),
        (
            "burst",
            at_least(40),
            "Eight clients at once: {burst} of 48 requests got their own class. `execute` gets several requests then, "
            "and returns as many responses in the same order. {said}",
        ),
        (
            "refused",
            True,
            "One request of six holds half a photo: give that one an error, the others their answers. {said}",
        ),
        (
            "blamed",
            "invalid argument",
            "Half a photo is refused as if the server were broken ({blamed}): the code `TritonError.INVALID_ARG` says "
            "that it is the request.",
        ),
        (
            "calls",
            1,
            "One `execute` calls `self.probabilities` {calls} times: collect the images of all its requests before it.",
        ),
    ],
    good={
        "lost": "",
        "said": "",
        "right": 6,
        "rows": 6,
        "burst": 48,
        "refused": True,
        "calls": 1,
    }
    | {"blamed": "invalid argument"},
)
