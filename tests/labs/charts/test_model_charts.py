"""Charts of the model itself: where its time goes, and what its weights' ranges are."""

from __future__ import annotations

import json

import numpy as np

from labs import charts
from labs.charts.model import operator_seconds

from .test_contract import PROFILE


def test_a_profile_is_the_mean_of_the_runs_after_the_first(tmp_path):
    """The first run claims memory; the file that ONNX Runtime wrote and its events say the same."""
    path = tmp_path / "profile.json"
    path.write_text(json.dumps(PROFILE))
    assert operator_seconds(path) == operator_seconds(PROFILE) == {"Conv": (0.003, 1.0), "Clip": (0.001, 1.0)}
    chart = charts.operator_profile(path)
    assert "Conv takes 75.0 %" in chart.sentence
    assert "4.00 ms in operators" in chart.text


def test_two_profiles_stand_side_by_side_and_the_rest_is_one_bar():
    """Each profile's share is of its own run; what is not named is summed up."""
    other = [*PROFILE[:4], {**PROFILE[4], "args": {"op_name": "Gemm"}}]
    chart = charts.operator_profile({"disabled": PROFILE, "all": other}, top=1)
    rows = [row for data in chart.spec["datasets"].values() for row in data]
    assert {row["operator"] for row in rows} == {"Conv", "all others"}
    assert {row["profile"] for row in rows} == {"disabled", "all"}


def test_a_dead_channel_is_marked_and_not_counted():
    """Batch-norm folding leaves channels of zeros behind: they would make any spread look enormous."""
    weight = np.ones((4, 2, 1, 1)) * np.array([4.0, 2.0, 2.0, 1e-12]).reshape(-1, 1, 1, 1)
    chart = charts.channel_ranges(weight)
    assert "the widest reaches 2.00 × as far as the median one; 1 are dead" in chart.sentence
    assert chart.text.count("dead") >= 2
