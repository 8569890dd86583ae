"""Tests of the reader of a pair of execution providers."""

import pytest

from labs.course.question import MissingEvidenceError
from labs.deeper.providers.reads import pair_of_providers
from tests.entries import Entries

SIDE_BY_SIDE = {"details": {"comparison_id": "1", "block_calls": 10}}


def claimed(option: str, baseline: str) -> Entries:
    """Return a ledger in which OpenVINO's provider is twice as fast, and an answer about a pair."""
    entries = Entries().measured(
        "latency", "cpu-provider", (0.010, 0.011) * 10, **SIDE_BY_SIDE
    )
    used = {"OpenVINOExecutionProvider": 1}
    entries.measured(
        "latency", "openvino", (0.005, 0.006) * 10, providers_used=used, **SIDE_BY_SIDE
    )
    return entries.answered(
        "providers.fair", {"option": option, "baseline": baseline, "claim": "faster"}
    )


@pytest.mark.parametrize(
    ("option", "baseline", "expected"),
    [
        (
            "openvino",
            "cpu-provider",
            {"changes_provider": True, "changes_precision": False, "claim_allowed": True},
        ),
        ("cpu-provider", "openvino", {"claim_allowed": False}),
        ("openvino", "openvino", {"changes_provider": False}),
    ],
)
def test_a_pair_is_read_as_the_ledger_has_it(option: str, baseline: str, expected: dict):
    """The provider that ran, whether only the provider differs, and the claim that the interval
    allows.
    """
    facts = pair_of_providers(claimed(option, baseline).records)
    assert {name: facts[name] for name in expected} == expected


def test_a_pair_that_was_not_measured_side_by_side_is_missing():
    """The message names the cell that measures it."""
    with pytest.raises(MissingEvidenceError, match="OpenVINO's environment"):
        pair_of_providers(claimed("openvino-bf16", "cpu-provider").records)
