"""From a free block to a running machine by mouse and keyboard, in the JupyterLab that a student
has.
"""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from chameleon_rehearsal.testing import ask
from tests.provisioning.rehearsed import rehearsed, small_course

PLAN = """
from provisioning import lab
from provisioning.lab import rehearsal
from provisioning.widgets import planner, provisioning_progress
rehearsal.use(user="kim")
plan = planner("edge")
plan
"""
RUN = """
from pathlib import Path

rehearsal.advance_to(plan.lease.start)
materials = Path("course").absolute()
run = lab.prepare("edge", plan.chosen.option, materials=materials)
progress = provisioning_progress(run)
progress.run()
"""
AFTER = "print('NEXT', progress.links.get('jupyter'))"

#: The Tab key's stops, in the order in which a student decides.
STOPS = [
    "Time zone",
    "Machine",
    "Every machine",
    "Later",
    "Begins",
    "Node",
    "Reserve",
    "Read again",
    "Calendar",
    "The code",
]

#: The words beside the focused element.
FOCUSED = (
    "(at => at.closest('.widget-dropdown')?.innerText.split('\\n')[0] || "
    "at.innerText)(document.activeElement)"
)

#: The words of the chosen beginning in the list; what a list shows has non-breaking spaces, its
#: value has not.
BEGINS = """[...document.querySelectorAll('.widget-dropdown')]
    .find(at => at.innerText.startsWith('Begins'))
    .querySelector('select').value"""


@pytest.fixture
def kim(tmp_path, monkeypatch):
    """A student with her own rehearsal and small course."""
    home = tmp_path / "rehearsal"
    for name, value in {"REHEARSAL_HOME": str(home), "TZ": "America/Chicago"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LABS_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("LABS_OWNER", "kim")
    small_course(tmp_path / "notebooks" / "course", "edge")
    with rehearsed(home):
        yield home


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_choose_reserve_cancel_resume_and_reach_the_machine(open_cells, kim, tmp_path):
    """One click reserves; Cancel works while the cell runs; Resume goes on; the saved output holds
    the link.
    """
    notebook = open_cells(PLAN, RUN, AFTER)
    page = notebook.page
    notebook.run_cell(0)
    page.wait_for_selector("text=All times are in your time zone: America/Chicago")

    # The keyboard meets every control once, in reading order, and none of the 168 cells.
    page.focus(".msl-card .widget-dropdown select")
    for stop in STOPS:
        assert page.evaluate(FOCUSED).strip("‹› ").startswith(stop)
        page.keyboard.press("Tab")

    # Letters choose in the list; none of them reaches the notebook, where 'a' inserts a cell and
    # 'x' cuts one.
    page.focus(".msl-card .widget-dropdown select")
    for key in "axmb":
        page.keyboard.press(key)
    page.focus("button:has-text('Read again')")
    page.keyboard.press("x")
    assert page.locator(".jp-Cell").count() == 3
    assert page.locator(".jp-MarkdownCell").count() == 0

    # A click in the calendar and the list agree. The letters may have chosen another zone: its
    # calendar comes first.
    notebook.settle()
    cell = page.locator(".msl-cell.msl-free").nth(30)
    words = cell.get_attribute("title")
    cell.click()
    # By its words: the calendar is drawn anew for the choice, and the element that was clicked may
    # be gone.
    page.wait_for_function(
        "words => document.querySelector('.msl-cell.msl-chosen')?.title === words", arg=words
    )
    page.wait_for_function(f"words => ({BEGINS}) === words", arg=words)

    # The download: the calendar file.
    with page.expect_download() as download:
        page.click("a[download]")
    assert download.value.suggested_filename == "serve-edge-kim.ics"
    assert Path(download.value.path()).read_bytes().startswith(b"BEGIN:VCALENDAR")

    # One click, one lease, at the block that was clicked.
    page.click("button:has-text('Reserve')")
    page.wait_for_selector("text=✓ Reserved")
    (lease,) = ask(kim, "GET", "/status")["leases"]
    assert lease["name"] == "serve-edge-kim"
    # Drawn with the lease, so that it is the clicked block's.
    code = page.locator("details:has-text('The code') pre").text_content()
    assert "'serve-edge-kim'" in code
    begins = datetime(
        *map(int, re.search(r"start_date=datetime\(([\d, ]+), tz", code)[1].split(",")), tzinfo=UTC
    )
    assert lease["start"] == f"{begins:%Y-%m-%dT%H:%M:%SZ}"

    # A boot of some seconds, cancelled while the cell is busy: at once, and no later cell runs.
    ask(kim, "POST", "/faults", {"fault": "slow-boot=150000"})
    notebook.run_all(wait_s=None)
    page.wait_for_selector("text=▸ running >> nth=0", timeout=120_000)
    page.wait_for_selector("tr:has-text('running'):has-text('Container starts')", timeout=120_000)
    page.click("button:has-text('Cancel')")
    notebook.wait_idle(120)
    assert "■ cancelled" in notebook.output_text(1)
    assert "failed" not in notebook.output_text(1)
    assert "Traceback" not in notebook.output_text(1)
    assert notebook.output_text(2) == ""

    # Resume waits on for the same container, and ends in links that need no widget.
    page.click("button:has-text('Resume')")
    page.wait_for_selector("a[href*='/lab/tree/']", timeout=120_000)
    assert len(ask(kim, "GET", "/status")["containers"]) == 1
    notebook.run_cell(2)
    assert "NEXT http" in notebook.output_text(2)
    notebook.command("docmanager:save")
    notebook.wait_idle()
    saved = (tmp_path / "notebooks" / "test.ipynb").read_text()
    assert "/lab/tree/" in saved
