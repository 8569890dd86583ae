"""The reservations that Chameleon's documentation and python-chi's own pages show.

Command lines are those of the page *Reserving with the command line* (technical/reservations/
cli_reservations), read by blazarclient's own parser; calls are those of python-chi's reference. A
node's `uid` and types that the rehearsal does not have are replaced by its own.
"""

import argparse
import json
import shlex
from datetime import UTC, datetime
from typing import Any
from unittest import mock

import pytest

from chameleon_rehearsal.catalogue import catalogue

NODE = catalogue().at("tacc", "host")[0]
SKYLAKE = '["=", "$node_type", "compute_skylake"]'
HOST = "min=1,max=1,resource_type=physical:host,resource_properties="
SMT = '["and", ["=", "$architecture.smt_size", "48"], ["=", "$node_type", "compute_skylake"]]'
NETWORK = "resource_type=network,network_name=my-network"

COMMANDS = {
    "a node by its type": [f"{HOST}'{SKYLAKE}'"],
    "a node by its uid": [f"""{HOST}'["=", "$uid", "{NODE.uid}"]'"""],
    "a node by two properties": [f"{HOST}'{SMT}'"],
    "a node, with an e-mail at the end": [f"{HOST}'{SKYLAKE}',before_end=email"],
    "a node by its processors": [f"""{HOST}'["=", "$architecture.smp_size", "2"]'"""],
    "a P100 node": [f"""{HOST}'["=", "$node_type", "gpu_p100"]'"""],
    "a VLAN": [NETWORK],
    "a VLAN with a controller": [f"{NETWORK},network_description=OFController=10.0.0.1:6653"],
    "a VLAN by its segment": [f"""{NETWORK},resource_properties='["=","$segment_id","3501"]'"""],
    "a stitchable VLAN": [
        f"""{NETWORK},resource_properties='["=","$physical_network","physnet1"]'"""
    ],
    "a node and a VLAN": [f"{HOST}'{SKYLAKE}'", NETWORK],
    "three floating IPs": ["resource_type=virtual:floatingip,network_id={public},amount=3"],
}


def parsed(testbed, reservations: list[str]) -> dict[str, Any]:
    """Return the body that blazarclient makes of a documented command line."""
    from blazarclient.v1.shell_commands.leases import CreateLease

    command = CreateLease(mock.MagicMock(), None)
    parser: argparse.ArgumentParser = command.get_parser("lease-create")
    line = [f"--reservation {shlex.quote(shlex.split(r)[0])}" for r in reservations]
    dates = f"--start-date '{testbed.moment(24)}' --end-date '{testbed.moment(26)}' my-lease"
    arguments = parser.parse_args(shlex.split(" ".join([*line, dates])))
    values = command.args2body(arguments)
    named = {"name": values["name"], "events": values["events"]}
    dates_asked = {"start_date": values["start"], "end_date": values["end"]}
    return named | dates_asked | {"reservations": values["reservations"], "before_end_date": None}


def reserved(testbed, body: dict[str, Any], site: str = "tacc") -> list[dict[str, Any]]:
    """Return the reservations of a lease that is made and deleted again."""
    answer = testbed.ask("POST", "blazar/leases", body, site=site)
    assert answer.status_code == 201, answer.text
    lease = answer.json()["lease"]
    deleted = testbed.ask("DELETE", f"blazar/leases/{lease['id']}", site=site)
    assert deleted.status_code == 204
    return lease["reservations"]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_documented_command_reserves(testbed, name) -> None:
    texts = [text.replace("{public}", testbed.ids["public"]) for text in COMMANDS[name]]
    body = parsed(testbed, texts)
    kinds = [reservation["resource_type"] for reservation in reserved(testbed, body)]
    assert kinds == [wish["resource_type"] for wish in body["reservations"]]


