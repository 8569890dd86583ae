"""Bring a machine up, or continue an earlier process's set-up; then release it. Prints the results
that a lesson would keep.

Arguments: user, course, part.
"""

import dataclasses
import json
import sys
from datetime import timedelta
from pathlib import Path

from labs.sites.spec import load_spec
from provisioning import lab
from provisioning.lab import facts
from provisioning.planning.blocks import free_resources
from provisioning.setup.run import SetupRun
from provisioning.testbed.errors import LeaseMissingError
from provisioning.testbed.surroundings import site_clock

_, user, course, part = sys.argv
option = load_spec(part).options[0]
testbed = lab.open_testbed(option.site)
now = site_clock().now()
end = now + timedelta(hours=3)
free = free_resources(testbed.resources(option.resource, option.type), now, end)
lab.reserve(testbed, part, option, None, end, free[0].name)
whole = lab.prepare(part, option, testbed=testbed, materials=Path(course))
wanted = (
    "lease",
    "server",
    "container",
    "address",
    "ssh",
    "materials",
    "updates",
    "drivers",
    "environment",
)
steps = [step for step in whole.plan.steps if step.name in wanted]
run = SetupRun(steps, dataclasses.replace(whole.settings, poll_s=0.2), testbed, whole.record)
for event in run.events():
    print(event.step, event.kind, event.text, flush=True)

result = {"failed": {name: str(error) for name, error in run.failures.items()}}
result["lease"] = facts.of_lease(testbed, part)
result["machine"] = facts.of_machine(testbed, part)
list(lab.give_back(part, testbed))
result["release"] = facts.of_holdings(testbed, part, site_clock().now())
try:
    facts.of_lease(testbed, part)
except LeaseMissingError as error:
    result["missing"] = error.what
print("RESULT " + json.dumps(result))
