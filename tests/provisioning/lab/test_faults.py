"""Every fault of the testbed and every outage: a clear message from wherever one meets it, and a way to the end."""

import pytest

from provisioning.rehearsal.faults import FAULTS

#: What every command, every widget and the first cell of a lesson say while Chameleon cannot be used: the sentence, and
#: part of its way out.
OUTAGES = {
    "no credentials": ("There are no Chameleon credentials on this computer", "download the openrc"),
    "expired token": ("Chameleon refused to sign you in (401)", "restart your Jupyter server"),
    "maintenance": ("is in maintenance or overloaded (503 Service Unavailable)", "reserve nothing in its place"),
    "maintenance elsewhere": ("CHI@TACC: the site is in maintenance", "reserve nothing in its place"),
    "unread calendar": ("so nobody knows what is free there", "a machine of another site"),
    "nothing listens": ("(Connection refused)", "whether a browser on this computer opens"),
    "nothing answers": ("(no answer in time)", "whether a browser on this computer opens"),
    "no list of sites": ("(Connection refused)", "whether a browser on this computer opens"),
    "a page for people": ("a page came in place of an answer", "reserve nothing in its place"),
}
#: What would lead to a second lease, or is not ours.
NEVER = (
    *("no usable lease", "all taken this week", ", all taken", "have not come", "who left", "bring home"),
    *("Nothing of the labs", "HTTPConnection", "Max retries", "chi.set(", "Traceback", "NoneType", "<html"),
)
#: What answers all the same, by command: exit code, and part of the answer. The student's lease is at CHI@UC.
ANSWERED = {
    "maintenance elsewhere": {
        "plan": (0, "A100 40 GB at TACC (CHI@TACC, compute_liqid): not known: reading the calendar at CHI@TACC"),
        "reserve": (0, "serve-model-eve is ACTIVE on A100 80 GB at UC"),
        "sweep": (1, "nobody knows what else is left: CHI@TACC"),
        "class plan": (0, "not in the plan, nor is any lease that is there: A100 40 GB at TACC"),
        "class watch": (1, "2 not known"),
        "planner": (0, "Reserved at CHI@UC"),
        "leased": (0, "A100 80 GB at UC"),
        "facts": (0, "'ACTIVE'"),
    },
    "unread calendar": {"planner.reserve": (0, "status='ACTIVE'"), "leased": (0, "A100 80 GB at UC")},
}

pytestmark = pytest.mark.slow


def test_every_fault_of_the_testbed_has_its_message_a_way_out_and_a_run_that_finishes(rehearsal):
    """What each does stands in the flow."""
    assert rehearsal.run("faults", "bob") == sorted(FAULTS)


@pytest.fixture(scope="module")
def said(rehearsal):
    return rehearsal.run("outages", "eve")


@pytest.mark.parametrize("outage", OUTAGES)
def test_an_outage_has_its_sentence_from_every_command_and_widget(said, outage):
    """With its way out, in nobody else's words; 'no lease' and 'all taken' only when every site has answered."""
    sentence, way_out = OUTAGES[outage]
    for way, (code, text) in said[outage].items():
        if expected := ANSWERED.get(outage, {}).get(way):
            assert (code, expected[1] in text) == (expected[0], True), f"{way}: {text}"
            continue
        assert sentence in text, f"{way}: {text}"
        assert way_out in text, f"{way}: {text}"
        assert not [words for words in NEVER if words in text], f"{way}: {text}"
        # A planner is shown, and the first cell goes on: another site may do.
        shown = way in ("planner", "first cell") and outage not in ("no credentials", "expired token")
        assert code == (0 if shown else 1), f"{way}: {text}"
