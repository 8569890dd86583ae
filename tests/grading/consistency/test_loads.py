"""Load records: Little's law bounds what senders can have felt, and a server's count is held beside theirs."""

from __future__ import annotations

import pytest

from grading.consistency.loads import load_hangs_together, server_agrees


def record(**load: object) -> dict:
    """Return a closed loop of two senders, ten answers of 0.1 s each, over 0.5 s."""
    made = {
        "mode": "closed",
        "offsets_s": [0.1 * (number // 2) for number in range(10)],
        "failures": [],
        "server": {"requests": 12, "queue_s": 0.01, "input_s": 0.0, "infer_s": 0.05, "output_s": 0.0},
        **load,
    }
    return {
        **{"type": "measurement", "kind": "load", "option": "triton", "batch_size": 1, "concurrency": 2},
        **{"record_id": "r", "samples": [0.1] * 10, "load": made},
    }


def rules(rule, made: dict) -> list[str]:
    """Return the names of what a rule finds."""
    return [one.rule for one in rule([made])]


def test_two_senders_busy_all_the_time_are_possible():
    """At the bound, and not beyond it."""
    assert rules(load_hangs_together, record()) == []
    assert rules(server_agrees, record()) == []


@pytest.mark.parametrize(
    ("made", "rule"),
    [
        ({**record(), "samples": [0.3] * 10}, "load-beyond-its-senders"),
        (record(failures=[{"offset_s": 0.0, "latency_s": 0.4, "status": 503}]), "load-beyond-its-senders"),
        (record(offsets_s=[0.0] * 9), "load-of-two-lengths"),
    ],
)
def test_more_waiting_than_there_were_senders_is_impossible(made: dict, rule: str):
    """Slower answers, failures on top, or answers without a beginning."""
    assert rules(load_hangs_together, made) == [rule]


def test_an_open_loop_may_have_any_number_inside():
    """That is what it is for."""
    assert rules(load_hangs_together, {**record(mode="open"), "samples": [5.0] * 10}) == []


def test_a_server_that_counted_less_or_took_longer_is_for_a_person():
    """Its counters may belong to another run."""
    few = {"requests": 3, "queue_s": 0.0, "input_s": 0.0, "infer_s": 0.05, "output_s": 0.0}
    assert rules(server_agrees, record(server=few)) == ["server-counted-fewer"]
    assert rules(server_agrees, record(server={**few, "requests": 10, "infer_s": 0.5})) == ["server-slower-than-sender"]
    assert rules(server_agrees, record(server=None)) == []
