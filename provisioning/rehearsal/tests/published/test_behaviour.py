"""Documented clients see Chameleon's rules, versions, headers and pages of lists."""

import pytest

VERSION = "openstack-api-version"


@pytest.fixture
def lease(testbed):
    """Make a lease of some hours, return its id, and delete it in the end."""
    created = []

    def make(hours: float) -> str:
        body = testbed.lease(testbed.host(resource_properties=""), hours=hours)
        answer = testbed.ask("POST", "blazar/leases", body)
        assert answer.status_code == 201, answer.text
        created.append(answer.json()["lease"]["id"])
        return created[-1]

    yield make
    for identifier in created:
        testbed.ask("DELETE", f"blazar/leases/{identifier}")


class TestLeases:
    @pytest.mark.parametrize(
        ("days", "status"), [(7, 201), (7 + 1 / 1440, 403), (8, 403), (400, 403)]
    )
    def test_a_lease_of_more_than_seven_days_is_403(self, testbed, days, status) -> None:
        """A network's: no other network can have it."""
        wish = {"resource_type": "network", "network_name": "n"}
        wish |= {"network_properties": "", "resource_properties": ""}
        body = testbed.lease(wish, hours=days * 24)
        before = testbed.stored()
        answer = testbed.ask("POST", "blazar/leases", body)
        assert answer.status_code == status
        if status == 201:
            testbed.ask("DELETE", f"blazar/leases/{answer.json()['lease']['id']}")
        else:
            assert testbed.stored() == before

    @pytest.mark.parametrize(
        ("hours", "passed_h", "more_h", "status"),
        [
            pytest.param(24 * 5, 0, 24, 400, id="five days before the end"),
            pytest.param(24 * 5, 71.9, 24, 400, id="48.1 hours before the end"),
            pytest.param(24 * 5, 72.1, 24, 200, id="47.9 hours before the end"),
            pytest.param(24, 0, 24 * 7, 200, id="by seven days"),
            pytest.param(24, 0, 24 * 7 + 1, 400, id="by more than seven days"),
            pytest.param(24 * 5, 0, -24, 200, id="shortened at any time"),
        ],
    )
    def test_a_lease_is_prolonged_in_its_last_48_hours_by_seven_days(
        self, empty_testbed, hours, passed_h, more_h, status
    ) -> None:
        testbed = empty_testbed
        wish = {"resource_type": "network", "network_name": "n"}
        wish |= {"network_properties": "", "resource_properties": ""}
        answer = testbed.ask("POST", "blazar/leases", testbed.lease(wish, hours=hours))
        path = f"blazar/leases/{answer.json()['lease']['id']}"
        end = testbed.moment(hours + more_h)
        testbed.now_s += passed_h * 3600
        testbed.tokens["tacc"] = testbed.sign_in("tacc")
        assert testbed.ask("PUT", path, {"end_date": end}).status_code == status

    @pytest.mark.parametrize(
        "change",
        [
            {"start_date": "2050-01-01 00:00"},
            {"end_date": "2020-01-01 00:00"},
            {"end_date": "tomorrow"},
            {"name": 7},
            {"reservations": [{"id": "no", "min": 1}]},
            {"reservations": [{"min": 1}]},
            {"reservations": "x"},
            {"before_end_date": "2050-01-01 00:00"},
        ],
        ids=str,
    )
    def test_a_change_that_blazar_refuses_is_400_and_changes_nothing(
        self, testbed, lease, change
    ) -> None:
        identifier = lease(3)
        testbed.now_s += 90
        before = testbed.ask("GET", f"blazar/leases/{identifier}").json()
        answer = testbed.ask("PUT", f"blazar/leases/{identifier}", change)
        assert answer.status_code == 400
        assert testbed.ask("GET", f"blazar/leases/{identifier}").json() == before

    def test_blazar_reminds_48_hours_before_the_end_and_not_before_the_start(
        self, testbed, lease
    ) -> None:
        shown = testbed.ask("GET", f"blazar/leases/{lease(30)}").json()["lease"]
        times = {event["event_type"]: event["time"] for event in shown["events"]}
        assert times["before_end_lease"] == shown["start_date"]


class TestFloatingIps:
    """Reservations of floating IPs: Chameleon's `plugins/floatingips/floatingip_plugin.py`."""

    @staticmethod
    def reserved(testbed, **wish) -> tuple[int, dict]:
        """Ask for a lease of floating IPs; return the status, and the reservation."""
        wanted = {"resource_type": "virtual:floatingip", "network_id": public(testbed)}
        answer = testbed.ask("POST", "blazar/leases", testbed.lease(wanted | wish))
        made = answer.json()
        return answer.status_code, made["lease"]["reservations"][0] if "lease" in made else {}

    def test_an_address_that_is_asked_for_is_the_projects_for_the_lease(
        self, empty_testbed
    ) -> None:
        testbed = empty_testbed
        wanted = "127.77.1.42"
        status, shown = self.reserved(testbed, amount=2, required_floatingips=[wanted])
        assert (status, shown["amount"]) == (201, 2)
        assert shown["required_floatingips"] == [wanted]
        testbed.now_s += 60
        rows = testbed.ask("GET", "neutron/floatingips").json()["floatingips"]
        assert [row["floating_ip_address"] for row in rows] == [wanted, "127.77.1.10"]
        assert all(f"reservation:{shown['id']}" in row["tags"] for row in rows)
        testbed.now_s += 3 * 3600
        testbed.tokens["tacc"] = testbed.sign_in("tacc")
        assert testbed.ask("GET", "neutron/floatingips").json()["floatingips"] == []

    @pytest.mark.parametrize(
        "wish",
        [
            {"amount": 1000},
            {"amount": 1, "required_floatingips": ["192.0.2.1"]},
            {"amount": 1, "network_id": "no-such"},
        ],
        ids=str,
    )
    def test_what_the_pool_does_not_have_is_refused_and_not_stored(self, testbed, wish) -> None:
        before = testbed.stored()
        assert self.reserved(testbed, **wish)[0] == 500
        assert testbed.stored() == before

    def test_the_pool_itself_is_for_operators(self, testbed) -> None:
        for path in ("floatingips", "floatingips/1"):
            answer = testbed.ask("GET", f"blazar/{path}")
            assert (answer.status_code, "floatingips:get" in answer.text) == (403, True)


