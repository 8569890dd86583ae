"""Every fault of the testbed and every outage: a clear message from wherever one meets it, and a way to the end."""

import tomllib
from pathlib import Path

import pytest

from provisioning.rehearsal.faults import FAULTS
from tests.provisioning.rehearsed import rehearsal_beside

#: What is said in each outage, and what answers all the same.
OUTAGES = tomllib.loads(Path(__file__).with_name("outages.toml").read_text("utf-8"))
#: What would lead to a second lease, or is not ours.
NEVER = (
    *(
        "no usable lease",
        "all taken this week",
        ", all taken",
        "have not come",
        "who left",
        "bring home",
    ),
    *(
        "Nothing of the labs",
        "HTTPConnection",
        "Max retries",
        "chi.set(",
        "Traceback",
        "NoneType",
        "<html",
    ),
)

pytestmark = pytest.mark.slow


def test_every_fault_of_the_testbed_has_its_message_a_way_out_and_a_run_that_finishes(rehearsal):
    """What each does stands in the flow."""
    assert rehearsal.run("faults", "bob") == sorted(FAULTS)


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    with rehearsal_beside(Path(__file__), tmp_path_factory.mktemp("outages")) as rehearsal:
        return rehearsal.run("outages", "eve")


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_has_its_sentence_from_every_command_and_widget(said, outage):
    """With its way out, in nobody else's words; 'no lease' and 'all taken' only when every site has answered."""
    expected = OUTAGES[outage]
    for way, (code, text) in said[outage].items():
        if answer := expected.get("answered", {}).get(way):
            assert (code, answer[1] in text) == (answer[0], True), f"{way}: {text}"
            continue
        assert expected["sentence"] in text, f"{way}: {text}"
        assert expected["way_out"] in text, f"{way}: {text}"
        assert not [words for words in NEVER if words in text], f"{way}: {text}"
        # A planner is shown, and the first cell goes on: another site may do.
        shown = way in ("planner", "first cell") and outage not in (
            "no credentials",
            "expired token",
        )
        assert code == (0 if shown else 1), f"{way}: {text}"
