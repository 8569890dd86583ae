"""A virtual machine with an H100 from the calendar to its release, in plain python-chi and
OpenStack's own clients.
"""

from datetime import timedelta

from asking import advance, now, raised
from chi import clients, context, lease, network, server, storage

WHOLE, SLICE = "g1.h100.pci.1", "g1.h100.vgpu.1g.12gb"
context.use_site("KVM@TACC")


def free_at(moment, flavor):
    """Return how many of a flavor the calendar shows as free at a moment, and how many there
    are.
    """
    shown = clients.blazar().flavor_instance.get_availability(
        flavor_id=server.get_flavor_id(flavor)
    )
    spans = shown["flavor_instances"][0]["availability"]
    text = f"{moment:%Y-%m-%dT%H:%M:%S}"
    (span,) = (span for span in spans if span["start"] <= text < span["end"])
    return span["available"], span["total"]


def reserve(name, flavor, amount=1):
    wanted = lease.Lease(name, end_date=now() + timedelta(hours=3))
    wanted.add_flavor_reservation(id=server.get_flavor_id(flavor), amount=amount)
    wanted.submit(wait_for_active=False)
    advance(60)
    return wanted


def started(name, flavor, **disk):
    """Start a server as the web page and public notebooks do, and return what it became."""
    connection = clients.connection()
    networks = [{"uuid": connection.network.find_network("sharednet1").id}]
    connection.compute.create_server(
        name=name, flavor_id=server.get_flavor_id(flavor), networks=networks, **disk
    )
    advance(300)
    return server.get_server(name)


def volumes():
    return [(volume.name, volume.size, volume.status) for volume in storage.list_volumes()]


# One moment within the lease: by the time of a second look, somebody else's booking may have begun
# or ended.
within = now() + timedelta(hours=1)
free, total = free_at(within, SLICE)
assert total == 56
mine = reserve("slice", SLICE, amount=2)
assert free_at(within, SLICE) == (free - 2, total)
assert raised(reserve, "all", SLICE, amount=free) == "ResourceError"
(flavor,) = (reserved.name for reserved in mine.get_reserved_flavors())
(image,) = clients.connection().image.images(name="CC-Ubuntu24.04-CUDA-VGPU")
keyed = server.update_keypair().name
for name, kind, became in (
    ("one", flavor, "ACTIVE"),
    ("two", flavor, "ACTIVE"),
    ("three", flavor, "ERROR"),
):
    assert started(name, kind, image_id=image.id, key_name=keyed).status == became
assert raised(started, "unreserved", SLICE, image_id=image.id) == "BadRequestException"

small = reserve("small", "m1.medium")
plain = server.Server(
    "small", image_name="CC-Ubuntu24.04", flavor_name=small.get_reserved_flavors()[0].name
)
plain.submit(idempotent=True, show=None)
assert plain.status == "ACTIVE"
plain.delete()
small.delete()

whole = reserve("whole", WHOLE)
flavor = whole.get_reserved_flavors()[0].name
disk = clients.cinder().volumes.create(name="boot", size=200, imageRef=image.id)
advance(300)
mapped = {"boot_index": 0, "uuid": disk.id, "source_type": "volume", "destination_type": "volume"}
node = started("whole", flavor, block_device_mapping_v2=[mapped | {"delete_on_termination": True}])
assert (node.status, node.image_name) == ("ACTIVE", None)
assert volumes() == [("boot", 200, "in-use")]
address = node.associate_floating_ip()
node.detach_floating_ip(address, delete=False)
node.refresh()
assert node.get_all_floating_ips() == []
assert node.associate_floating_ip(address) == address
node.set_metadata_item("delete_at", "2026-12-24")
assert node.get_metadata() == {"delete_at": "2026-12-24"}
assert not node._can_connect_to_port(address, 22, 5)
group = network.SecurityGroup({"name": "allow-ssh", "description": "SSH"})
group.add_rule("ingress", "tcp", 22)
group.submit(idempotent=True)
node.add_security_group("allow-ssh")
node.check_connectivity(show="text", timeout=60)
assert node.execute("echo $((6*7))").stdout == "42\n"
assert raised(clients.neutron().delete_security_group, group.id) == "Conflict"
whole.delete()
clients.neutron().delete_security_group(group.id)
assert volumes() == []
assert [item.name for item in server.list_servers()] == ["one", "two", "three"]
assert len(server.list_flavors()) == 9
context.use_site("CHI@Edge")
assert [server.update_keypair().name] == [pair.name for pair in server.list_keypair()]
