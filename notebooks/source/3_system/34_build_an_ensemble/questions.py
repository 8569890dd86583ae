"""The questions of "Build an ensemble": the ONNX backend, three models wired into one, and the step that limits."""

from grading.builder.questions import another, at_least, prediction, question

prediction(
    "ensemble.race",
    "Eight clients: how many times as many answers a second as the Python model?",
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
        ("name", "food_classifier_onnx", "Its name is '{name}', and the folder is called `food_classifier_onnx`."),
        ("backend", "onnxruntime", "Its backend is '{backend}', and not `onnxruntime`."),
        ("max_batch_size", 16, "Its batches hold {max_batch_size} at most; 16 are asked for."),
        (
            "inputs",
            ["input TYPE_FP32 [3, 224, 224]"],
            "Its inputs are {inputs}. The file has one, `input`, with three axes besides that of the batch.",
        ),
        ("outputs", ["output TYPE_FP32 [11]"], "Its outputs are {outputs}. The file has one: `output`, of 11 numbers."),
        ("instances", 1, "It has {instances} instances; one is asked for, in an `instance_group`."),
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
    hint="Follow a photo along the arrows. Each name on an arrow is written twice: by who gives it, and who takes it.",
    file="labs.checkpoints.reads.ensemble:ensemble",
    opened_by="labs.checkpoints.reads.ensemble:wired",
    rules=[
        ("loaded", True, "Triton does not load it. It says: {reason}"),
        ("reason", "", "It is loaded and gives no answer. Triton says: {reason}"),
        ("steps", _STEPS, "Its steps are {steps}. It takes three, each of the given models once."),
        ("ran", _STEPS, "A photo passed {ran} only, and not all three models."),
        ("probability", True, "Its answer has no `PROBABILITY`: `food_label` gives two tensors."),
        (
            "right",
            at_least(5),
            "{right} of 6 photos get the class that torch gives them: is each tensor wired to the right one?",
        ),
    ],
    good={"loaded": True, "reason": "", "steps": _STEPS, "ran": _STEPS, "probability": True, "right": 6},
)


@question(
    "ensemble.most",
    "The step that limits a chain",
    points=2,
    hint="How many requests a second can each step finish, with all of its instances? Which of these rates decides?",
)
def most(random):
    yield (
        ([0.01, 0.02], [1, 1]),
        "The steps work at the same time, so their times do not add up. The second one finishes 50 a second, and no "
        "more than that leave the chain.",
    )
    yield ([0.012, 0.004, 0.001], [1, 1, 1]), "The first step limits, and its place is 0."
    yield (
        ([0.004, 0.012, 0.001], [1, 4, 1]),
        "Four instances of the second step finish 333 a second, so now the first one limits, with 250.",
    )
    seconds = random.permutation([3, 7, 16, 37]) / 1000
    yield (seconds.tolist(), [1, *(int(one) for one in random.integers(1, 3, 3))]), ""
    yield ([0.02], [2]), "A chain of one step: two instances finish 100 a second, and its place is 0."
