"""Each fault: a run's message, the next run's work, the resources after a release. Arguments: user,
course.

The error has the fault's own sentence, with the likely cause and the fix. A second run, or the
message's fix, finishes, and after the release the project holds nothing. Prints the faults that
were met.
"""

import contextlib
import dataclasses
import json
import os
import sys
import time
from datetime import timedelta
from pathlib import Path

import chi

from chameleon_rehearsal.testing import ask
from labs.sites.spec import load_spec
from provisioning import lab
from provisioning.setup.context import StepContext
from provisioning.setup.run import SetupRun
from provisioning.testbed import errors
from provisioning.testbed.surroundings import site_clock

user, course = sys.argv[1], Path(sys.argv[2])
HOME = Path(os.environ["REHEARSAL_HOME"])
met = set()


def arm(fault):
    ask(HOME, "POST", "/faults", {"fault": f"{fault}@{user}"})


def advance(seconds):
    """Let time pass at once, so that results do not depend on this machine's load."""
    ask(HOME, "POST", "/clock", {"advance_s": seconds})


def attempt(part, testbed, option, steps, act=None, when=("server", "line"), **timeouts):
    """Return the first failure, or None; act once at a step's first event of that kind."""
    run = lab.prepare(part, option, testbed=testbed, materials=course)
    chosen = [step for step in run.plan.steps if step.name in steps]
    chosen = [dataclasses.replace(s, timeout_s=timeouts.get(s.name, s.timeout_s)) for s in chosen]
    run = SetupRun(chosen, dataclasses.replace(run.settings, poll_s=0.2), testbed, run.record)
    for event in run.events():
        if act and (event.step, event.kind) == when:
            act()
            act = None
    return next(iter(run.failures.values()), None)


def refusal(act, *arguments):
    try:
        act(*arguments)
    except errors.ProvisioningError as error:
        return error
    return None


def reserve(part, testbed, option, start=None):
    end = site_clock().now() + timedelta(hours=3)
    return refusal(lab.reserve, testbed, part, option, start, end, None)


def ended(error, says):
    """See that something ended with an error that says this, or well if it is empty."""
    assert bool(error) == bool(says), error
    if error:
        for words in (says, "Likely:", "Fix:"):
            assert words in str(error)


def case(fault, says, part, steps, at="up", before=None, while_booting=None, then=None, **timeouts):
    """Arm a fault (None: ask for a start in the past), run twice, release; without a sentence the
    step repairs it.

    It is armed at a reservation that it refuses ("reserve") or lets pass ("lease"), at the
    "calendar", before the first run ("up"; its steps have other time-outs), or when the step of
    that name begins; `before`, `while_booting` and `then` happen around it.
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
    act, when = while_booting, ("server", "line")
    if at in steps and at != "lease":
        act, when = (lambda: arm(fault)), (at, "started")
    first = attempt(part, testbed, option, steps, act, when, **timeouts)
    ended(first, "" if at in ("reserve", "calendar") else says)
    if then:
        then(testbed)
    if "--keep-lease" in str(first) and not isinstance(first, errors.ConnectionLostError):
        # As the message says: boot again on the same lease.
        list(lab.give_back(part, testbed, keep_lease=True, discard=True))
    if "release the machine" in str(first):
        list(lab.give_back(part, testbed, discard=True))
        ended(reserve(part, testbed, option), "")
    second = attempt(part, testbed, option, steps)
    if any("Lease" in type(error).__name__ for error in (first, second)):
        # A lease in ERROR, or one that ended: release and reserve again, as the message says.
        list(lab.give_back(part, testbed))
        ended(reserve(part, testbed, option), "")
        second = attempt(part, testbed, option, steps)
    ended(second, "")
    list(lab.give_back(part, testbed, discard=True))
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
# Speed is 10,000: a boot of 1,000,000 s takes 100 s here, which is longer than the step's time and
# any busy machine's.
case("slow-boot=1000000", "waited 0 s for", "model", NODE, server=0.1, then=lambda _: advance(100))
case("ssh-late", "", "model", NODE)
case("session-401", "", "model", NODE)
# A lease that ends while its server boots: the boot must not be waited for to the end of its own
# time.
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
case("slow-card=2", "", "edge", EDGE)
case("quota", "Quota exceeded for instances", "model", NODE)


def restart(testbed):
    """Type the message's command in a terminal on the node."""
    (machine,) = testbed.machines()
    with contextlib.suppress(errors.ConnectionLostError):
        testbed.shell(machine).run("sudo reboot")


COPIED = (*NODE, "materials")
GPU = (*COPIED, "updates", "drivers")
case("ssh-drop", "", "model", COPIED, at="materials")
# It is away for ten seconds here, longer than the step tries by itself.
case("reboot=100000", "SSH connection to 127.77.", "model", GPU, at="updates")
case("disk-full", "The machine's disk is full", "model", COPIED)
case("apt-broken", "no index of packages at http://", "system", (*GPU, "docker"))
case("other-image", "release the machine and set the part up on another node", "model", GPU)
case("other-driver", "loads the new one: sudo reboot", "model", GPU, then=restart)
print("RESULT " + json.dumps(sorted(met - {""})))
