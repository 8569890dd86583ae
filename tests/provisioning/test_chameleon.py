"""Clients' answers become plain values, and their exceptions become errors that a student can act
on.
"""

import inspect
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from chi import context
from hypothesis import given
from hypothesis import strategies as st

from provisioning.chameleon import replies
from provisioning.chameleon.replies import explain, status_of, unless_absent, unless_missing, unread
from provisioning.planning.blocks import free_resources
from provisioning.testbed import errors

# Refusals: the exceptions are built as the clients build them.


def named(name: str, message: object = "said", **attributes) -> Exception:
    error = type(name, (Exception,), {})(message)
    vars(error).update(attributes)
    return error


def blazar(message: str, code: int = 500) -> Exception:
    """As blazarclient's: the class says 500, the real status is in kwargs."""
    return named("BlazarClientException", message, code=500, kwargs={"code": code})


def http(message: str, status: int) -> Exception:
    """As keystoneauth's and novaclient's."""
    return named("HttpError", message, http_status=status)


PAGE = "<html><body><h1>503 Service Unavailable</h1>\n</body></html>"
POOL = "HTTPConnectionPool(host='chi.org', port=5000): Max retries exceeded with url: /v3"


@pytest.mark.parametrize(
    ("raised", "expected", "what"),
    [
        (blazar("ERROR: Not enough hosts available"), errors.NoCapacityError, "hosts"),
        (blazar("ERROR: Not enough devices available", 409), errors.NoCapacityError, "devices"),
        (blazar("ERROR: Service Unavailable", 503), errors.MaintenanceError, "503"),
        (blazar("ERROR: Traceback"), errors.ServiceBusyError, "answered 500: ERROR: Traceback"),
        (blazar(PAGE, 500), errors.ServiceBusyError, "answered 500 Internal Server Error"),
        (blazar("ERROR: start date must be later", 400), errors.RefusedError, "400"),
        (
            blazar("ERROR: Lease can only be extended within the last 172800.0 seconds", 400),
            errors.TooEarlyToExtendError,
            "the last 172800",
        ),
        (blazar("ERROR: policy", 403), errors.RefusedError, "policy"),
        (
            http("The request you have made requires authentication.", 401),
            errors.NotSignedInError,
            "refused",
        ),
        (
            http("Quota exceeded for instances: Requested 1, but already used 10 of 10", 403),
            errors.QuotaError,
            "already used 10 of 10",
        ),
        (http("Not Found", 404), errors.RefusedError, "Not Found"),
        (http("Conflict", 409), errors.ConflictError, "Conflict"),
        (
            http(PAGE, 503),
            errors.MaintenanceError,
            "in maintenance or overloaded (503 Service Unavailable)",
        ),
        (
            named("HTTPError", response=SimpleNamespace(status_code=504)),
            errors.MaintenanceError,
            "504 Gateway Timeout",
        ),
        (
            named("JSONDecodeError", "Expecting value"),
            errors.MaintenanceError,
            "a page came in place of an answer",
        ),
        (named("ResourceError", http("Conflict", 409)), errors.ConflictError, "Conflict"),
        (named("ResourceError", blazar("x", 503)), errors.MaintenanceError, "503"),
        (named("IpAddressGenerationFailureClient", status_code=409), errors.NoAddressError, "said"),
        (named("OverQuotaClient", status_code=409), errors.NoAddressError, "said"),
        (named("ConnectFailure", POOL), errors.NoAnswerError, "nothing answers at chi.org:5000"),
        (
            ConnectionRefusedError(111, "Connection refused"),
            errors.NoAnswerError,
            "answers (Connection refused)",
        ),
        (
            named("ConnectTimeout", POOL),
            errors.NoAnswerError,
            "at chi.org:5000 (no answer in time)",
        ),
        (named("MissingRequiredOptions"), errors.NotSignedInError, "said"),
        (named("CHIValueError", "No image found"), errors.RefusedError, "No image found"),
        (
            named("CHIValueError", "No image found", status_code=404),
            errors.RefusedError,
            "No image found",
        ),
        (RuntimeError("odd"), errors.ProvisioningError, "RuntimeError: odd"),
        (http("words " * 5000, 500), errors.ServiceBusyError, "..."),
    ],
)
def test_each_refusal_has_its_error(raised, expected, what):
    """Kind, action, and the service's reason in a few words; an error is explained once."""
    error = explain(raised, "reserving at CHI@TACC")
    assert type(error) is expected
    assert error.what.startswith("reserving at CHI@TACC: ")
    assert what in error.what
    assert len(error.what) < 600
    assert not any(word in error.what for word in ("HTTPConnectionPool", "<", "Max retries"))
    assert explain(error, "again") is error
    # Of a calendar, whatever is not the whole site's is the calendar's own.
    whole_site = errors.NotSignedInError | errors.MaintenanceError | errors.NoAnswerError
    assert isinstance(
        unread(error), whole_site if isinstance(error, whole_site) else errors.CalendarUnreadError
    )


