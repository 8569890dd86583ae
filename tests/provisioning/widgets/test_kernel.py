"""Nobody at the mouse: a whole part in a real kernel, against the real local testbed, within Chameleon's memory."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

from grading.builder.execute import execute
from provisioning.rehearsal import control

ROOT = Path(__file__).parents[3]

CELLS = {
    "plan": """
from datetime import timedelta
from pathlib import Path
from provisioning import lab, rehearsal
from provisioning.rehearsal import drills
from provisioning.widgets import faults, lease_countdown, planner, provisioning_progress
rehearsal.use(speed=10_000.0, user="kim")
plan = planner("edge", zone="America/Chicago")
plan""",
    "reserve": """
from provisioning.testbed.errors import NoCapacityError
board = faults()
board.on("no-hosts")
try:
    plan.reserve()
except NoCapacityError as error:
    print("REFUSED", error)
lease = plan.reserve()
print("HELD", len([each for each in lab.open_testbed("CHI@Edge").leases() if each.name == plan.lease_name]))
drills.advance_to(lease.start)
plan.chooser.read()
print(plan.text)""",
    "run": """
progress = provisioning_progress(lab.prepare("edge", plan.chosen.option, materials=Path("course").absolute()))
progress.run()""",
    "again": """
again = provisioning_progress(lab.prepare("edge", plan.chosen.option, materials=Path("course").absolute()))
before = again.setup.state
again.run()
testbed = lab.open_testbed("CHI@Edge")
print("AGAIN", before, again.setup.state, len(testbed.machines()), again.links == progress.links)
print(progress.text)""",
    "countdown": """
countdown = lease_countdown(again.setup)
before = countdown.text
drills.advance(timedelta(hours=1))
print(before, "then", countdown.text)
board""",
    "release": """
print(*lab.give_back("edge", testbed), sep="\\n")
import re, resource, sys
# Linux's ru_maxrss begins with what the process that started this one had, here a worker of the suite full of models.
if sys.platform == "darwin":
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
else:
    peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 2**10
print("PEAK", round(peak), "torch" in sys.modules)""",
}


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """Each cell's outputs by its name: what it printed, and what it showed as text and as HTML."""
    folder = tmp_path_factory.mktemp("kernel")
    for name in ("bin", "edge"):
        for path in (ROOT / "provisioning" / "node" / name).iterdir():
            target = folder / "course" / "provisioning" / "node" / name / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    (folder / "course" / "assets").mkdir()
    (folder / "course" / "assets" / "manifest.json").write_text("{}")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in CELLS.values()])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REHEARSAL_HOME", str(folder / "rehearsal"))
        patch.setenv("LABS_STATE", str(folder / "state"))
        patch.setenv("LABS_OWNER", "kim")
        patch.setenv("REHEARSAL_PORT22", "never")
        patch.setenv("PYTHONPATH", str(ROOT))
        try:
            execute(notebook, folder=folder, name="a planned part", cell_timeout_s=300)
        finally:
            control.stop(folder / "rehearsal")
    return {name: Outputs(cell.outputs) for name, cell in zip(CELLS, notebook.cells, strict=True)}


class Outputs:
    """What one cell gave."""

    def __init__(self, outputs) -> None:
        self.printed = "".join(output.text for output in outputs if output.output_type == "stream")
        self.shown = [output.data for output in outputs if "data" in output]


def test_the_planner_is_widget_picture_and_text(found):
    """All three, and labelled as the rehearsal that it is."""
    reading, shown = found["plan"].shown
    assert reading["text/plain"] == ""
    assert {"application/vnd.jupyter.widget-view+json", "text/html", "text/plain"} <= set(shown)
    for words in ("Raspberry Pi 5 (CHI@Edge, raspberrypi5)", "America/Chicago", "begin on the hour and end at :55"):
        assert words in shown["text/plain"]
    for form in (shown["text/plain"], shown["text/html"]):
        assert "rehearsal" in form


def test_a_fault_strikes_once_and_then_one_lease_becomes_active(found):
    """Armed in the switchboard's own code, met by the planner's; at the beginning of its block."""
    printed = found["reserve"].printed
    assert "REFUSED reserving at CHI@Edge" in printed
    assert "Way out:" in printed
    assert "HELD 1" in printed
    assert "serve-edge-kim is ACTIVE" in printed


def test_run_ends_in_a_still_picture_and_again_makes_nothing_twice(found):
    """A saved notebook shows the links without a widget; the second go looks, and leaves one machine."""
    (shown,) = found["run"].shown
    assert "application/vnd.jupyter.widget-view+json" not in shown
    for words in ("All done.", "Rehearsal: nothing runs on Chameleon.", "/lab/tree/serving-labs/?token="):
        assert words in shown["text/plain"]
    assert "/lab/tree/serving-labs/?token=" in shown["text/html"]
    assert "AGAIN done done 1 True" in found["again"].printed
    assert found["again"].printed.endswith(shown["text/plain"] + "\n")


def test_the_countdown_follows_the_rehearsals_calendar(found):
    """Moved by an hour."""
    before, after = re.findall(r"(\d) h \d\d min of the lease left", found["countdown"].printed)
    assert int(before) - int(after) == 1
    (board,) = found["countdown"].shown
    assert "ahead of the real one" in board["text/plain"]
    assert board["text/plain"].count("[ ]") == 17


def test_memory_stays_within_chameleons_jupyter(found):
    """Below 350 MB at its highest, and without torch."""
    assert "nothing named serve-edge-kim is left" in found["release"].printed
    peak_mb, torch = found["release"].printed.split("PEAK", 1)[1].split()
    assert int(peak_mb) < 350
    assert torch == "False"
