"""`python -m provisioning plan|reserve|up|release|sweep` through python-chi, on a calendar that was moved."""

from __future__ import annotations

import re

import pytest


@pytest.fixture(scope="module")
def found(rehearsal):
    return rehearsal.run("commands", "tess")


def test_plan_shows_blocks_that_are_still_to_come(found):
    """In the zone asked for, by the site's own calendar."""
    code, text = found["plan"]
    assert code == 0, text
    assert "Part 1: model optimizations: choose a block (rehearsal" in text
    assert re.search(r"^  1  \w{3} \d\d \w{3} \d\d:00–\d\d:50.* C[DS]T, .* on liqid\d\d", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("no such zone", "no time zone 'Mars/Olympus'"),
        ("no such part", "no part 'modle'; the parts are model, edge, system"),
        ("up without a lease", "Way out:"),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_1(found, what, words):
    """No traceback."""
    code, text = found[what]
    assert code == 1
    assert words in text
    assert "Traceback" not in text


def test_reserve_makes_one_lease_in_the_future_however_often_it_is_asked(found):
    """Of the site's calendar, which is a day ahead of this computer's."""
    start, now = found["block"]
    assert start > now
    assert found["reserve"][0] == found["reserve again"][0] == 0
    assert re.match(r"serve-edge-tess is PENDING on iot-rpi5-0\d at CHI@Edge, .* UTC\n", found["reserve"][1])


def test_up_runs_and_resumes_and_release_leaves_nothing(found):
    """With the plan first, and the table of steps last."""
    for name in ("up", "up again"):
        code, text = found[name]
        assert code == 0, text
        assert "Costs about" in text
        assert "All done." in text
    assert "0 of 3 are orphans." in found["sweep mine"][1]
    assert "nothing named serve-edge-tess is left at CHI@Edge" in found["release"][1]
    assert "Nothing of the labs is left." in found["sweep after"][1]


def test_a_lesson_that_finds_no_device_brings_one_up(found):
    """Whatever the calendar says: its lease begins when the site has now, and not this computer."""
    assert found["device"].startswith("serve-edge-tess at 127.77.3.")
    assert found["release device"][0] == 0
