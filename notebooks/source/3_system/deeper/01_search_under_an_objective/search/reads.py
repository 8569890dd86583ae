"""Facts about a system under test that loadgen has run."""

import numpy as np

from labs.course.question import MissingEvidenceError
from labs.records import Records


def system_under_test(records: Records) -> dict:
    """Return of the newest Server run the failed queries, the share that is right, and the most
    that were under way.

    Raises:
        MissingEvidenceError: There is none yet.
    """
    if (
        run := records.latest(kind="load", option="search-server")
    ) is None or run.load is None:
        raise MissingEvidenceError(
            "Your `sut.py` was not run in the Server scenario yet: run the cell above."
        )
    sent_s = np.sort(run.load.sent_offsets_s)
    ended_s = np.sort(np.add(run.load.offsets_s, run.samples))
    # As each query is sent: how many were, less how many have ended.
    sent_count = np.arange(1, len(sent_s) + 1)
    ended_count = np.searchsorted(ended_s, sent_s, side="right")
    under_way = sent_count - ended_count
    failed = len(run.load.failures)
    return {
        "failed": failed,
        "right": run.details["right"] / (len(sent_s) + failed),
        "together": int(under_way.max()),
    }
