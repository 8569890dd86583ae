"""Two students and their instructor take turns with one machine of the class.

Arguments: course, node (user@host:port), known host key's line, folder of the machine's account.
Each person is this program with another name. The private key is ``~/.ssh/id_ed25519``.
"""

import csv
import functools
import os
import sys
import time
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from labs.course import assignment as course_assignment
from labs.course.lease_record import CLASS_SITE, read_looks
from provisioning import lab
from provisioning.__main__ import app
from provisioning.lab.device import open_node
from provisioning.own.booked import FOLDER
from provisioning.own.shared import NotYoursNowError, SharedPlace
from provisioning.testbed import LeaseRequest, errors

_, course_folder, node, host_key, account = sys.argv
course = Path(course_folder)
home = Path(account)
laptop = Path.home()
os.environ["LABS_SSH_KEY"] = str(laptop / ".ssh" / "id_ed25519")
os.environ["SERVING_LABS_WORKSPACE"] = str(laptop / "workspace")
(laptop / ".ssh" / "known_hosts").write_text(f"{host_key}\n")
lab.prepare = functools.partial(lab.prepare, materials=course)
lab.poll_s = lambda: 0.2
lab.ROOT = course

# The class's assignment: part 1 runs on the machine, an hour costs 1.5 dollars.
shipped = course_assignment.PATH.read_text()
machines = f'machines = {{ nodes = ["{node}"], usd_per_hour = 1.5 }}\nown_machine = true'
file = laptop / "assignment.toml"
file.write_text(shipped.replace("number = 1\n", f"number = 1\n{machines}\n", 1))
course_assignment.PATH = file
place = SharedPlace(f"{CLASS_SITE}{node}")


def says(who, *words, code=0):
    """Return what a person's command prints that ends with this exit code."""
    os.environ["LABS_OWNER"] = who
    os.environ["LABS_STATE"] = str(laptop / f"state-{who}")
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == code, (who, words, done.output)
    return done.output


def processes_in(folder):
    """Return the processes that live in a folder of the machine, and those that keep it."""
    marks = {f"HOME={folder}", f"LABS_KEEPS={folder.name}"}
    found = {}
    for process in psutil.process_iter():
        try:
            variables = {f"{name}={value}" for name, value in process.environ().items()}
        except psutil.Error:
            continue
        if marks & variables:
            found[process.pid] = "keeper" if process.environ().get("LABS_KEEPS") else "theirs"
    return found


def gone(folder):
    """Wait until nothing of a folder is there any more."""
    for _ in range(600):
        if not folder.exists() and not processes_in(folder):
            return
        time.sleep(0.1)
    raise AssertionError(processes_in(folder) or sorted(folder.iterdir()))


# The instructor plans and books; the machine is a site with a calendar.
roster = laptop / "roster.csv"
roster.write_text("username\nada\nbob\n")
soon = place.now()
plan = ("class", "plan", "model", roster, "--until", f"{soon + timedelta(days=3):%Y-%m-%d}")
planned = says("teacher", *plan, "--zone", "UTC", "--out", laptop / "plan")
assert "All 2 have a block: 2 on a machine of your class" in planned, planned
assert "dollars by the assignment" in planned
with (laptop / "plan" / "plan.csv").open() as table:
    rows = list(csv.DictReader(table))
assert [row["site"] for row in rows] == [place.site] * 2
assert rows[0]["end_utc"] <= rows[1]["start_utc"]
assert says("teacher", "class", "reserve", "model", laptop / "plan" / "plan.csv").endswith(
    "2 reserved\n"
)
assert "2 there already" in says(
    "teacher", "class", "reserve", "model", laptop / "plan" / "plan.csv"
)
assert "2 waits" in says("teacher", "class", "watch", "model", roster)
leases = {lease.name: lease for lease in place.leases()}
ada, bob = leases["serve-model-ada"], leases["serve-model-bob"]
early = says("bob", "up", "model", code=1)
assert "starts in" in early, early
assert not (home / "serve-model-bob").exists()

