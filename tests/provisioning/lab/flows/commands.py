"""What a terminal can do, on a calendar that was moved: from the plan to the sweep. Arguments: user, course."""

import functools
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

from typer.testing import CliRunner

from provisioning import lab
from provisioning.__main__ import app
from provisioning.lab.device import open_device
from provisioning.rehearsal import drills
from provisioning.sites.spec import resource_name

user, course = sys.argv[1], Path(sys.argv[2])
lab.prepare = functools.partial(lab.prepare, materials=course)
found = {}


def run(name, *words):
    """Keep a command's exit code and what it printed."""
    done = CliRunner().invoke(app, list(words))
    found[name] = [done.exit_code, done.output]


# A rehearsal whose calendar is hours ahead of this computer's, as it is after a lesson has moved it.
found["now"] = drills.advance(timedelta(hours=30)).isoformat()
run("plan", "plan", "model", "--zone", "America/Chicago")
run("no such zone", "plan", "edge", "--zone", "Mars/Olympus")
run("no such part", "plan", "modle")
run("up without a lease", "up", "edge")
run("reserve", "reserve", "edge", "--zone", "UTC")
run("reserve again", "reserve", "edge", "--number", "2", "--zone", "UTC")
(lease,) = [each for each in lab.open_testbed("CHI@Edge").leases() if each.name == resource_name("edge")]
drills.advance_to(lease.start)
run("up", "up", "edge")
run("up again", "up", "edge")
run("sweep mine", "sweep", "--mine")
run("release", "release", "edge")
run("sweep after", "sweep", "--mine")

# A lesson of part 2 that finds no device brings one up by itself, on the same calendar.
found["device"] = str(open_device())
run("release device", "release", "edge")

found["block"] = [lease.start.isoformat(), datetime.fromisoformat(found["now"]).isoformat()]
print("RESULT " + json.dumps(found))
