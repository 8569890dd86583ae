"""Facts about a testbed for the ledger: plain JSON, read from the services and never from memory.

A grader without that testbed judges them later, so each document says whether it was rehearsed, at
which site and when.
"""

from collections import Counter
from datetime import datetime
from typing import Any

from labs.sites.spec import Part, resource_name
from provisioning.lab import options_at, reserved_option
from provisioning.setup.context import pick_lease
from provisioning.setup.record import Record, StepRecord
from provisioning.setup.release import held_by
from provisioning.testbed import Testbed
from provisioning.testbed.errors import LeaseMissingError
from provisioning.testbed.surroundings import rehearsing


def of_lease(testbed: Testbed, part: Part) -> dict[str, Any]:
    """Return the part's lease as the site has it now.

    Raises:
        LeaseMissingError: the site has no usable lease of that name.
    """
    name = resource_name(part)
    leases = testbed.leases()
    lease = pick_lease(leases, name)
    if lease is None:
        raise LeaseMissingError(
            f"there is no usable lease {name!r} at {testbed.site}",
            likely="You gave the lease another name or another site, or it has ended, or you have "
            "given it back.",
            way_out="If it has another name, delete it by its `delete()`, then reserve under the "
            f"name {name!r}.",
        )
    options = options_at(part, testbed.site)
    option = reserved_option(lease, options, testbed) if lease.node else None
    statuses = [other.status for other in leases if other.name == name]
    return {
        **_about(testbed, part),
        "status": lease.status,
        "start": lease.start.isoformat(),
        "end": lease.end.isoformat(),
        "node": lease.node,
        "type": option.type if option else lease.node,
        "of_this_name": statuses.count(lease.status),
    }


def of_machine(testbed: Testbed, part: Part) -> dict[str, Any]:
    """Return the site's resources under the part's name, and the steps' notes about them."""
    name = resource_name(part)
    record = Record.for_name(name)
    machines = [machine for machine in testbed.machines() if machine.name == name]
    held = Counter(item.kind for item in held_by(testbed, name))
    steps = {step_name: _step_facts(step) for step_name, step in record.steps().items()}
    return {
        **_about(testbed, part),
        "statuses": [machine.status for machine in machines],
        "addresses": [address for machine in machines for address in machine.addresses],
        "held": dict(held),
        "checks": record.facts("health").get("checks", {}),
        "steps": steps,
    }


def _step_facts(step: StepRecord) -> dict[str, Any]:
    return {"state": step.state, "attempts": step.attempts, "elapsed_s": step.elapsed_s}


def of_holdings(testbed: Testbed, part: Part, now: datetime) -> dict[str, Any]:
    """Return what still counts against the student under the part's name: nothing, after a
    release.
    """
    held = [item.kind for item in held_by(testbed, resource_name(part))]
    return {**_about(testbed, part), "held": held, "at": now.isoformat()}


def _about(testbed: Testbed, part: Part) -> dict[str, Any]:
    return {
        "rehearsed": rehearsing(),
        "part": part,
        "site": testbed.site,
        "name": resource_name(part),
    }
