"""A choice of networks is judged by the table that its student measured."""

from __future__ import annotations

import pytest

from labs.checkpoints.question import MissingEvidenceError
from labs.checkpoints.reads.networks import networks
from labs.records import Answer, Observation, Records

NOW = "2026-11-28T09:00:00+00:00"
MEASURED = {
    "mobilenetv2_100": {"ms": 4.0, "top-1 %": 72.9, "million weights": 3.5},
    "small": {"ms": 3.0, "top-1 %": 73.8, "million weights": 3.8},
    "large": {"ms": 3.5, "top-1 %": 75.8, "million weights": 5.5},
    "resnet50": {"ms": 44.0, "top-1 %": 80.4, "million weights": 25.6},
    "transformer": {"ms": 196.0, "top-1 %": 83.8, "million weights": 86.6},
}


def test_the_best_within_the_limits_of_each_place_is_known():
    """What breaks a limit is no rival: neither the slow transformer, nor the one that does not fit into 5 MB."""
    chosen = Answer("architecture.choice", {"server": "transformer", "device": "mobilenetv2_100"}, NOW)
    found = networks(Records([Observation("architecture.networks", MEASURED, NOW), chosen]))
    assert (found["server_times"], found["server_best"]) == (49.0, 80.4)
    assert (found["device_times"], found["device_top1"], found["device_best"]) == (1.0, 72.9, 73.8)


def test_nothing_is_judged_before_it_is_measured():
    """The sentence says what to do first."""
    with pytest.raises(MissingEvidenceError, match="Measure the networks"):
        networks(Records([Answer("architecture.choice", {"server": "resnet50", "device": "small"}, NOW)]))
