"""Leases, set-ups and releases of all parts: the stub, plausible mistakes, and the answer."""

from __future__ import annotations

import pytest

from grading.checkpoints.leases import TERMS, critical_path, judge_critical, judge_lease, judge_once, judge_rehearsed
from grading.checkpoints.leases import judge_release as judge_given_back
from provisioning.sites.spec import load_spec

Q = "m.reserve.lease"

LEASES = {
    "model": {"type": "compute_liqid", "node": "liqid01", "end": "2026-05-17T14:50:00+00:00"},
    "edge": {"type": "raspberrypi5", "node": "pi5-02", "end": "2026-05-17T13:55:00+00:00"},
    "system": {"type": "gpu_p100", "node": "p100-01", "end": "2026-05-17T14:50:00+00:00"},
}
MINUTES = {"model": 170, "edge": 115, "system": 170}


def lease(part: str = "model", **changes: object) -> dict:
    """Return a good lease of a part as evidence, or one with a fault."""
    good = {"status": "PENDING", "start": "2026-05-17T12:00:00+00:00", "of_this_name": 1}
    return good | LEASES[part] | changes


@pytest.mark.parametrize("part", TERMS)
def test_a_good_lease_that_was_read_earns_the_points(entries, part):
    """Right kind of machine, by name, one block of the part's length."""
    entries.observed(f"{part}.lease", lease(part)).answered(Q, {"status": "PENDING", "minutes": MINUTES[part]})
    assert judge_lease(entries.records, part, Q).ok


def test_a_lease_of_the_amd_edition_is_a_lease_of_part_one(entries):
    """An MI100 is one of the machines that the planner offers (A15); a type that it never offers is none."""
    seen = lease("model", type="gpu_mi100", node="mi100-02")
    entries.observed("model.lease", seen).answered(Q, {"status": "PENDING", "minutes": 170})
    assert judge_lease(entries.records, "model", Q).ok


def test_every_machine_that_the_planner_offers_counts():
    """The terms and the site files name the same node types, so that nobody reserves in vain."""
    for part, terms in TERMS.items():
        bare = [option.type for option in load_spec(part).options if option.resource != "flavor"]
        assert list(terms.types) == list(dict.fromkeys(bare)), part


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"status": "ERROR"}, "could not fill it"),
        ({"node": "", "type": ""}, "name the one"),
        ({"type": "compute_skylake"}, "another kind of machine"),
        ({"start": "2026-05-17T12:20:00+00:00"}, "full hour"),
        ({"end": "2026-05-17T15:00:00+00:00"}, "does not end at :50"),
        ({"end": "2026-05-17T18:50:00+00:00"}, "not one block of 3 hours"),
        ({"end": "2026-05-17T11:50:00+00:00"}, "not one block of 3 hours"),
        ({"of_this_name": 2}, "several leases"),
    ],
)
def test_a_lease_with_a_fault_earns_nothing_and_says_which(entries, changes, says):
    """Each is a mistake that somebody made."""
    entries.observed("model.lease", lease(**changes)).answered(Q, {"status": "PENDING", "minutes": 170})
    verdict = judge_lease(entries.records, "model", Q)
    assert not verdict.ok
    assert says in verdict.message


def test_the_record_has_to_be_read(entries):
    """The stub, a lease that was never seen, a wrong word, a wrong number."""
    assert "Not answered yet" in judge_lease(entries.records, "model", Q).message
    entries.answered(Q, {"status": "PENDING", "minutes": 170})
    assert "No lease of yours was seen" in judge_lease(entries.records, "model", Q).message
    entries.observed("model.lease", lease())
    assert judge_lease(entries.records, "model", Q).ok
    assert judge_lease(entries.observed("model.lease", lease(status="ACTIVE")).records, "model", Q).ok, (
        "true at its time"
    )
    assert "one word" in judge_lease(entries.answered(Q, {"status": "ok", "minutes": 170}).records, "model", Q).message
    assert (
        "in minutes"
        in judge_lease(entries.answered(Q, {"status": "PENDING", "minutes": 180}).records, "model", Q).message
    )


STEPS = [
    {"name": "lease", "needs": [], "expected_s": 30},
    {"name": "server", "needs": ["lease"], "expected_s": 600},
    {"name": "environment", "needs": ["server"], "expected_s": 420},
    {"name": "data", "needs": ["server"], "expected_s": 180},
    {"name": "services", "needs": ["environment", "data"], "expected_s": 20},
]
PATH = ["lease", "server", "environment", "services"]


