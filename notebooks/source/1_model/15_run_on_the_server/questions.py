"""The questions of "Run on the server": which provider ran the nodes, a GPU with proof,
and a release.
"""

from grading.builder.questions import (
    at_least,
    domain,
    pick,
    prediction,
    question,
)

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"

prediction(
    "server.faster",
    "By what factors are U8S8, OpenVINO and the GPU faster on the node?",
    about={"subject": "model.formats"},
    unit="×",
    between=(0.01, 1000),
    int8="U8S8 compared with float32, on the processor",
    openvino="OpenVINO compared with ONNX Runtime, in float32",
    gpu="the GPU compared with the processor, in float32",
)


def ran(node, operator="Conv", provider=CPU):
    """Return an event that describes one run of one node."""
    return {
        "cat": "Node",
        "name": f"{node}_kernel_time",
        "args": {"op_name": operator, "provider": provider},
    }


@question(
    "server.nodes",
    "How many nodes each provider ran",
    points=2,
    hint="Which two values of an event tell you whether it is a new node, or the same "
    "node again?",
)
def nodes(random):
    conv1 = ran("conv1")
    session = {"cat": "Session", "name": "model_run", "args": {}}
    fence_args = {"op_name": "Conv", "provider": CPU}
    fence = {"cat": "Node", "name": "conv1_fence_before", "args": fence_args}
    kernel = {"cat": "Kernel", "name": "conv7_kernel_time", "args": {"provider": CUDA}}
    yield ([conv1],), "One node ran, once."
    yield ([conv1, ran("relu1", "Relu")],), "Two nodes ran here, conv1 and relu1."
    yield (
        ([conv1, ran("conv2"), ran("conv3")],),
        "conv1, conv2 and conv3 are three nodes, though all three have the operator "
        "Conv.",
    )
    yield (
        ([conv1, conv1, conv1],),
        "conv1 ran three times, once for each photo. It is one node.",
    )
    yield (
        ([ran("conv1", provider=CUDA), ran("top1", "TopK")],),
        "CUDA ran conv1, and the CPU provider ran top1.",
    )
    yield (
        ([conv1, session],),
        "An event of the category Session describes no node.",
    )
    yield (
        ([fence, conv1],),
        "conv1_fence_before describes the waiting before conv1. Its name has another "
        "ending, so it does not count.",
    )
    yield (
        ([kernel, conv1],),
        "The first event's category is not Node, so it does not count.",
    )
    events = []
    for _ in range(6):
        node = f"conv{random.integers(9)}"
        provider = [CPU, CUDA][random.integers(2)]
        events.append(ran(node, provider=provider))
    yield (events,), ""


@domain("server.nodes")
def any_profile(random):
    events = []
    for _ in range(random.integers(0, 10)):
        name = pick(random, "a", "b", "c")
        node = ran(name, provider=pick(random, CPU, CUDA))
        fence = node | {"name": f"{name}_fence_before"}
        kernel = node | {"cat": "Kernel"}
        session = {"cat": "Session", "name": "model_run", "args": {}}
        events.append(pick(random, node, node, node, node, fence, kernel, session))
    return (events,)


GPU_RULES = [
    (
        "nodes",
        at_least(1),
        "`{option}` ran no node on the GPU: everything fell back to the CPU. Look for "
        "the reason in the log above.",
    ),
    (
        "beside_cpu",
        True,
        "`{option}` did not take turns with `cpu`. Run this cell again.",
    ),
    (
        "in_batches",
        True,
        "`{option}` was measured only with one photo. Run this cell to its end.",
    ),
]

question(
    "server.gpu",
    "Measure a GPU, with proof that it computed",
    points=2,
    hint="This cell measures the GPU, on a node that has one. What does it print after "
    "each option?",
    records="labs.checkpoints.reads.server:on_gpu",
    rules=GPU_RULES,
    good={"option": "cuda", "nodes": 56, "beside_cpu": True, "in_batches": True},
    gate=["GPU provider"],
)

question(
    "server.released",
    "Give everything back",
    points=1,
    hint="Run the cell again. It continues where it stopped.",
    records="labs.checkpoints.reads.leases:model_release",
    rules=[
        (
            "held",
            "",
            "The site still lists {held} under your name. Run the release again.",
        )
    ],
    good={"held": "", "hours_given_back": 1.5},
)