def test_a_documented_command_reserves_two_virtual_machines(testbed) -> None:
    flavors = testbed.ask("GET", "nova/flavors", site="kvm").json()["flavors"]
    medium = next(flavor["id"] for flavor in flavors if flavor["name"] == "m1.medium")
    text = f"resource_type=flavor:instance,flavor_id={medium},amount=2"
    (reservation,) = reserved(testbed, parsed(testbed, [text]), site="kvm")
    assert reservation["amount"] == 2


#: python-chi's documented calls: function, arguments and site.
CALLS = {
    "a node by its type": ("add_node_reservation", {"node_type": "compute_skylake"}, "tacc"),
    "two nodes by their type": (
        "add_node_reservation",
        {"node_type": "compute_skylake", "count": 2},
        "tacc",
    ),
    "a node by its name": ("add_node_reservation", {"node_name": NODE.name}, "tacc"),
    "a node by its architecture": ("add_node_reservation", {"architecture": "x86_64"}, "tacc"),
    "a node by a property": (
        "add_node_reservation",
        {"resource_properties": ["==", "$node_type", "gpu_p100"]},
        "tacc",
    ),
    "a node by a comparison": (
        "add_node_reservation",
        {"resource_properties": [">", "$architecture.smt_size", "40"]},
        "tacc",
    ),
    "a network": ("add_network_reservation", {"network_name": "mine"}, "tacc"),
    "a network with a controller": (
        "add_network_reservation",
        {"network_name": "mine", "of_controller_ip": "10.0.0.1", "of_controller_port": 6653},
        "tacc",
    ),
    "a stitchable network": (
        "add_network_reservation",
        {"network_name": "mine", "stitch_provider": "fabric"},
        "uc",
    ),
    "a floating IP": ("add_fip_reservation", {"count": 1}, "tacc"),
    "a device by its type": ("add_device_reservation", {"machine_name": "raspberrypi5"}, "edge"),
    "a device by its name": ("add_device_reservation", {"device_name": "iot-rpi5-01"}, "edge"),
    "a device by its model": ("add_device_reservation", {"device_model": "raspberrypi5"}, "edge"),
}


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", CALLS)
def test_a_documented_call_of_python_chi_reserves(testbed, monkeypatch, name) -> None:
    from chi import lease

    function, arguments, site = CALLS[name]
    monkeypatch.setattr(lease, "get_network_id", lambda _name: testbed.ids["public"])
    wishes: list[dict[str, Any]] = []
    getattr(lease, function)(wishes, **arguments)
    if site not in testbed.tokens:
        testbed.tokens[site] = testbed.sign_in(site)
    body = testbed.lease(*wishes) | {
        "start_date": testbed.moment(24),
        "end_date": testbed.moment(26),
    }
    assert len(reserved(testbed, body, site)) == 1


def test_a_number_in_an_expression_is_refused_although_python_chi_documents_it(testbed) -> None:
    """Its reference shows `[">", "$architecture.smt_size", 40]`; Blazar reads texts alone."""
    expression = json.dumps([">", "$architecture.smt_size", 40])
    body = testbed.lease(testbed.host(resource_properties=expression))
    answer = testbed.ask("POST", "blazar/leases", body)
    assert (answer.status_code, "Malformed" in answer.text) == (400, True)


def test_a_documented_lease_is_prolonged_by_a_day(testbed) -> None:
    """`lease update --prolong-for 1d`, which sends the new end."""
    lease = testbed.ask("POST", "blazar/leases", testbed.lease(testbed.host())).json()["lease"]
    end = datetime.strptime(lease["end_date"], "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=UTC)
    later = f"{datetime.fromtimestamp(end.timestamp() + 86_400, UTC):%Y-%m-%d %H:%M}"
    answer = testbed.ask("PUT", f"blazar/leases/{lease['id']}", {"end_date": later})
    assert answer.status_code in (200, 500), answer.text
    if answer.status_code == 500:
        assert "Not enough" in answer.text
    testbed.ask("DELETE", f"blazar/leases/{lease['id']}")
