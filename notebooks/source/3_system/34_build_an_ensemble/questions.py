"""The questions of "Build an ensemble": the ONNX backend, and three models wired into one."""

from grading.builder.questions import at_least, prediction, question

prediction(
    "ensemble.race",
    "Eight clients: how many times as many answers a second as the Python model with the same file?",
    about={"kind": "load", "option": "onnx"},
    unit="×",
    between=(0.01, 1000),
    onnx="the ONNX model, for numbers",
    ensemble="the ensemble, for photos",
)

question(
    "ensemble.onnx",
    "A configuration for the ONNX backend",
    points=2,
    hint="Its lines are those of `food_classifier`, with other names, types and dims. The batch is not in `dims`.",
    file="labs.checkpoints.reads.triton_configs:config",
    rules=[
        ("fault", "", "Triton cannot read it: {fault}"),
        (
            "name",
            "food_classifier_onnx",
            "Its name is '{name}', and the folder is called `food_classifier_onnx`.",
        ),
        ("backend", "onnxruntime", "Its backend is '{backend}', and not `onnxruntime`."),
        (
            "max_batch_size",
            16,
            "Its batches hold {max_batch_size} at most; 16 are asked for.",
        ),
        (
            "inputs",
            ["input TYPE_FP32 [3, 224, 224]"],
            "Its inputs are {inputs}. The file has one, `input`, with three axes besides that of the batch.",
        ),
        (
            "outputs",
            ["output TYPE_FP32 [11]"],
            "Its outputs are {outputs}. The file has one: `output`, of 11 numbers.",
        ),
        (
            "instances",
            1,
            "It has {instances} instances; one is asked for, in an `instance_group`.",
        ),
    ],
    good={
        "fault": "",
        "name": "food_classifier_onnx",
        "backend": "onnxruntime",
        "max_batch_size": 16,
        "inputs": ["input TYPE_FP32 [3, 224, 224]"],
        "outputs": ["output TYPE_FP32 [11]"],
        "instances": 1,
    },
)

_STEPS = ["food_classifier_onnx", "food_label", "food_preprocess"]

question(
    "ensemble.steps",
    "Three models, wired into one",
    points=3,
    hint="Follow a photo along the arrows. Each name on an arrow stands twice: given by one step, taken by another.",
    file="labs.checkpoints.reads.ensemble:ensemble",
    opened_by="labs.checkpoints.reads.ensemble:wired",
    rules=[
        ("loaded", True, "Triton does not load it. It says: {reason}"),
        ("reason", "", "It is loaded and gives no answer. Triton says: {reason}"),
        (
            "steps",
            _STEPS,
            "Its steps are {steps}. It takes three, each of the given models once.",
        ),
        ("ran", _STEPS, "A photo passed {ran} only, and not all three models."),
        (
            "probability",
            True,
            "Its answer has no `PROBABILITY`: `food_label` gives two tensors.",
        ),
        (
            "right",
            at_least(5),
            "{right} of 6 photos get the class that torch gives them: is each tensor wired to the right one?",
        ),
    ],
    good={
        "loaded": True,
        "reason": "",
        "steps": _STEPS,
        "ran": _STEPS,
        "probability": True,
        "right": 6,
    },
)
