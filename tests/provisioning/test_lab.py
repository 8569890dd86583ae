"""A lease is found by its name at whichever site it is, with the option that fits it."""

from __future__ import annotations

import dataclasses

import pytest

from provisioning import lab
from provisioning.testbed import Reservation, Resource
from provisioning.testbed.errors import LeaseMissingError, ServiceBusyError

NAME = "serve-model-ada"


class Elsewhere:
    """A site that holds nothing, or does not answer."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def leases(self):
        if self.error:
            raise self.error
        return []


def asks(memory, condition: str) -> None:
    """Put a lease at CHI@TACC that asks for this."""
    lease = memory.give_lease(NAME)
    memory.lease_list = [dataclasses.replace(lease, reservations=(Reservation("r", "physical:host", condition),))]


@pytest.mark.parametrize("type_name", ["compute_liqid", "gpu_mi100", "gpu_h100"])
def test_the_option_is_the_one_that_the_lease_asks_for(memory, monkeypatch, type_name):
    """Several kinds of machine are at one site: by type, or by the name of a machine of that type."""
    asks(memory, f'["==", "$node_type", "{type_name}"]')
    assert lab.find_option(lambda site: memory, "model", NAME).type == type_name
    nodes = {"compute_liqid": "liqid01", "gpu_mi100": "mi100-1", "gpu_h100": "hopper-1"}
    monkeypatch.setattr(memory, "resources", lambda kind, name: [Resource("CHI@TACC", nodes[name], name)])
    asks(memory, f'["==", "$node_name", "{nodes[type_name]}"]')
    assert lab.find_option(lambda site: memory, "model", NAME).type == type_name


def test_a_site_in_maintenance_does_not_hide_the_others(memory):
    """The lease at CHI@UC is found although CHI@TACC does not answer."""
    memory.give_lease(NAME)
    busy = Elsewhere(ServiceBusyError("maintenance"))
    assert lab.find_option(lambda site: memory if site == "CHI@UC" else busy, "model", NAME).site == "CHI@UC"


def test_the_option_is_the_leases_own_also_where_the_site_is_named(memory):
    """`up model --site CHI@TACC` with an MI100's lease must not put an A100's environment on it (A15)."""
    asks(memory, '["==", "$node_type", "gpu_mi100"]')
    assert lab.find_option(lambda site: memory, "model", NAME, "CHI@TACC").machine == "mi100"
    with pytest.raises(KeyError, match="gpu_mi100 at CHI@TACC"):
        lab.find_option(lambda site: memory, "model", NAME, "CHI@Edge")


def test_a_missing_lease_names_the_sites_that_were_asked(monkeypatch):
    """In rehearsal nobody asks the real site of virtual machines."""
    asked = []

    def open_site(site: str) -> Elsewhere:
        asked.append(site)
        return Elsewhere(ServiceBusyError("maintenance") if site == "CHI@UC" else None)

    monkeypatch.setenv("REHEARSAL_PORTS", "ports.json")
    with pytest.raises(ServiceBusyError, match="CHI@TACC, and CHI@UC did not answer"):
        lab.find_option(open_site, "model", NAME)
    assert asked == ["CHI@TACC", "CHI@UC"]
    monkeypatch.delenv("REHEARSAL_PORTS")
    with pytest.raises(ServiceBusyError, match="KVM@TACC, and CHI@UC did not answer"):
        lab.find_option(open_site, "model", NAME)


def test_a_lease_under_another_form_of_the_name_is_pointed_at(memory):
    """The roster had the netid, the account is called by its address: and the lesson found nothing (E2)."""
    memory.give_lease("serve-model-ada")
    memory.give_lease("serve-model-adam")
    memory.give_lease("serve-model-ada-uni-edu", "TERMINATED")
    with pytest.raises(LeaseMissingError) as raised:
        lab.find_option(lambda _site: memory, "model", "serve-model-ada-uni-edu", "CHI@TACC")
    assert "there is serve-model-ada" in raised.value.what
    assert "adam" not in raised.value.what
    assert "LABS_OWNER'] = 'ada'" in raised.value.way_out
    with pytest.raises(LeaseMissingError) as raised:
        lab.find_option(lambda _site: memory, "model", "serve-model-zoe", "CHI@TACC")
    assert raised.value.way_out == LeaseMissingError.way_out
