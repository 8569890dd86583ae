"""Every fault of the testbed and every outage: a clear message from wherever one meets it, and a
way to the end.
"""

import tomllib
from pathlib import Path

import pytest

from chameleon_rehearsal import FAULTS
from tests.provisioning.rehearsed import rehearsal_beside

#: Messages in each outage, and commands that still work.
OUTAGES = tomllib.loads(Path(__file__).with_name("outages.toml").read_text("utf-8"))
#: Messages that would lead to a second lease, or are not ours.
NEVER = (
    "no usable lease",
    "all taken this week",
    ", all taken",
    "have not come",
    "who left",
    "bring home",
    "Nothing of the labs",
    "HTTPConnection",
    "Max retries",
    "chi.set(",
    "Traceback",
    "NoneType",
    "<html",
)

pytestmark = pytest.mark.slow


def test_every_fault_of_the_testbed_has_its_message_a_way_out_and_a_run_that_finishes(rehearsal):
    """The flow checks each fault's effect."""
    assert rehearsal.run("faults", "bob") == sorted(FAULTS)


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Return of each outage, by command, the exit code and the words."""
    with rehearsal_beside(Path(__file__), tmp_path_factory.mktemp("outages")) as rehearsal:
        return rehearsal.run("outages", "eve")


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_has_its_sentence_from_every_command_and_widget(answers, outage):
    """With its fix, in its own words; 'no lease' and 'all taken' appear only when every site has
    answered.
    """
    expected = OUTAGES[outage]
    answered = expected.get("answered", {})
    # A planner is shown, and the first cell goes on: another site may do.
    go_on = {"planner", "first cell"}
    if outage in ("no credentials", "expired token"):
        go_on = set()
    for command, (code, text) in answers[outage].items():
        about = f"{command}: {text}"
        if command in answered:
            expected_code, words = answered[command]
            assert code == expected_code, about
            assert words in text, about
            continue
        assert expected["sentence"] in text, about
        assert expected["way_out"] in text, about
        assert [words for words in NEVER if words in text] == [], about
        assert code == (0 if command in go_on else 1), about