def test_the_critical_path_is_found_from_needs_and_seconds():
    """And it is another one when another step is slower."""
    assert critical_path(STEPS) == PATH
    slow_data = [step | ({"expected_s": 900} if step["name"] == "data" else {}) for step in STEPS]
    assert critical_path(slow_data) == ["lease", "server", "data", "services"]
    assert critical_path([]) == []


def test_the_critical_path_is_judged_as_a_set_with_reasons(entries):
    """The order is no matter; what is too much or too little is told apart."""
    question = "m.provision.critical"
    entries.observed("model.plan", {"steps": STEPS})
    assert "Not answered yet" in judge_critical(entries.records, "model", question).message
    for given, says in [
        ([*PATH, "data"], "without delaying the end"),
        (PATH[:2], "is missing"),
        (["Server boots"], "no step of the plan"),
    ]:
        assert says in judge_critical(entries.answered(question, given).records, "model", question).message
    assert judge_critical(entries.answered(question, PATH[::-1]).records, "model", question).ok


@pytest.mark.parametrize(
    ("name", "needs"), [("lease", ["services"]), ("late", ["later"]), ("own", ["own"])], ids=["twice", "late", "own"]
)
def test_a_plan_that_cannot_run_is_refused(entries, name, needs):
    """A name that stands twice would lead the way back round in a circle, for ever."""
    entries.observed("model.plan", {"steps": [*STEPS, {"name": name, "needs": needs, "expected_s": 5}]})
    verdict = judge_critical(entries.answered("m.provision.critical", PATH).records, "model", "m.provision.critical")
    assert f"The plan has `{name}` twice, or before what it needs" in verdict.message


def machine(attempts: int = 2, state: str = "done", **changes: object) -> dict:
    """Return a machine after some runs of its steps, as evidence."""
    steps = {name: {"state": state, "attempts": attempts} for name in ("lease", "server")}
    held = {"server": 1, "floating IP": 1, "lease": 1}
    return {"steps": steps, "held": held, "checks": {"disk": "ok", "GPU": "rehearsed"}} | changes


def test_two_runs_leave_one_of_everything(entries):
    """One run is not enough, an open step is none, and two servers are one too many."""
    question, counted = "m.provision.once", {"server": 1, "floating IP": 1, "lease": 1}
    assert "Not answered yet" in judge_once(entries.records, "model", question).message
    entries.answered(question, counted)
    assert "No machine was seen" in judge_once(entries.records, "model", question).message
    for seen, says in [
        (machine(attempts=1), "only once"),
        (machine(state="failed"), "not done"),
        (machine(held=counted | {"server": 2}), "counts something else"),
    ]:
        assert says in judge_once(entries.observed("model.machine", seen).records, "model", question).message
    entries.observed("model.machine", machine(held=counted | {"server": 2})).answered(question, counted | {"server": 2})
    assert "more than one" in judge_once(entries.records, "model", question).message
    assert judge_once(
        entries.observed("model.machine", machine()).answered(question, counted).records, "model", question
    ).ok


def test_rehearsed_checks_are_told_from_real_ones(entries):
    """On Chameleon the list is empty, and an empty list is an answer."""
    question = "m.provision.rehearsed"
    entries.observed("model.machine", machine())
    for given, says in [(["disk", "GPU"], "really ran"), ([], "is missing")]:
        assert says in judge_rehearsed(entries.answered(question, given).records, "model", question).message
    assert judge_rehearsed(entries.answered(question, ["GPU"]).records, "model", question).ok
    entries.observed("model.machine", machine(checks={"disk": "ok", "GPU": "ok"})).answered(question, [])
    assert judge_rehearsed(entries.records, "model", question).ok


def test_a_release_is_judged_by_what_is_left(entries):
    """Before it, with something left, with the difference turned round, and right."""
    question, at = "m.release.hours", "2026-05-17T13:20:00+00:00"
    assert "Not answered yet" in judge_given_back(entries.records, "model", question).message
    entries.observed("model.release", {"held": [], "at": at}).observed("model.lease_at_release", lease())
    entries.answered(question, 1.5)
    assert "No release of your lease" in judge_given_back(entries.records, "model", question).message
    entries.observed("model.release", {"held": ["floating IP"], "at": at})
    assert "still counts" in judge_given_back(entries.records, "model", question).message
    entries.observed("model.release", {"held": [], "at": at})
    assert judge_given_back(entries.records, "model", question).ok
    assert "Turned around" in judge_given_back(entries.answered(question, -1.5).records, "model", question).message
    assert "how many hours" in judge_given_back(entries.answered(question, 90).records, "model", question).message
    assert "a number" in judge_given_back(entries.answered(question, "1:30").records, "model", question).message.lower()
