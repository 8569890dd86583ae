"""Readers of leases and decisions: facts from what sites said, and which rule a decision breaks."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from labs.checkpoints.question import MissingEvidenceError
from labs.checkpoints.reads import leases
from labs.checkpoints.reads.decisions import decisions
from labs.records import Observation, Records
from labs.records.customers import CUSTOMERS

LEASE = {"status": "PENDING", "node": "liqid01", "type": "compute_liqid", "of_this_name": 1}
LEASE |= {"start": "2026-03-02T14:00:00+00:00", "end": "2026-03-02T16:50:00+00:00"}


def seen(*pairs: tuple[str, dict]) -> Records:
    """Return observations, a second apart."""
    began = datetime(2026, 3, 2, tzinfo=UTC)
    return Records(
        Observation(subject, facts, (began + timedelta(seconds=place)).isoformat())
        for place, (subject, facts) in enumerate(pairs)
    )


def test_a_lease_is_read_as_the_site_had_it_last():
    """Kind, both ends and length; nothing of another part."""
    records = seen(("model.lease", LEASE | {"node": None}), ("model.lease", LEASE), ("edge.lease", LEASE))
    found = leases.model_lease(records)
    assert (found["by_name"], found["begins"], found["ends"], found["minutes"]) == (True, "14:00", "16:50", 170)
    with pytest.raises(MissingEvidenceError, match="No lease of yours"):
        leases.system_lease(records)


def test_a_machine_says_what_is_open_and_what_there_is_twice():
    """By the steps' own record, and by the site; a volume is no machine's."""
    steps = {"lease": {"state": "done", "attempts": 2}, "server": {"state": "failed", "attempts": 1}}
    held = {"lease": 1, "server": 2, "volume": 5}
    facts = {"steps": steps, "checks": {"gpu": "rehearsed", "disk": "failed"}, "held": held}
    found = leases.system_machine(seen(("system.machine", facts)))
    assert (found["open_steps"], found["failed_checks"], found["runs"]) == ("server", "disk", 1)
    assert (found["held"], found["most_of_one_kind"]) == ("1 lease, 2 server", 2)


def test_a_release_counts_only_after_its_lease():
    """An earlier block's release does not."""
    released = ("model.release", {"held": [], "at": "2026-03-02T15:50:00+00:00"})
    before = ("model.lease_at_release", LEASE)
    assert leases.model_release(seen(before, released)) == {"held": "", "hours_given_back": 1.0}
    with pytest.raises(MissingEvidenceError, match="No release"):
        leases.model_release(seen(released, before))


def written(folder: Path, changed: dict[str, str]) -> dict:
    """Return the facts about decisions for 'dear', but for some customers another design."""
    designs = {"cheap": (0.5, 1.0, 0.8), "dear": (0.4, 2.0, 0.8), "late": (1e9, 0.1, 0.8), "coarse": (0.4, 0.1, 0.3)}
    rows = [
        {"customer": one.name, "design": name, "pixels": 224 if name != "coarse" else 112}
        | dict(zip(("wait_s", "usd_per_day", "accuracy"), figures, strict=True))
        for one in CUSTOMERS
        for name, figures in designs.items()
    ]
    pd.DataFrame(rows).to_csv(folder / "designs.csv", index=False)
    taken = {one.name: "cheap" for one in CUSTOMERS} | changed
    kept = [row for row in rows if taken[row["customer"]] == row["design"]]
    kept += [{"customer": name, "design": design} for name, design in taken.items() if design not in designs]
    pd.DataFrame(kept).to_csv(folder / "decisions.csv", index=False)
    return decisions(folder / "decisions.csv")


@pytest.mark.parametrize(
    ("design", "fault"),
    [("late", "late"), ("coarse", "inaccurate"), ("dear", "dearer"), ("none", "gave_up"), ("else", "unknown")],
)
def test_a_decision_is_judged_by_the_manager_s_rule(tmp_path: Path, design: str, fault: str):
    """Each way to break it has a name, and the customer stands with it."""
    assert not any(value for name, value in written(tmp_path, {}).items() if name != "customers")
    found = written(tmp_path, {"guide": design})
    assert {name for name, value in found.items() if value == "guide"} == {fault}
