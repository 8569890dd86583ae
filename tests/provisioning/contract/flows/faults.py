"""What unmodified python-chi does with faults, where it surprises: whoever guards it relies on that.

The other faults meet it in `lab/test_faults.py`, behind that guard.
"""

import logging
import time
from datetime import UTC, datetime, timedelta

import chi
from asking import advance, arm, raised
from chi import container, context, lease, server

logged = []


class _Keep(logging.Handler):
    def emit(self, record):
        logged.append(record.getMessage())


logging.getLogger("chi.lease").addHandler(_Keep())


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
assert lease.list_leases() == []
time.sleep(1.5)
assert lease.list_leases() == []

arm("no-hosts")
assert raised(new_lease, "none") == "ResourceError"
assert logged[-1] == "error: not enough hosts available"
past = datetime.now(UTC) - timedelta(hours=1)
assert raised(new_lease, "past", start_date=past, end_date=past + timedelta(hours=3)) == "ResourceError"
assert logged[-1] == "error: start date must be later than current date."
assert lease.list_leases() == []

# A lease and a server that go to ERROR return normally: only the status tells.
arm("lease-error")
broken = new_lease("broken")
assert broken.status == "ERROR"
broken.delete()

good = new_lease("good")
reservation = good.node_reservations[0]["id"]
arm("server-conflict")
assert raised(new_server, "refused") == "ResourceError"
arm("server-error")
failed = new_server("failed")
assert failed.status == "ERROR"
failed.delete(delete_ips=False)
silent = new_server("silent")
arm("no-floating-ip")
assert raised(silent.associate_floating_ip) == "IpAddressGenerationFailureClient"
# Without a floating IP python-chi tries localhost, where this computer's own SSH daemon must not answer.
assert not silent._can_connect_to_port(silent.get_floating_ip(), 22, 5)
silent.delete(delete_ips=False)
good.delete()

arm("lease-ends=600")
short = new_lease("short")
reservation = short.node_reservations[0]["id"]
doomed = new_server("doomed")
advance(600)
short.wait(status="terminated", timeout=60)
assert short.status == "TERMINATED"
assert server.list_servers() == []
assert raised(doomed.refresh) == "ResourceError"
short.delete()

context.use_site("CHI@Edge")
devices = lease.Lease("devices", end_date=datetime.now(UTC) + timedelta(hours=2))
devices.add_device_reservation(amount=1, machine_type="raspberrypi5")
devices.submit()
arm("container-error")
spoilt = container.Container("spoilt", image_ref="x", reservation_id=devices.device_reservations[0]["id"])
# 1.2.10 returns; 1.2.6 waits inside `create_container`.
assert raised(spoilt.submit, show=None) in ("", "RuntimeError")
assert [c.status for c in chi.zun().containers.list()] == ["Error"]
for left in chi.zun().containers.list():
    chi.zun().containers.delete(left.uuid, force=True)
devices.delete()
