"""A virtual machine with an H100 from the calendar to its release, in plain python-chi and OpenStack's own clients."""

import json
from datetime import UTC, datetime, timedelta

from asking import advance
from chi import clients, context, lease, network, server, storage

WHOLE, SLICE = "g1.h100.pci.1", "g1.h100.vgpu.1g.12gb"
found = {}
context.use_site("KVM@TACC")


def free_now(flavor):
    """Return how many of a flavor the calendar shows as free now, and how many there are."""
    shown = clients.blazar().flavor_instance.get_availability(flavor_id=server.get_flavor_id(flavor))
    return [shown["flavor_instances"][0]["availability"][0][name] for name in ("available", "total")]


def reserve(name, flavor, amount=1):
    wanted = lease.Lease(name, end_date=datetime.now(UTC) + timedelta(hours=3))
    wanted.add_flavor_reservation(name=flavor, amount=amount)
    wanted.submit(wait_for_active=False)
    advance(60)
    return wanted


def started(name, flavor, **disk):
    """Start a server as the web page and public notebooks do, and return what it became."""
    connection = clients.connection()
    networks = [{"uuid": connection.network.find_network("sharednet1").id}]
    connection.compute.create_server(name=name, flavor_id=server.get_flavor_id(flavor), networks=networks, **disk)
    advance(300)
    return server.get_server(name)


def volumes():
    return [(one.name, one.size, one.status) for one in storage.list_volumes()]


before = free_now(SLICE)
mine = reserve("slice", SLICE, amount=2)
found["taken"], found["total"] = before[0] - free_now(SLICE)[0], before[1]
found["too many"] = None
try:
    reserve("all", SLICE, amount=before[0])
except Exception as error:
    found["too many"] = type(error).__name__
(flavor,) = (one.name for one in mine.get_reserved_flavors())
(image,) = clients.connection().image.images(name="CC-Ubuntu24.04-CUDA-VGPU")
keyed = server.update_keypair().name
found["servers"] = [
    started(name, kind, image_id=image.id, key_name=keyed).status
    for name, kind in (("one", flavor), ("two", flavor), ("three", flavor), ("unreserved", SLICE))
]

whole = reserve("whole", WHOLE)
flavor = whole.get_reserved_flavors()[0].name
disk = clients.cinder().volumes.create(name="boot", size=200, imageRef=image.id)
advance(300)
mapped = {"boot_index": 0, "uuid": disk.id, "source_type": "volume", "destination_type": "volume"}
node = started("whole", flavor, block_device_mapping_v2=[mapped | {"delete_on_termination": True}])
found["node"], found["disks"] = [node.status, node.image_name], volumes()
address = node.associate_floating_ip()
found["closed"] = node._can_connect_to_port(address, 22, 5)
group = network.SecurityGroup({"name": "allow-ssh", "description": "SSH"})
group.add_rule("ingress", "tcp", 22)
group.submit(idempotent=True)
node.add_security_group("allow-ssh")
node.check_connectivity(show="text", timeout=60)
found["said"] = node.execute("echo $((6*7))").stdout
try:
    clients.neutron().delete_security_group(group.id)
except Exception as error:
    found["held"] = type(error).__name__
whole.delete()
clients.neutron().delete_security_group(group.id)
found["left"] = [volumes(), [one.name for one in server.list_servers()], len(server.list_flavors())]
print("RESULT", json.dumps(found))
