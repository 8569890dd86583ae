"""Programs that are not written yet: whatever would start one says so in one sentence, and starts nothing."""

from pathlib import Path

import pytest

from labs.load.servers import written
from labs.serve import running
from labs.serve.triton import opening
from labs.tokens import serving
from labs.workspace import STUB, NotWrittenError, programs_dir, require_written
from provisioning.lab.device import Device

#: What starts, or sends away, a program that a student writes, by the program's place among the student's own.
USES = {
    "http/app.py": lambda path: running.serve_app(path.parent),
    "tokens/app.py": serving.start,
    "device/measure.py": lambda path: Device(None, "a board").bring([path]),
    "whole/together.py": lambda path: written("whole", "together", path)(
        None, path.parent, path, []
    ),
    "repository/food_classifier/1/model.py": lambda path: opening.serve(path.parents[2]),
    "repository/food_classifier/config.pbtxt": lambda path: opening.serve(path.parents[1]),
}


@pytest.fixture(autouse=True)
def _own_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVING_LABS_WORKSPACE", str(tmp_path))


@pytest.mark.parametrize("place", USES)
def test_a_program_that_still_holds_the_stub_is_named_in_one_sentence(place: str) -> None:
    """A student reads which file it is and what to do, and no traceback; Triton would load it, and never answer."""
    path = programs_dir() / place
    path.parent.mkdir(parents=True)
    path.write_text(f"raise NotImplementedError({STUB!r})")
    with pytest.raises(NotWrittenError) as caught:
        USES[place](path)
    (line,) = caught.value._render_traceback_()
    assert line.startswith(f"`{place}` is not written yet")
    assert "run the cell that writes the file" in line


@pytest.mark.parametrize(
    "place", ["http/app.py", "tokens/app.py", "device/measure.py", "whole/together.py"]
)
def test_a_program_that_is_not_there_is_named_in_one_sentence(place: str) -> None:
    """The cell that writes it was not run."""
    path = programs_dir() / place
    path.parent.mkdir(parents=True)
    with pytest.raises(
        NotWrittenError, match=f"There is no `{place}` yet. Run the cell that writes it"
    ):
        USES[place](path)


def test_a_program_that_is_written_is_used(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_text("app = 1")
    require_written([path])
