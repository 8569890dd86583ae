"""The claims that a pair of execution providers allows."""

from labs.course.question import MissingEvidenceError
from labs.records import Records


def pair_of_providers(records: Records) -> dict:
    """Return what changes in the pair that an answer names, its claim, and whether the newest run
    allows the claim.

    The interval allows it, exact or with the two decimals that the lesson's table shows.

    Raises:
        MissingEvidenceError: The two were not measured side by side.
    """
    answer = records.answer("providers.fair")
    option, baseline = answer["option"], answer["baseline"]
    run = records.comparison(option, baseline)
    if run is None:
        raise MissingEvidenceError(
            "Run the cell that measures in OpenVINO's environment, then this check again."
        )
    measured, compared = run.record(option), run.record(baseline)
    providers, other_providers = measured.providers_used, compared.providers_used
    interval = run.ratio(baseline, option).interval
    low, high = interval.low, interval.high
    allowed = {_claim(low, high), _claim(round(low, 2), round(high, 2))}
    return {
        "changes_provider": set(providers) != set(other_providers),
        "changes_precision": measured.precision != compared.precision,
        "baseline": baseline,
        "claim": answer["claim"],
        "claim_allowed": answer["claim"] in allowed,
        "low": low,
        "high": high,
    }


def _claim(low: float, high: float) -> str:
    """Return the claim that an interval of "times as fast" allows."""
    if low > 1:
        return "faster"
    return "slower" if high < 1 else "cannot tell"
