"""What unmodified python-chi does with each fault. Prints an exception's name, or what was returned."""

import json
import logging
import os
import tempfile
import time
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import chi
from chi import container, context, lease, network, server


def ask(what, **body):
    """Ask the rehearsal's own service, from a Python that has python-chi and nothing of this course."""
    request = urllib.request.Request(
        f"{os.environ['CHI_RESOURCE_API_URL']}/_rehearsal/{what}",
        data=json.dumps(body).encode(),
        headers={"X-Rehearsal-Secret": (Path(os.environ["REHEARSAL_HOME"]) / "secret").read_text()},
    )
    urllib.request.urlopen(request).close()


def arm(fault):
    ask("faults", fault=fault)


def advance(seconds):
    """Let time pass at once: nothing that is waited for depends on how busy this machine is."""
    ask("clock", advance_s=seconds)


found = {}
logged = []


class _Keep(logging.Handler):
    def emit(self, record):
        logged.append(record.getMessage())


logging.getLogger("chi.lease").addHandler(_Keep())


def outcome(name, act):
    """Keep what an action returned, or the name of what it raised."""
    try:
        found[name] = act()
    except Exception as error:
        found[name] = type(error).__name__


def new_lease(name, **dates):
    made = lease.Lease(name, **(dates or {"end_date": datetime.now(UTC) + timedelta(hours=3)}))
    made.add_node_reservation(amount=1, node_type="compute_liqid")
    made.submit()
    return made


def new_server(name, wait_timeout=60):
    made = server.Server(name, reservation_id=reservation, image_name="CC-Ubuntu24.04")
    made.submit(show=None, wait_timeout=wait_timeout)
    return made


context.use_site("CHI@TACC")
arm("token-401")
outcome("token-401", lambda: len(lease.list_leases()))
chi.context.use_site("CHI@TACC")
outcome("after token-401", lambda: len(lease.list_leases()))
arm("token-expiry=1")
chi.context.use_site("CHI@TACC")
outcome("token-expiry", lambda: (len(lease.list_leases()), time.sleep(1.5), len(lease.list_leases())))
arm("session-401")
outcome("session-401", lambda: len(lease.list_leases()))
arm("service-503")
outcome("service-503", lambda: len(lease.list_leases()))
outcome("after service-503", lambda: len(lease.list_leases()))

arm("no-hosts")
outcome("no-hosts", lambda: new_lease("none").status)
found["no-hosts logged"] = logged[-1]
past = datetime.now(UTC) - timedelta(hours=1)
outcome("start in the past", lambda: new_lease("past", start_date=past, end_date=past + timedelta(hours=3)).status)
found["start in the past logged"] = logged[-1]
found["leases after refusals"] = len(lease.list_leases())

arm("lease-error")
broken = new_lease("broken")
found["lease-error"] = broken.status
broken.delete()

good = new_lease("good")
reservation = good.node_reservations[0]["id"]
arm("server-conflict")
outcome("server-conflict", lambda: new_server("refused").status)
arm("server-error")
failed = new_server("failed")
found["server-error"] = failed.status
failed.delete(delete_ips=False)
arm("slow-boot=100000000")
outcome("slow-boot", lambda: new_server("slow", wait_timeout=6).status)
server.get_server("slow").delete(delete_ips=False)

arm("ssh-never")
silent = new_server("silent")
arm("no-floating-ip")
outcome("no-floating-ip", silent.associate_floating_ip)
found["no address connects"] = silent._can_connect_to_port(silent.get_floating_ip(), 22, 5)
address = silent.associate_floating_ip()
silent.refresh()
outcome("ssh-never", lambda: silent.check_connectivity(timeout=6, show="text"))
silent.delete(delete_ips=False)
arm("ssh-late=6000000")
late = new_server("late")
late.associate_floating_ip(address)
late.refresh()
found["ssh-late at first"] = late._can_connect_to_port(address, 22, 5)
advance(600)
outcome("ssh-late", lambda: late.check_connectivity(timeout=60, show="text"))
late.delete(delete_ips=False)
network.deallocate_floating_ip(address)
good.delete()

arm("lease-ends=600")
short = new_lease("short")
reservation = short.node_reservations[0]["id"]
doomed = new_server("doomed")
advance(600)
short.wait(status="terminated", timeout=60)
found["lease-ends"] = short.status
found["server after its lease"] = len(server.list_servers())
outcome("refresh after the lease", doomed.refresh)
short.delete()

context.use_site("CHI@Edge")
devices = lease.Lease("devices", end_date=datetime.now(UTC) + timedelta(hours=2))
devices.add_device_reservation(amount=1, machine_type="raspberrypi5")
devices.submit()
arm("container-error")
spoilt = container.Container("spoilt", image_ref="x", reservation_id=devices.device_reservations[0]["id"])
try:
    spoilt.submit(show=None)
    found["container-error"] = "returned"
except Exception as error:
    found["container-error"] = type(error).__name__
found["container status"] = [c.status for c in chi.zun().containers.list()]
for left in chi.zun().containers.list():
    chi.zun().containers.delete(left.uuid, force=True)
whole = container.Container("whole", image_ref="x", reservation_id=devices.device_reservations[0]["id"])
whole.submit(show=None)
arm("upload-cut")
with tempfile.TemporaryDirectory() as folder:
    (Path(folder) / "big").write_text("x")
    outcome("upload-cut", lambda: whole.upload(folder + "/big", "/tmp"))
whole.delete()
devices.delete()
print("RESULT", json.dumps(found, default=str))
