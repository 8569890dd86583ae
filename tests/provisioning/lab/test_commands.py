"""`python -m provisioning plan|reserve|up|release|sweep|class` through python-chi, on a calendar that was moved."""

from __future__ import annotations

import re

import pytest


@pytest.fixture(scope="module")
def found(rehearsal):
    return rehearsal.run("commands", "tess")


def test_plan_shows_blocks_that_are_still_to_come(found):
    """In the zone asked for, by the site's own calendar; with code to copy and a calendar file."""
    code, text = found["plan"]
    assert code == 0, text
    assert "Part 1: model optimizations: blocks of 3 h, in your time zone" in text
    assert re.search(r"^  1  \w{3} \d\d \w{3} \d\d:00–\d\d:50.* C[DS]T  liqid\d\d", text, re.MULTILINE)
    compile(text[text.index("from datetime") :].rpartition("\n/")[0], "code", "exec")
    assert found["ics"] == "BEGIN:VCALENDAR"
    assert "IST" in found["kept zone"][1]


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


def test_a_class_is_reserved_watched_and_swept(found):
    """A plan makes nothing; again fills gaps only; whoever did not come for an hour is an orphan."""
    assert found["class plan"][0] == 0, found["class plan"][1]
    assert "All 2 blocks fit" in found["class plan"][1]
    assert found["after plan"] == 0
    assert found["class"][1].endswith("2 reserved\n")
    assert found["class again"][1].endswith("2 there already\n")
    assert "2 waits" in found["watch before"][1]
    assert "2 no machine" in found["watch"][1]
    assert "2 of 2 are orphans." in found["sweep class"][1]
    assert "without a machine" in found["sweep class"][1]
    assert found["sweep delete"][1].count("deleted lease serve-model-") == 2
    assert found["sweep delete"][1].endswith("2 deleted\nNothing of the labs is left.\n")
    assert "Nothing of the labs is left." in found["sweep at the end"][1]
