"""Keystone, Blazar, Nova and Neutron: their answers, refusals and separation of students."""

import pytest

from chameleon_rehearsal.catalogue import Flavors
from chameleon_rehearsal.services import flavors
from chameleon_rehearsal.services.identity import caller_named
from chameleon_rehearsal.testing import MOMENTS
from chameleon_rehearsal.world.clock import SERVER_BOOT_S, stamp
from chameleon_rehearsal.world.world import World

LEASES, SERVERS = "reservation/v1/leases", "compute/v2.1/servers"


def test_a_token_opens_its_own_site_and_project_for_eight_hours(student, hand) -> None:
    mary = student(site="tacc")
    assert mary.sign_in(project=caller_named("john").project).status_code == 401
    mary.site = "uc"
    assert mary.send("GET", LEASES).status_code == 401
    mary.site = "tacc"
    hand.wait(8 * 3600 - 1)
    assert mary.send("GET", LEASES).status_code == 200
    hand.wait(1)
    assert mary.send("GET", LEASES).status_code == 401


@pytest.mark.parametrize(
    "body", ["", "{}", "[]", '{"auth": 1}', '{"auth": {"identity": {"password": "x"}}}', "{"]
)
def test_a_body_that_cannot_be_read_is_400_in_openstacks_form(client, body) -> None:
    answer = client.request("POST", "/tacc:5000/v3/auth/tokens", content=body)
    assert answer.status_code == answer.json()["error"]["code"] == 400
    assert answer.json()["error"]["title"] == "Bad Request"


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("PATCH", LEASES, 405, lambda body: body["error_message"]),
        ("GET", "reservation/v1/networks", 404, lambda body: body["error_message"]),
        ("GET", "dns/v2", 404, lambda body: body["error"]["message"]),
    ],
)
def test_what_is_not_rehearsed_is_said_in_the_services_form(
    student, method, path, status, message
) -> None:
    """Of Nova, Neutron and Zun, whose sentences python-chi shows, ``contract/flows/families.py``
    tells.
    """
    answer = student().send(method, path, {})
    assert answer.status_code == status
    assert "not rehearsed" in message(answer.json())


class TestReservation:
    """Blazar: leases, and free hosts; ``contract/test_fidelity.py`` has its refusals."""

    def test_a_node_is_given_to_one_lease_at_a_time_and_is_free_again_afterwards(
        self, student, world
    ) -> None:
        mary, john = student("mary"), student("john")
        answers = [who.reserve("gpu_mi100") for who in (mary, john) for _ in range(3)]
        given = [a.json()["lease"] for a in answers if a.status_code == 201]
        assert 2 <= len(given) <= 4
        assert all(a.status_code == 500 for a in answers[len(given) :])
        held = [
            r["resource_ids"] for lease in world.store.find("lease") for r in lease["reservations"]
        ]
        assert len({i for ids in held for i in ids}) == len(given)
        assert mary.send("DELETE", f"{LEASES}/{given[0]['id']}").status_code == 204
        assert mary.reserve("gpu_mi100").status_code == 201

    @pytest.mark.parametrize(
        ("ahead_s", "pauses_s", "looks", "refuses"),
        [
            pytest.param(86_400, 5, 3, True, id="python-chi waits for tomorrow"),
            pytest.param(86_400, 1, 1, True, id="a loop of one's own waits"),
            pytest.param(86_400, 5, 1, False, id="a person looks at the status now and then"),
            pytest.param(86_400, 30, 3, False, id="a program looks twice a minute"),
            pytest.param(300, 5, 3, False, id="the lease begins before python-chi gives up"),
            pytest.param(0, 5, 3, False, id="the lease begins now"),
        ],
    )
    def test_a_wait_in_vain_is_told_and_no_other_look(
        self, student, hand, ahead_s, pauses_s, looks, refuses
    ) -> None:
        """Looks in bursts with pauses, for a minute; a refused client may look again later."""
        mary, begins_s = student("mary"), hand() + ahead_s
        wish = {"resource_type": "network", "network_name": "mine"}
        wish |= {"network_properties": "", "resource_properties": ""}
        start, end = (stamp(at_s, "%Y-%m-%d %H:%M") for at_s in (begins_s, begins_s + 3600))
        body = {
            "name": "mine",
            "start_date": start,
            "end_date": end,
            "reservations": [wish],
            "events": [],
        }
        lease = mary.send("POST", LEASES, body).json()["lease"]
        refused = []
        for _ in range(int(60 / pauses_s)):
            answers = [mary.send("GET", f"{LEASES}/{lease['id']}") for _ in range(looks)]
            refused += [
                answer.json()["error_message"] for answer in answers if answer.status_code == 400
            ]
            if refused:
                assert mary.send("GET", f"{LEASES}/{lease['id']}").status_code == 200
                break
            hand.wait(pauses_s)
        assert bool(refused) == refuses
        for message in refused:
            assert "`wait_for_active=False` is missing" in message
            assert start[11:] in message

    def test_a_lease_is_invisible_to_other_students_but_its_hours_are_not(self, student) -> None:
        mary, john = student("mary"), student("john")
        lease = mary.reserve("compute_liqid").json()["lease"]
        namesake = mary.reserve("compute_liqid").json()["lease"]
        assert lease["id"] != namesake["id"], "two leases may have one name"
        assert mary.send("GET", f"{LEASES}/mine").status_code == 404, "and a name is no id"
        assert john.send("GET", LEASES).json()["leases"] == []
        for method in ("GET", "DELETE"):
            assert john.send(method, f"{LEASES}/{lease['id']}").status_code == 404
        allocations = john.send("GET", "reservation/v1/os-hosts/allocations").json()["allocations"]
        assert lease["id"] in {r["lease_id"] for a in allocations for r in a["reservations"]}

    def test_the_calendar_shows_all_that_is_refused_and_nobody_comes_over_a_lease(
        self, student, hand
    ) -> None:
        """Free hosts are granted, weeks and months ahead; weeks later the lease is alone at its
        hours.
        """
        mary, held = student(), {}
        names = {
            host["id"]: host["node_name"]
            for host in mary.send("GET", "reservation/v1/os-hosts").json()["hosts"]
        }

        def busy(start: float, end: float) -> dict[str, int]:
            listed = mary.send("GET", "reservation/v1/os-hosts/allocations").json()["allocations"]
            from_date, until_date = (stamp(at_s, "%Y-%m-%dT%H:%M") for at_s in (start, end))
            counts = {}
            for allocation in listed:
                counts[names[allocation["resource_id"]]] = sum(
                    held["start_date"] < until_date and held["end_date"] > from_date
                    for held in allocation["reservations"]
                )
            return counts

        for hour in range(1, 24 * 90, 97):
            start = hand.now_s + hour * 3600
            bookings_of = busy(start, start + 10_800)
            node = next(name for name, count in bookings_of.items() if not count)
            wish = {
                "resource_type": "physical:host",
                "resource_properties": f'["==", "$node_name", "{node}"]',
                "hypervisor_properties": "",
            }
            dates = {
                "start_date": stamp(start, "%Y-%m-%d %H:%M"),
                "end_date": stamp(start + 10_800, "%Y-%m-%d %H:%M"),
            }
            body = {"name": "mine", **dates, "reservations": [{**wish, "min": 1, "max": 1}]}
            assert mary.send("POST", LEASES, body).status_code == 201, hour
            held[start] = node
        hand.wait(80 * 24 * 3600)
        mary.token = mary.sign_in().headers["X-Subject-Token"]
        for start, node in held.items():
            assert busy(start, start + 10_800)[node] == (start > hand.now_s)

    @pytest.mark.parametrize("moment", MOMENTS, ids=str)
    def test_a_machine_of_every_type_is_to_be_had_whenever_somebody_asks(
        self, client, world, hand, moment
    ) -> None:
        """For three hours from now, at each site; the calendar shows one less of it for those
        hours.
        """
        hand.now_s = moment.timestamp()
        within_s = hand.now_s + 3600
        secret = {"X-Rehearsal-Secret": world.secret}
        for group in world.catalogue.groups:
            virtual = isinstance(group, Flavors)
            free = free_at(world, group, within_s) if virtual else 0
            wish = {"name": "mine", "user": "mary", "type": group.type, "hours": 3}
            wish["site"] = world.catalogue.sites[group.site].name
            answer = client.post("/_rehearsal/leases", json=wish, headers=secret)
            assert answer.status_code == 200, answer.text
            assert not virtual or free_at(world, group, within_s) == free - 1


