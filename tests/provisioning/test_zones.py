"""The student's time zone: asked for, kept and found."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from provisioning.planning.zones import find_zone, keep_zone, zone_names


def test_a_choice_is_kept_for_the_next_notebook(tmp_path):
    """What was chosen once wins over what the computer says; a name that is asked for wins over both."""
    environ = {"LABS_STATE": str(tmp_path / "not yet there"), "TZ": "Europe/Berlin"}
    assert find_zone(None, environ).key == "Europe/Berlin"
    keep_zone(ZoneInfo("Asia/Kolkata"), environ)
    assert find_zone(None, environ).key == "Asia/Kolkata"
    assert find_zone("America/Denver", environ).key == "America/Denver"
    with pytest.raises(ValueError, match="America/Chicago"):
        find_zone("Chicago time")


@pytest.mark.parametrize("left_over", ["Nowhere/Atlantis", "../../etc/passwd", ""])
def test_a_broken_choice_is_passed_over(tmp_path, left_over):
    """A file that holds no zone costs the choice, and nothing else."""
    (tmp_path / "time-zone").write_text(left_over)
    assert find_zone(None, {"LABS_STATE": str(tmp_path), "TZ": "America/New_York"}).key == "America/New_York"


def test_the_students_own_zone_comes_first_and_once():
    """A list of four hundred names begins with what is likely."""
    names = zone_names("Asia/Kolkata")
    assert names[:2] == ("Asia/Kolkata", "America/Chicago")
    assert len(names) == len(set(names)) > 300
