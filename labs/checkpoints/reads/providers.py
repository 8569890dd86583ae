"""What may be claimed of a pair of execution providers."""

from labs.course.question import MissingEvidenceError
from labs.records import Records


def pair_of_providers(records: Records) -> dict:
    """Return what changes in the pair that an answer names, its claim, and whether the newest run allows the claim.

    The interval allows it, exact or with the two decimals that the lesson's table shows.

    Raises:
        MissingEvidenceError: The two were not measured side by side.
    """
    given = records.answer("providers.fair")
    option, baseline = given["option"], given["baseline"]
    run = records.comparison(option, baseline)
    if run is None:
        raise MissingEvidenceError(
            "Run the cell that measures in OpenVINO's environment, then this check again."
        )
    one, other = run.record(option), run.record(baseline)
    interval = run.ratio(baseline, option).interval
    claims = {
        _claim(interval.low, interval.high),
        _claim(round(interval.low, 2), round(interval.high, 2)),
    }
    return {
        "changes_provider": set(one.providers_used) != set(other.providers_used),
        "changes_precision": one.precision != other.precision,
        "baseline": baseline,
        "claim": given["claim"],
        "claim_allowed": given["claim"] in claims,
        "low": interval.low,
        "high": interval.high,
    }


def _claim(low: float, high: float) -> str:
    """Return the claim that an interval of "times as fast" allows."""
    return "faster" if low > 1 else "slower" if high < 1 else "cannot tell"