def test_a_circle_of_causes_ends():
    """Exceptions may refer to each other."""
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert status_of(first) is None


def test_missing_and_absent():
    """Deleting twice is fine, a site without the service lists nothing, and anything else still
    raises.
    """

    def raiser(error):
        def call():
            raise error

        return call

    unless_missing(raiser(blazar("gone", 404)))
    assert unless_absent(raiser(named("EndpointNotFound"))) == []
    for call, error in ((unless_missing, http("busy", 503)), (unless_absent, http("gone", 404))):
        with pytest.raises(type(error)):
            call(raiser(error))


KINDS = [value for value in vars(errors).values() if isinstance(value, type)]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not errors.NoCredentialsError])
def test_every_error_is_a_help(kind):
    """Each kind says what is likely and how to get out, and its text shows all three parts."""
    error = kind("It happened.")
    assert str(error).splitlines()[0] == "It happened."
    assert "Likely:" in str(error)
    assert "Fix:" in str(error)
    assert kind is errors.ProvisioningError or error.way_out != errors.ProvisioningError.way_out


# Replies


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-02T12:00:00.000000", datetime(2026, 3, 2, 12, tzinfo=UTC)),
        ("2026-03-02 12:00:05", datetime(2026, 3, 2, 12, 0, 5, tzinfo=UTC)),
        ("2026-03-02 12:00", datetime(2026, 3, 2, 12, tzinfo=UTC)),
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


LEASE = {
    "id": "l",
    "name": "n",
    "status": "active",
    "start_date": "2026-03-02T12:00:00.000000",
    "end_date": "2026-03-02T14:50:00.000000",
    "created_at": "2026-03-01 10:00:00",
}


@pytest.mark.parametrize(
    ("condition", "name"),
    [
        ('["==", "$node_name", "liqid01"]', "liqid01"),
        ('["==", "$name", "pi5-03"]', "pi5-03"),
        (
            '["and", ["==", "$node_type", "compute_liqid"], ["==", "$node_name", "liqid02"]]',
            "liqid02",
        ),
        ('["==", "$node_type", "compute_liqid"]', ""),
        ('{"name": "g1.h100.pci.1", "vcpus": 48, "disk": 40}', "g1.h100.pci.1"),
        ('[">=", "$node_name", "liqid01"]', ""),
        ("", ""),
        ("not JSON", ""),
    ],
)
def test_a_lease_tells_a_named_machine_from_any_of_a_type(condition, name):
    """Status in capitals, reservations in order; only an equality with one machine's name names
    it.
    """
    reservations = [
        {"id": 7, "resource_type": "physical:host", "resource_properties": condition},
        {"id": "f", "resource_type": "virtual:floatingip"},
    ]
    lease = replies.lease({**LEASE, "reservations": reservations})
    assert (lease.status, lease.end.minute, lease.node) == ("ACTIVE", 50, name)
    assert [(r.id, r.resource_type) for r in lease.reservations] == [
        ("7", "physical:host"),
        ("f", "virtual:floatingip"),
    ]
    with pytest.raises(
        ValueError, match="without its dates"
    ):  # a calendar must not be built on a guess
        replies.lease({**LEASE, "start_date": None})


