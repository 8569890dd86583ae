"""The questions of "Build an ensemble": the ONNX backend, and three models wired into
one.
"""

from grading.builder.questions import at_least, prediction, question

prediction(
    "ensemble.race",
    "Eight clients: by what factor does each beat the Python model with the same file?",
    about={"kind": "load", "option": "onnx"},
    unit="×",
    between=(0.01, 1000),
    onnx="the ONNX model, for numbers",
    ensemble="the ensemble, for photos",
)

ONNX_RULES = [
    ("fault", "", "Triton cannot read it: {fault}"),
    (
        "name",
        "food_classifier_onnx",
        "Its name is '{name}'. It must be the folder's name, `food_classifier_onnx`.",
    ),
    ("backend", "onnxruntime", "Its backend is '{backend}' instead of `onnxruntime`."),
    (
        "max_batch_size",
        16,
        "`max_batch_size` is {max_batch_size} instead of 16: keep the given line.",
    ),
    (
        "inputs",
        ["input TYPE_FP32 [3, 224, 224]"],
        "Its inputs are {inputs}. The file has one input, `input`, with three axes "
        "after the batch axis.",
    ),
    (
        "outputs",
        ["output TYPE_FP32 [11]"],
        "Its outputs are {outputs}. The file has one output: `output`, with 11 numbers.",
    ),
    (
        "instances",
        1,
        "It has {instances} instances instead of one: set `count: 1` in an "
        "`instance_group`.",
    ),
    (
        "placed",
        "1 on CPU",
        "Its instance is '{placed}' instead of '1 on CPU': set `kind: KIND_CPU`.",
    ),
]

ONNX_FACTS = {
    "fault": "",
    "name": "food_classifier_onnx",
    "backend": "onnxruntime",
    "max_batch_size": 16,
    "inputs": ["input TYPE_FP32 [3, 224, 224]"],
    "outputs": ["output TYPE_FP32 [11]"],
    "instances": 1,
    "placed": "1 on CPU",
}

question(
    "ensemble.onnx",
    "A configuration for the ONNX backend",
    points=2,
    hint="Copy the lines of `food_classifier`, and change names, types and dims. "
    "`dims` does not contain the batch axis.",
    file="labs.checkpoints.reads.triton_configs:config",
    ledger_only=True,
    rules=ONNX_RULES,
    good=ONNX_FACTS,
)

_STEPS = ["food_classifier_onnx", "food_label", "food_preprocess"]

STEPS_RULES = [
    ("loaded", True, "Triton does not load it. It says: {reason}"),
    ("reason", "", "Triton loads it, but it gives no answer. Triton says: {reason}"),
    (
        "max_batch_size",
        16,
        "Its `max_batch_size` is {max_batch_size} instead of 16: keep the given line, since "
        "its steps take 16 photos at once.",
    ),
    (
        "steps",
        _STEPS,
        "Its steps are {steps}. It needs three steps: each given model once.",
    ),
    ("ran", _STEPS, "A photo passed only {ran}. It must pass all three models."),
    (
        "probability",
        True,
        "Its answer has no `PROBABILITY`: map both outputs of `food_label`.",
    ),
    (
        "right",
        at_least(5),
        "{right} of 6 photos get the class that PyTorch gives them. Check that each "
        "tensor is connected to the right one.",
    ),
]

STEPS_FACTS = {
    "loaded": True,
    "reason": "",
    "max_batch_size": 16,
    "steps": _STEPS,
    "ran": _STEPS,
    "probability": True,
    "right": 6,
}

question(
    "ensemble.steps",
    "Three models, wired into one",
    points=3,
    hint="Follow a photo along the arrows. Each name on an arrow occurs twice: as an "
    "output of one step, and as an input of another.",
    file="labs.checkpoints.reads.ensemble:ensemble",
    ledger_only=True,
    rules=STEPS_RULES,
    good=STEPS_FACTS,
)
