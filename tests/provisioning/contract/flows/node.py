"""A node from choosing the site to releasing it, in plain python-chi. Asserts what each step
gives.
"""

import tempfile
from datetime import timedelta
from pathlib import Path

from asking import advance, arm, now, raised
from chi import clients, context, hardware, lease, network, server

assert list(context.list_sites())[:4] == ["CHI@TACC", "CHI@UC", "CHI@NCAR", "CHI@Edge"]
context.use_site("CHI@TACC")
(project,) = context.list_projects()
assert project == "CHI-rehearsal-mary.node"
context.use_project(project)
assert context.check_credentials()

nodes = hardware.get_nodes(node_type="compute_liqid")
free = hardware.get_nodes(node_type="compute_liqid", filter_reserved=True)
assert 2 <= len(free) <= len(nodes) == 10
gigaio = {
    n.site: n.gpu["gpu_model"]
    for n in hardware.get_nodes(all_sites=True)
    if n.type == "compute_gigaio"
}
assert gigaio == {"CHI@TACC": "A30", "CHI@UC": "A100"}
# A node that is free now may be somebody else's within the hour. An hour more than the leases
# below: they end later.
slots = [(node, node.next_free_timeslot(minimum_hours=4)[0]) for node in free]
chosen = [node for node, start in slots if start <= now()]
assert 1 <= len(chosen) <= len(free)

# Both return normally when the thing went to ERROR: only the status tells, and so everybody has to
# look at it.
arm("lease-error")
broken = lease.Lease("broken", end_date=now() + timedelta(hours=3))
broken.add_node_reservation(amount=1, node_type="compute_liqid")
broken.submit()
assert broken.status == "ERROR"
broken.delete()

wanted = lease.Lease("node-lease", end_date=now() + timedelta(hours=3))
wanted.add_node_reservation(nodes=[chosen[0]])
wanted.submit(idempotent=True)
repeated = lease.Lease("node-lease", end_date=now() + timedelta(hours=3))
repeated.submit(idempotent=True)
assert wanted.status == "ACTIVE"
assert wanted.id == repeated.id == lease.get_lease("node-lease").id
assert raised(lease.get_lease, "no-such-lease") == "CHIValueError"

reservation = wanted.node_reservations[0]["id"]
arm("server-error")
failed = server.Server("failed", reservation_id=reservation, image_name="CC-Ubuntu24.04-CUDA")
failed.submit(show=None)
assert failed.status == "ERROR"
failed.delete(delete_ips=False)
node = server.Server("node", reservation_id=reservation, image_name="CC-Ubuntu24.04-CUDA")
node.submit(idempotent=True, show="text")
assert node.status == "ACTIVE"
other = server.Server("node", reservation_id=reservation, image_name="CC-Ubuntu24.04-CUDA")
assert other.submit(idempotent=True, show=None).id == node.id
address = node.associate_floating_ip()
node.refresh()
assert node.get_all_floating_ips() == [address]
assert address.startswith("127.77.1.")
node.check_connectivity(show="text")

assert node.execute("echo $((6*7)); cat /home/cc/missing 2>/dev/null; true").stdout == "42\n"
assert (
    node.execute("sudo docker run hello-world").stdout
    == "rehearsed, not run: sudo docker run hello-world\n"
)
with tempfile.TemporaryDirectory() as folder:
    material = Path(folder) / "material.txt"
    material.write_text("a lesson")
    node.upload(str(material))
    node.upload(str(material), "/home/cc/copy.txt")
assert node.execute("cat material.txt copy.txt").stdout == "a lessona lesson"

# python-chi has no calls for these: OpenStack's own clients do it, and python-chi's server shows
# what became of it. novaclient and openstacksdk send different bodies.
nova, compute = clients.nova().servers, clients.connection().compute
assert raised(nova.start, node.id) == "Conflict"
nova.stop(node.id)
advance(60)
node.wait("SHUTOFF", show=None)
assert node.status == "SHUTOFF"
assert raised(compute.reboot_server, node.id, "SOFT") == "ConflictException"
compute.start_server(node.id)
advance(60)
assert node.status == "ACTIVE"
compute.reboot_server(node.id, "SOFT")
advance(60)
nova.reboot(node.id, "HARD")
advance(600)
assert node.status == "ACTIVE"
node.check_connectivity(show="text")
assert node.execute("cat material.txt").stdout == "a lesson"
(plain,) = clients.connection().image.images(name="CC-Ubuntu24.04")
compute.rebuild_server(node.id, image=plain.id, name="node")
advance(1200)
assert server.get_server("node").image_name == "CC-Ubuntu24.04"
node.check_connectivity(show="text")
assert node.execute("ls").stdout == ""

node.delete()
assert server.list_servers() == []
# python-chi sends the deletion of a floating IP to an address that does not exist: whoever trusts
# it leaks one.
assert [f["floating_ip_address"] for f in network.list_floating_ips()] == [address]
network.deallocate_floating_ip(address)
wanted.delete()
assert lease.list_leases() == []
