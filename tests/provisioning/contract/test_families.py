"""Networks, snapshots and what else public python-chi material uses works, or says that it is not rehearsed (E6)."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def found(rehearsal, chi_python):
    """One run of the whole flow."""
    return rehearsal.run("families", chi_python, f"mary.{chi_python.parts[-3][-12:]}")


def test_networks_subnets_routers_and_ports_are_kept_until_they_are_deleted(found) -> None:
    """In the order that Neutron asks for, and with its refusals."""
    assert (found["network"], found["subnet"], found["router"]) == ("lab", "10.9.0.1", "lab-router")
    assert "overlaps" in found["overlap"]
    assert found["joined"] is True
    assert found["port"][0]["ip_address"] == "10.9.0.2"
    assert "One or more ports" in found["port in use"]
    assert not any(found[name] for name in ("port gone", "tag", "nuked"))
    assert found["routes"] == [{"destination": "10.8.0.0/24", "nexthop": "10.9.0.9"}]
    assert found["left"] == [0, ["public", "sharednet1"]]


def test_a_server_joins_a_network_of_ones_own_and_is_reached_behind_a_router(found) -> None:
    """Without a router that leads out, no floating IP; with one, SSH answers."""
    assert "can route to floating ip" in found["no way out"]
    assert found["legacy address"].startswith("127.77.2.")
    assert found["legacy tcp"] is None
    assert not found["legacy detach"]
    assert found["addresses"] == ["inside"]


def test_a_reserved_network_comes_with_its_lease_and_goes_with_it(found) -> None:
    """Blazar makes it when the lease begins."""
    assert found["reserved network"] == "reserved-net"
    assert "No networks found" in found["reserved network gone"]


def test_security_groups_are_kept_with_their_rules(found) -> None:
    """Made once however often they are asked for; a name that is no group's is refused."""
    assert found["groups"] == [True, [8888]]
    assert "Unable to find security_group with name or id 'no-such'" in found["group of a server"]


def test_a_container_is_kept_as_an_image_of_the_project(found) -> None:
    """What the call returns is found among the images."""
    assert found["snapshot as image"] is True
    assert found["snapshot without a name"].startswith("BadRequest")
    assert not found["destroyed"]


def test_the_functions_of_python_chi_before_1_0_reserve_and_boot(found) -> None:
    """Older notebooks set a version below 1.0 and call functions instead of methods."""
    assert (found["legacy lease"], found["legacy wait"]) == ("old", "ACTIVE")
    assert (found["legacy server"], found["legacy server wait"]) == ("old", "ACTIVE")
    assert not found["legacy delete"]


def test_delete_lease_takes_a_name_and_an_id(found) -> None:
    """And the lease is gone."""
    assert found["delete_lease"] is found["delete_lease by id"] is None
    assert "old" in found["gone"]
    assert "CHIValueError" in found["gone"]


def test_rtx_6000_nodes_are_at_uc(found) -> None:
    """Many notebooks ask for them."""
    assert found["rtx"] == "RTX 6000"


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        ("object store: create", "Not rehearsed: the object store. Keep files on the node."),
        ("object store: list", "Not rehearsed: the object store. Keep files on the node."),
        ("shares: create", "Shared file systems are not rehearsed"),
        ("shares: list", "Shared file systems are not rehearsed"),
        ("server snapshot", "run cc-snapshot on the node"),
        ("attach", "os-volume_attachments is not rehearsed"),
        ("kvm", "KVM@TACC is not rehearsed"),
        # As on Chameleon: a bare-metal site has no volumes, and its client says so.
        ("volumes", "volumev3 service in CHI@TACC region not found"),
    ],
)
def test_what_is_not_rehearsed_says_so_in_a_sentence_that_the_student_sees(found, call, sentence) -> None:
    """In the text of the exception that python-chi raises, and nothing hangs."""
    assert sentence in found[call]
