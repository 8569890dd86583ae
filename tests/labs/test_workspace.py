"""Programs that are not written yet: whatever would start one says so in one sentence, and starts
nothing.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from labs.serve import running
from labs.serve.triton import opening
from labs.workspace import STUB, NotWrittenError, programs_dir, require_written
from provisioning.lab.device import Device


def serve_app(path: Path) -> object:
    """Start the service of a program."""
    return running.serve_app(path.parent)


def bring(path: Path) -> object:
    """Copy a program to a device."""
    return Device(None, "a board").bring([path])


def serve_repository(path: Path) -> object:
    """Start Triton with a file's repository."""
    repository = next(folder for folder in path.parents if folder.name == "repository")
    return opening.serve(repository)


#: What starts, or sends away, a program that a student writes, by the program's place among the
#: student's own.
USES = {
    "http/app.py": serve_app,
    "device/measure.py": bring,
    "repository/food_classifier/1/model.py": serve_repository,
    "repository/food_classifier/config.pbtxt": serve_repository,
}


def assert_refused_as_stub(place: str, use: Callable[[Path], object]) -> None:
    """Check that a use of a program that holds the lesson's stub is refused in one sentence."""
    path = programs_dir() / place
    path.parent.mkdir(parents=True)
    path.write_text(f"raise NotImplementedError({STUB!r})")
    with pytest.raises(NotWrittenError) as caught:
        use(path)
    (line,) = caught.value._render_traceback_()
    assert line.startswith(f"`{place}` is not written yet")
    assert "run the cell that writes the file" in line


def assert_refused_as_missing(place: str, use: Callable[[Path], object]) -> None:
    """Check that a use of a program that is not there is refused in one sentence."""
    path = programs_dir() / place
    path.parent.mkdir(parents=True)
    with pytest.raises(
        NotWrittenError, match=f"There is no `{place}` yet. Run the cell that writes it"
    ):
        use(path)


@pytest.fixture(autouse=True)
def _own_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVING_LABS_WORKSPACE", str(tmp_path))


@pytest.mark.parametrize("place", USES)
def test_a_program_that_still_holds_the_stub_is_named_in_one_sentence(place: str) -> None:
    """A student reads the file's name and the fix, without a traceback; Triton would load the file,
    but then not answer.
    """
    assert_refused_as_stub(place, USES[place])


@pytest.mark.parametrize("place", ["http/app.py", "device/measure.py"])
def test_a_program_that_is_not_there_is_named_in_one_sentence(place: str) -> None:
    """The cell that writes it was not run."""
    assert_refused_as_missing(place, USES[place])


def test_a_program_that_is_written_is_used(tmp_path: Path) -> None:
    path = tmp_path / "app.py"
    path.write_text("app = 1")
    require_written([path])
