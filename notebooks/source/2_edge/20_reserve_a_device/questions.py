"""The questions of "Reserve and provision a device": a lease, a container, and a script that ran over there."""

from grading.builder.leases import lease_question
from grading.builder.questions import holds, not_, prediction, question

lease_question(
    "device.lease",
    "One device by name, from a full hour to five to",
    part="edge",
    points=2,
    hint="Three calls: make the lease with both ends of the block, put the device into it, submit it.",
    machine="board",
)

prediction(
    "device.objects",
    "How many of the two objects know the container's id?",
    about={"subject": "edge.objects"},
    between=(0, 2),
    know="objects that know it",
)

question(
    "device.container",
    "A container for ARM on your device, with its ports open",
    points=2,
    hint="Four arguments, and all of them stand in the table above your cell.",
    records="labs.checkpoints.reads.device:container",
    rules=[
        (
            "status",
            "Running",
            "The container is {status} and not Running. Is the reservation yours, and the image built for ARM?",
        ),
        ("image", holds("aarch64"), "Its image is {image}, which is not the one for this device: `option.image`."),
        (
            "ports",
            holds(8888),
            "Port 8888 is closed, and none can be opened now. Delete the container, and make it with `opened`.",
        ),
    ],
    good={"status": "Running", "image": "quay.io/jupyter/minimal-notebook:aarch64-2024-05-27", "ports": [8000, 8888]},
)

question(
    "device.round_trip",
    "A script that ran on the device, and its answer at home",
    points=2,
    hint="Three calls of `board`. The second argument of `upload` is a folder there, that of `download` one here.",
    file="labs.checkpoints.reads.device:about",
    told=True,
    rules=[
        ("here", False, "This was written on your own computer. Let `board.execute` run the script."),
        ("cores", not_(0), "It does not say how many cores there are. Is it what `about.py` wrote?"),
    ],
    good={"architecture": "aarch64", "cores": 4, "here": False},
)
