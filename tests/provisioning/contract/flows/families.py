"""What public material asks of Chameleon beside a lease, a server and a container, in plain python-chi.

What is not rehearsed says so in the text of the exception that python-chi raises, and nothing hangs.
"""

from datetime import UTC, datetime, timedelta

import chi
import chi.container
from asking import advance
from chi import container, context, hardware, lease, network, server, share, storage


def refused(words, call, *arguments, **named):
    """See that a call raises an error with these words."""
    said = "nothing was refused"
    try:
        call(*arguments, **named)
    except Exception as error:
        said = f"{type(error).__name__}: {error}"
    assert words in said, said


def reserved(add):
    wanted = lease.Lease("other", end_date=datetime.now(UTC) + timedelta(hours=1))
    add(wanted)
    wanted.submit()


context.use_site("CHI@TACC")
refused("endpoint for object-store service not found", storage.list_buckets)
refused("endpoint for sharev2 service not found", share.list_shares)
# As on Chameleon: a bare-metal site has no volumes, and its client says so.
refused("volumev3 service in CHI@TACC region not found", storage.list_volumes)
refused("POST /tacc/network/v2.0/networks is not rehearsed", network.create_network, "lab")
shared = network.get_network_id("sharednet1")
refused("POST /tacc/network/v2.0/subnets is not rehearsed", network.create_subnet, "s", shared, "10.9.0.0/24")
refused("POST /tacc/network/v2.0/routers is not rehearsed", network.create_router, "r", "public")
# Blazar's sentence is logged by python-chi, which raises its own error.
refused("ResourceError", reserved, lambda wanted: wanted.add_network_reservation("net"))
refused("ResourceError", reserved, lambda wanted: wanted.add_fip_reservation(1))

# A security group is made once however often it is asked for.
group = network.SecurityGroup({"name": "allow-8888", "description": "Jupyter"})
group.add_rule("ingress", "tcp", 8888)
group.submit()
group.submit(idempotent=True)
(made,) = [one for one in network.list_security_groups() if one.name == "allow-8888"]
assert made.id == group.id
assert [rule["port_range_min"] for rule in made.rules if rule["direction"] == "ingress"] == [8888]

context.use_site("CHI@UC")
assert hardware.get_nodes(node_type="gpu_rtx_6000")[0].gpu["gpu_model"] == "RTX 6000"

# The functions of python-chi before 1.0, which older notebooks call after setting a version below it.
context.version = "0.17.0"
wishes: list = []
lease.add_node_reservation(wishes, node_type="gpu_rtx_6000", count=1)
assert lease.create_lease("old", wishes)["name"] == "old"
advance(120)  # it begins at the next full minute, and is looked at every ten seconds
assert lease.wait_for_active("old")["status"] == "ACTIVE"
reservation = lease.get_node_reservation("old")
assert server.create_server("old", reservation_id=reservation, image_name="CC-Ubuntu24.04-CUDA").name == "old"
number = server.get_server_id("old")
assert server.wait_for_active(number, timeout=60).status == "ACTIVE"
address = server.associate_floating_ip(number)
assert address.startswith("127.77.2.")
server.wait_for_tcp(address, 22, timeout=60, sleep_time=0.2)
refused("The action createImage of a server is not rehearsed", chi.nova().servers.create_image, number, "mine")
refused("The action os-stop of a server is not rehearsed", chi.nova().servers.stop, number)
refused("os-volume_attachments is not rehearsed", chi.nova().volumes.create_server_volume, number, "v")
unknown = "Unable to find security_group with name or id 'no-such'"
refused(unknown, server.show_server(number).add_security_group, "no-such")
server.delete_server(number)
context.version = "1.1"
lease.delete_lease("old")
refused("CHIValueError", lease.get_lease, "old")

context.use_site("CHI@Edge")
device = lease.Lease("device", end_date=datetime.now(UTC) + timedelta(hours=1))
device.add_device_reservation(amount=1, machine_type="raspberrypi5")
device.submit()
held = device.device_reservations[0]["id"]
pi = container.Container("snapped", image_ref="quay.io/jupyter/minimal-notebook:latest", reservation_id=held)
pi.submit()
refused("/commit is not rehearsed", chi.container.snapshot_container, pi.id, "mary/with-models", tag="v1")
chi.zun().containers.delete(pi.id, stop=True)
device.delete()
