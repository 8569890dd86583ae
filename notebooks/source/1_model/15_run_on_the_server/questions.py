"""The questions of "Run on the server": who ran the nodes, a GPU with proof, a release."""

from grading.builder.questions import at_least, prediction, question

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"

prediction(
    "server.faster",
    "How many times as fast is U8S8 on the node's processor, and how many times its GPU?",
    about={"subject": "model.formats"},
    unit="×",
    between=(0.01, 1000),
    int8="U8S8 beside float32, on the processor",
    openvino="OpenVINO beside ONNX Runtime, in float32",
    gpu="float32 on the GPU beside the processor",
)


def ran(node, operator="Conv", provider=CPU):
    """Return an event that tells of one run of one node."""
    return {
        "cat": "Node",
        "name": f"{node}_kernel_time",
        "args": {"op_name": operator, "provider": provider},
    }


@question(
    "server.nodes",
    "How many nodes each provider ran",
    points=2,
    hint="Which two things of an event say that it is another node, or the same one once more?",
)
def nodes(random):
    yield ([ran("conv1")],), "One node ran, once."
    yield ([ran("conv1"), ran("relu1", "Relu")],), "Two nodes ran here, conv1 and relu1."
    yield (
        ([ran("conv1"), ran("conv2"), ran("conv3")],),
        "conv1, conv2 and conv3 are three nodes, though all three have the operator Conv.",
    )
    yield (
        ([ran("conv1"), ran("conv1"), ran("conv1")],),
        "conv1 ran three times, once for each photo. It is one node.",
    )
    yield (
        ([ran("conv1", provider=CUDA), ran("top1", "TopK")],),
        "CUDA ran conv1, and the CPU provider ran top1.",
    )
    yield (
        ([ran("conv1"), {"cat": "Session", "name": "model_run", "args": {}}],),
        "An event of the category Session tells of no node.",
    )
    yield (
        (
            [
                {
                    "cat": "Node",
                    "name": "conv1_fence_before",
                    "args": {"op_name": "Conv", "provider": CPU},
                },
                ran("conv1"),
            ],
        ),
        "conv1_fence_before tells of the waiting before conv1. Its name has another ending, so it does not count.",
    )
    yield (
        (
            [
                {
                    "cat": "Kernel",
                    "name": "conv7_kernel_time",
                    "args": {"provider": CUDA},
                },
                ran("conv1"),
            ],
        ),
        "The first event has another category than Node, whatever its name ends in.",
    )
    yield (
        (
            [
                ran(f"conv{random.integers(9)}", provider=[CPU, CUDA][random.integers(2)])
                for _ in range(6)
            ],
        ),
        "",
    )


question(
    "server.gpu",
    "Measure a GPU, with proof that it computed",
    points=2,
    hint="This cell measures it, on a node with a GPU. What does it print behind each option?",
    records="labs.checkpoints.reads.server:on_gpu",
    rules=[
        (
            "nodes",
            at_least(1),
            "`{option}` ran no node on the GPU: all of it fell back to the CPU. What does the log say?",
        ),
        (
            "beside_cpu",
            True,
            "`{option}` did not take turns with `cpu`: run this cell again.",
        ),
        (
            "in_batches",
            True,
            "`{option}` was measured with one photo only: run this cell to its end.",
        ),
    ],
    good={"option": "cuda", "nodes": 56, "beside_cpu": True, "in_batches": True},
    gate=["GPU provider"],
)

question(
    "server.released",
    "Give everything back",
    points=1,
    hint="Run the cell again: what is gone already is no error.",
    records="labs.checkpoints.reads.leases:model_release",
    rules=[
        (
            "held",
            "",
            "The site still counts {held} under your name: run the release again.",
        )
    ],
    good={"held": "", "hours_given_back": 1.5},
)
