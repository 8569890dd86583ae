"""What public material asks of Chameleon beside a lease, a server and a container, in plain python-chi.

Prints what each call gave: its value, or the exception's name and words.
"""

import json
from datetime import UTC, datetime, timedelta

import chi
import chi.container
from asking import advance
from chi import container, context, hardware, lease, network, server, share, storage

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


def reserved(add):
    wanted = lease.Lease("other", end_date=datetime.now(UTC) + timedelta(hours=1))
    add(wanted)
    wanted.submit()


context.use_site("CHI@TACC")
attempt("object store", storage.list_buckets)
attempt("shares", share.list_shares)
attempt("volumes", storage.list_volumes)
attempt("network", lambda: network.create_network("lab"))
attempt("subnet", lambda: network.create_subnet("s", network.get_network_id("sharednet1"), "10.9.0.0/24"))
attempt("router", lambda: network.create_router("r", "public"))
attempt("network reservation", lambda: reserved(lambda wanted: wanted.add_network_reservation("net")))
attempt("address reservation", lambda: reserved(lambda wanted: wanted.add_fip_reservation(1)))
attempt("groups", rules)

context.use_site("CHI@UC")
attempt("rtx", lambda: hardware.get_nodes(node_type="gpu_rtx_6000")[0].gpu["gpu_model"])

# The functions of python-chi before 1.0, which older notebooks call after setting a version below it.
context.version = "0.17.0"
wishes: list = []
lease.add_node_reservation(wishes, node_type="gpu_rtx_6000", count=1)
attempt("legacy lease", lambda: lease.create_lease("old", wishes)["name"])
advance(120)  # it begins at the next full minute, and is looked at every ten seconds
attempt("legacy wait", lambda: lease.wait_for_active("old")["status"])
reservation = lease.get_node_reservation("old")
attempt(
    "legacy server",
    lambda: server.create_server("old", reservation_id=reservation, image_name="CC-Ubuntu24.04-CUDA").name,
)
number = server.get_server_id("old")
attempt("legacy server wait", lambda: server.wait_for_active(number, timeout=60).status)
attempt("legacy address", lambda: server.associate_floating_ip(number))
attempt("legacy tcp", lambda: server.wait_for_tcp(found["legacy address"], 22, timeout=60, sleep_time=0.2))
attempt("server snapshot", lambda: chi.nova().servers.create_image(number, "mine"))
attempt("stop", lambda: chi.nova().servers.stop(number))
attempt("attach", lambda: chi.nova().volumes.create_server_volume(number, "v"))
attempt("group of a server", lambda: server.show_server(number).add_security_group("no-such"))
attempt("legacy delete", lambda: server.delete_server(number))
context.version = "1.1"
attempt("delete_lease", lambda: lease.delete_lease("old"))
attempt("gone", lambda: lease.get_lease("old"))

context.use_site("CHI@Edge")
device = lease.Lease("device", end_date=datetime.now(UTC) + timedelta(hours=1))
device.add_device_reservation(amount=1, machine_type="raspberrypi5")
device.submit()
held = device.device_reservations[0]["id"]
pi = container.Container("snapped", image_ref="quay.io/jupyter/minimal-notebook:latest", reservation_id=held)
pi.submit()
attempt("container snapshot", lambda: chi.container.snapshot_container(pi.id, "mary/with-models", tag="v1"))
attempt("destroyed", lambda: chi.zun().containers.delete(pi.id, stop=True))
device.delete()

print("RESULT", json.dumps(found, default=str))
