"""The questions of "Serve with Triton": a configuration, and a model that answers
requests together.
"""

from grading.builder.questions import at_least, prediction, question

prediction(
    "triton.eight",
    "Eight clients instead of one: by what factor do photos and waiting times grow?",
    about={"kind": "load", "option": "python-8"},
    unit="×",
    between=(0.05, 100),
    answers="photos a second",
    latency="latency",
)

CONFIG_RULES = [
    ("fault", "", "Triton cannot read it: {fault}"),
    (
        "inputs",
        ["INPUT_IMAGE TYPE_STRING [1]"],
        "Its inputs are {inputs}. It must have one input, `INPUT_IMAGE`: a text "
        "(`TYPE_STRING`), with `dims: [ 1 ]`.",
    ),
    (
        "outputs",
        ["FOOD_LABEL TYPE_STRING [1]", "PROBABILITY TYPE_FP32 [1]"],
        "Its outputs are {outputs}. It must have two: `FOOD_LABEL`, a text, and "
        "`PROBABILITY`, of TYPE_FP32, each with `dims: [ 1 ]`.",
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
    (
        "name",
        "food_classifier",
        "Its name is '{name}': leave the given lines as they are.",
    ),
    (
        "placed",
        "1 on CPU",
        "Its instances are '{placed}' instead of '1 on CPU': leave the given "
        "`instance_group` as it is.",
    ),
    (
        "batching",
        False,
        "It has `dynamic_batching`, which changes the figures of this lesson. Leave it "
        "out: the next lesson measures it.",
    ),
]

CONFIG_FACTS = {
    "fault": "",
    "inputs": ["INPUT_IMAGE TYPE_STRING [1]"],
    "outputs": ["FOOD_LABEL TYPE_STRING [1]", "PROBABILITY TYPE_FP32 [1]"],
    "max_batch_size": 16,
    "backend": "python",
    "name": "food_classifier",
    "placed": "1 on CPU",
    "batching": False,
}

question(
    "triton.config",
    "The model's inputs and outputs",
    points=1,
    hint="`input` and `output` are lists: square brackets around them, curly ones "
    "around each tensor, commas between.",
    file="labs.checkpoints.reads.triton_configs:config",
    ledger_only=True,
    rules=CONFIG_RULES,
    good=CONFIG_FACTS,
)

MODEL_RULES = [
    ("lost", "", "{lost}"),
    (
        "right",
        at_least(5),
        "Six photos were sent one by one, and {right} of them got the right class. "
        "{said}",
    ),
    (
        "rows",
        at_least(5),
        "Six photos in one request got {rows} right rows: read all texts of a request, "
        "not only the first.",
    ),
    (
        "formed",
        True,
        "Of six photos in one request, `FOOD_LABEL` must be an array of bytes and "
        "`PROBABILITY` one of float32, both of the shape (6, 1), with the probability of "
        "each photo's class. Make each response with the given `answer`.",
    ),
    (
        "burst",
        at_least(40),
        "Eight clients at once: {burst} of 48 requests got the right class. "
        "`execute` then gets several requests, and must return one response per "
        "request, in the same order. {said}",
    ),
    (
        "refused",
        True,
        "Of ten requests, four contain half a photo, or a text that is no photo: return an "
        "error for each of these, also if its other photos are whole, and answers for the "
        "others. {said}",
    ),
    (
        "blamed",
        "invalid argument",
        "Half a photo is refused as if the server were broken ({blamed}). Pass the "
        "code `TritonError.INVALID_ARG`: the request is at fault.",
    ),
    (
        "reason",
        True,
        "A refusal has no text. Pass the `PhotoError` as the text of the `TritonError`, so "
        "that the client can see what is wrong.",
    ),
    (
        "alone",
        True,
        "If an `execute` gets nothing but half a photo, the request is not refused: call "
        "`self.probabilities` only if there are images. {said}",
    ),
    (
        "calls",
        1,
        "One `execute` calls `self.probabilities` {calls} times: collect the "
        "images of all requests first, then call it once.",
    ),
]

MODEL_FACTS = {
    "lost": "",
    "said": "",
    "right": 6,
    "rows": 6,
    "formed": True,
    "burst": 48,
    "refused": True,
    "blamed": "invalid argument",
    "reason": True,
    "alone": True,
    "calls": 1,
}

question(
    "triton.model",
    "A model for the Python backend",
    points=6,
    hint="Write a loop that collects inputs and remembers the rows of each request, "
    "then one call, then a loop that makes the responses.",
    file="labs.judge.triton:model",
    rules=MODEL_RULES,
    good=MODEL_FACTS,
)