def free_at(world: World, kind: Flavors, moment_s: float) -> int:
    """Return how many virtual machines of a kind the calendar shows as free at a moment."""
    ((_, _, free),) = flavors.calendar(world, kind, moment_s, moment_s + 1)
    return free


class TestServers:
    """Nova and Neutron: servers and addresses, as far as python-chi uses them; neither was compared
    with a real one.
    """

    def test_a_server_without_a_host_goes_to_error_and_has_no_port(self, student, hand) -> None:
        """No reservation, another user's, one of a waiting lease, or one whose node already runs a
        server.
        """
        mary, john = student(), student("john")
        _, marys = mary.leased(hand)
        _, full = john.leased(hand)
        runs = john.start_server(full)["id"]
        waiting = john.reserve("compute_liqid").json()["lease"]["reservations"][0]["id"]
        homeless = [
            john.start_server(reservation)["id"] for reservation in (None, marys, waiting, full)
        ]
        assert john.server(homeless[0])["status"] == "BUILD"
        hand.wait(SERVER_BOOT_S)
        assert john.server(runs)["status"] == "ACTIVE"
        for server in map(john.server, homeless):
            assert (server["status"], server["addresses"]) == ("ERROR", {})
            assert "No valid host" in server["fault"]["message"]
            assert (
                john.send("GET", "network/v2.0/ports", device_id=server["id"]).json()["ports"] == []
            )

    def test_what_nova_refuses_at_once(self, student) -> None:
        mary = student()
        flavor = mary.send("GET", "compute/v2.1/flavors/detail").json()["flavors"][0]["id"]
        image = mary.send("GET", "image/v2/images").json()["images"][0]["id"]
        good = {"name": "x", "imageRef": image, "flavorRef": flavor}
        for bad in ({"imageRef": "x"}, {"flavorRef": "x"}, {"key_name": "nobody's"}):
            assert mary.send("POST", SERVERS, {"server": good | bad}).status_code == 400
        assert (
            student(site="edge").send("GET", "compute/v2.1/flavors/detail").json()["flavors"] == []
        )


def test_the_rehearsals_own_service_asks_for_its_secret(client) -> None:
    """On a shared computer the port is open to all its users."""
    for method, path in (("GET", "status"), ("POST", "faults"), ("POST", "down")):
        assert client.request(method, f"/_rehearsal/{path}", json={}).status_code == 401
    right = {"X-Rehearsal-Secret": "secret"}
    assert client.request("GET", "/_rehearsal/status", headers=right).status_code == 200
