"""A node from choosing the site to releasing it, in plain python-chi. Prints what each step gave."""

import json
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from chi import context, hardware, lease, network, server

found = {}
found["sites"] = list(context.list_sites())
context.use_site("CHI@TACC")
found["projects"] = context.list_projects()
context.use_project(found["projects"][0])
found["credentials"] = context.check_credentials()

nodes = hardware.get_nodes(node_type="compute_liqid")
free = hardware.get_nodes(node_type="compute_liqid", filter_reserved=True)
found["nodes"], found["free"] = len(nodes), len(free)
found["gigaio"] = {n.site: n.gpu["gpu_model"] for n in hardware.get_nodes(all_sites=True) if n.type == "compute_gigaio"}
# A node that is free now may be somebody else's within the hour.
slots = [(node, node.next_free_timeslot(minimum_hours=3)[0]) for node in free]
chosen = [node for node, start in slots if start <= datetime.now(UTC)]
found["free for long"] = len(chosen)

wanted = lease.Lease("node-lease", end_date=datetime.now(UTC) + timedelta(hours=3))
wanted.add_node_reservation(nodes=[chosen[0]])
wanted.submit(idempotent=True)
again = lease.Lease("node-lease", end_date=datetime.now(UTC) + timedelta(hours=3))
again.submit(idempotent=True)
found["lease"] = wanted.status
found["same_lease"] = wanted.id == again.id == lease.get_lease("node-lease").id
try:
    lease.get_lease("no-such-lease")
except Exception as error:
    found["missing_lease"] = type(error).__name__

reservation = wanted.node_reservations[0]["id"]
node = server.Server("node", reservation_id=reservation, image_name="CC-Ubuntu24.04-CUDA")
node.submit(idempotent=True, show="text")
found["server"] = node.status
other = server.Server("node", reservation_id=reservation, image_name="CC-Ubuntu24.04-CUDA")
found["same_server"] = other.submit(idempotent=True, show=None).id == node.id
address = node.associate_floating_ip()
node.refresh()
found["address"] = address
found["addresses"] = node.get_all_floating_ips()
node.check_connectivity(show="text")

found["output"] = node.execute("echo $((6*7)); cat /home/cc/missing 2>/dev/null; true").stdout
found["docker"] = node.execute("sudo docker run hello-world").stdout
with tempfile.TemporaryDirectory() as folder:
    material = Path(folder) / "material.txt"
    material.write_text("a lesson")
    node.upload(str(material))
    node.upload(str(material), "/home/cc/copy.txt")
found["uploaded"] = node.execute("cat material.txt copy.txt").stdout

node.delete()
found["servers_left"] = len(server.list_servers())
found["addresses_left"] = [f["floating_ip_address"] for f in network.list_floating_ips()]
network.deallocate_floating_ip(address)
wanted.delete()
found["leases_left"] = len(lease.list_leases())
print("RESULT", json.dumps(found))
