"""Minutes of a lease, from the lessons' own facts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from labs.runtimes.providers import environments
from provisioning.planning.lessons import block_of
from provisioning.sites.spec import load_spec

#: Minutes of a block that may be planned: set-up, the lease lesson, pull and release.
LIMITS = {"model": 100, "edge": 70, "system": 100}
OPTIONS = [(part, option) for part in LIMITS for option in load_spec(part).options]


@pytest.mark.parametrize(("part", "option"), OPTIONS, ids=lambda one: getattr(one, "name", one))
def test_what_a_block_is_planned_for_fits_it_wherever_it_runs(part, option):
    """From front matter and sites alone, set-up and pull included; the rest is for what goes wrong."""
    block = block_of(part, option)
    assert block.setup_s > 60 * 5
    assert block.planned_s <= 60 * LIMITS[part]
    assert block.length_s == 60 * {"model": 170, "edge": 115, "system": 170}[part]
    assert block.length_s - block.planned_s > 60 * sum(one.machine_minutes for one in block.extras), (
        "the extras fit as well"
    )


@pytest.mark.parametrize("part", LIMITS)
def test_each_lesson_on_a_lease_begins_early_enough_for_those_behind_it(part):
    """Lessons at home take no minute of a lease; the last one begins at its own minutes before the end."""
    block, end = block_of(part), datetime(2026, 3, 2, tzinfo=UTC)
    assert block.asked
    assert all(one.kind == "deeper" for one in block.extras)
    needed = [one.machine_minutes for one in block.asked]
    minutes = [(end - at) / timedelta(minutes=1) for _, at in block.begin_by(end)]
    assert minutes == [sum(needed[place:]) for place in range(len(needed))]


def test_the_plan_names_its_lessons_and_what_is_fetched():
    """Those that may be left out too; gigabytes are announced before they travel, as their own tables have them."""
    edge = block_of("edge")
    assert all(one.title in edge.text() for one in (*edge.asked, *edge.extras))
    assert "Set-up fetches 5.1 GB more than the course's packages" in block_of("model").text()
    announced = load_spec("model").fetches_gb["a100"]
    sizes_gb = [environments()[name].download_bytes / 1e9 for name in ("openvino", "tensorrt")]
    assert list(announced.values()) == pytest.approx(sizes_gb, abs=0.05)
