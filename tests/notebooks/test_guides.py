"""The instructors' notebooks run to their end, and leave no resources."""

from pathlib import Path

from chameleon_rehearsal import testing
from grading.builder.execute import execute
from grading.builder.notebook import build
from grading.builder.rehearse import own_testbed
from grading.builder.sources import guides


def printed(notebook) -> str:
    """Return everything that a notebook's cells gave, as text."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(
        output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs
    )


def guide(id: str):
    return next(guide for guide in guides() if guide.id == id)


def test_the_course_is_packed_and_checked():
    """The archive has the students' files, and the page shows its author, a placeholder at
    first.
    """
    text = printed(
        execute(build(guide("publish")), folder=guide("publish").notebook.parent, name="publish")
    )
    assert "'The course staff'" in text
    assert "files, packed" in text
    assert "Traceback" not in text


def test_a_class_is_planned_reserved_watched_and_swept(tmp_path: Path):
    """Every student on the roster is seated, found by name, and nothing is left when the notebook
    ends.
    """
    # It moves the calendar itself; at a rehearsal's speed, leases end in seconds, before a busy
    # machine sweeps them.
    with own_testbed(tmp_path / "testbed", [guide("leases")], speed=20):
        text = printed(
            execute(build(guide("leases")), folder=guide("leases").notebook.parent, name="leases")
        )
        status = testing.ask(tmp_path / "testbed", "GET", "/status")
    assert "8 there already" in text
    assert "has not come" in text
    assert "All 8 have a block" in text
    assert "deleted lease serve-model-" in text
    assert text.rstrip().endswith("Nothing of the labs is left.")
    assert [lease for lease in status["leases"] if lease["status"] != "TERMINATED"] == []
