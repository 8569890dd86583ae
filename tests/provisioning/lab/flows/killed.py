"""Bring a machine up, or go on with what an earlier process began; then count and release.

Arguments: user, course, part.
"""

import dataclasses
import json
import sys
from datetime import timedelta
from pathlib import Path

from provisioning import lab
from provisioning.setup.run import Run
from provisioning.sites.spec import load_spec
from provisioning.testbed.surroundings import site_clock

user, course, part = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
option = load_spec(part).options[0]
testbed = lab.open_testbed(option.site)
lab.reserve(testbed, part, option, None, site_clock().now() + timedelta(hours=3), None)
whole = lab.prepare(part, option, testbed=testbed, materials=course)
wanted = ("lease", "server", "container", "address", "ssh", "materials", "drivers", "environment")
steps = [step for step in whole.plan.steps if step.name in wanted]
run = Run(steps, dataclasses.replace(whole.settings, poll_s=0.2), testbed, whole.record)
for event in run.events():
    print(event.step, event.kind, event.text, flush=True)

held = [len(testbed.machines()), len(testbed.addresses()), len(testbed.leases())]
attempts = {name: record.attempts for name, record in run.record.steps().items()}
list(lab.give_back(part, testbed))
left = [len(testbed.machines()), len(testbed.addresses())]
found = {"failed": {name: str(e) for name, e in run.failures.items()}, "held": held, "attempts": attempts, "left": left}
print("RESULT " + json.dumps(found))
