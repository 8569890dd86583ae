"""What public material asks of Chameleon beside a lease, a server and a container, in plain python-chi.

Prints by family what each call gave: its value, or the exception's name and words.
"""

import json
import time
from datetime import UTC, datetime, timedelta

import chi
import chi.container
from chi import container, context, hardware, image, lease, network, server, share, storage

found: dict = {}


def attempt(name, call):
    try:
        found[name] = call()
    except Exception as error:
        found[name] = f"{type(error).__name__}: {error}"


def rules():
    group = network.SecurityGroup({"name": "allow-8888", "description": "Jupyter"})
    group.add_rule("ingress", "tcp", 8888)
    group.submit()
    group.submit(idempotent=True)
    (made,) = [one for one in network.list_security_groups() if one.name == "allow-8888"]
    return [made.id == group.id, [rule["port_range_min"] for rule in made.rules if rule["direction"] == "ingress"]]


# KVM@TACC: python-chi knows its address by heart.
context.use_site("KVM@TACC")
attempt("kvm", server.list_servers)

context.use_site("CHI@TACC")
attempt("object store: create", lambda: storage.ObjectBucket("models").submit())
attempt("object store: list", storage.list_buckets)
attempt("shares: create", lambda: storage.Share("data", 1).submit())
attempt("shares: list", share.list_shares)
attempt("volumes", storage.list_volumes)

attempt("network", lambda: network.create_network("lab")["name"])
attempt(
    "subnet", lambda: network.create_subnet("lab-subnet", network.get_network_id("lab"), "10.9.0.0/24")["gateway_ip"]
)
attempt("overlap", lambda: network.create_subnet("again", network.get_network_id("lab"), "10.9.0.128/25"))
attempt("router", lambda: network.create_router("lab-router", "public")["name"])
attempt("joined", lambda: bool(network.add_subnet_to_router_by_name("lab-router", "lab-subnet")["port_id"]))
attempt("port", lambda: network.create_port("p", network.get_network_id("lab"), ip_address=None)["port"]["fixed_ips"])
attempt("port in use", lambda: network.delete_subnet(network.get_subnet_id("lab-subnet")))
attempt("port gone", lambda: network.delete_port(network.get_port_id("p")))
attempt("route", lambda: network.add_route_to_router(network.get_router_id("lab-router"), "10.8.0.0/24", "10.9.0.9"))
attempt("routes", lambda: network.get_router("lab-router")["routes"])
attempt("tag", lambda: network.set_network_tag(network.get_network_id("lab"), "mine"))
attempt("nuked", lambda: network.nuke_network("lab"))
attempt("left", lambda: [len(network.list_routers()), sorted(one["name"] for one in network.list_networks())])
attempt("groups", rules)

context.use_site("CHI@UC")
attempt("rtx", lambda: hardware.get_nodes(node_type="gpu_rtx_6000")[0].gpu["gpu_model"])

# The functions of python-chi before 1.0, which older notebooks call after setting a version below it.
context.version = "0.17.0"
wishes: list = []
lease.add_node_reservation(wishes, node_type="gpu_rtx_6000", count=1)
attempt("legacy lease", lambda: lease.create_lease("old", wishes)["name"])
attempt("legacy wait", lambda: lease.wait_for_active("old")["status"])
reservation = lease.get_node_reservation("old")
network.create_network("inside")
network.create_subnet("inside-subnet", network.get_network_id("inside"))
attempt(
    "legacy server",
    lambda: (
        server.create_server(
            "old", reservation_id=reservation, network_name="inside", image_name="CC-Ubuntu24.04-CUDA"
        ).name
    ),
)
number = server.get_server_id("old")
attempt("legacy server wait", lambda: server.wait_for_active(number, timeout=60).status)
attempt("no way out", lambda: server.associate_floating_ip(number))
network.create_router("inside-router", "public")
network.add_subnet_to_router_by_name("inside-router", "inside-subnet")
attempt("legacy address", lambda: server.associate_floating_ip(number))
attempt("legacy tcp", lambda: server.wait_for_tcp(found["legacy address"], 22, timeout=60, sleep_time=0.2))
attempt("legacy detach", lambda: server.detach_floating_ip(number, found["legacy address"]))
attempt("addresses", lambda: list(server.show_server(number).addresses))
attempt("server snapshot", lambda: chi.nova().servers.create_image(number, "mine"))
attempt("attach", lambda: chi.nova().volumes.create_server_volume(number, "v"))
attempt("group of a server", lambda: server.show_server(number).add_security_group("no-such"))
attempt("legacy delete", lambda: server.delete_server(number))

context.version = "1.1"
attempt("delete_lease", lambda: lease.delete_lease("old"))
attempt("gone", lambda: lease.get_lease("old"))
attempt("nuked inside", lambda: network.nuke_network("inside"))

reserved = lease.Lease("with-network", end_date=datetime.now(UTC) + timedelta(hours=1))
reserved.add_network_reservation("reserved-net")
reserved.submit()
for _ in range(50):
    if any(one["name"] == "reserved-net" for one in network.list_networks()):
        break
    time.sleep(0.1)
attempt("reserved network", lambda: network.get_network("reserved-net")["name"])
attempt("delete_lease by id", lambda: lease.delete_lease(reserved.id))
attempt("reserved network gone", lambda: network.get_network("reserved-net"))

context.use_site("CHI@Edge")
device = lease.Lease("device", end_date=datetime.now(UTC) + timedelta(hours=1))
device.add_device_reservation(amount=1, machine_type="raspberrypi5")
device.submit()
held = device.device_reservations[0]["id"]
pi = container.Container("snapped", image_ref="quay.io/jupyter/minimal-notebook:latest", reservation_id=held)
pi.submit()
attempt("snapshot", lambda: chi.container.snapshot_container(pi.id, "mary/with-models", tag="v1"))
attempt("snapshot as image", lambda: image.get_image_id("mary/with-models:v1") == found["snapshot"])
attempt("snapshot without a name", lambda: chi.container.snapshot_container(pi.id, ""))
attempt("destroyed", lambda: chi.zun().containers.delete(pi.id, stop=True))
device.delete()

print("RESULT", json.dumps(found, default=str))
