"""The instructors' notebooks: fresh twins, and they run to their end, publication included; nothing is left behind."""

from __future__ import annotations

import importlib.util
import io
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from grading.builder.execute import execute
from grading.builder.notebook import build, is_stale
from grading.builder.rehearse import own_testbed
from grading.builder.sources import guides
from labs.course import lessons
from provisioning.rehearsal import place

TROVI = Path(__file__).parents[1] / "provisioning" / "trovi" / "conftest.py"


def printed(run) -> str:
    """Return everything that a notebook's cells gave, as text."""
    outputs = [output for cell in run.notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(output.get("text") or output.get("data", {}).get("text/plain", "") for output in outputs)


def guide(number: str):
    """Return one of the instructors' notebooks."""
    return next(one for one in guides() if one.number == number)


@pytest.fixture
def trovi(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """A Trovi on loopback, and a token for it in the environment of kernels."""
    spec = importlib.util.spec_from_file_location("loopback_trovi", TROVI)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    server = module.Trovi()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("TROVI_TOKEN", module.TOKEN)
    monkeypatch.setenv("TROVI_URL", server.url)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_guides_are_no_lessons_and_their_twins_are_fresh():
    """They are built like lessons, and nobody is graded on them."""
    assert [one.number for one in guides()] == ["90", "91"]
    assert not {one.name for one in guides()} & {one.name for one in lessons()}
    assert [one.name for one in guides() if is_stale(one)] == []


def test_the_course_is_packed_checked_and_published(trovi):
    """The archive that arrives is the one that was packed; the placeholder author is found before that."""
    run = execute(build(guide("90")), folder=guide("90").notebook.parent, name="90")
    text = printed(run)
    assert "is a placeholder" in text
    (artifact,) = trovi.artifacts.values()
    (archive,) = trovi.archives.values()
    assert artifact["visibility"] == "private"
    assert f"private artifact {artifact['uuid']}" in text
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as packed:
        names = packed.getnames()
    assert "notebooks/1_model/08_plan_and_reserve.ipynb" in names
    assert [name for name in names if name.startswith(("grading/answers", "tests", "notebooks/instructor"))] == []


def test_without_a_token_nothing_is_published(monkeypatch: pytest.MonkeyPatch):
    """A dry run says what it would do."""
    for name in ("TROVI_TOKEN", "OS_ACCESS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    text = printed(execute(build(guide("90")), folder=guide("90").notebook.parent, name="90"))
    assert "Dry run, no token" in text
    assert "Traceback" not in text


def test_a_class_is_planned_reserved_watched_and_swept(tmp_path: Path):
    """Every student on the roster is seated, found by name, and nothing is left when the notebook ends."""
    # It moves the calendar itself; at a rehearsal's speed, leases end in seconds, before a busy machine sweeps them.
    with own_testbed(tmp_path / "testbed", [guide("91")], speed=20):
        text = printed(execute(build(guide("91")), folder=guide("91").notebook.parent, name="91"))
        status = place.ask(place.folder(), "GET", "/status")
    assert "{'there already'}" in text
    assert "no machine" in text
    assert "All 9 blocks fit" in text
    assert "deleted lease serve-model-ada" in text
    assert text.rstrip().endswith("Nothing of the labs is left.")
    assert [lease for lease in status["leases"] if lease["status"] != "TERMINATED"] == []
