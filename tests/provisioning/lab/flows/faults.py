"""Each fault: what a run says, what the next run does, what is left after a release. Arguments: user, course."""

import dataclasses
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import chi

from provisioning import lab
from provisioning.rehearsal import place
from provisioning.setup.context import StepContext
from provisioning.setup.run import Run
from provisioning.sites.spec import load_spec
from provisioning.testbed import errors

user, course = sys.argv[1], Path(sys.argv[2])
found = {}


def arm(fault):
    place.ask(place.folder(), "POST", "/faults", {"fault": f"{fault}@{user}"})


def advance(seconds):
    """Let time pass at once: what is seen does not depend on how busy this machine is."""
    place.ask(place.folder(), "POST", "/clock", {"advance_s": seconds})


def attempt(part, testbed, option, steps, while_booting=None, **timeouts):
    """Return the class of the first failure and its text, or 'done'; act once when the boot is seen to go on."""
    run = lab.prepare(part, option, testbed=testbed, materials=course)
    chosen = [step for step in run.plan.steps if step.name in steps]
    chosen = [dataclasses.replace(s, timeout_s=timeouts.get(s.name, s.timeout_s)) for s in chosen]
    run = Run(chosen, dataclasses.replace(run.settings, poll_s=0.2), testbed, run.record)
    for event in run.events():
        if while_booting and (event.step, event.kind) == ("server", "line"):
            while_booting()
            while_booting = None
    if not run.failures:
        return ["done", ""]
    error = next(iter(run.failures.values()))
    return [type(error).__name__, str(error)]


def reserve(part, testbed, option, start=None):
    try:
        lab.reserve(testbed, part, option, start, datetime.now(UTC) + timedelta(hours=3), None)
    except errors.ProvisioningError as error:
        return [type(error).__name__, str(error)]
    return ["done", ""]


def case(fault, part, steps, at="up", before=None, while_booting=None, then=None, **timeouts):
    """Arm the fault before the reservation or before the run; run twice; release; keep what was seen.

    Args:
        fault: as the command line spells it; None arms nothing, and asks for a start in the past.
        part: of the course.
        steps: to run.
        at: arm it before the reservation ("reserve"), before the run ("up"), or before the calendar is read.
        before: what happens before the first run.
        while_booting: what happens in the middle of it.
        then: what happens between the two runs.
        timeouts: seconds of single steps in the first run.
    """
    spec = load_spec(part)
    option = spec.options[0]
    testbed = lab.open_testbed(option.site)
    seen = {}
    if at == "reserve":
        past = None if fault else datetime.now(UTC) - timedelta(hours=1)
        if fault:
            arm(fault)
        if fault and fault.startswith("token"):
            # A session keeps its token, so the next one must be asked for.
            chi.use_site(option.site)
        seen["reserve"] = reserve(part, testbed, option, past)
    if at != "reserve" or seen["reserve"][0] != "done":
        seen["reserve again"] = reserve(part, testbed, option)
    if at == "up":
        arm(fault)
    if at == "calendar":
        arm(fault)
        try:
            testbed.resources(option.resource, option.type)
        except errors.ProvisioningError as error:
            seen["calendar"] = [type(error).__name__, str(error)]
    if before:
        before()
    seen["first"] = attempt(part, testbed, option, steps, while_booting, **timeouts)
    if then:
        then()
    if seen["first"][0] == "NotReachableError":
        # It stays deaf: boot again on the same lease, as the message says.
        list(lab.give_back(part, testbed, keep_lease=True))
    seen["second"] = attempt(part, testbed, option, steps)
    if "Lease" in seen["second"][0] or "Lease" in seen["first"][0]:
        # A lease in ERROR, or one that ended: release and reserve anew, as the message says.
        list(lab.give_back(part, testbed))
        reserve(part, testbed, option)
        seen["second"] = attempt(part, testbed, option, steps)
    list(lab.give_back(part, testbed))
    alive = [x for x in testbed.leases() if x.status not in ("TERMINATED", "DELETED")]
    seen["left"] = len(testbed.machines()) + len(testbed.addresses()) + len(alive)
    found[fault or "past"] = seen
    print(fault, seen, flush=True)


NODE = ("lease", "server", "address", "ssh")
EDGE = ("lease", "container", "address", "materials")
case("no-hosts", "model", NODE, at="reserve")
case("lease-error", "model", NODE, at="reserve")
case("token-401", "model", NODE, at="reserve")
case("token-expiry=1", "model", NODE, at="reserve", before=lambda: time.sleep(1.5))
case("maintenance", "model", NODE, at="reserve")
case(None, "model", NODE, at="reserve")
case("no-calendar", "model", NODE, at="calendar")
case("server-error", "model", NODE)
case("server-conflict", "model", NODE)
case("no-floating-ip", "model", NODE)
case("ssh-never", "model", NODE, ssh=3)
# Speed is 10,000: a boot of 1,000,000 s takes 100 s here, which is longer than the step's time and any busy machine's.
case("slow-boot=1000000", "model", NODE, server=0.1, then=lambda: advance(100))
case("ssh-late", "model", NODE)
case("session-401", "model", NODE)
# A lease that ends while its server boots: the boot must not be waited for to the end of its own time.
StepContext.LEASE_CHECK_S = 1.0
arm("slow-boot=10000000")
case("lease-ends=600", "model", NODE, at="reserve", while_booting=lambda: advance(600))
case("container-error", "edge", EDGE)
case("upload-cut", "edge", EDGE)
print("RESULT " + json.dumps(found))
