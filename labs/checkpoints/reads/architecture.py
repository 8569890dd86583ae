"""Facts about what was chosen: what it costs by the table that was there, and the best that keeps the same limits."""

from labs.checkpoints.reads.observations import newest
from labs.records import Records

#: Limits of the server and of the device: times as long as the MobileNetV2, and million weights.
_LIMITS = {"server": (20.0, float("inf")), "device": (1.0, 5.0)}


def networks(records: Records) -> dict:
    """Return time, size and accuracy of the network chosen for each place, and the best accuracy within its limits."""
    missing = "Measure the networks first: your choice is judged by your own table."
    seen, chosen = newest(records, "architecture.networks", missing), records.answer("architecture.choice")
    times = {name: one["ms"] / seen["mobilenetv2_100"]["ms"] for name, one in seen.items()}
    facts: dict[str, object] = {}
    for place, (longest, heaviest) in _LIMITS.items():
        name = chosen[place]
        kept = [one for one in seen if times[one] <= longest and seen[one]["million weights"] <= heaviest]
        facts |= {
            place: name,
            f"{place}_times": times[name],
            f"{place}_million_weights": seen[name]["million weights"],
            f"{place}_top1": seen[name]["top-1 %"],
            f"{place}_best": max(seen[one]["top-1 %"] for one in kept),
        }
    return facts
