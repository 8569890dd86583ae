"""A tree like Gradescope's, with the unpacked zip, an environment, a submission, and
``run_autograder`` started in it.

One thing differs from Gradescope, where ``setup.sh`` installs packages over the network. Here,
``venv`` is a new environment with this one's packages but without the checkout, because the
checkout would replace files that the zip lacks.
"""

import compileall
import contextlib
import shutil
import sysconfig
import tempfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from grading.gradescope.package import build_package
from tests.grading.gradescope.tree import SEED, Tree


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_package(tmp_path_factory.mktemp("package") / "autograder.zip", part=1, seed=SEED)


def unpack(package: Path, folder: Path) -> Path:
    """Unpack a zip by a tool that forgets modes, compile it as ``setup.sh`` compiles it, and return
    where it lies.
    """
    with zipfile.ZipFile(package) as archive:
        archive.extractall(folder)
    (folder / "run_autograder").chmod(0o755)
    compileall.compile_dir(folder, quiet=2)
    return folder


@contextlib.contextmanager
def planted(unpacked: Path, part: int = 1) -> Iterator[Tree]:
    """Give a tree like Gradescope's for a part with nothing handed in."""
    # Not pytest's folder, which is closed to the sandbox's users; /autograder is not.
    root = Path(tempfile.mkdtemp(prefix="autograder-"))
    root.chmod(0o755)
    try:
        shutil.copytree(unpacked, root / "source")
        for name in ("submission", "results"):
            (root / name).mkdir()
        # In time by the student's own extension, late by the assignment's date.
        shutil.copy(Path(__file__).with_name("submission_metadata.json"), root)
        venv.create(root / "venv", symlinks=True)
        # A .pth file's lines are paths only: the editable checkout's own .pth is not read from
        # there.
        packages = sysconfig.get_path("purelib", vars={"base": str(root / "venv")})
        lent = Path(packages) / "lent.pth"
        lent.write_text(sysconfig.get_path("purelib") + "\n")
        yield Tree(root, part)
    finally:
        shutil.rmtree(root)


@pytest.fixture(scope="session")
def _unpacked(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(package, tmp_path_factory.mktemp("unpacked") / "source")


@pytest.fixture
def tree(_unpacked: Path, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Tree]:
    """Return a tree with nothing handed in, of part 1 or of the part that a test is parametrized
    with.
    """
    part, source = getattr(request, "param", 1), _unpacked
    if part != 1:
        source = unpack(
            build_package(tmp_path / "autograder.zip", part=part, seed=SEED), tmp_path / "source"
        )
    with planted(source, part) as tree:
        yield tree
