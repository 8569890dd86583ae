"""Each fault: what a run says, what the next run does, what is left after a release. Arguments: user, course.

The error has the fault's own sentence, with what is likely and the way out; doing it again, or what the message says,
finishes, and after the release the project holds nothing. Prints the faults that were met.
"""

import dataclasses
import json
import sys
import time
from datetime import timedelta
from pathlib import Path

import chi

from provisioning import lab
from provisioning.rehearsal import place
from provisioning.setup.context import StepContext
from provisioning.setup.run import Run
from provisioning.sites.spec import load_spec
from provisioning.testbed import errors
from provisioning.testbed.surroundings import site_clock

user, course = sys.argv[1], Path(sys.argv[2])
met = set()


def arm(fault):
    place.ask(place.folder(), "POST", "/faults", {"fault": f"{fault}@{user}"})


def advance(seconds):
    """Let time pass at once: what is seen does not depend on how busy this machine is."""
    place.ask(place.folder(), "POST", "/clock", {"advance_s": seconds})


def attempt(part, testbed, option, steps, while_booting=None, **timeouts):
    """Return the first failure, or None; act once when the boot is seen to go on."""
    run = lab.prepare(part, option, testbed=testbed, materials=course)
    chosen = [step for step in run.plan.steps if step.name in steps]
    chosen = [dataclasses.replace(s, timeout_s=timeouts.get(s.name, s.timeout_s)) for s in chosen]
    run = Run(chosen, dataclasses.replace(run.settings, poll_s=0.2), testbed, run.record)
    for event in run.events():
        if while_booting and (event.step, event.kind) == ("server", "line"):
            while_booting()
            while_booting = None
    return next(iter(run.failures.values()), None)


def refusal(act, *arguments):
    try:
        act(*arguments)
    except errors.ProvisioningError as error:
        return error
    return None


def reserve(part, testbed, option, start=None):
    return refusal(
        lab.reserve, testbed, part, option, start, site_clock().now() + timedelta(hours=3), None
    )


def ended(error, says):
    """See that something ended with an error that says this, or well if it is empty."""
    assert bool(error) == bool(says), error
    assert not error or all(words in str(error) for words in (says, "Likely:", "Way out:")), error


def case(fault, says, part, steps, at="up", before=None, while_booting=None, then=None, **timeouts):
    """Arm a fault (None: ask for a start in the past), run twice, release; without a sentence the step mends it.

    It is armed at a reservation that it refuses ("reserve") or lets pass ("lease"), at the "calendar", or before the
    first run ("up"), whose single steps have other time-outs; `before`, `while_booting` and `then` happen around it.
    """
    option = load_spec(part).options[0]
    testbed = lab.open_testbed(option.site)
    if at in ("lease", "reserve"):
        past = None if fault else site_clock().now() - timedelta(hours=1)
        if fault:
            arm(fault)
        if fault and fault.startswith("token"):
            # A session keeps its token, so the next one must be asked for.
            chi.use_site(option.site)
        ended(reserve(part, testbed, option, past), says if at == "reserve" else "")
    if at != "lease":
        ended(reserve(part, testbed, option), "")
    if at in ("up", "calendar"):
        arm(fault)
    if at == "calendar":
        ended(refusal(testbed.resources, option.resource, option.type), says)
    if before:
        before()
    first = attempt(part, testbed, option, steps, while_booting, **timeouts)
    ended(first, says if at in ("up", "lease") else "")
    if then:
        then()
    if isinstance(first, errors.NotReachableError):
        # It still refuses: boot again on the same lease, as the message says.
        list(lab.give_back(part, testbed, keep_lease=True))
    second = attempt(part, testbed, option, steps)
    if any("Lease" in type(error).__name__ for error in (first, second)):
        # A lease in ERROR, or one that ended: release and reserve anew, as the message says.
        list(lab.give_back(part, testbed))
        reserve(part, testbed, option)
        second = attempt(part, testbed, option, steps)
    ended(second, "")
    list(lab.give_back(part, testbed))
    alive = [x for x in testbed.leases() if x.status not in ("TERMINATED", "DELETED")]
    assert [*testbed.machines(), *testbed.addresses(), *alive] == [], fault
    met.add((fault or "").partition("=")[0])
    print(fault, "as it should", flush=True)


NODE = ("lease", "server", "address", "ssh")
EDGE = ("lease", "container", "address", "materials")
case("no-hosts", "Not enough hosts available", "model", NODE, at="reserve")
case("lease-error", "is in ERROR", "model", NODE, at="lease")
case("token-401", "Chameleon refused to sign you in (401)", "model", NODE, at="reserve")
case("token-expiry=1", "", "model", NODE, at="lease", before=lambda: time.sleep(1.5))
case("maintenance", "the site is in maintenance or overloaded (503", "model", NODE, at="reserve")
case(None, "Start date must be later than current date.", "model", NODE, at="reserve")
case("no-calendar", "so nobody knows what is free there", "model", NODE, at="calendar")
case("server-error", "is in ERROR: Failed to provision instance", "model", NODE)
case("server-conflict", "", "model", NODE)
case("no-floating-ip", "No more IP addresses available", "model", NODE)
case("ssh-never", "no SSH connection to 127.77.", "model", NODE, ssh=3)
# Speed is 10,000: a boot of 1,000,000 s takes 100 s here, which is longer than the step's time and any busy machine's.
case("slow-boot=1000000", "waited 0 s for", "model", NODE, server=0.1, then=lambda: advance(100))
case("ssh-late", "", "model", NODE)
case("session-401", "", "model", NODE)
# A lease that ends while its server boots: the boot must not be waited for to the end of its own time.
StepContext.LEASE_CHECK_S = 1.0
arm("slow-boot=10000000")
case(
    "lease-ends=600",
    "The block was too short",
    "model",
    NODE,
    at="lease",
    while_booting=lambda: advance(600),
)
case("container-error", "is in ERROR: failed to pull image", "edge", EDGE)
case("upload-cut", "", "edge", EDGE)
print("RESULT " + json.dumps(sorted(met - {""})))
