"""Programs without a wheel: their paths here, and the behaviour of tests without them."""

import contextlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from grading.grade.sandbox import abilities, visible
from labs.workspace import PROJECT_DIR, deeper_packages

#: Debian's package of a program that is not called as its package is.
_PACKAGES = {"bwrap": "bubblewrap", "gpg": "gnupg", "ssh": "openssh-client"}


def tool(*names: str) -> str:
    """Return the path of the first of these programs that is here, beside this Python or on PATH;
    skip without one.
    """
    places = (str(Path(sys.executable).parent), None)
    path = next(
        filter(None, (shutil.which(name, path=place) for name in names for place in places)), None
    )
    if path is None:
        package = _PACKAGES.get(names[0], names[0])
        pytest.skip(f"{names[0]} is not installed (Debian, Ubuntu: sudo apt install {package})")
    return path


#: Set to "required" where tests must fail if bubblewrap is installed and does not work, as in the
#: public gate: one test of ``tests/grading/sandbox/test_bubblewrap.py`` asks for it. Otherwise, all
#: tests that need the sandbox are skipped.
SANDBOX_VARIABLE = "SANDBOX"

#: For tests that run a student's code as the grader does.
sandboxed = pytest.mark.skipif(not abilities().apart, reason=f"no sandbox: {abilities().refusal}")


@contextlib.contextmanager
def labs_in_the_sandbox() -> Iterator[None]:
    """Show all of ``labs`` in the sandbox during the block, as students have it, instead of the
    grader's small part.
    """
    deeper = [str(path.relative_to(PROJECT_DIR)) for path in deeper_packages().values()]
    with pytest.MonkeyPatch.context() as patch:
        others = [name for name in visible.COURSE if not name.startswith("labs")]
        patch.setattr(visible, "COURSE", ("labs", *deeper, *others))
        yield
