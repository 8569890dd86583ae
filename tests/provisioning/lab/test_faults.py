"""Every fault of the testbed: a clear message, a re-run that finishes, and nothing orphaned."""

from __future__ import annotations

import pytest

from provisioning.rehearsal.faults import FAULTS

#: What the first attempt says. 'done' means that the step dealt with the fault by itself.
EXPECTED = {
    "no-hosts": ("reserve", "NoCapacityError"),
    "token-401": ("reserve", "NotSignedInError"),
    "token-expiry=1": ("first", "done"),
    "service-503": ("reserve", "ServiceBusyError"),
    "past": ("reserve", "RefusedError"),
    "lease-error": ("first", "LeaseFailedError"),
    "server-error": ("first", "ServerFailedError"),
    "server-conflict": ("first", "done"),
    "no-floating-ip": ("first", "NoAddressError"),
    "ssh-never": ("first", "NotReachableError"),
    "slow-boot=1000000": ("first", "StepTimeoutError"),
    "ssh-late": ("first", "done"),
    "session-401": ("first", "done"),
    "lease-ends=600": ("first", "LeaseEndedError"),
    "container-error": ("first", "ServerFailedError"),
    "upload-cut": ("first", "done"),
}


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found(rehearsal):
    return rehearsal.run("faults", "bob")


@pytest.mark.parametrize("fault", EXPECTED)
def test_the_message_names_the_fault(found, fault):
    """The class of the error is the one for this fault, and its text shows what is likely and the way out."""
    when, kind = EXPECTED[fault]
    name, text = found[fault][when]
    assert name == kind, text
    if kind != "done":
        assert "Likely:" in text
        assert "Way out:" in text


@pytest.mark.parametrize("fault", EXPECTED)
def test_doing_it_again_finishes_and_nothing_is_orphaned(found, fault):
    """The same cell, run again, or what the message says; and after the release the project holds nothing."""
    assert found[fault]["second"] == ["done", ""]
    assert found[fault]["left"] == 0


def test_every_fault_of_the_testbed_is_here():
    """A new fault needs a message, a way out, and a run that finishes."""
    assert {fault.partition("=")[0] for fault in EXPECTED} - {"past"} == set(FAULTS)
