"""A whole part through python-chi: reserve, bring up, bring up again, release.

Arguments: user, course, part, and a machine type where it is not the part's first.
"""

import dataclasses
import json
import os
import sys
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chi import clients

from labs.records import Ledger
from provisioning import lab
from provisioning.setup.reach import Tunnel
from provisioning.sites.spec import load_spec

user, course, part = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
spec = load_spec(part)
if len(sys.argv) > 4:
    spec = spec.only(sys.argv[4])
option = spec.options[0]
testbed = lab.open_testbed(option.site)
end = datetime.now(UTC) + timedelta(hours=3)


def go():
    run = lab.prepare(part, option, testbed=testbed, materials=course)
    run.settings = dataclasses.replace(run.settings, poll_s=0.2)
    began = time.monotonic()
    events = list(run.events())
    failed = {name: str(error) for name, error in run.failures.items()}
    return run, events, failed, time.monotonic() - began


first = lab.reserve(testbed, part, option, None, end, None)
second = lab.reserve(testbed, part, option, None, end, None)
found = lab.find_option(lambda site: testbed, part, first.name, option.site)
run, events, failed, first_s = go()
held = (len(testbed.machines()), len(testbed.addresses()), len(testbed.leases()))
machine = run.testbed.machines()[0]
shell = testbed.shell(machine, option.user)
whole = shell.run("wc -c < serving-labs/assets/model.bin; cat .serving-labs/jupyter-token 2>/dev/null; true").output
again, _, failed_again, second_s = go()
held_again = (len(testbed.machines()), len(testbed.addresses()), len(testbed.leases()))
sequence = {name: again.record.step(name).attempts for name in again.plan.critical_path}
links = again.record.facts("links")
checks = again.record.facts("health").get("checks")
reached = lab.forward(part, testbed)
opened = {}
if isinstance(reached, Tunnel):
    jupyter, *services = reached.rows
    here, _, query = jupyter.link.partition("?")
    opened["status"] = urllib.request.urlopen(f"{here.split('/lab/')[0]}/api/status?{query}", timeout=60).status
    reached.stop()
way, moved = testbed.way(machine, option.user), []
if way is not None:  # a laptop that has no more than the address and the key
    os.environ["SERVING_LABS_WORKSPACE"] = str(course / f"laptop-{user}")
    Ledger(course / f"laptop-{user}" / "ledger.jsonl").observe("part.flow", {"made": "at home"})
    lab.ROOT = course
    moved = [how(part, way=way, say=lambda line: None).entries for how in (lab.push, lab.push, lab.pull)]
containers = clients.zun().containers.list() if part == "edge" else []
released = list(lab.give_back(part, testbed))
left = (len(testbed.machines()), len(testbed.addresses()), len([x for x in testbed.leases() if x.status == "ACTIVE"]))

print(
    "RESULT "
    + json.dumps(
        {
            "one lease": first.id == second.id,
            "found": found.type,
            "failed": failed | failed_again,
            "steps": [event.step for event in events if event.kind == "done"],
            "held": held,
            "held again": held_again,
            "attempts": sequence,
            "model bytes": int(whole.split()[0]),
            "links": links,
            "reached": {row.port: [row.local, row.link] for row in reached.rows},
            "opened": opened,
            "moved": moved,
            "container's ports": [sorted(each.ports) for each in containers],
            "checks": checks,
            "released": released,
            "left": left,
            "record left": again.record.path.exists(),
            "first_s": first_s,
            "second_s": second_s,
        }
    )
)
