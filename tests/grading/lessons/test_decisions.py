"""Lesson 02's checkpoints: designs from a machine's own rates, decisions by the rule, and reasons for both sides."""

from __future__ import annotations

from dataclasses import replace

import pytest
from grading.checkpoints.start.lesson_02 import BATCH, rates_of
from grading.checkpoints.start.lesson_02_decision import decide, designs
from grading.checkpoints.start.lesson_02_network import over_link_s

from labs.records.customers import CUSTOMERS, FIBRE_MBIT_S, ROUND_TRIPS, customer

DECISIONS, REASON = "start.serving.decisions", "start.serving.reason"

COLUMNS = ("design", "pixels", "wait_s", "usd_per_day")

#: Milliseconds of an image, photos a second in batches, and images right of 100, at each size.
MACHINES = {
    "laptop": {224: (20, 60, 82), 160: (11, 115, 79), 112: (6, 220, 60)},
    "server": {224: (3, 900, 82), 160: (2, 1700, 78), 112: (1, 3300, 61)},
    "busy": {224: (110, 12, 82), 160: (60, 23, 79), 112: (31, 45, 60)},
}


def measured(entries, machine: str, rates: dict[int, tuple] | None = None):
    """Append a machine's records at each size."""
    for pixels, (one_ms, fps, right) in (rates or MACHINES[machine]).items():
        option = f"pixels-{pixels}"
        entries.measured("accuracy", option, [1.0] * right + [0.0] * (100 - right))
        entries.measured("latency", option, [one_ms / 1e3] * 100)
        entries.measured("throughput", option, [BATCH / fps] * 20, batch_size=BATCH)
    return entries


def decided(entries, **changed: object):
    """Append a file that decides by the rule, with something changed in its first row."""
    rates = rates_of(entries.records)
    rows = [{"customer": one.name, **decide(designs(one, rates), one)} for one in CUSTOMERS]
    rows[0] |= changed
    written = [{name: str(value) for name, value in row.items()} for row in rows]
    return entries.observed(f"artefact.{DECISIONS}", {"rows": written})


@pytest.mark.parametrize("machine", MACHINES)
def test_the_rule_gives_three_kinds_of_design_on_any_machine(machine: str, entries, judge):
    """The story holds on a laptop, on a server and on a machine that has other work, and earns every point."""
    rates = rates_of(measured(entries, machine).records)
    kinds = [decide(designs(one, rates), one)["design"].split()[0] for one in CUSTOMERS]
    assert kinds == ["batch", "cloud", "device"]
    assert judge(DECISIONS, decided(entries)).ok


def test_where_nothing_keeps_the_limits_none_is_the_decision(entries, judge):
    """An overloaded machine leaves a customer without a design, and the lesson can be finished all the same."""
    overloaded = {224: (900, 2, 82), 160: (500, 4, 79), 112: (250, 8, 60)}
    rates = rates_of(measured(entries, "laptop", overloaded).records)
    left = {one.name: decide(designs(one, rates), one) for one in CUSTOMERS}
    assert None in left.values()
    nothing = dict.fromkeys(COLUMNS, "") | {"design": "none"}
    rows = [{"customer": name, **(taken or nothing)} for name, taken in left.items()]
    written = [{name: str(value) for name, value in row.items()} for row in rows]
    assert judge(DECISIONS, entries.observed(f"artefact.{DECISIONS}", {"rows": written})).ok
    invented = [row | {"design": "device", "pixels": "224"} if row["design"] == "none" else row for row in written]
    assert not judge(DECISIONS, entries.observed(f"artefact.{DECISIONS}", {"rows": invented})).ok


def test_a_limit_that_moves_moves_the_decision(entries):
    """With fibre the canteens' cheapest design is the cloud; without time to wait the publisher needs a device."""
    rates = rates_of(measured(entries, "laptop").records)
    fibre = replace(customer("canteens"), upload_mbit_s=FIBRE_MBIT_S)
    assert decide(designs(fibre, rates), fibre)["design"] == "cloud"
    hasty = replace(customer("publisher"), may_wait_s=0.1)
    assert decide(designs(hasty, rates), hasty)["design"] == "device"


def test_batches_wait_longer_the_less_often_they_run_and_starts_cost(entries):
    """More runs: a shorter wait for more money, at every size."""
    rates = rates_of(measured(entries, "laptop").records)
    found = {(one["design"], one["pixels"]): one for one in designs(customer("publisher"), rates)}
    for pixels in rates:
        daily, hourly = found["batch 1 a day", pixels], found["batch 24 a day", pixels]
        assert daily["wait_s"] > 4 * hourly["wait_s"]
        assert daily["usd_per_day"] < hourly["usd_per_day"]


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"design": "cloud"}, "look at `publisher`"),
        ({"pixels": 112}, "loses more accuracy"),
        ({"pixels": 224}, "The most accurate was taken first"),
        ({"customer": "somebody"}, "One row for each customer"),
        ({"wait_s": 1.0}, "not those of your records"),
    ],
)
def test_a_wrong_row_says_what_is_wrong(changed: dict, says: str, entries, judge):
    """Another design, another size, another customer, and a figure that nobody measured."""
    verdict = judge(DECISIONS, decided(measured(entries, "laptop"), **changed))
    assert not verdict.ok
    assert says in verdict.message


def test_a_decision_rests_on_what_was_measured_before_it(entries, judge):
    """Measuring again on a machine that is busy by now changes no decision; a file without columns is none."""
    decided(measured(entries, "laptop"))
    assert judge(DECISIONS, measured(entries, "busy")).ok
    entries.observed(f"artefact.{DECISIONS}", {"rows": [{"name": "publisher"}]})
    assert "columns" in judge(DECISIONS, entries).message


def test_a_size_that_is_missing_is_asked_for(entries, judge):
    """Two sizes are no three."""
    kept = decided(measured(entries, "laptop"))
    kept[:] = [one for one in kept if one.get("option") != "pixels-112" or one["kind"] != "latency"]
    assert judge(DECISIONS, kept).state == "missing evidence"


WORDS = "because guests are in the photo too and nobody has asked them whether it may leave"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, ""),
        ({"choice": "cloud"}, ""),
        ({"cloud_s": 2.54}, "not what the canteens' photo takes"),
        ({"cloud_s": 0.02}, "not what the canteens' photo takes"),
        ({"for_device": "it is better"}, "`for_device` says too little"),
        ({"against_device": ""}, "`against_device` says too little"),
    ],
)
def test_either_choice_passes_with_its_figure_and_both_sides(changed: dict, says: str, entries, judge):
    """The figure is the records', and no check can judge a reason: it asks for one on each side."""
    one = customer("canteens")
    right = over_link_s(one.photo_mb, FIBRE_MBIT_S, one.round_trip_s, 1, 0.020)
    given = {"choice": "device", "cloud_s": right, "for_device": WORDS, "against_device": WORDS} | changed
    verdict = judge(REASON, decided(measured(entries, "laptop")).answered(REASON, given))
    assert verdict.ok == (not says), verdict.message
    assert says in verdict.message


def test_a_fresh_connection_is_a_known_mistake(entries, judge):
    """Three round trips instead of the one that is left."""
    one = customer("canteens")
    fresh = over_link_s(one.photo_mb, FIBRE_MBIT_S, one.round_trip_s, ROUND_TRIPS, 0.020)
    given = {"choice": "device", "cloud_s": fresh, "for_device": WORDS, "against_device": WORDS}
    verdict = judge(REASON, decided(measured(entries, "laptop")).answered(REASON, given))
    assert verdict.mistake == "fresh connection"
