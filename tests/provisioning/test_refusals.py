"""What clients raise becomes what a student can act on. The exceptions are built as the clients build them."""

from __future__ import annotations

import pytest

from provisioning import errors
from provisioning.chameleon.refusals import (
    explain,
    is_absent_service,
    is_missing,
    status_of,
    unless_absent,
    unless_missing,
)


class BlazarClientException(Exception):  # noqa: N818 - the client names it so
    """As blazarclient: the class says 500, the real status is in kwargs."""

    code = 500

    def __init__(self, message, **kwargs):
        self.kwargs = {"code": 500, **kwargs}
        super().__init__(message)


class HttpError(Exception):
    """As keystoneauth's and novaclient's."""

    def __init__(self, message, http_status):
        self.http_status = http_status
        super().__init__(message)


class ResourceError(Exception):
    """As python-chi's, which takes the cause as its only argument."""


def named(name: str, message: str = "said", **attributes) -> Exception:
    error = type(name, (Exception,), {})(message)
    for key, value in attributes.items():
        setattr(error, key, value)
    return error


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (BlazarClientException("ERROR: Not enough hosts available"), errors.NoCapacityError),
        (BlazarClientException("ERROR: Not enough devices available", code=409), errors.NoCapacityError),
        (BlazarClientException("ERROR: Service Unavailable", code=503), errors.ServiceBusyError),
        (BlazarClientException("ERROR: start date must be later", code=400), errors.WrongRequestError),
        (BlazarClientException("ERROR: policy", code=403), errors.NotAllowedError),
        (HttpError("The request you have made requires authentication.", 401), errors.NotSignedInError),
        (HttpError("Not Found", 404), errors.GoneError),
        (HttpError("Conflict", 409), errors.ConflictError),
        (ResourceError(HttpError("Conflict", 409)), errors.ConflictError),
        (ResourceError(BlazarClientException("x", code=503)), errors.ServiceBusyError),
        (named("IpAddressGenerationFailureClient", status_code=409), errors.NoAddressError),
        (named("OverQuotaClient", status_code=409), errors.NoAddressError),
        (named("ConnectFailure"), errors.ServiceBusyError),
        (ConnectionRefusedError("refused"), errors.ServiceBusyError),
        (named("MissingRequiredOptions"), errors.NotSignedInError),
        (named("CHIValueError", "No image found"), errors.WrongRequestError),
    ],
)
def test_each_refusal_has_its_error(raised, expected):
    """Kind, what was being done, and what the service said."""
    made = explain(raised, "reserving at CHI@TACC")
    assert type(made) is expected
    assert made.what.startswith("reserving at CHI@TACC: ")
    assert made.likely
    assert made.way_out


def test_the_unknown_keeps_its_name():
    """Nothing is guessed about an exception that nobody foresaw."""
    made = explain(RuntimeError("odd"), "booting")
    assert type(made) is errors.ProvisioningError
    assert "RuntimeError: odd" in made.what


def test_our_own_errors_pass():
    """An error is explained once."""
    error = errors.NoKeyError("no key")
    assert explain(error, "booting") is error


def test_the_real_status_wins_over_the_class_default():
    """Blazar's client calls everything 500 in its class attribute."""
    assert status_of(BlazarClientException("x", code=404)) == 404
    assert is_missing(BlazarClientException("x", code=404))
    assert not is_missing(BlazarClientException("x"))


def test_a_circle_of_causes_ends():
    """Exceptions may refer to each other."""
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert status_of(first) is None


def test_long_pages_are_cut():
    """A proxy's whole HTML page is no message."""
    assert len(explain(HttpError("words " * 5000, 502), "x").what) < 600
    page = "<html><body><h1>503 Service Unavailable</h1>\n</body></html>"
    assert explain(HttpError(page, 503), "x").what == "x: the service answered 503: 503 Service Unavailable"


def test_missing_and_absent():
    """Deleting twice is fine, a site without the service lists nothing, and anything else still raises."""

    def raiser(error):
        def call():
            raise error

        return call

    unless_missing(raiser(HttpError("gone", 404)))
    assert unless_absent(raiser(named("EndpointNotFound"))) == []
    assert is_absent_service(named("EndpointNotFound"))
    with pytest.raises(HttpError):
        unless_missing(raiser(HttpError("busy", 503)))
    with pytest.raises(HttpError):
        unless_absent(raiser(HttpError("gone", 404)))


@pytest.mark.parametrize("kind", [value for value in vars(errors).values() if isinstance(value, type)])
def test_every_error_is_a_help(kind):
    """Each kind says what is likely and how to get out, and its text shows all three parts."""
    error = kind("It happened.")
    assert str(error).splitlines()[0] == "It happened."
    assert "Likely:" in str(error)
    assert "Way out:" in str(error)
    assert kind is errors.ProvisioningError or error.way_out != errors.ProvisioningError.way_out
