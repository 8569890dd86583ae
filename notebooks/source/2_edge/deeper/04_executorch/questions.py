"""The questions of "ExecuTorch and XNNPACK": an INT8 file for another runtime, and the
photos that changed.
"""

from grading.builder.questions import (
    at_least,
    at_most,
    domain,
    holds,
    prediction,
    question,
)
from labs.records.targets import target

SIZE_BYTES = target("device").size_bytes or 0

prediction(
    "executorch.faster",
    "By what factor is ExecuTorch in INT8 faster?",
    about={"kind": "latency", "option": "xnnpack-int8"},
    unit="×",
    between=(0.02, 50),
    int8="than ExecuTorch in float32",
    against="than ONNX Runtime with U8S8",
    gate=["ExecuTorch"],
)

NO_DELEGATE = "XNNPACK runs no part of the file: pass the partitioner."
FLOAT32 = (
    "These are the logits of float32. Export the result of `convert_pt2e` again, and "
    "lower that."
)
NOT_CALIBRATED = (
    "It agrees on {agree} of {images} photos. Did you calibrate with training images?"
)
NOT_PER_CHANNEL = (
    "It agrees on {agree} of {images} photos. Did you set `is_per_channel=True`?"
)
TOO_LARGE = f"It has {{size_bytes:,}} bytes; the limit is {SIZE_BYTES / 1e6:g} MB."

FILE_RULES = [
    ("delegates", holds("XnnpackBackend"), NO_DELEGATE),
    ("max_abs_diff", at_least(0.01), FLOAT32),
    ("agree", at_least(22), NOT_CALIBRATED),
    ("agree", at_least(38), NOT_PER_CHANNEL),
    ("size_bytes", at_most(SIZE_BYTES), TOO_LARGE),
]

question(
    "executorch.int8",
    "An INT8 file for ExecuTorch",
    points=4,
    hint="Write the four calls of the table between `torch.export.export` and "
    "`to_edge_transform_and_lower`.",
    file="labs.deeper.executorch.pte:pte_facts",
    ledger_only=True,
    rules=FILE_RULES,
    good={
        "delegates": {"XnnpackBackend": 1},
        "operators": [],
        "images": 44,
        "agree": 42,
        "max_abs_diff": 1.6,
        "size_bytes": 2_485_292,
    },
    gate=["ExecuTorch"],
)


@question(
    "executorch.changed",
    "Changed photos and lost photos",
    points=1,
    hint="A photo can change from one wrong class to another. Which of the two numbers "
    "counts it?",
)
def changed(random):
    yield (
        ([1, 2, 3], [1, 2, 4], [1, 2, 3]),
        "Only the last photo changed, and it was right before.",
    )
    yield (
        ([1, 2], [1, 5], [1, 5]),
        "The second photo changed from wrong to right, so it is changed but not lost.",
    )
    yield (
        ([1, 2, 3], [1, 4, 3], [1, 5, 3]),
        "The second photo is wrong before and after, so it is changed but not lost.",
    )
    yield (
        ([1, 1, 2, 3], [2, 4, 2, 3], [1, 1, 2, 0]),
        "Two photos changed, and both were right: changed and lost are both 2.",
    )
    yield ([0, 1], [0, 1], [1, 0]), "Both photos are wrong, but neither changed."
    classes = [random.integers(0, 3, 12).tolist() for _ in range(3)]
    yield tuple(classes), ""


@domain("executorch.changed")
def any_classes(random):
    return tuple(random.integers(0, 3, (3, random.integers(1, 20))).tolist())
