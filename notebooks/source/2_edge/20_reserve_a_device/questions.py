"""The questions of "Reserve and provision a device": a lease, and a container with its
ports open.
"""

from grading.builder.leases import lease_question
from grading.builder.questions import holds, question

lease_question(
    "device.lease",
    "One device by name, from a full hour to five minutes before another",
    part="edge",
    points=2,
    hint="You need the three calls of *Reserve a machine*, and "
    "`add_device_reservation(amount=1, device_name=block.resource)` as the second one.",
    how_to_reserve="Then run this cell with the three calls.",
    machine="board",
)

#: How to replace a wrong container: `submit(idempotent=True)` would find it and keep it.
_REPLACE = (
    "Delete it: `board.delete()`. Wait until `container.get_container(name)` finds "
    "none, then run this cell again."
)

_NOT_RUNNING = (
    "The container is {status} and not Running. Is the reservation yours, and is the "
    "image built for Arm? " + _REPLACE
)
_OTHER_IMAGE = "Its image is {image}, but this device needs `option.image`. " + _REPLACE
_CLOSED_PORT = (
    "Port 8888 is closed. A container's ports are opened when it is made: "
    "`exposed_ports=opened`. " + _REPLACE
)

question(
    "device.container",
    "A container for Arm on your device, with its ports open",
    points=2,
    hint="You need four arguments, and the table above your cell contains all of them.",
    records="labs.checkpoints.reads.device:container",
    rules=[
        ("status", "Running", _NOT_RUNNING),
        ("image", holds("aarch64"), _OTHER_IMAGE),
        ("ports", holds(8888), _CLOSED_PORT),
    ],
    good={
        "status": "Running",
        "image": "quay.io/jupyter/minimal-notebook:aarch64-2024-05-27",
        "ports": [8888],
    },
)
