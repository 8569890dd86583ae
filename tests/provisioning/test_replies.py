"""Documents of the services become plain values."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from provisioning.chameleon import replies


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-02T12:00:00.000000", datetime(2026, 3, 2, 12, tzinfo=UTC)),
        ("2026-03-02 12:00:05", datetime(2026, 3, 2, 12, 0, 5, tzinfo=UTC)),
        ("2026-03-02T12:00:00Z", datetime(2026, 3, 2, 12, tzinfo=UTC)),
        ("2026-03-02T06:00:00-06:00", datetime(2026, 3, 2, 12, tzinfo=UTC)),
        (None, None),
        ("None", None),
        ("", None),
    ],
)
def test_every_form_of_a_moment(text, expected):
    """Blazar, Nova, Neutron and Zun each write it in their own way; all of them mean UTC."""
    assert replies.moment(text) == expected


def test_lease():
    """Status in capitals, reservations in order."""
    made = replies.lease(
        {
            "id": "l",
            "name": "n",
            "status": "active",
            "start_date": "2026-03-02T12:00:00.000000",
            "end_date": "2026-03-02T14:50:00.000000",
            "created_at": "2026-03-01 10:00:00",
            "reservations": [
                {"id": 7, "resource_type": "physical:host"},
                {"id": "f", "resource_type": "virtual:floatingip"},
            ],
        }
    )
    assert (made.status, made.end.minute) == ("ACTIVE", 50)
    assert [(r.id, r.resource_type) for r in made.reservations] == [("7", "physical:host"), ("f", "virtual:floatingip")]


def test_a_lease_without_dates_is_refused():
    """A calendar must not be built on a guess."""
    with pytest.raises(ValueError, match="without its dates"):
        replies.lease({"id": "l", "name": "n", "status": "x", "start_date": None, "end_date": None})


def test_server_takes_floating_addresses_only():
    """The fixed address is of no use from outside, and an error carries its reason."""
    reply = SimpleNamespace(
        id="s",
        name="n",
        status="ERROR",
        fault={"message": "No valid host was found."},
        created="2026-03-02T12:00:00Z",
        addresses={
            "sharednet1": [
                {"addr": "10.0.0.4", "OS-EXT-IPS:type": "fixed"},
                {"addr": "192.0.2.4", "OS-EXT-IPS:type": "floating"},
            ]
        },
    )
    made = replies.server(reply)
    assert made.addresses == ("192.0.2.4",)
    assert made.failed
    assert made.fault == "No valid host was found."


def test_container_finds_its_floating_address_by_port():
    """Zun lists fixed addresses with their ports; the floating one is known by the port."""
    reply = SimpleNamespace(
        uuid="c",
        name="n",
        status="Running",
        status_reason="None",
        created_at="2026-03-02 12:00:00",
        addresses={"net": [{"addr": "10.1.0.4", "port": "p-1"}]},
    )
    made = replies.container(reply, {"p-1": "192.0.2.5", "p-2": "192.0.2.6"})
    assert (made.status, made.up, made.addresses, made.fault) == ("RUNNING", True, ("192.0.2.5",), "")


def test_address_label_is_tag_or_text():
    """A tag wins; Neutron's text is the next best."""
    document = {"id": "a", "floating_ip_address": "192.0.2.1", "port_id": None, "description": "text"}
    assert replies.address(document).label == "text"
    assert replies.address({**document, "tags": ["serve-model-ada"]}).label == "serve-model-ada"


def test_bookings_are_sorted_and_keyed_by_resource():
    """Blazar's order means nothing."""
    spans = replies.bookings(
        [
            {
                "resource_id": 3,
                "reservations": [
                    {"start_date": "2026-03-03T00:00:00.000000", "end_date": "2026-03-03T01:00:00.000000"},
                    {"start_date": "2026-03-02T00:00:00.000000", "end_date": "2026-03-02T01:00:00.000000"},
                ],
            }
        ]
    )
    assert [span.start.day for span in spans["3"]] == [2, 3]


def test_a_node_that_blazar_does_not_know_cannot_be_reserved():
    """The catalogue lists nodes that are out of service."""
    node = SimpleNamespace(site="CHI@TACC", name="nc01", type="compute_liqid", reservable=True)
    assert replies.node_resource(node, "1", {}).reservable
    assert not replies.node_resource(node, None, {}).reservable
