"""Blazar: leases, who is free, and what it refuses."""

from provisioning.rehearsal.clock import stamp


def test_a_lease_waits_is_active_and_ends_with_everything_on_it(student, hand) -> None:
    mary = student()
    lease = mary.reserve("compute_liqid").json()["lease"]
    assert lease["status"] == "PENDING"
    hand.wait(30)
    path = f"reservation/v1/leases/{lease['id']}"
    lease = mary.send("GET", path).json()["lease"]
    assert (lease["status"], lease["reservations"][0]["status"]) == ("ACTIVE", "active")
    server = mary.start_server(lease["reservations"][0]["id"])
    assert mary.server(server["id"])["status"] == "BUILD"
    hand.wait(3 * 3600)
    assert mary.send("GET", path).json()["lease"]["status"] == "TERMINATED"
    assert mary.send("GET", f"compute/v2.1/servers/{server['id']}").status_code == 404
    assert mary.send("GET", "network/v2.0/ports").json()["ports"] == []


def test_a_lease_in_the_future_starts_when_its_time_has_come(student, world, hand) -> None:
    mary = student()
    start = stamp(world.now() + 7200, "%Y-%m-%d %H:%M")
    lease = mary.reserve("gpu_p100", hours=5, start=start).json()["lease"]
    hand.wait(7199)
    path = f"reservation/v1/leases/{lease['id']}"
    assert mary.send("GET", path).json()["lease"]["status"] == "PENDING"
    world.advance(1)
    assert mary.send("GET", path).json()["lease"]["status"] == "ACTIVE"


def test_what_blazar_refuses_is_refused_with_its_status(student, world) -> None:
    mary = student()
    past = stamp(world.now() - 120, "%Y-%m-%d %H:%M")
    assert mary.reserve("compute_liqid", start=past).status_code == 400
    assert mary.reserve("compute_liqid", hours=-1).status_code == 400
    assert mary.reserve("compute_liqid", hours=24 * 7 + 1).status_code == 400
    assert mary.reserve("compute_liqid", start="tomorrow").status_code == 400
    assert mary.reserve("raspberrypi5").status_code == 500
    answer = mary.reserve("compute_liqid", count=11)
    assert answer.status_code == 500
    assert answer.json()["error_message"] == "Not enough hosts available"
    body = {"name": "x", "start_date": "now", "end_date": stamp(world.now() + 3600, "%Y-%m-%d %H:%M")}
    wish = {"resource_type": "physical:host", "resource_properties": "", "min": None, "max": None}
    assert mary.send("POST", "reservation/v1/leases", body | {"reservations": [wish]}).status_code == 400
    assert mary.send("GET", "reservation/v1/leases").json()["leases"] == []


def test_a_node_is_given_to_one_lease_at_a_time(student, world) -> None:
    mary, john = student("mary"), student("john")
    answers = [who.reserve("gpu_mi100") for who in (mary, john) for _ in range(3)]
    given = [a.json()["lease"] for a in answers if a.status_code == 201]
    assert 2 <= len(given) <= 4
    assert all(a.status_code == 500 for a in answers[len(given) :])
    held = [r["resource_ids"] for lease in world.store.find("lease") for r in lease["reservations"]]
    assert len({i for ids in held for i in ids}) == len(given)


def test_two_leases_may_have_one_name_and_a_name_is_no_id(student) -> None:
    mary = student()
    first, second = (mary.reserve("compute_liqid").json()["lease"] for _ in range(2))
    assert first["id"] != second["id"]
    assert mary.send("GET", "reservation/v1/leases/mine").status_code == 404
    assert len(mary.send("GET", "reservation/v1/leases").json()["leases"]) == 2


def test_a_lease_is_invisible_to_other_students_but_its_hours_are_not(student) -> None:
    mary, john = student("mary"), student("john")
    lease = mary.reserve("compute_liqid").json()["lease"]
    assert john.send("GET", "reservation/v1/leases").json()["leases"] == []
    assert john.send("GET", f"reservation/v1/leases/{lease['id']}").status_code == 404
    assert john.send("DELETE", f"reservation/v1/leases/{lease['id']}").status_code == 404
    allocations = john.send("GET", "reservation/v1/os-hosts/allocations").json()["allocations"]
    assert lease["id"] in {r["lease_id"] for a in allocations for r in a["reservations"]}


def test_a_deleted_lease_is_gone_and_its_node_free_again(student) -> None:
    mary = student()
    leases = [answer for _ in range(9) if (answer := mary.reserve("gpu_p100")).status_code == 201]
    assert mary.reserve("gpu_p100").status_code == 500
    assert mary.send("DELETE", f"reservation/v1/leases/{leases[0].json()['lease']['id']}").status_code == 204
    assert mary.reserve("gpu_p100").status_code == 201


def test_a_lease_is_prolonged_only_as_far_as_its_node_is_free(student, world) -> None:
    mary = student()
    lease = mary.reserve("compute_liqid", hours=1).json()["lease"]
    path = f"reservation/v1/leases/{lease['id']}"
    later = stamp(world.now() + 2 * 3600, "%Y-%m-%d %H:%M")
    assert mary.send("PUT", path, {"end_date": later}).json()["lease"]["end_date"].startswith(later.replace(" ", "T"))
    too_far = stamp(world.now() + 8 * 86_400, "%Y-%m-%d %H:%M")
    assert mary.send("PUT", path, {"end_date": too_far}).status_code == 400


def test_a_reserved_floating_ip_comes_with_the_lease_and_goes_with_it(student, world, hand) -> None:
    mary = student()
    wish = {"resource_type": "virtual:floatingip", "network_id": "x", "amount": 2}
    body = {"name": "ips", "start_date": "now", "end_date": stamp(world.now() + 3600, "%Y-%m-%d %H:%M")}
    lease = mary.send("POST", "reservation/v1/leases", body | {"reservations": [wish]}).json()["lease"]
    assert mary.send("GET", "network/v2.0/floatingips").json()["floatingips"] == []
    hand.wait(60)
    found = mary.send("GET", "network/v2.0/floatingips").json()["floatingips"]
    assert [f["tags"] for f in found] == [[f"reservation:{lease['reservations'][0]['id']}"]] * 2
    hand.wait(3600)
    assert mary.send("GET", "network/v2.0/floatingips").json()["floatingips"] == []


def test_devices_have_no_single_allocation_as_in_the_real_service(student) -> None:
    mary = student(site="edge")
    assert mary.send("GET", "reservation/v1/devices/1/allocation").status_code == 500
    assert len(mary.send("GET", "reservation/v1/devices").json()["devices"]) == 10
    assert student().send("GET", "reservation/v1/os-hosts/1/allocation").json()["allocation"]["resource_id"] == "1"
