"""What lessons 39 and 42 judge from what was seen of Ray: the mistake with its sentence, and the pass."""

from __future__ import annotations

import pytest

ROWS = [{"offset_s": 0.5 * place, "running": running, "starting": 0} for place, running in enumerate((1, 1, 2, 3))]
LOAD = {"requests": 80, "failed_at_first": 3, "lost": 0, "most_tries": 3, "slowest_s": 1.2, "nodes": 2}
BEFORE = {"stable": {"requests": 84, "errors": 0, "p95_s": 0.1}, "canary": {"requests": 36, "errors": 0, "p95_s": 0.3}}
AFTER = {"stable": {"requests": 30, "errors": 0, "p95_s": 0.1}, "canary": {"requests": 0, "errors": 0, "p95_s": 0.0}}
CANARY = {"before": BEFORE, "after": AFTER, "verdict": "roll back", "same_processes": True}


@pytest.mark.parametrize(
    ("id", "subject", "seen", "mistake"),
    [
        ("s.ray.scaled", "ray.scaling", {"rows": ROWS}, ""),
        ("s.ray.scaled", "ray.scaling", {"rows": ROWS[:2]}, "one replica"),
        ("s.teams.recovered", "ray.recovery", LOAD, ""),
        ("s.teams.recovered", "ray.recovery", {**LOAD, "lost": 1}, "lost"),
        ("s.teams.node", "ray.node", LOAD, ""),
        ("s.teams.node", "ray.node", {**LOAD, "lost": 2}, "lost"),
        ("s.teams.rolled_back", "ray.canary", CANARY, ""),
        ("s.teams.rolled_back", "ray.canary", {**CANARY, "verdict": "promote"}, "not judged"),
        ("s.teams.rolled_back", "ray.canary", {**CANARY, "after": BEFORE}, "still asked"),
        ("s.teams.rolled_back", "ray.canary", {**CANARY, "same_processes": False}, "restarted"),
    ],
)
def test_what_was_seen_of_ray_is_judged(entries, judge, id, subject, seen, mistake):
    """The right thing passes; a known mistake gets its own sentence; nothing seen earns nothing."""
    assert not judge(id, entries).ok
    verdict = judge(id, entries.observed(subject, seen))
    assert (verdict.ok, verdict.mistake) == (not mistake, mistake)


def test_a_cluster_that_was_scaled_before_and_two_replicas_on_one_node_prove_nothing(entries, judge):
    """Neither the load nor the lost node has shown anything then."""
    entries.observed("ray.scaling", {"rows": [{**row, "running": 3} for row in ROWS]})
    assert "before the load" in judge("s.ray.scaled", entries).message
    assert "one node" in judge("s.teams.node", entries.observed("ray.node", {**LOAD, "nodes": 1})).message


@pytest.mark.parametrize(("id", "subject"), [("s.teams.recovered", "ray.recovery"), ("s.teams.node", "ray.node")])
def test_no_policy_is_praised_that_had_nothing_to_do(entries, judge, id, subject):
    """Nothing was lost and nothing failed: it passes, and says that the run has shown nothing of the policy."""
    assert "nothing to do" not in judge(id, entries.observed(subject, LOAD)).message
    verdict = judge(id, entries.observed(subject, {**LOAD, "failed_at_first": 0}))
    assert verdict.ok
    assert "nothing to do" in verdict.message


def test_predictions_are_about_what_was_measured(entries, judge):
    """A guess before the measurement passes; the figure comes from what was seen."""
    entries.predicted("s.ray.cold_guess", 40).observed("ray.cold", {"cold_s": 5.0, "warm_s": [0.1, 0.1, 0.2]})
    assert judge("s.ray.cold_guess", entries).ok
