"""Networks and security groups of a project's own: whose they are, what keeps them, what is refused (E6)."""

from __future__ import annotations

NET = "network/v2.0"


def made(student, noun: str, **fields: object) -> dict:
    """Create one thing and return it."""
    answer = student.send("POST", f"{NET}/{noun}s", {noun.replace("-", "_"): fields})
    assert answer.status_code == 201, answer.text
    return answer.json()[noun.replace("-", "_")]


def refused(answer) -> tuple[int, str]:
    """Return the status and Neutron's word for a refusal."""
    return answer.status_code, answer.json()["NeutronError"]["type"]


def test_another_project_sees_and_changes_nothing_of_it(student) -> None:
    """Neither in lists nor by identifier: 404, as if it were not there."""
    mary, john = student("mary"), student("john")
    network = made(mary, "network", name="lab")
    subnet = made(mary, "subnet", name="s", network_id=network["id"], cidr="10.9.0.0/24")
    router = made(mary, "router", name="r")
    for noun, thing in (("network", network), ("subnet", subnet), ("router", router)):
        listed = john.send("GET", f"{NET}/{noun}s").json()[f"{noun}s"]
        assert thing["id"] not in [one["id"] for one in listed]
        for method in ("GET", "DELETE"):
            assert john.send(method, f"{NET}/{noun}s/{thing['id']}").status_code == 404
    answer = john.send("POST", f"{NET}/subnets", {"subnet": {"network_id": network["id"], "cidr": "10.7.0.0/24"}})
    assert refused(answer) == (404, "NetworkNotFound")
    assert mary.send("GET", f"{NET}/networks/{network['id']}").json()["network"]["subnets"] == [subnet["id"]]


def test_nothing_goes_while_something_else_needs_it(student) -> None:
    """Port, router and network each in their turn; a router's port only through the router."""
    mary = student()
    network, router = made(mary, "network", name="lab"), made(mary, "router", name="r")
    subnet = made(mary, "subnet", name="s", network_id=network["id"], cidr="10.9.0.0/24")
    joined = mary.send("PUT", f"{NET}/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]}).json()
    twice = mary.send("PUT", f"{NET}/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]})
    assert refused(twice) == (400, "BadRequest")
    for path, word in (
        (f"networks/{network['id']}", "NetworkInUse"),
        (f"subnets/{subnet['id']}", "SubnetInUse"),
        (f"routers/{router['id']}", "RouterInUse"),
        (f"ports/{joined['port_id']}", "L3PortInUse"),
    ):
        assert refused(mary.send("DELETE", f"{NET}/{path}")) == (409, word)
    leave = f"{NET}/routers/{router['id']}/remove_router_interface"
    assert mary.send("PUT", leave, {"subnet_id": subnet["id"]}).status_code == 200
    assert refused(mary.send("PUT", leave, {"subnet_id": subnet["id"]})) == (404, "RouterInterfaceNotFoundForSubnet")
    for path in (f"routers/{router['id']}", f"networks/{network['id']}"):
        assert mary.send("DELETE", f"{NET}/{path}").status_code == 204
    # A network takes its subnets along.
    assert mary.send("GET", f"{NET}/subnets/{subnet['id']}").status_code == 404


def test_an_address_is_given_once_and_only_from_its_subnet(student) -> None:
    """A subnet of four addresses has one left beside network, gateway and broadcast."""
    mary = student()
    network = made(mary, "network", name="small")
    ask = {"network_id": network["id"]}
    assert refused(mary.send("POST", f"{NET}/ports", {"port": ask})) == (400, "InvalidInput")
    made(mary, "subnet", name="s", network_id=network["id"], cidr="10.9.0.0/30")
    bad = {"port": ask | {"fixed_ips": [{"ip_address": "10.8.0.2"}]}}
    assert refused(mary.send("POST", f"{NET}/ports", bad)) == (400, "InvalidIpForSubnet")
    assert made(mary, "port", **ask)["fixed_ips"][0]["ip_address"] == "10.9.0.2"
    assert refused(mary.send("POST", f"{NET}/ports", {"port": ask})) == (409, "IpAddressGenerationFailure")
    assert refused(mary.send("POST", f"{NET}/subnets", {"subnet": ask | {"cidr": "ten"}})) == (400, "HTTPBadRequest")


def test_the_sites_own_networks_stay(student) -> None:
    """The shared and the public one are everybody's: nobody deletes or tags them."""
    mary = student()
    for network in mary.send("GET", f"{NET}/networks").json()["networks"]:
        assert mary.send("DELETE", f"{NET}/networks/{network['id']}").status_code == 404
    assert {one["name"] for one in mary.send("GET", f"{NET}/networks").json()["networks"]} == {"sharednet1", "public"}


def test_security_groups_keep_rules_and_the_default_one_stays(student) -> None:
    """One rule twice is refused; a project's `default` is there from the start and takes rules too."""
    mary, john = student("mary"), student("john")
    (default,) = mary.send("GET", f"{NET}/security-groups").json()["security_groups"]
    rule = {"direction": "ingress", "protocol": "tcp", "port_range_min": 22, "port_range_max": 22}
    for group in (default, made(mary, "security-group", name="web")):
        ask = {"security_group_rule": rule | {"security_group_id": group["id"]}}
        first = mary.send("POST", f"{NET}/security-group-rules", ask)
        assert first.status_code == 201
        assert refused(mary.send("POST", f"{NET}/security-group-rules", ask)) == (409, "SecurityGroupRuleExists")
        shown = mary.send("GET", f"{NET}/security-groups/{group['id']}").json()["security_group"]
        assert first.json()["security_group_rule"] in shown["security_group_rules"]
        assert john.send("GET", f"{NET}/security-groups/{group['id']}").status_code == 404
        gone = f"{NET}/security-group-rules/{first.json()['security_group_rule']['id']}"
        assert [mary.send("DELETE", gone).status_code for _ in range(2)] == [204, 404]
    answer = mary.send("DELETE", f"{NET}/security-groups/{default['id']}")
    assert refused(answer) == (409, "SecurityGroupCannotRemoveDefault")
    assert mary.send("DELETE", f"{NET}/security-groups/{group['id']}").status_code == 204


def test_what_no_service_takes_is_said_in_that_services_form(student) -> None:
    """A path that is not there, and a method that its path does not take."""
    mary = student()
    assert refused(mary.send("GET", f"{NET}/qos/policies")) == (404, "NotRehearsed")
    assert "is not rehearsed" in mary.send("POST", f"{NET}/extensions", {}).json()["NeutronError"]["message"]
    assert "is not rehearsed" in mary.send("GET", "compute/v2.1/os-volumes").json()["itemNotFound"]["message"]
    assert "is not rehearsed" in mary.send("PATCH", "reservation/v1/leases", {}).json()["error_message"]
