"""What a lesson may keep of a testbed as evidence: plain JSON facts, read from the services and never from memory.

A grader without that testbed judges them later, so each document says whether it was rehearsed, at which site and when.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import Any

from provisioning import lab
from provisioning.errors import LeaseMissingError
from provisioning.planning.blocks import Block
from provisioning.release import held_by
from provisioning.setup.context import pick_lease
from provisioning.setup.graph import Plan
from provisioning.setup.state import StateFile
from provisioning.sites.spec import Part, load_spec, resource_name
from provisioning.testbed import Lease, Testbed

#: Blazar's keys for one named machine: a node, and a device.
_NAME_KEYS = ("$node_name", "$name", "$device_name")


def of_block(block: Block, now: datetime) -> dict[str, Any]:
    """Return a free block that a planner offers.

    Args:
        block: from the planner.
        now: the site's present, with time zone.
    """
    return {
        "rehearsed": lab.rehearsing(),
        "site": block.option.site,
        "type": block.option.type,
        "node": block.resource,
        "start": block.start.isoformat(),
        "end": block.end.isoformat(),
        "hours_away": (block.start - now).total_seconds() / 3600,
        "free": block.others_free + 1,
    }


def of_lease(testbed: Testbed, part: Part, name: str | None = None) -> dict[str, Any]:
    """Return the part's lease as the site has it now.

    Args:
        testbed: the site.
        part: of the course.
        name: of the lease; the student's own when left out.

    Raises:
        LeaseMissingError: the site has no usable lease of that name.
    """
    name = name or resource_name(part)
    leases = testbed.leases()
    lease = pick_lease(leases, name)
    if lease is None:
        raise LeaseMissingError(f"there is no usable lease {name!r} at {testbed.site}")
    node = machine_of(lease)
    return {
        "rehearsed": lab.rehearsing(),
        "part": part,
        "site": testbed.site,
        "name": name,
        "status": lease.status,
        "start": lease.start.isoformat(),
        "end": lease.end.isoformat(),
        "node": node,
        "type": _type_of(testbed, part, node) if node else "",
        "asked_for": [each.condition for each in lease.reservations],
        "of_this_name": sum(each.name == name and each.status == lease.status for each in leases),
    }


def of_plan(plan: Plan) -> dict[str, Any]:
    """Return the steps with what each needs and its usual seconds."""
    return {
        "steps": [
            {"name": item.step.name, "needs": list(item.step.needs), "expected_s": item.step.expected_s}
            for item in plan.schedule
        ],
        "total_s": plan.total_s,
        "serial_s": plan.serial_s,
    }


def of_machine(testbed: Testbed, part: Part, name: str | None = None, state: StateFile | None = None) -> dict[str, Any]:
    """Return what stands under the part's name at the site, and what the steps recorded about it.

    Args:
        testbed: the site.
        part: of the course.
        name: of machine and lease; the student's own when left out.
        state: the record of the provisioning; the usual one when left out.
    """
    name = name or resource_name(part)
    state = state or StateFile.for_name(name)
    machines = [each for each in testbed.machines() if each.name == name]
    return {
        "rehearsed": lab.rehearsing(),
        "part": part,
        "site": testbed.site,
        "name": name,
        "statuses": [each.status for each in machines],
        "addresses": [address for each in machines for address in each.addresses],
        "held": dict(Counter(item.kind for item in held_by(testbed, name, state))),
        "checks": state.facts("health").get("checks", {}),
        "steps": {
            step: {"state": record.state, "attempts": record.attempts, "elapsed_s": record.elapsed_s}
            for step, record in state.steps().items()
        },
    }


def of_holdings(testbed: Testbed, part: Part, now: datetime, name: str | None = None) -> dict[str, Any]:
    """Return what still counts against the student under the part's name: nothing, after a release.

    Args:
        testbed: the site.
        part: of the course.
        now: the site's present, with time zone.
        name: of machine and lease; the student's own when left out.
    """
    name = name or resource_name(part)
    held = held_by(testbed, name, StateFile.for_name(name))
    return {
        "rehearsed": lab.rehearsing(),
        "part": part,
        "site": testbed.site,
        "name": name,
        "held": [item.kind for item in held],
        "at": now.isoformat(),
    }


def machine_of(lease: Lease) -> str:
    """Return the machine that a lease names; empty where it names none."""
    return next((found for each in lease.reservations if (found := named_in(each.condition))), "")


def named_in(condition: str) -> str:
    """Return the one machine that a reservation names, or an empty text when it takes any of a type.

    Args:
        condition: as Blazar keeps it, such as ``["==", "$node_name", "liqid01"]``.
    """
    try:
        return _named(json.loads(condition))
    except ValueError:
        return ""


def _named(terms: object) -> str:
    match terms:
        case ["==", str(key), str(value)] if key in _NAME_KEYS:
            return value
        case ["and", *parts]:
            return next(filter(None, map(_named, parts)), "")
    return ""


def _type_of(testbed: Testbed, part: Part, node: str) -> str:
    options = [
        option for option in load_spec(part).options if option.site == testbed.site and option.resource != "flavor"
    ]
    for option in options:
        if any(each.name == node for each in testbed.resources(option.resource, option.type)):
            return option.type
    return ""
