"""What a lesson may keep of a testbed: plain JSON facts, read from the services and never from memory.

A grader without that testbed judges them later, so each document says whether it was rehearsed, at which site and when.
"""

from collections import Counter
from dataclasses import asdict
from datetime import datetime
from typing import Any

from provisioning.lab import reserved_option
from provisioning.setup.context import pick_lease
from provisioning.setup.record import Record
from provisioning.setup.release import held_by
from provisioning.sites.spec import Part, load_spec, resource_name
from provisioning.testbed import Testbed
from provisioning.testbed.errors import LeaseMissingError
from provisioning.testbed.surroundings import rehearsing


def of_lease(testbed: Testbed, part: Part) -> dict[str, Any]:
    """Return the part's lease as the site has it now.

    Raises:
        LeaseMissingError: the site has no usable lease of that name.
    """
    name, leases = resource_name(part), testbed.leases()
    lease = pick_lease(leases, name)
    if lease is None:
        raise LeaseMissingError(
            f"there is no usable lease {name!r} at {testbed.site}",
            likely="You gave the lease another name or another site, or it has ended, or you have given it back.",
            way_out=f"If it has another name, delete it by its `delete()`, then reserve under the name {name!r}.",
        )
    options = [option for option in load_spec(part).options if option.site == testbed.site]
    option = reserved_option(lease, options, testbed) if lease.node else None
    return {
        **_about(testbed, part),
        "status": lease.status,
        "start": lease.start.isoformat(),
        "end": lease.end.isoformat(),
        "node": lease.node,
        "type": option.type if option else lease.node,
        "of_this_name": sum(each.name == name and each.status == lease.status for each in leases),
    }


def of_machine(testbed: Testbed, part: Part) -> dict[str, Any]:
    """Return what stands under the part's name at the site, and what the steps noted about it."""
    name = resource_name(part)
    record = Record.for_name(name)
    machines = [each for each in testbed.machines() if each.name == name]
    kept = ("state", "attempts", "elapsed_s")
    return {
        **_about(testbed, part),
        "statuses": [each.status for each in machines],
        "addresses": [address for each in machines for address in each.addresses],
        "held": dict(Counter(one.kind for one in held_by(testbed, name))),
        "checks": record.facts("health").get("checks", {}),
        "steps": {
            step: {key: asdict(one)[key] for key in kept} for step, one in record.steps().items()
        },
    }


def of_holdings(testbed: Testbed, part: Part, now: datetime) -> dict[str, Any]:
    """Return what still counts against the student under the part's name: nothing, after a release."""
    held = [one.kind for one in held_by(testbed, resource_name(part))]
    return {**_about(testbed, part), "held": held, "at": now.isoformat()}


def _about(testbed: Testbed, part: Part) -> dict[str, Any]:
    return {
        "rehearsed": rehearsing(),
        "part": part,
        "site": testbed.site,
        "name": resource_name(part),
    }
