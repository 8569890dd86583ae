"""A whole part on a machine of one's own: look, bring up, again, links, work both ways, proof,
release.

Arguments: course, part, node (user@host:port), key, known host key's line. Prints what the machine
said before and after.
"""

import functools
import json
import os
import sys
import urllib.request
from pathlib import Path

from typer.testing import CliRunner

from labs.records import Ledger
from labs.sites.spec import resource_name
from provisioning import lab
from provisioning.__main__ import app
from provisioning.lab import facts
from provisioning.lab.device import open_node
from provisioning.own.place import OwnPlace, own_machine
from provisioning.setup.record import Record

_, course_folder, part, node, key, host_key = sys.argv
course = Path(course_folder)
name = resource_name(part)
lab.prepare = functools.partial(lab.prepare, materials=course)
lab.poll_s = lambda: 0.2
lab.ROOT = course
workspace = Path.home() / "workspace"
os.environ["SERVING_LABS_WORKSPACE"] = str(workspace)
place = OwnPlace()


def says(*words, code=0):
    """Return what a command prints that ends with this exit code."""
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == code, (words, done.output)
    return done.output


# Nobody has signed in from here before: any machine could answer.
unknown = says("up", part, "--node", node, "--key", key, code=1)
assert "known_hosts" in unknown, unknown
assert "Sign in once" in unknown
assert own_machine(part) is None
known_hosts = Path.home() / ".ssh" / "known_hosts"
known_hosts.parent.mkdir()
known_hosts.write_text(f"{host_key}\n")

# The look changes nothing, and says what will be made where.
first = says("up", part, "--node", node, "--key", key)
assert f"Everything goes into ~/{name}" in first
assert "All done." in first, first
(machine,) = place.machines()
(lease,) = place.leases()
assert (machine.name, lease.name, lease.status) == (name, name, "ACTIVE")
assert lab.places_of(part) == [place.site]

# Again, by name alone: what is there stays.
again = says("up", part)
assert "the same materials are there already" in again
assert "All done." in again
record = Record.for_name(name)
assert record.step("server").attempts == 2
other = says("up", part, "--node", "somebody@127.0.0.9", "--key", key, code=1)
assert "no SSH connection" in other or "known_hosts" in other

links = record.facts("links")
token = ""
if part != "edge":
    reached = lab.forward(part)
    address, _, query = reached.rows[0].link.partition("?")
    token = query.removeprefix("token=")
    jupyter = address.split("/lab/")[0]
    reply = urllib.request.urlopen(f"{jupyter}/api/status?{query}", timeout=60)
    assert reply.status == 200
    assert reached.rows[0].link.startswith("http://127.0.0.1:")
    reached.stop()
assert links["ssh"].endswith(node.partition(":")[0])

# Work travels both ways, and the release waits for what is only there.
Ledger(workspace / "ledger.jsonl").observe("part.flow", {"made": "at home"})
assert "sent: 1 ledger entry" in says("push", part)
device = open_node(part, place)
device.write("workspace/programs/notes.txt", "only there")
assert "has results that are only there" in says("release", part, code=1)
assert "home: 1 file" in says("pull", part)
assert (workspace / "programs" / "notes.txt").read_text() == "only there"
seen = facts.of_machine(place, part)
assert seen["held"] == {"server": 1, "lease": 1}
assert facts.of_lease(place, part)["status"] == "ACTIVE"

says("proof", part)
(proof,) = (workspace / "proofs").glob("*.json")
text = proof.read_text()
assert json.loads(text)["site"] == place.site


says("pull", part)
released = says("release", part)
assert f"nothing named {name} is left" in released
assert place.leases() == []
assert place.machines() == []
assert own_machine(part) is None
assert not record.path.exists()
print(first, again, released, sep="\n")
