"""A program that is not written yet is refused in one sentence, and nothing is started."""

from pathlib import Path

from labs.deeper.whole.servers import written
from tests.labs.test_workspace import assert_refused_as_missing, assert_refused_as_stub


def begin(path: Path) -> None:
    """Begin to serve a student's app, with itself for a model."""
    written("whole", "fours", path)(None, path.parent, path, [])


def test_an_app_that_still_holds_the_stub_is_named_in_one_sentence():
    """A student reads the file's name and the fix."""
    assert_refused_as_stub("whole/fours.py", begin)


def test_an_app_that_is_not_there_is_named_in_one_sentence():
    """The cell that writes it was not run."""
    assert_refused_as_missing("whole/fours.py", begin)