def public(testbed) -> str:
    networks = testbed.ask("GET", "neutron/networks").json()["networks"]
    return next(network["id"] for network in networks if network["name"] == "public")


class TestVersions:
    @pytest.mark.parametrize(
        ("version", "status", "announced"),
        [
            ("2.1", 200, "compute 2.1"),
            ("2.61", 200, "compute 2.61"),
            ("latest", 200, "compute 2.96"),
            ("2.999", 406, "compute 2.1"),
            ("x", 400, "compute 2.1"),
        ],
    )
    def test_nova_announces_the_version_of_its_answer(
        self, testbed, version, status, announced
    ) -> None:
        answer = testbed.ask("GET", "nova/servers", version=version)
        assert (answer.status_code, answer.headers[VERSION]) == (status, announced)
        assert "OpenStack-API-Version" in answer.headers["vary"]

    def test_fields_come_with_the_version_that_added_them(self, testbed) -> None:
        path = f"nova/servers/{testbed.ids['server']}"
        old, new = (
            testbed.ask("GET", path, version=version).json()["server"]
            for version in ("2.1", "2.96")
        )
        assert set(old["flavor"]) == {"id", "links"}
        assert {"original_name", "vcpus"} <= set(new["flavor"])
        assert not {"locked", "tags", "description", "host_status"} & set(old)

    def test_nova_makes_a_pair_of_keys_before_version_2_92(self, testbed) -> None:
        body = {"keypair": {"name": "made"}}
        refused = testbed.ask("POST", "nova/os-keypairs", body, version="2.92")
        answer = testbed.ask("POST", "nova/os-keypairs", body)
        assert (refused.status_code, answer.status_code) == (400, 201)
        assert answer.json()["keypair"]["private_key"].startswith("-----BEGIN")
        testbed.ask("DELETE", "nova/os-keypairs/made")


@pytest.mark.parametrize(
    "path",
    ["nova/servers", "neutron/networks", "glance/images", "blazar/leases", "cinder/volumes"],
)
def test_each_answer_has_its_own_request_id(testbed, path) -> None:
    ids = {testbed.ask("GET", path).headers["x-openstack-request-id"] for _ in range(3)}
    assert len(ids) == 3
    assert all(identifier.startswith("req-") for identifier in ids)


LISTS = {
    "nova/flavors": ("flavors", "id", "kvm"),
    "nova/flavors/detail": ("flavors", "id", "kvm"),
    "neutron/networks": ("networks", "id", "tacc"),
    "neutron/security-groups": ("security_groups", "id", "tacc"),
    "glance/images": ("images", "id", "tacc"),
}


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", [1, 2, 100])
def test_pages_of_a_list_are_the_list(testbed, path, limit) -> None:
    """`limit` and `marker` go through every row once; each page but the last names the next."""
    collection, key, site = LISTS[path]
    rows = testbed.ask("GET", path, site=site).json()[collection]
    seen, marker = [], ""
    while True:
        more = f"&marker={marker}" if marker else ""
        page = testbed.ask("GET", f"{path}?limit={limit}{more}", site=site).json()
        seen += page[collection]
        following = page.get("next") or page.get(f"{collection}_links")
        if not following:
            break
        assert len(page[collection]) == limit
        marker = page[collection][-1][key]
    assert [row[key] for row in seen] == [row[key] for row in rows]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("query", ["limit=x", "limit=-1", "marker=no-such"])
def test_a_page_that_cannot_be_is_400(testbed, path, query) -> None:
    assert testbed.ask("GET", f"{path}?{query}", site=LISTS[path][2]).status_code == 400


def test_fields_of_neutron_choose_columns(testbed) -> None:
    rows = testbed.ask("GET", "neutron/networks?fields=id&fields=name").json()["networks"]
    assert all(set(row) == {"id", "name"} for row in rows)
    path = f"neutron/networks/{testbed.ids['network']}?fields=id"
    assert set(testbed.ask("GET", path).json()["network"]) == {"id"}


def test_nova_filters_servers_by_status(testbed) -> None:
    for status, count in (("ACTIVE", 1), ("active", 1), ("ERROR", 0)):
        path = f"nova/servers/detail?status={status}&name=^node$"
        assert len(testbed.ask("GET", path).json()["servers"]) == count


def test_no_internal_field_of_the_rehearsal_is_shown(testbed) -> None:
    for collection in ("networks", "subnets", "ports", "routers", "floatingips"):
        for row in testbed.ask("GET", f"neutron/{collection}").json()[collection]:
            assert not {"site", "user", "reservation_id"} & set(row)


def test_a_refusal_leaves_no_floating_ip_behind(testbed) -> None:
    before = testbed.stored()
    wanted = {"floating_network_id": testbed.ids["public"], "port_id": testbed.ids["port"]}
    answer = testbed.ask("POST", "neutron/floatingips", {"floatingip": wanted})
    assert answer.status_code == 404
    assert testbed.stored() == before
