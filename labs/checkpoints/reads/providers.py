"""What may be claimed of a pair of execution providers."""

from labs.course.question import MissingEvidenceError
from labs.records import Records


def pair_of_providers(records: Records) -> dict:
    """Return what changes in the pair that an answer names, its claim, and the claim that the newest run allows.

    Raises:
        MissingEvidenceError: The two were not measured side by side.
    """
    given = records.answer("providers.fair")
    option, baseline = given["option"], given["baseline"]
    run = records.comparison(option, baseline)
    if run is None:
        raise MissingEvidenceError("Run the cell that measures in OpenVINO's environment, then this check again.")
    one, other = run.record(option), run.record(baseline)
    interval = run.ratio(baseline, option).interval
    return {
        "changes_provider": set(one.providers_used) != set(other.providers_used),
        "changes_precision": one.precision != other.precision,
        "baseline": baseline,
        "claim": given["claim"],
        "allowed": "faster" if interval.low > 1 else "slower" if interval.high < 1 else "cannot tell",
        "low": interval.low,
        "high": interval.high,
    }
