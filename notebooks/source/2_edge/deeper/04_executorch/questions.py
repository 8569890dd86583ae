"""The questions of "ExecuTorch and XNNPACK": an INT8 file for another runtime, and the photos that changed."""

from grading.builder.questions import at_least, at_most, holds, prediction, question
from labs.records.targets import target

SIZE_BYTES = target("device").size_bytes or 0

prediction(
    "executorch.faster",
    "How many times as fast is ExecuTorch in INT8?",
    about={"kind": "latency", "option": "xnnpack-int8"},
    unit="×",
    between=(0.02, 50),
    int8="as ExecuTorch in float32",
    against="as ONNX Runtime with U8S8",
    gate=["ExecuTorch"],
)

question(
    "executorch.int8",
    "An INT8 file for ExecuTorch",
    points=3,
    hint="Between `torch.export.export` and `to_edge_transform_and_lower` stand the four calls of the table.",
    file="labs.edge.pte:pte_facts",
    told=True,
    rules=[
        (
            "delegates",
            holds("XnnpackBackend"),
            "No part of it is handed to XNNPACK: name the partitioner.",
        ),
        (
            "max_abs_diff",
            at_least(0.01),
            "These are the logits of float32. Lower what `convert_pt2e` returned, exported once more.",
        ),
        (
            "agree",
            at_least(22),
            "It agrees on {agree} of {images} photos. Were the observers shown training images?",
        ),
        (
            "agree",
            at_least(38),
            "It agrees on {agree} of {images} photos. Is there one scale per channel?",
        ),
        (
            "size_bytes",
            at_most(SIZE_BYTES),
            f"It has {{size_bytes:,}} bytes, and the bound is {SIZE_BYTES / 1e6:g} MB.",
        ),
    ],
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
    "Photos that changed, and those that were lost",
    points=2,
    hint="A photo can change from one wrong class to another. Which of the two numbers counts it?",
)
def changed(random):
    yield (
        ([1, 2, 3], [1, 2, 4], [1, 2, 3]),
        "Only the last photo changed, and it was right before.",
    )
    yield (
        ([1, 2], [1, 5], [1, 5]),
        "The second photo changed from wrong to right: changed, and not lost.",
    )
    yield (
        ([1, 2, 3], [1, 4, 3], [1, 5, 3]),
        "The second photo was wrong before and after: changed, and not lost.",
    )
    yield ([0, 1], [0, 1], [1, 0]), "Nothing changed here, although both are wrong."
    classes = [random.integers(0, 3, 12).tolist() for _ in range(3)]
    yield tuple(classes), ""