# A student may also book alone, and give it back.
listed = says("eve", "plan", "model", "--zone", "UTC")
assert "a machine of your class" in listed
booked = says("eve", "reserve", "model", "--number", 20, "--zone", "UTC")
assert f"serve-model-eve is PENDING on {node.partition('@')[2]} at {place.site}" in booked, booked
assert len(place.leases()) == 3
assert "nothing named serve-model-eve is left" in says("eve", "release", "model")
assert len(place.leases()) == 2

# Ada's block begins now; Bob's follows hers. Nobody books over another's.
place.delete_lease(ada.id)
place.delete_lease(bob.id)
begin = place.now()
assert not (home / FOLDER).exists()


def book(name, start, hours):
    request = LeaseRequest(name, "own", "class-model", start, begin + timedelta(hours=hours))
    return place.reserve(request)


ada = book("serve-model-ada", None, 1)
bob = book("serve-model-bob", begin + timedelta(hours=2), 3)
with pytest.raises(errors.NoCapacityError, match="is booked then"):
    book("serve-model-eve", None, 9)
with pytest.raises(errors.NoCapacityError, match="is booked then"):
    place.extend_lease(ada.id, begin + timedelta(hours=2.5))
up = says("ada", "up", "model")
assert "All done." in up, up
folder = home / "serve-model-ada"
of_ada = processes_in(folder)
assert sorted(set(of_ada.values())) == ["keeper", "theirs"]
assert list(of_ada.values()).count("keeper") == 1
assert "All done." in says("ada", "up", "model")
assert list(processes_in(folder).values()).count("keeper") == 1
os.environ["LABS_OWNER"] = "ada"
os.environ["LABS_STATE"] = str(laptop / "state-ada")
open_node("model", place).write("workspace/programs/secret.txt", "of Ada")
record = laptop / "leases.jsonl"
seen = says("teacher", "class", "watch", "model", roster, "--record", record)
assert "1 works" in seen, seen
assert "1 waits" in seen, seen
(look,) = read_looks(record)
assert look.site == place.site
assert {lease.name: lease.has_machine for lease in look.leases} == {
    ada.name: True,
    bob.name: False,
}
(bobs_lease,) = bob.reservations
with pytest.raises(NotYoursNowError, match=f"no block of {bob.name} runs now"):
    place.boot(bob.name, bobs_lease.id, "", "")

# Her block ends while her computer is off: the machine clears itself.
place.extend_lease(ada.id, place.now() + timedelta(seconds=1))
gone(folder)
ended = says("ada", "up", "model", code=1)
assert "no usable lease" in ended, ended
print("CLEARED BY ITSELF")

# The keeper is lost, as after a reboot, and Ada's things are still there: Bob's beginning clears.
place.delete_lease(ada.id)
again = book("serve-model-ada", None, 1)
assert "All done." in says("ada", "up", "model")
for pid, kind in processes_in(folder).items():
    if kind == "keeper":
        psutil.Process(pid).kill()
place.extend_lease(again.id, place.now() + timedelta(seconds=1))
place.delete_lease(bob.id)
while place.now() < next(each for each in place.leases() if each.id == again.id).end:
    time.sleep(0.2)
assert folder.exists()
bob = book("serve-model-bob", None, 2)
assert "All done." in says("bob", "up", "model")
gone(folder)
bobs = home / "serve-model-bob"
assert not list(home.rglob("secret.txt"))
assert {path.name for path in home.iterdir()} == {"thesis.txt", FOLDER, bobs.name}

# Released early, the block is free for others, and the calendar goes with its last booking.
says("bob", "pull", "model")
released = says("bob", "release", "model")
assert "nothing named serve-model-bob is left" in released
gone(bobs)
assert {lease.name for lease in place.leases() if lease.status != "TERMINATED"} == set()
place.delete_lease(again.id)
print("RELEASED")
