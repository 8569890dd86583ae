"""A tree like Gradescope's, with the unpacked zip, an environment, a submission, and ``run_autograder`` started in it.

One thing differs from Gradescope: ``setup.sh`` installs packages over the network, and here ``venv`` is a new
environment that lends this one's packages, without the checkout, which would otherwise lend what the zip lacks.
"""

import compileall
import contextlib
import json
import shutil
import sysconfig
import tempfile
import venv
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from grading.gradescope.package import Package, build_package
from tests.grading import whole
from tests.grading.gradescope.tree import METADATA, SEED, Tree


@pytest.fixture(scope="session")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    """Return the zip of part 1."""
    return build_package(tmp_path_factory.mktemp("package") / "autograder.zip", part=1, seed=SEED)


def unpack(package: Package, folder: Path) -> Path:
    """Unpack a zip by a tool that forgets modes, compile it as ``setup.sh`` compiles it, and return where it lies."""
    with zipfile.ZipFile(package.path) as archive:
        archive.extractall(folder)
    (folder / "run_autograder").chmod(0o755)
    compileall.compile_dir(folder, quiet=2)
    return folder


@contextlib.contextmanager
def planted(unpacked: Path) -> Iterator[Tree]:
    """Give a tree like Gradescope's with nothing handed in."""
    # Not pytest's folder, which is closed to the sandbox's users; /autograder is not.
    root = Path(tempfile.mkdtemp(prefix="autograder-"))
    root.chmod(0o755)
    try:
        shutil.copytree(unpacked, root / "source")
        for name in ("submission", "results"):
            (root / name).mkdir()
        (root / "submission_metadata.json").write_text(json.dumps(METADATA))
        venv.create(root / "venv", symlinks=True)
        # A .pth file's lines are paths only: the editable checkout's own .pth is not read from there.
        lent = root / "venv" / "lib" / "python3.11" / "site-packages" / "lent.pth"
        lent.write_text(sysconfig.get_path("purelib") + "\n")
        yield Tree(root)
    finally:
        shutil.rmtree(root)


@pytest.fixture(scope="session")
def _unpacked(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(package, tmp_path_factory.mktemp("unpacked") / "source")


@pytest.fixture
def tree(_unpacked: Path) -> Iterator[Tree]:
    """Return a tree with nothing handed in."""
    with planted(_unpacked) as made:
        yield made


@pytest.fixture
def tree_of(tmp_path: Path) -> Callable[[int], contextlib.AbstractContextManager[Tree]]:
    """Return a function that gives a tree for another part of the course."""

    def make(part: int) -> contextlib.AbstractContextManager[Tree]:
        package = build_package(tmp_path / "autograder.zip", part=part, seed=SEED)
        return planted(unpack(package, tmp_path / "source"))

    return make


@pytest.fixture(scope="session")
def _solved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return whole.hand_in(tmp_path_factory.mktemp("solved"), 1)


@pytest.fixture
def hand_in(tree: Tree, _solved: Path) -> Callable[..., Path]:
    """Return a function that hands the reference submission in: all of it, or the files of these names."""

    def hand(*names: str) -> Path:
        for path in _solved.iterdir():
            if not names or path.name in names:
                shutil.copy(path, tree.submission)
        return tree.submission

    return hand
