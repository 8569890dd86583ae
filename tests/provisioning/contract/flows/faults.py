"""What unmodified python-chi does with faults, where it surprises. Prints an exception's name, or what was returned."""

import json
import logging
import time
from datetime import UTC, datetime, timedelta

import chi
from asking import advance, arm
from chi import container, context, lease, server

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


def new_server(name):
    made = server.Server(name, reservation_id=reservation, image_name="CC-Ubuntu24.04")
    made.submit(show=None, wait_timeout=60)
    return made


context.use_site("CHI@TACC")
arm("token-expiry=1")
chi.context.use_site("CHI@TACC")
outcome("token-expiry", lambda: (len(lease.list_leases()), time.sleep(1.5), len(lease.list_leases())))

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
silent = new_server("silent")
arm("no-floating-ip")
outcome("no-floating-ip", silent.associate_floating_ip)
found["no address connects"] = silent._can_connect_to_port(silent.get_floating_ip(), 22, 5)
silent.delete(delete_ips=False)
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
devices.delete()
print("RESULT", json.dumps(found, default=str))
