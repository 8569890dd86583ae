"""Each fault: what a run says, what the next run does, what is left after a release. Arguments: user, course."""

import dataclasses
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import chi

from provisioning import errors, lab
from provisioning.context import StepContext
from provisioning.rehearsal import place
from provisioning.runner import Run
from provisioning.spec import load_spec

user, course = sys.argv[1], Path(sys.argv[2])
found = {}


def arm(fault):
    place.ask(place.folder(), "POST", "/faults", {"fault": f"{fault}@{user}"})


def attempt(part, testbed, rung, steps, **timeouts):
    """Return the class of the first failure and its text, or 'done'."""
    run = lab.prepare(part, rung, testbed=testbed, materials=course)
    chosen = [i.step for i in run.plan.schedule if i.step.name in steps]
    chosen = [dataclasses.replace(s, timeout_s=timeouts.get(s.name, s.timeout_s)) for s in chosen]
    run = Run(chosen, dataclasses.replace(run.settings, poll_s=0.2), testbed, run.state)
    for _ in run.events():
        pass
    if not run.failures:
        return ["done", ""]
    error = next(iter(run.failures.values()))
    return [type(error).__name__, str(error)]


def reserve(part, testbed, rung):
    try:
        lab.reserve(testbed, part, rung, None, datetime.now(UTC) + timedelta(hours=3), None)
    except errors.ProvisioningError as error:
        return [type(error).__name__, str(error)]
    return ["done", ""]


def case(fault, part, steps, at="up", **timeouts):
    """Arm the fault before the reservation or before the run; run twice; release; keep what was seen."""
    spec = load_spec(part)
    rung = spec.ladder[0]
    testbed = lab.open_testbed(rung.site)
    seen = {}
    if at == "reserve":
        arm(fault)
        if fault.startswith("token"):
            # A session keeps its token, so the next one must be asked for.
            chi.use_site(rung.site)
        seen["reserve"] = reserve(part, testbed, rung)
    if at != "reserve" or seen["reserve"][0] != "done":
        seen["reserve again"] = reserve(part, testbed, rung)
    if at == "up":
        arm(fault)
    seen["first"] = attempt(part, testbed, rung, steps, **timeouts)
    if seen["first"][0] == "NotReachableError":
        # It stays deaf: boot again on the same lease, as the message says.
        list(lab.give_back(part, testbed, keep_lease=True))
    seen["second"] = attempt(part, testbed, rung, steps)
    if "Lease" in seen["second"][0] or "Lease" in seen["first"][0]:
        # A lease in ERROR, or one that ended: release and reserve anew, as the message says.
        list(lab.give_back(part, testbed))
        reserve(part, testbed, rung)
        seen["second"] = attempt(part, testbed, rung, steps)
    list(lab.give_back(part, testbed))
    alive = [x for x in testbed.leases() if x.status not in ("TERMINATED", "DELETED")]
    seen["left"] = len(testbed.machines()) + len(testbed.addresses()) + len(alive)
    found[fault] = seen
    print(fault, seen, flush=True)


NODE = ("lease", "server", "address", "ssh")
EDGE = ("lease", "container", "address", "materials")
case("no-hosts", "model", NODE, at="reserve")
case("lease-error", "model", NODE, at="reserve")
case("token-401", "model", NODE, at="reserve")
case("service-503", "model", NODE, at="reserve")
case("server-error", "model", NODE)
case("server-conflict", "model", NODE)
case("no-floating-ip", "model", NODE)
case("ssh-never", "model", NODE, ssh=3)
case("slow-boot", "model", NODE, server=0.1)
case("ssh-late", "model", NODE)
case("session-401", "model", NODE)
case("compute-503", "model", NODE)
case("network-503", "model", NODE)
# A boot of an hour, in a lease that ends after some seconds: it must not be waited for to the end of its own time.
StepContext.LEASE_CHECK_S = 1.0
arm("slow-boot=300000")
case("lease-ends=6", "model", NODE, at="reserve")
case("container-error", "edge", EDGE)
case("upload-cut", "edge", EDGE)
print("RESULT " + json.dumps(found))
