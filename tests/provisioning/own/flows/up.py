"""Bring a part up on a machine of one's own that was named before, or go on with what a killed
process began.

Arguments: course, part, node, key, known host key's line. Prints each event on a line.
"""

import os
import sys
from pathlib import Path

from labs.sites.spec import resource_name
from provisioning import lab
from provisioning.own.look import inspect, name_machine

_, course_folder, part, node, key, host_key = sys.argv
course = Path(course_folder)
lab.ROOT = course
lab.poll_s = lambda: 0.2
os.environ["SERVING_LABS_WORKSPACE"] = str(Path.home() / "workspace")
known_hosts = Path.home() / ".ssh" / "known_hosts"
known_hosts.parent.mkdir(exist_ok=True)
known_hosts.write_text(f"{host_key}\n")

inspection = inspect(part, node, key)
assert inspection.lacking() == []
name_machine(inspection, key)
option = lab.find_option(lab.open_testbed, part, resource_name(part))
run = lab.prepare(part, option, materials=course)
for event in run.events():
    print(event.step, event.kind, event.text.partition("\n")[0], flush=True)
assert run.failures == {}, run.failures
print("RESULT {}")
