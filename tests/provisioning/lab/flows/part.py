"""A whole part through python-chi: reserve, bring up, bring up again, release; the second time from
a terminal.

Arguments: user, course, part, machine type. Prints the finished steps, and the secrets that no
journal may hold.
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

from chameleon_rehearsal import advance
from labs.records import Ledger
from labs.sites.spec import load_spec, resource_name
from provisioning import lab
from provisioning.__main__ import app
from provisioning.lab.device import open_device
from provisioning.setup.reach import JUPYTER_PORT, first_notebook, ports_of
from provisioning.setup.transfer import Home
from provisioning.testbed.surroundings import site_clock

_, user, course_folder, part, machine_type = sys.argv
course = Path(course_folder)
option = load_spec(part).only(machine_type).options[0]
testbed = lab.open_testbed(option.site)
end = site_clock().now() + timedelta(hours=3)
lab.prepare = functools.partial(lab.prepare, materials=course)
lab.ROOT = course
os.environ["SERVING_LABS_WORKSPACE"] = str(course / f"laptop-{user}")


def says(*words, code=0):
    """Return what a command prints that ends with this exit code."""
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == code, done.output
    return done.output


def count():
    """Return how many of each kind the student holds."""
    machines = len(testbed.machines())
    addresses = len(testbed.addresses())
    leases = sum(lease.status == "ACTIVE" for lease in testbed.leases())
    groups = sum(group.name == first.name for group in testbed.groups())
    volumes = sum(volume.name == first.name for volume in testbed.volumes())
    return [machines, addresses, leases, groups, volumes]


if option == load_spec(part).options[0]:
    # A lease that was made beforehand, as if in Horizon, works like the student's own.
    says("rehearsal", "lease", resource_name(part), "--part", part)
    (first,) = testbed.leases()
else:
    first = lab.reserve(testbed, part, option, None, end, None)
assert first.name == f"serve-{part}-{user}"
assert "choose a block (rehearsal" in says("plan", part, "--zone", "America/Chicago")
assert f"{first.name} is ACTIVE" in says("reserve", part)
assert lab.find_option(lab.open_testbed, part, first.name).type == machine_type
run = lab.prepare(part, option, testbed=testbed)
run.settings = dataclasses.replace(run.settings, poll_s=0.2)
events = list(run.events())
assert run.failures == {}, run.failures
is_virtual = int(option.resource == "flavor")
one_of_each = [1, 1, 1, is_virtual, is_virtual]
assert count() == one_of_each
machine = run.testbed.machines()[0]
whole = testbed.shell(machine).run("wc -c < serving-labs/assets/model.bin").output
assert int(whole) == (course / "assets" / "model.bin").stat().st_size

# Though the record is lost: site and machine are looked at, and the same copies stay.
run.record.clear()
brought_up = says("up", part)
assert "Costs about" in brought_up
assert "All done." in brought_up
assert "the same materials are there already" in brought_up
assert count() == one_of_each
assert testbed.machines()[0].id == machine.id
assert "All done." in says("up", part)
third_run = lab.prepare(part, option, testbed=testbed)
record = third_run.record
assert {record.step(name).attempts for name in third_run.plan.critical_path} == {2}
links = record.facts("links")
checks = record.facts("health")["checks"]
assert "failed" not in checks.values()
reached = lab.forward(part, testbed)
ports = {int(row.port) for row in reached.rows}
if part == "edge":
    # A container's ports are opened when it is made, or never.
    (container,) = clients.zun().containers.list()
    assert sorted(container.ports) == sorted(ports_of(part)) == sorted(ports)
else:
    # Jupyter really runs on the rehearsed node, and is reached through the node's SSH server, with
    # python-chi's key.
    assert checks["Jupyter"] == "ok"
    assert ports >= set(ports_of(part)) - {JUPYTER_PORT}
    address, _, query = reached.rows[0].link.partition("?")
    jupyter = address.split("/lab/")[0]
    reply = urllib.request.urlopen(f"{jupyter}/api/status?{query}", timeout=60)
    assert reply.status == 200
    reached.stop()
    assert links["ssh"].startswith("ssh -F ")
    assert "token" not in links["ssh"] + links["forward"]
    assert "127.0.0.1" in links["jupyter"]
    assert first_notebook(part) in links["jupyter"]
    # A laptop's files arrive once, with only the address and the key.
    ledger = Ledger(course / f"laptop-{user}" / "ledger.jsonl")
    ledger.observe("part.flow", {"made": "at home"})
    way = testbed.way(machine)
    assert lab.push(part, way=way, say=lambda _line: None).entries == 1
    assert lab.push(part, way=way, say=lambda _line: None).entries == 0
    assert lab.pull(part, way=way, say=lambda _line: None).entries == 0

# The machine describes itself, and pulling copies this to a computer that has not seen it.
assert says("proof", part).endswith("of a rehearsal, to look at\n")
(proof,) = Home.of_course(lab.ROOT).path("workspace/proofs").glob("rehearsed-*.json")
text = proof.read_text()
proof.unlink()
record.clear()
assert "home: 1 file" in says("pull", part)
assert proof.read_text() == text

assert f"0 of {sum(one_of_each)} are orphans." in says("sweep", "--mine")
assert f"nothing named {first.name} is left" in says("release", part)
assert "Nothing of the labs is left." in says("sweep", "--mine")
refused = says("up", part, code=1)
assert "no usable lease" in refused
assert "Fix:" in refused
assert count() == [0] * len(one_of_each)
assert not record.path.exists()
if part == "edge":  # a lesson that finds no device brings one up, on a calendar that was moved
    advance(timedelta(hours=30))
    assert str(open_device()).startswith(f"{first.name} at 127.77.3.")
    list(lab.give_back(part, testbed))

address, _, token = links["jupyter"].partition("token=")
assert address
steps = [event.step for event in events if event.kind == "done"]
print("RESULT", json.dumps({"steps": steps, "token": token, "proof": text}))
