"""What can go wrong with a device's container, and what the same call does afterwards. Arguments: user, course."""

import dataclasses
import hashlib
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from provisioning import errors, lab
from provisioning.chameleon import shells
from provisioning.device import open_device
from provisioning.rehearsal import drills
from provisioning.setup.runner import Run
from provisioning.sites.spec import load_spec, resource_name

user, course = sys.argv[1], Path(sys.argv[2])
found = {}
spec, name = load_spec("edge"), resource_name("edge")
option = spec.options[0]
testbed = lab.open_testbed(option.site)
STEPS = ("lease", "container", "address", "materials", "environment")


def attempt(option, steps=STEPS):
    """Run some of the steps; return the first failure's class and text, or 'done', and the steps that ran anew."""
    run = lab.prepare("edge", option, testbed=testbed, materials=course)
    chosen = [i.step for i in run.plan.schedule if i.step.name in steps]
    run = Run(chosen, dataclasses.replace(run.settings, poll_s=0.2), testbed, run.state)
    said = [event.text for event in run.events() if event.kind == "line"]
    if not run.failures:
        return ["done", "", said]
    error = next(iter(run.failures.values()))
    return [type(error).__name__, str(error), said]


lab.reserve(testbed, "edge", option, None, datetime.now(UTC) + timedelta(hours=2), None)

# As with an image for another processor: the device cannot run it, and the container ends in Error.
drills.arm(f"container-error:1@{user}")
found["wrong image"] = attempt(option)
found["wrong image, states"] = [machine.status for machine in testbed.machines()]
found["right image"] = attempt(option)
found["right image, states"] = [machine.status for machine in testbed.machines()]

# Run again: python-chi's own object would have no id now; the container is found by its name.
before = [machine.id for machine in testbed.machines()]
found["again"] = attempt(option)
found["again, same container"] = [machine.id for machine in testbed.machines()] == before

# Somebody's sweep takes the floating IP away.
(address,) = testbed.addresses()
testbed.delete_address(address.id)
found["address gone"] = [list(machine.addresses) for machine in testbed.machines()]
found["address again"] = attempt(option)
found["address again, bound"] = [bool(machine.addresses) for machine in testbed.machines()]

# An upload larger than the service takes: halved until it fits, and whole over there.
model = course / "large.onnx"
model.write_bytes(bytes(range(256)) * (13 * 2**12))
shells.UPLOAD_PART_BYTES = 64 * 2**20
device = open_device()
(brought,) = device.bring([model])
found["large"] = [brought.how, brought.size_bytes, brought.sha256 == hashlib.sha256(model.read_bytes()).hexdigest()]
found["large again"] = device.bring([model])[0].how

# A job that fails, and one that the device no longer knows.
try:
    device.python(["-c", "print('before'); raise SystemExit(3)"], name="fails")
except errors.CommandFailedError as error:
    found["job fails"] = str(error)

# The container is gone altogether: fetching from it ends clearly, and the next run launches a new one.
testbed.delete_machine(testbed.machines()[0])
try:
    device.fetch("workspace/models/large.onnx")
except errors.ProvisioningError as error:
    found["fetch from a deleted one"] = [type(error).__name__, str(error)]
found["brought up again"] = attempt(option)

list(lab.give_back("edge", testbed, name=name))
alive = [lease for lease in testbed.leases() if lease.status not in ("TERMINATED", "DELETED")]
found["left"] = len(testbed.machines()) + len(testbed.addresses()) + len(alive)
print("RESULT " + json.dumps(found))
