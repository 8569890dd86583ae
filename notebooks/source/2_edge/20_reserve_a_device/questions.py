"""The questions of "Reserve and provision a device": a lease, and a container with its ports open."""

from grading.builder.leases import lease_question
from grading.builder.questions import holds, question

lease_question(
    "device.lease",
    "One device by name, from a full hour to five to",
    part="edge",
    points=2,
    hint="Choose a free block in the planner, press its button, and run the cell.",
    machine="board",
)

#: The way out of every wrong container: `submit(idempotent=True)` would find it and keep it.
_AGAIN = "Delete it: `board.delete()`. Wait until `container.get_container(name)` finds none, then run this cell again."

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
            "The container is {status} and not Running. Is the reservation yours, and the image built for ARM? "
            f"{_AGAIN}",
        ),
        (
            "image",
            holds("aarch64"),
            f"Its image is {{image}}, which is not the one for this device: `option.image`. {_AGAIN}",
        ),
        (
            "ports",
            holds(8888),
            f"Port 8888 is closed. A container's ports are opened when it is made: `exposed_ports=opened`. {_AGAIN}",
        ),
    ],
    good={
        "status": "Running",
        "image": "quay.io/jupyter/minimal-notebook:aarch64-2024-05-27",
        "ports": [8888],
    },
)
