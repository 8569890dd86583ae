"""A class at once through python-chi and the steps. Arguments: user prefix, course, number of students.

python-chi is imported once and each student is a fork of that: twenty imports would cost a minute and 3 GB.
"""

import dataclasses
import json
import multiprocessing
import os
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import chi

import provisioning.chameleon.adapter  # noqa: F401 - before the forks
from provisioning import lab
from provisioning.rehearsal import environment, place
from provisioning.rehearsal.drills import advance_to, site_clock
from provisioning.setup.run import Run
from provisioning.sites.spec import load_spec

prefix, course, count = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])

#: From the lease to a machine that holds the course. Twenty Jupyters would need 2 GB and say nothing about the testbed.
STEPS = set("lease server container address ssh materials".split())
#: Part, site, type and how many students: as many as are free whatever the day, and until midnight (UTC) only.
PLACES = [
    ("model", "CHI@TACC", "compute_liqid", 5),
    ("model", "CHI@UC", "compute_gigaio", 3),
    ("system", "CHI@TACC", "gpu_p100", 3),
    ("edge", "CHI@Edge", "raspberrypi5", 2),
    ("model", "CHI@TACC", "compute_skylake", 4),
    ("model", "CHI@UC", "compute_skylake", 3),
]


def places() -> list[tuple]:
    """Return a part and an option for each student."""
    found = []
    for part, site, type_name, seats in PLACES:
        spec = load_spec(part)
        option = next((r for r in spec.options if (r.site, r.type) == (site, type_name)), None)
        # No part runs on the plain nodes, but there are enough of them for a class.
        option = option or dataclasses.replace(spec.options[0], site=site, type=type_name, changes="")
        found += [(part, option)] * seats
    return found[:count]


def end_of_class() -> datetime:
    """Return three hours from now, or the end of the day: fewer machines are free from one day into the next."""
    now = site_clock().now()
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    if midnight - now < timedelta(minutes=15):
        now = advance_to(midnight)
        midnight += timedelta(days=1)
    return min(now + timedelta(hours=3), midnight - timedelta(minutes=1))


def student(number: int, part: str, option, end: datetime, gate, results) -> None:
    """Reserve, bring up, look, release; report what was held and what is left."""
    user = f"{prefix}{number:02d}"
    os.environ.update(environment.variables(place.folder(), user) | {"LABS_OWNER": user})
    chi.context.reset()
    gate.wait()
    began = time.monotonic()
    try:
        testbed = lab.open_testbed(option.site)
        lab.reserve(testbed, part, option, None, end, None)
        whole = lab.prepare(part, option, testbed=testbed, materials=course)
        settings = dataclasses.replace(whole.settings, poll_s=0.5)
        steps = [item.step for item in whole.plan.schedule if item.step.name in STEPS]
        run = Run(steps, settings, testbed, whole.record)
        run.go()
        (machine,) = testbed.machines()
        said = testbed.shell(machine, option.user).run(f"echo {user} >> mine; cat mine; pwd").output.split()
        held = [len(testbed.machines()), len(testbed.addresses()), len(testbed.leases())]
        list(lab.give_back(part, testbed))
        left = [len(testbed.machines()), len(testbed.addresses())]
        results.put({"user": user, "said": said, "held": held, "left": left, "s": time.monotonic() - began})
    except BaseException as error:
        results.put({"user": user, "error": f"{type(error).__name__}: {error}"})


fork = multiprocessing.get_context("fork")
gate, results = fork.Barrier(len(places())), fork.Queue()
end = end_of_class()
children = [fork.Process(target=student, args=(n, *where, end, gate, results)) for n, where in enumerate(places())]
began = time.monotonic()
for child in children:
    child.start()
found = [results.get(timeout=300) for _ in children]
for child in children:
    child.join()
print("RESULT " + json.dumps({"students": found, "wall_s": time.monotonic() - began}))
