"""Keystone: who gets a token, and what it opens."""

import pytest

from provisioning.rehearsal.identity import access_token, project_of


def test_a_wrong_password_and_somebody_elses_project_are_401(student) -> None:
    mary = student()
    assert mary.sign_in(password="guessed").status_code == 401
    assert mary.sign_in(project=project_of("john")).status_code == 401
    assert mary.sign_in(project="CHI-251409").status_code == 401
    assert mary.sign_in().status_code == 201


def test_the_catalogue_lists_the_sites_own_services_only(student) -> None:
    body = student(site="edge").sign_in().json()["token"]
    endpoints = {service["type"]: service["endpoints"][0] for service in body["catalog"]}
    assert set(endpoints) == {"identity", "compute", "network", "image", "reservation", "container"}
    assert {e["region"] for e in endpoints.values()} == {"CHI@Edge"}
    assert endpoints["reservation"]["url"] == "http://127.0.0.1:1/edge/reservation/v1"
    assert "container" not in {s["type"] for s in student(site="tacc").sign_in().json()["token"]["catalog"]}


def test_a_token_of_one_site_opens_nothing_at_another(student) -> None:
    mary = student(site="tacc")
    assert mary.send("GET", "reservation/v1/leases").status_code == 200
    mary.site = "uc"
    assert mary.send("GET", "reservation/v1/leases").status_code == 401


def test_a_token_ends_after_eight_hours(student, hand) -> None:
    mary = student()
    hand.wait(8 * 3600 - 1)
    assert mary.send("GET", "reservation/v1/leases").status_code == 200
    hand.wait(1)
    assert mary.send("GET", "reservation/v1/leases").status_code == 401


def test_an_access_token_gives_a_token_without_a_project_first(student, client, world) -> None:
    student()
    path = "/tacc:5000/v3/OS-FEDERATION/identity_providers/chameleon/protocols/openid/auth"
    bearer = {"Authorization": f"Bearer {access_token(world, 'mary')}"}
    answer = client.post(path, headers=bearer)
    assert answer.status_code == 201
    assert "project" not in answer.json()["token"]
    unscoped = answer.headers["X-Subject-Token"]
    refused = client.get("/tacc/reservation/v1/leases", headers={"X-Auth-Token": unscoped})
    assert refused.status_code == 401
    projects = client.get("/tacc:5000/v3/auth/projects", headers={"X-Auth-Token": unscoped}).json()["projects"]
    assert [p["name"] for p in projects] == ["CHI-rehearsal-mary"]
    scope = {"project": {"id": projects[0]["id"]}}
    identity = {"methods": ["token"], "token": {"id": unscoped}}
    scoped = client.post("/tacc:5000/v3/auth/tokens", json={"auth": {"identity": identity, "scope": scope}})
    assert scoped.json()["token"]["project"]["name"] == "CHI-rehearsal-mary"
    assert client.post(path, headers={"Authorization": "Bearer mary.wrong"}).status_code == 401


def test_an_application_credential_fails_once_a_project_is_set(client, world) -> None:
    credential = {"id": "rehearsal-mary", "secret": world.password("mary")}
    identity = {"methods": ["application_credential"], "application_credential": credential}
    auth = {"identity": identity}
    assert client.post("/tacc:5000/v3/auth/tokens", json={"auth": auth}).status_code == 201
    auth["scope"] = {"project": {"name": project_of("mary"), "domain": {"name": "chameleon"}}}
    assert client.post("/tacc:5000/v3/auth/tokens", json={"auth": auth}).status_code == 401


@pytest.mark.parametrize("path", ["reservation/v1/leases", "compute/v2.1/servers", "network/v2.0/ports"])
def test_nothing_opens_without_a_token(client, path) -> None:
    answer = client.get(f"/tacc/{path}")
    assert answer.status_code == 401
    assert "Keystone" in answer.headers["WWW-Authenticate"]


def test_a_site_that_is_not_there_is_404(client) -> None:
    assert client.get("/nowhere/reservation/v1/leases").status_code == 404
