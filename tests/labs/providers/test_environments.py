"""Environments: installed once, found again, never half-made, and honest about why one cannot be made.

Everything here is real (venv, pip, wheels) except the packages, which are tiny and made on the spot.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from labs.progress import Cancelled
from labs.providers import EnvironmentBuildError, EnvironmentSpec, ensure, is_installed, remove
from labs.providers.environments import MARKER, folder_of
from labs.workspace import PROJECT_DIR

TINY = EnvironmentSpec("tiny", ("TinyExecutionProvider",), ("tinypkg==1.0",))


def make_wheel(folder: Path, version: str) -> None:
    """Write a wheel of one module that knows its version."""
    info = f"tinypkg-{version}.dist-info"
    with zipfile.ZipFile(folder / f"tinypkg-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tinypkg.py", f"version = {version!r}\n")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tinypkg\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"tinypkg.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


def commands_that_mention(path: Path) -> list[str]:
    """Return the command lines of running processes that name a path."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it ended meanwhile
            found.append(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in found if str(path) in line]


@pytest.fixture(autouse=True)
def offline_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give pip a folder with two versions of one package and no network, and the course an empty cache."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    make_wheel(folder, "1.0")
    make_wheel(folder, "2.0")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("SERVING_LABS_CACHE", str(tmp_path / "cache"))
    return folder


def version_in(python: Path) -> str:
    """Return the version of the package that an environment's interpreter imports."""
    code = "import tinypkg; print(tinypkg.version)"
    return subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_first_use_installs_and_the_second_finds_it() -> None:
    """The package is there, progress rises to 1, the marker tells what was installed, and nothing is done twice."""
    seen: list[tuple[float, str]] = []
    environment = ensure(TINY, lambda done, line: seen.append((done, line)))
    assert version_in(environment.python) == "1.0"
    fractions = [done for done, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert environment.build_report["requirements"] == ["tinypkg==1.0"]
    assert environment.build_report["size_bytes"] > 0

    again: list[str] = []
    assert ensure(TINY, lambda done, line: again.append(line)) == environment
    assert again == []


def test_a_changed_pin_is_another_environment() -> None:
    """The old environment stays what it was; the new pin gets a new one; remove() takes both away, and only those."""
    old, new = ensure(TINY), ensure(replace(TINY, requirements=("tinypkg==2.0",)))
    other = ensure(replace(TINY, name="tiny-other"))
    assert (version_in(old.python), version_in(new.python)) == ("1.0", "2.0")
    assert old.folder != new.folder
    assert remove("tiny") > 0
    assert not old.folder.exists()
    assert not new.folder.exists()
    assert version_in(other.python) == "1.0"
    with pytest.raises(ValueError, match="no environment 'tiny'"):
        remove("tiny")


def test_stopping_half_way_leaves_nothing_that_counts() -> None:
    """A cancelled installation is not taken for a complete one, and the next use makes it whole."""

    def cancel(done: float, line: str) -> None:
        if line.startswith("Installing"):
            raise Cancelled

    with pytest.raises(Cancelled):
        ensure(TINY, cancel)
    assert folder_of(TINY).exists()
    assert not is_installed(TINY)
    # pip works through a child of its own, which would go on writing if only its parent were stopped.
    assert commands_that_mention(folder_of(TINY)) == []
    lines: list[str] = []
    environment = ensure(TINY, lambda done, line: lines.append(line))
    assert any("half-made" in line for line in lines)
    assert version_in(environment.python) == "1.0"


def test_an_environment_whose_interpreter_went_away_is_made_anew() -> None:
    """After the system's Python moved, the marker alone is not believed."""
    environment = ensure(TINY)
    environment.python.unlink()
    assert (environment.folder / MARKER).is_file()
    assert not is_installed(TINY)
    assert version_in(ensure(TINY).python) == "1.0"


def test_two_kernels_at_once_build_it_once() -> None:
    """Three processes that want the same environment at the same moment all get it, and one of them made it."""
    code = (
        "from labs.providers import EnvironmentSpec, ensure\n"
        f"spec = EnvironmentSpec('tiny', {TINY.providers!r}, {TINY.requirements!r})\n"
        "print(ensure(spec, lambda done, line: print(line)).python)"
    )
    command = [sys.executable, "-c", code]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT_DIR) for _ in range(3)]
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert sum("making an environment for tiny" in output for output in outputs) == 1
    assert {output.splitlines()[-1] for output in outputs} == {str(folder_of(TINY) / "bin" / "python")}
    assert version_in(folder_of(TINY) / "bin" / "python") == "1.0"


def test_no_network_is_said_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the index cannot be reached, the message says so and what still works; nothing counts as installed."""
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")  # the discard port: nobody answers
    monkeypatch.setenv("PIP_RETRIES", "1")
    with pytest.raises(EnvironmentBuildError, match=r"cannot be reached(.|\n)*CPU provider"):
        ensure(replace(TINY, requirements=("package-that-is-only-online==1.0",)))


def test_a_pin_that_does_not_exist_is_named() -> None:
    """pip's own error reaches the reader, and is not mistaken for a missing network."""
    with pytest.raises(EnvironmentBuildError, match=r"No matching distribution found for tinypkg==9\.9"):
        ensure(replace(TINY, requirements=("tinypkg==9.9",)))
    assert not is_installed(replace(TINY, requirements=("tinypkg==9.9",)))


def test_a_full_disk_is_noticed_before_anything_is_written() -> None:
    """An environment larger than the disk is refused with both figures, and its folder is never made."""
    huge = replace(TINY, installed_bytes=10**18)
    with pytest.raises(EnvironmentBuildError, match=r"needs 1000000000\.\d GB and .* GB free(.|\n)*SERVING_LABS_CACHE"):
        ensure(huge)
    assert not folder_of(huge).exists()


def test_settings_of_the_user_do_not_send_packages_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A PIP_TARGET or PIP_USER in the user's shell is no reason to end up with an empty environment."""
    monkeypatch.setenv("PIP_TARGET", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(PROJECT_DIR)]))
    assert version_in(ensure(TINY).python) == "1.0"
    assert not (tmp_path / "elsewhere").exists()
