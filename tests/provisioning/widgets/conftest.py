"""A planner's sites in memory, in the time zone of a class in Chicago."""

import pytest

from provisioning.testbed import Resource


@pytest.fixture(autouse=True)
def chicago(monkeypatch):
    """Without choices from an earlier test or this computer's user, and without a rehearsal."""
    monkeypatch.setenv("TZ", "America/Chicago")
    monkeypatch.delenv("REHEARSAL_PORTS", raising=False)


@pytest.fixture
def site(memory):
    """CHI@TACC with two A100 nodes; the other sites of the options are the same testbed without
    any.
    """
    nodes = ["liqid01", "liqid02"]
    memory.resources = lambda _kind, type_name: [
        Resource("CHI@TACC", name, type_name) for name in nodes if type_name == "compute_liqid"
    ]
    memory.nodes = nodes
    return memory
