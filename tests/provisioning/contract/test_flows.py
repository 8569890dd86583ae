"""Unmodified python-chi reserves, provisions and releases, with the printed environment and nothing else."""

from __future__ import annotations

import sys
from pathlib import Path


def test_a_node_from_choosing_the_site_to_releasing_it(rehearsal, chi_python) -> None:
    found = rehearsal.run("node", chi_python, "mary.node")
    assert found["sites"][:3] == ["CHI@TACC", "CHI@UC", "CHI@Edge"]
    assert found["projects"] == ["CHI-rehearsal-mary.node"]
    assert found["credentials"]
    assert 2 <= found["free"] <= found["nodes"] == 10
    assert found["gigaio"] == {"CHI@TACC": "A30", "CHI@UC": "A100"}
    assert 1 <= found["free for long"] <= found["free"]
    assert (found["lease"], found["same_lease"], found["missing_lease"]) == ("ACTIVE", True, "CHIValueError")
    assert (found["server"], found["same_server"]) == ("ACTIVE", True)
    assert found["addresses"] == [found["address"]]
    assert found["address"].startswith("127.77.1.")
    assert found["output"] == "42\n"
    assert found["docker"] == "rehearsed, not run: sudo docker run hello-world\n"
    assert found["uploaded"] == "a lessona lesson"
    assert (found["servers_left"], found["leases_left"]) == (0, 0)
    # python-chi sends the deletion of a floating IP to an address that does not exist: whoever trusts it leaks one.
    assert found["addresses_left"] == [found["address"]]
    asked = (rehearsal.home / "journal.txt").read_text().splitlines()
    assert "node: rehearsed, not run: sudo docker run hello-world" in asked


def test_a_virtual_machine_from_the_calendar_to_its_release(rehearsal) -> None:
    """Lent by count; its volume goes with it, and it answers nobody whom no security group lets in.

    python-chi 1.2.6 cannot read a server that boots from a volume.
    """
    found = rehearsal.run("virtual", Path(sys.executable), "mary.virtual")
    assert (found["taken"], found["total"], found["too many"]) == (2, 56, "ResourceError")
    assert found["servers"] == ["ACTIVE", "ACTIVE", "ERROR", "ERROR"]
    assert found["node"] == ["ACTIVE", None]
    assert found["disks"] == [["boot", 200, "in-use"]]
    assert (found["closed"], found["said"], found["held"]) == (False, "42\n", "Conflict")
    assert found["left"] == [[], ["one", "two", "three", "unreserved"], 3]


def test_a_container_from_the_device_to_its_deletion(rehearsal, chi_python) -> None:
    found = rehearsal.run("edge", chi_python, "mary.edge")
    assert 2 <= found["free"] <= found["devices"] == 7
    assert (found["lease"], found["container"]) == ("ACTIVE", "Running")
    assert found["executed"] == ["one two\n", "0"]
    assert found["failed"] == ["", "1"]
    assert found["missing"][1] == "127"
    assert found["round_trip"] == "weights"
    assert found["read"] == ["weights", "0"]
    assert found["address"].startswith("127.77.3.")
    assert "http://127.0.0.1:8888/lab?token=" in found["log"]
    assert (found["second_id"], found["returned_is_first"]) == (None, True)
    # The object that was submitted second never learns its id: 1.2.10 fails when asked for its status, 1.2.6 has none.
    assert found["second_status"] in ("AttributeError", None)
    assert found["left"] == 0
