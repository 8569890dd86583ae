"""Evidence is read from the services at that moment, is plain JSON, and says what a grader needs to judge it."""

from __future__ import annotations

import dataclasses
import json
from datetime import timedelta

import pytest

from provisioning import evidence
from provisioning.planning.blocks import Block
from provisioning.sites.spec import load_spec
from provisioning.testbed import Reservation, Resource
from provisioning.testbed.errors import LeaseMissingError

NAME = "serve-model-ada"
OPTION = load_spec("model").options[0]


@pytest.mark.parametrize(
    ("condition", "name"),
    [
        ('["==", "$node_name", "liqid01"]', "liqid01"),
        ('["==", "$name", "pi5-03"]', "pi5-03"),
        ('["and", ["==", "$node_type", "compute_liqid"], ["==", "$node_name", "liqid02"]]', "liqid02"),
        ('["==", "$node_type", "compute_liqid"]', ""),
        ('[">=", "$node_name", "liqid01"]', ""),
        ("", ""),
        ("not JSON", ""),
    ],
)
def test_a_named_machine_is_told_from_any_of_a_type(condition, name):
    """Blazar keeps a condition; only an equality with one machine's name names it."""
    assert evidence.named_in(condition) == name


def test_a_lease_is_described_as_the_site_has_it(memory, monkeypatch):
    """Node by name, and the type that the site's catalogue gives that node."""
    lease = memory.give_lease(NAME)
    wanted = Reservation("r", "physical:host", '["==", "$node_name", "liqid01"]')
    memory.lease_list = [dataclasses.replace(lease, reservations=(wanted,))]
    nodes = [Resource("CHI@TACC", "liqid01", OPTION.type)]
    monkeypatch.setattr(memory, "resources", lambda kind, type_name: nodes if type_name == OPTION.type else [])
    seen = evidence.of_lease(memory, "model", NAME)
    assert (seen["node"], seen["type"], seen["status"], seen["of_this_name"]) == (
        "liqid01",
        OPTION.type,
        lease.status,
        1,
    )
    assert (seen["start"], seen["end"]) == (lease.start.isoformat(), lease.end.isoformat())
    assert json.loads(json.dumps(seen)) == seen


def test_a_missing_lease_is_said_and_not_invented(memory):
    """A lesson that comes too early gets the way out, not an empty document."""
    with pytest.raises(LeaseMissingError, match=NAME):
        evidence.of_lease(memory, "model", NAME)


def test_a_machine_is_described_with_its_steps_and_checks(memory, make_run, clock):
    """Statuses and holdings come from the site, attempts and checks from the record."""
    memory.give_lease(NAME)
    run = make_run(only=("lease", "server", "address"))
    run.finish()
    run.state.update("health", remember={"checks": {"disk": "ok", "GPU": "rehearsed"}})
    seen = evidence.of_machine(memory, "model", NAME, run.state)
    assert seen["statuses"] == ["ACTIVE"]
    assert len(seen["addresses"]) == 1
    assert seen["held"] == {"server": 1, "floating IP": 1, "lease": 1}
    assert seen["checks"] == {"disk": "ok", "GPU": "rehearsed"}
    assert {name: step["attempts"] for name, step in seen["steps"].items() if name != "health"} == {
        "lease": 1,
        "server": 1,
        "address": 1,
    }
    assert json.loads(json.dumps(seen)) == seen


def test_the_plan_keeps_what_its_critical_path_follows_from(make_run):
    """Needs and usual seconds of every step, so that a judge can find the path itself."""
    seen = evidence.of_plan(make_run(only=("lease", "server", "address")).plan)
    assert [step["name"] for step in seen["steps"]] == ["lease", "server", "address"]
    assert seen["steps"][1]["needs"] == ["lease"]
    assert seen["total_s"] == sum(step["expected_s"] for step in seen["steps"])


def test_a_block_says_how_far_away_it_is(clock):
    """Hours from the site's present to its beginning."""
    start = clock.now() + timedelta(hours=5)
    seen = evidence.of_block(Block(OPTION, "liqid01", start, start + timedelta(hours=2, minutes=50), 3), clock.now())
    assert (seen["hours_away"], seen["free"], seen["node"]) == (5.0, 4, "liqid01")
    assert json.loads(json.dumps(seen)) == seen


def test_holdings_are_empty_only_when_nothing_is_left(memory, clock):
    """The lease counts as well."""
    memory.give_lease(NAME)
    assert evidence.of_holdings(memory, "model", clock.now(), NAME)["held"] == ["lease"]
    memory.lease_list = []
    assert evidence.of_holdings(memory, "model", clock.now(), NAME)["held"] == []
