"""Every fault strikes where it should, once, and the next attempt succeeds."""

from pathlib import Path

import pytest

from provisioning.rehearsal.faults import FAULTS
from provisioning.rehearsal.lifecycle import CONTAINER_START_S, LEASE_START_S, SERVER_BOOT_S, SSH_AFTER_ACTIVE_S


def lease_of(who, hand, what="compute_liqid", hours=3.0):
    """An active lease, and its reservation's id."""
    lease = who.reserve(what, hours=hours).json()["lease"]
    hand.wait(LEASE_START_S)
    return lease["id"], lease["reservations"][0]["id"]


@pytest.mark.parametrize(
    ("fault", "method", "path", "status"),
    [
        ("session-401", "GET", "reservation/v1/leases", 401),
        ("service-503", "GET", "reservation/v1/leases", 503),
        ("network-503", "GET", "network/v2.0/networks", 503),
        ("compute-503", "GET", "compute/v2.1/servers", 503),
    ],
)
def test_one_request_fails_and_the_next_succeeds(student, world, fault, method, path, status) -> None:
    mary, john = student(), student("john")
    world.faults.arm(f"{fault}@mary")
    assert john.send(method, path).status_code == 200
    assert [mary.send(method, path).status_code for _ in range(2)] == [status, 200]


def test_keystone_refuses_one_token(student, world) -> None:
    mary = student()
    world.faults.arm("token-401")
    assert [mary.sign_in().status_code for _ in range(2)] == [401, 201]


def test_a_token_expires_early(student, world, hand) -> None:
    world.faults.arm("token-expiry")
    mary = student()
    assert mary.send("GET", "reservation/v1/leases").status_code == 200
    hand.wait(20)
    assert mary.send("GET", "reservation/v1/leases").status_code == 401


def test_no_hosts_then_hosts(student, world) -> None:
    mary = student()
    world.faults.arm("no-hosts")
    assert [mary.reserve("compute_liqid").status_code for _ in range(2)] == [500, 201]
    assert len(world.store.find("lease")) == 1


def test_a_lease_goes_to_error(student, world, hand) -> None:
    mary = student()
    world.faults.arm("lease-error")
    lease_id, _ = lease_of(mary, hand)
    assert mary.send("GET", f"reservation/v1/leases/{lease_id}").json()["lease"]["status"] == "ERROR"


def test_a_lease_ends_in_mid_run_with_its_server(student, world, hand) -> None:
    mary = student()
    world.faults.arm("lease-ends=45")
    lease_id, reservation_id = lease_of(mary, hand)
    server = mary.start_server(reservation_id)
    hand.wait(44)
    assert mary.server(server["id"])["status"] == "BUILD"
    hand.wait(1)
    assert mary.send("GET", f"compute/v2.1/servers/{server['id']}").status_code == 404
    assert mary.send("GET", f"reservation/v1/leases/{lease_id}").json()["lease"]["status"] == "TERMINATED"


def test_servers_are_refused_fail_boot_slowly_and_answer_late_or_never(student, world, hand) -> None:
    mary = student()
    image = mary.send("GET", "image/v2/images").json()["images"][0]["id"]
    flavor = mary.send("GET", "compute/v2.1/flavors/detail").json()["flavors"][0]["id"]
    _, reservation_id = lease_of(mary, hand, hours=6.0)
    world.faults.arm("server-conflict")
    body = {"server": {"name": "x", "imageRef": image, "flavorRef": flavor}}
    assert mary.send("POST", "compute/v2.1/servers", body).status_code == 409
    for fault, settled_s, ssh_s, fate in (
        ("server-error", SERVER_BOOT_S, SSH_AFTER_ACTIVE_S, "ERROR"),
        ("slow-boot", 3600, SSH_AFTER_ACTIVE_S, "ACTIVE"),
        ("ssh-late", SERVER_BOOT_S, 1800, "ACTIVE"),
        ("ssh-never", SERVER_BOOT_S, 1e18, "ACTIVE"),
    ):
        world.faults.arm(fault)
        server = world.store.get("server", mary.start_server(reservation_id)["id"])
        assert server["settled_at_s"] - world.now() == settled_s
        assert server["ssh_at_s"] - server["settled_at_s"] == pytest.approx(ssh_s)
        assert server["fate"] == fate
        world.remove_machine("server", server)
    assert world.faults.armed() == []


def test_no_floating_ip_left(student, world) -> None:
    mary = student()
    public = mary.send("GET", "network/v2.0/networks", name="public").json()["networks"][0]["id"]
    world.faults.arm("no-floating-ip")
    body = {"floatingip": {"floating_network_id": public}}
    answer = mary.send("POST", "network/v2.0/floatingips", body)
    assert (answer.status_code, answer.json()["NeutronError"]["type"]) == (409, "IpAddressGenerationFailure")
    assert mary.send("POST", "network/v2.0/floatingips", body).status_code == 201


def test_a_container_fails_or_its_upload_does(student, world, hand) -> None:
    mary = student(site="edge")
    _, reservation_id = lease_of(mary, hand, "raspberrypi5", hours=2)
    world.faults.arm("container-error")
    body = {"name": "c", "image": "x", "hints": {"reservation": reservation_id}}
    made = [mary.send("POST", "container/v1/containers", body).json()["uuid"] for _ in range(2)]
    hand.wait(CONTAINER_START_S)
    shown = [mary.send("GET", f"container/v1/containers/{uuid}").json() for uuid in made]
    assert [s["status"] for s in shown] == ["Error", "Running"]
    assert "exec format error" in shown[0]["status_reason"]
    world.faults.arm("upload-cut")
    upload = f"container/v1/containers/{made[1]}/put_archive"
    assert mary.send("POST", upload, {"data": ""}, path="/tmp").status_code == 413


def test_this_file_knows_every_fault() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in FAULTS if f'"{name}' not in text] == []
