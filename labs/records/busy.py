"""Whether a measurement shared its machine with other programs, and the words for it."""

from collections.abc import Iterable

import numpy as np

from labs.records.record import KINDS, Measurement

#: Share of a machine's processors that other programs may use before its times are in doubt.
MOST_OTHERS = 0.2


def others_share(record: Measurement) -> float:
    """Return the share of the processors that other programs used meanwhile, 0 to 1.

    0 where the record does not show it, and for records that hold no times.
    """
    if KINDS[record.kind][0] != "s":
        return 0.0
    if record.load and record.load.usage.server_cores:
        usage = record.load.usage
        cores = np.mean(usage.sender_cores) + np.mean(usage.server_cores)
        share = np.mean(usage.cpu) - cores / record.machine.cpu_count
        return max(float(share), 0.0)
    return record.others_share or 0.0


def busy_words(records: Iterable[object]) -> str:
    """Return how busy the machine was during the worst of some records; empty if it was quiet.

    Args:
        records: Other objects than measurements are passed over.
    """
    shares = [others_share(record) for record in records if isinstance(record, Measurement)]
    share = max(shares, default=0.0)
    if share <= MOST_OTHERS:
        return ""
    return f"other programs used {share:.0%} of its processors"
