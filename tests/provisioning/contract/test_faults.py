"""What unmodified python-chi does with faults, where it surprises: whoever guards it relies on that.

The other faults meet it in `lab/test_faults.py`, behind that guard.
"""

from __future__ import annotations

import pytest

#: For each: the name of the exception that python-chi raises, or what it returned.
EXPECTED = {
    "token-expiry": [0, None, 0],
    "no-hosts": "ResourceError",
    "no-hosts logged": "error: not enough hosts available",
    "start in the past": "ResourceError",
    "start in the past logged": "error: start date must be later than current date.",
    "leases after refusals": 0,
    # The next two return normally: only the status tells.
    "lease-error": "ERROR",
    "server-error": "ERROR",
    "server-conflict": "ResourceError",
    "no-floating-ip": "IpAddressGenerationFailureClient",
    # Without a floating IP python-chi tries localhost, where this computer's own SSH daemon must not answer.
    "no address connects": False,
    "lease-ends": "TERMINATED",
    "server after its lease": 0,
    "refresh after the lease": "ResourceError",
    "container status": ["Error"],
}


@pytest.fixture(scope="module")
def found(rehearsal, chi_python):
    """One run of the whole flow: importing python-chi takes longer than most of its faults."""
    return rehearsal.run("faults", chi_python, "john")


@pytest.mark.parametrize("fault", EXPECTED)
def test_python_chi_does_as_written_down(found, fault) -> None:
    assert found[fault] == EXPECTED[fault]


def test_a_container_in_error_returns_normally_or_raises_by_version(found) -> None:
    # 1.2.10 returns; 1.2.6 waits inside `create_container` and raises RuntimeError.
    assert found["container-error"] in ("returned", "RuntimeError")


def test_nothing_is_left(rehearsal, found) -> None:
    left = rehearsal.ask("GET", "/status")
    mine = [x for kind in ("leases", "servers", "containers") for x in left[kind] if x["user"] == "john"]
    assert mine == []
    assert left["faults"] == []
