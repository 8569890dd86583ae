"""Public courses' other requests to Chameleon, besides lease, server and container, in plain
python-chi.

For a feature that is not rehearsed, python-chi's exception gives a message; no call hangs.
"""

from datetime import timedelta

import chi
import chi.container
from asking import advance, now
from chi import container, context, hardware, lease, network, server, share, storage


def refused(words, call, *arguments, **named):
    """See that a call raises an error with these words."""
    refusal = "nothing was refused"
    try:
        call(*arguments, **named)
    except Exception as error:
        refusal = f"{type(error).__name__}: {error}"
    assert words in refusal, refusal


def reserved(add):
    wanted = lease.Lease("other", end_date=now() + timedelta(hours=1))
    add(wanted)
    wanted.submit()


context.use_site("CHI@TACC")
refused("The object store is not rehearsed", storage.list_buckets)
refused("share/v2/shares/detail is not rehearsed", share.list_shares)
# As on Chameleon: a bare-metal site has no volumes, and its client says so.
refused("volumev3 service in CHI@TACC region not found", storage.list_volumes)
refused(
    "could not be found",
    network.create_subnet,
    "s",
    network.get_network_id("sharednet1"),
    "10.9.0.0/24",
)
refused("is not a valid external network", network.create_router, "r", "sharednet1")
# Blazar's sentence is logged by python-chi, which raises its own error.
refused("ResourceError", reserved, lambda wanted: wanted.add_fip_reservation(500))

# A security group is made once however often it is asked for.
group = network.SecurityGroup({"name": "allow-8888", "description": "Jupyter"})
group.add_rule("ingress", "tcp", 8888)
group.submit()
group.submit(idempotent=True)
(listed,) = [group for group in network.list_security_groups() if group.name == "allow-8888"]
assert listed.id == group.id
assert [rule["port_range_min"] for rule in listed.rules if rule["direction"] == "ingress"] == [8888]

context.use_site("CHI@UC")
assert hardware.get_nodes(node_type="gpu_rtx_6000")[0].gpu["gpu_model"] == "RTX 6000"

# The functions of python-chi before 1.0, which older notebooks call after setting a version below
# it.
context.version = "0.17.0"
wishes: list = []
lease.add_node_reservation(wishes, node_type="gpu_rtx_6000", count=1)
lease.add_network_reservation(wishes, "leased")
lease.add_fip_reservation(wishes, count=2)
assert lease.create_lease("old", wishes)["name"] == "old"
advance(120)  # it begins at the next full minute, and is looked at every ten seconds
assert lease.wait_for_active("old")["status"] == "ACTIVE"
# What was reserved beside the node is there now; a floating IP reaches only what a router leads out
# of.
(address, spare), inside = lease.get_reserved_floating_ips("old"), network.get_network_id("leased")
subnet = network.create_subnet("inside", inside, "10.9.0.0/24")["id"]
port = network.create_port("p", inside, subnet_id=subnet, ip_address="10.9.0.7")["port"]
refused(
    "already allocated", network.create_port, "q", inside, subnet_id=subnet, ip_address="10.9.0.7"
)
refused(
    "is not a valid IP", network.create_port, "q", inside, subnet_id=subnet, ip_address="10.8.0.7"
)
refused("no router leads out", network.bind_floating_ip, address, port_id=port["id"])
network.delete_port(port["id"])
wanted = {"reservation_id": lease.get_node_reservation("old"), "image_name": "CC-Ubuntu24.04-CUDA"}
assert server.create_server("old", network_name="leased", **wanted).name == "old"
number = server.get_server_id("old")
assert server.wait_for_active(number, timeout=60).status == "ACTIVE"
router = network.create_router("out", "public")["id"]
network.add_subnet_to_router_by_name("out", "inside")
refused("in use", network.delete_router, router)
refused("in use", network.delete_subnet, subnet)
assert server.associate_floating_ip(number, address) == address
(held,) = (port["id"] for port in network.list_ports() if port["device_id"] == number)
refused("it has one", network.bind_floating_ip, spare, port_id=held)
assert [*server.show_server(number).addresses] == ["leased"]
server.wait_for_tcp(address, 22, timeout=60, sleep_time=0.2)
refused(
    "The action createImage of a server is not rehearsed",
    chi.nova().servers.create_image,
    number,
    "mine",
)
refused("The action lock of a server is not rehearsed", chi.nova().servers.lock, number)
refused(
    "os-volume_attachments is not rehearsed", chi.nova().volumes.create_server_volume, number, "v"
)
unknown = "Unable to find security_group with name or id 'no-such'"
refused(unknown, server.show_server(number).add_security_group, "no-such")
server.delete_server(number)
context.version = "1.1"
network.remove_subnet_from_router(router, subnet)
lease.delete_lease("old")
assert (
    [item["name"] for item in network.list_networks()],
    network.list_floating_ips(),
) == (
    ["sharednet1", "public"],
    [],
)
refused("CHIValueError", lease.get_lease, "old")

context.use_site("CHI@Edge")
device = lease.Lease("device", end_date=now() + timedelta(hours=1))
device.add_device_reservation(amount=1, machine_type="raspberrypi5")
device.submit()
held = device.device_reservations[0]["id"]
pi = container.Container(
    "snapped", image_ref="quay.io/jupyter/minimal-notebook:latest", reservation_id=held
)
pi.submit()
refused(
    "/commit is not rehearsed",
    chi.container.snapshot_container,
    pi.id,
    "mary/with-models",
    tag="v1",
)
chi.zun().containers.delete(pi.id, stop=True)
device.delete()