def test_machines_have_floating_addresses_only():
    """The fixed address is of no use from outside; Zun lists it with its port, by which the
    floating one is known.
    """
    fixed, floating = (
        {"addr": "10.0.0.4", "OS-EXT-IPS:type": "fixed"},
        {"addr": "192.0.2.4", "OS-EXT-IPS:type": "floating"},
    )
    fault, created = {"message": "No valid host was found."}, "2026-03-02T12:00:00Z"
    server = SimpleNamespace(id="s", name="n", status="ERROR", fault=fault, created=created)
    server.addresses = {"sharednet1": [fixed, floating]}
    machine = replies.server(server)
    assert (machine.addresses, machine.failed, machine.fault) == (
        ("192.0.2.4",),
        True,
        "No valid host was found.",
    )
    container = SimpleNamespace(
        uuid="c", name="n", status="Running", status_reason="None", created_at=created
    )
    container.addresses = {"net": [{"addr": "10.1.0.4", "port": "p-1"}]}
    machine = replies.container(container, {"p-1": "192.0.2.5", "p-2": "192.0.2.6"})
    assert (machine.status, machine.up, machine.addresses, machine.fault) == (
        "RUNNING",
        True,
        ("192.0.2.5",),
        "",
    )


def test_address_label_is_tag_or_text():
    """A tag wins; Neutron's text is the next best."""
    document = {
        "id": "a",
        "floating_ip_address": "192.0.2.1",
        "port_id": None,
        "description": "text",
    }
    assert replies.address(document).label == "text"
    assert replies.address({**document, "tags": ["serve-model-ada"]}).label == "serve-model-ada"


def test_bookings_are_sorted_by_resource_and_unknown_nodes_cannot_be_reserved():
    """Blazar's order means nothing, and the catalogue lists nodes that are out of service."""
    dates = [
        (f"2026-03-0{day}T00:00:00.000000", f"2026-03-0{day}T01:00:00.000000") for day in (3, 2)
    ]
    reservations = [{"start_date": start, "end_date": end} for start, end in dates]
    taken = replies.bookings([{"resource_id": 3, "reservations": reservations}])
    assert [span.start.day for span in taken["3"]] == [2, 3]
    node = SimpleNamespace(site="CHI@TACC", name="nc01", type="compute_liqid", reservable=True)
    device = SimpleNamespace(device_name="pi5-03", device_type="raspberrypi5", reservable=True)
    for listed, name, kind in ((node, "nc01", "compute_liqid"), (device, "pi5-03", "raspberrypi5")):
        resource = replies.resource(listed, "CHI@TACC", "3", taken)
        assert (resource.name, resource.type, resource.reservable, resource.bookings) == (
            name,
            kind,
            True,
            taken["3"],
        )
        assert not replies.resource(listed, "CHI@TACC", None, taken).reservable


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.data())
def test_as_many_virtual_machines_are_free_for_a_block_as_at_its_fullest_moment(free, data):
    """Blazar counts them; the planner packs blocks into rooms, and must show exactly the free
    ones.
    """
    moments = [datetime(2026, 3, 2, hour, tzinfo=UTC) for hour in range(len(free) + 1)]
    spans = [
        {
            "start": f"{start:%Y-%m-%dT%H:%M:%S.%f}",
            "end": f"{end:%Y-%m-%dT%H:%M:%S.%f}",
            "available": n,
            "total": 4,
        }
        for start, end, n in zip(moments, moments[1:], free, strict=False)
    ]
    data.draw(st.randoms()).shuffle(spans)
    rooms = replies.rooms([{"flavor_id": "f", "availability": spans}], "KVM@TACC", "g1.h100.pci.1")
    assert len({room.name for room in rooms}) == 4
    first = data.draw(st.integers(0, len(free) - 1))
    last = data.draw(st.integers(first, len(free) - 1))
    assert len(free_resources(rooms, moments[first], moments[last + 1])) == min(
        free[first : last + 1]
    )


def test_the_login_that_a_lesson_names_is_python_chis_own():
    """*Reserve a machine* calls it without an argument, and names the package that it needs."""
    assert inspect.signature(context.use_device_auth).parameters["enable"].default is True
    assert "ccauth" in inspect.getsource(context.session)
