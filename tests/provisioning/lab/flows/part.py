"""A whole part through python-chi: reserve, bring up, bring up again, release; the second time from a terminal.

Arguments: user, course, part, and a machine type where it is not the part's first.
"""

import dataclasses
import functools
import json
import os
import sys
import urllib.request
from datetime import timedelta
from pathlib import Path

from chi import clients
from typer.testing import CliRunner

from labs.records import Ledger
from provisioning import lab
from provisioning.__main__ import app
from provisioning.lab.device import open_device
from provisioning.rehearsal import drills
from provisioning.setup.reach import Tunnel
from provisioning.sites.spec import load_spec

user, course, part = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
spec = load_spec(part)
if len(sys.argv) > 4:
    spec = spec.only(sys.argv[4])
option = spec.options[0]
testbed = lab.open_testbed(option.site)
end = drills.site_clock().now() + timedelta(hours=3)
lab.prepare = functools.partial(lab.prepare, materials=course)
said = {}


def run_command(name, *words):
    """Keep a command's exit code and what it printed."""
    done = CliRunner().invoke(app, list(words))
    said[name] = [done.exit_code, done.output]


first = lab.reserve(testbed, part, option, None, end, None)
run_command("plan", "plan", part, "--zone", "America/Chicago")
run_command("reserve", "reserve", part)
found = lab.find_option(lab.open_testbed, part, first.name)
run = lab.prepare(part, option, testbed=testbed)
run.settings = dataclasses.replace(run.settings, poll_s=0.2)
events = list(run.events())


def count():
    """Return how many of each kind the student holds."""
    groups = [one for one in testbed.groups() if one.name == first.name]
    leases = [one for one in testbed.leases() if one.status == "ACTIVE"]
    return [len(testbed.machines()), len(testbed.addresses()), len(leases), len(groups)]


held = count()
machine = run.testbed.machines()[0]
shell = testbed.shell(machine)
whole = shell.run("wc -c < serving-labs/assets/model.bin; cat .serving-labs/jupyter-token 2>/dev/null; true").output
run_command("up", "up", part)
again = lab.prepare(part, option, testbed=testbed)
held_again = count()
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
way, moved = testbed.way(machine), []
if way is not None:  # a laptop that has no more than the address and the key
    os.environ["SERVING_LABS_WORKSPACE"] = str(course / f"laptop-{user}")
    Ledger(course / f"laptop-{user}" / "ledger.jsonl").observe("part.flow", {"made": "at home"})
    lab.ROOT = course
    moved = [how(part, way=way, say=lambda line: None).entries for how in (lab.push, lab.push, lab.pull)]
containers = clients.zun().containers.list() if part == "edge" else []
run_command("sweep", "sweep", "--mine")
run_command("release", "release", part)
run_command("sweep after", "sweep", "--mine")
run_command("up without a lease", "up", part)
left = count()
device = ""
if part == "edge":  # a lesson that finds no device brings one up, on a calendar that was moved
    drills.advance(timedelta(hours=30))
    device = str(open_device())
    list(lab.give_back(part, testbed))

print(
    "RESULT "
    + json.dumps(
        {
            "found": found.type,
            "failed": {name: str(error) for name, error in run.failures.items()},
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
            "said": said,
            "device": device,
            "left": left,
            "record left": again.record.path.exists(),
        }
    )
)
