"""What is seen of a testbed is kept as plain JSON."""

import dataclasses
import json

import pytest

from provisioning.lab import facts
from provisioning.sites.spec import load_spec
from provisioning.testbed import Reservation, Resource
from provisioning.testbed.errors import LeaseMissingError

NAME = "serve-model-ada"
OPTION = load_spec("model").options[0]


def asks(memory, condition: str) -> None:
    """Put a lease at CHI@TACC that asks for this."""
    lease = memory.give_lease(NAME)
    memory.lease_list = [dataclasses.replace(lease, reservations=(Reservation("r", "physical:host", condition),))]


def test_a_lease_is_described_as_the_site_has_it(memory, monkeypatch):
    """Node by name, and the type that the site's catalogue gives that node; a missing lease is not invented."""
    with pytest.raises(LeaseMissingError, match=NAME):
        facts.of_lease(memory, "model")
    asks(memory, '["==", "$node_name", "liqid01"]')
    (lease,) = memory.lease_list
    nodes = [Resource("CHI@TACC", "liqid01", OPTION.type)]
    monkeypatch.setattr(memory, "resources", lambda kind, type_name: nodes if type_name == OPTION.type else [])
    seen = facts.of_lease(memory, "model")
    expected = {"node": "liqid01", "type": OPTION.type, "status": lease.status, "of_this_name": 1}
    expected |= {"start": lease.start.isoformat(), "end": lease.end.isoformat()}
    assert expected.items() <= json.loads(json.dumps(seen)).items()


def test_a_machine_is_described_with_its_steps_and_checks(memory, make_run, clock):
    """Statuses and holdings come from the site, attempts and checks from the record."""
    memory.give_lease(NAME)
    run = make_run(only=("lease", "server", "address"))
    run.go()
    run.record.update("health", state="done", remember={"checks": {"disk": "ok", "GPU": "rehearsed"}})
    seen = json.loads(json.dumps(facts.of_machine(memory, "model")))
    assert (seen["statuses"], len(seen["addresses"])) == (["ACTIVE"], 1)
    assert seen["held"] == {"server": 1, "floating IP": 1, "lease": 1}
    assert seen["checks"] == {"disk": "ok", "GPU": "rehearsed"}
    attempts = {name: (step["state"], step["attempts"]) for name, step in seen["steps"].items()}
    assert attempts == {**dict.fromkeys(("lease", "server", "address"), ("done", 1)), "health": ("done", 0)}
    memory.machine_list = memory.address_list = []
    assert facts.of_holdings(memory, "model", clock.now())["held"] == ["lease"]
    memory.lease_list = []
    assert facts.of_holdings(memory, "model", clock.now())["held"] == []
