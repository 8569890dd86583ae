"""The fixture `chameleon`, with calls of plain python-chi: from a lease to a command on a node."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from chameleon_rehearsal.testing import Chameleon

# Warnings of python-chi's clients about themselves are not the test's fault.
pytestmark = pytest.mark.filterwarnings("default")

MORNING = datetime(2051, 6, 1, 8, 0, tzinfo=UTC)


def test_a_lease_a_server_and_a_command(chameleon: Chameleon) -> None:
    """The whole way of a course's first notebook, in a second or two."""
    from chi import context, lease, server

    context.use_site("CHI@TACC")
    mine = lease.Lease("mine", duration=timedelta(hours=3))
    mine.add_node_reservation(amount=1, node_type="compute_liqid")
    mine.submit()
    assert mine.status == "ACTIVE"
    node = server.Server(
        "node", reservation_id=mine.node_reservations[0]["id"], image_name="CC-Ubuntu24.04"
    )
    node.submit(show=None)
    node.associate_floating_ip()
    node.refresh()
    node.check_connectivity(show=None)
    assert node.execute("hostname; echo $USER").stdout.split()[-1] == "cc"
    assert chameleon.journal()[-1] == "node: hostname; echo $USER"
    assert [row["name"] for row in chameleon.status()["servers"]] == ["node"]


def test_a_fault_and_a_lease_of_horizons(chameleon: Chameleon) -> None:
    """A test arms faults, and begins with resources that were made by hand."""
    from chi import context, lease
    from chi.exception import ResourceError

    context.use_site("CHI@UC")
    chameleon.lease("of the web page", "compute_gigaio", site="CHI@UC")
    assert lease.get_lease("of the web page").status == "ACTIVE"
    chameleon.arm("no-hosts")
    wanted = lease.Lease("mine", duration=timedelta(hours=1))
    wanted.add_node_reservation(amount=1, node_type="compute_skylake")
    with pytest.raises(ResourceError):
        wanted.submit()


class TestOnAMorning:
    """The calendar begins where a test says, and goes where it is moved."""

    @pytest.fixture
    def chameleon_begin(self) -> datetime:
        return MORNING

    def test_a_lease_ends_when_the_calendar_passes_its_end(self, chameleon: Chameleon) -> None:
        from chi import context, lease

        context.use_site("CHI@TACC")
        mine = lease.Lease("mine", duration=timedelta(hours=3))
        mine.add_node_reservation(amount=1, node_type="compute_liqid")
        mine.submit()
        assert MORNING + timedelta(hours=3) <= mine.end_date.replace(tzinfo=UTC)
        chameleon.advance(timedelta(hours=4))
        assert chameleon.now() > MORNING + timedelta(hours=4)
        mine.refresh()
        assert mine.status == "TERMINATED"


def test_the_variables_are_restored(request: pytest.FixtureRequest) -> None:
    """A process has its former settings back, sockets too."""
    import socket

    before = dict(os.environ)
    connect = socket.socket.connect
    for _ in range(2):
        chameleon = request.getfixturevalue("chameleon")
        assert os.environ["REHEARSAL_HOME"] == str(chameleon.home) != before.get("REHEARSAL_HOME")
    request.node.session._setupstate.teardown_exact(None)
    assert dict(os.environ) == before
    assert socket.socket.connect is connect
