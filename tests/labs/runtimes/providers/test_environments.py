"""Environments: made once, found again, never half-made, and honest about why one cannot be made.

Everything here is real (uv, environments, wheels) except the packages, which are tiny and made on the spot.
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
from typer.testing import CliRunner

from labs.runtimes.progress import Cancelled
from labs.runtimes.providers import Environment, EnvironmentUnavailableError, environment, environments, install
from labs.runtimes.providers.cli import app
from labs.runtimes.providers.environments import MARKER
from labs.workspace import PROJECT_DIR

TINY = Environment("gpu", "tinypkg", ("TinyExecutionProvider",), ("tinypkg==1.0",))


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
def offline_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give uv a folder with two versions of one package and no network, and the course an empty cache."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    make_wheel(folder, "1.0")
    make_wheel(folder, "2.0")
    for name, value in {
        "UV_NO_INDEX": "1",
        "UV_FIND_LINKS": str(folder),
        "UV_CACHE_DIR": str(tmp_path / "uv"),
        "SERVING_LABS_CACHE": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)


def version_in(python: Path) -> str:
    """Return the version of the package that an environment's interpreter imports."""
    code = "import tinypkg; print(tinypkg.version)"
    return subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_first_use_installs_and_the_second_finds_it() -> None:
    """The package is there, progress rises to 1, the marker tells its size, and nothing is done twice."""
    seen: list[tuple[float, str]] = []
    made = install(TINY, lambda done, line: seen.append((done, line)))
    assert version_in(made.python) == "1.0"
    fractions = [done for done, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    again: list[str] = []
    assert install(TINY, lambda done, line: again.append(line)) == made
    assert again == []


def test_a_changed_pin_is_another_environment() -> None:
    """The old environment stays what it was; the new pin gets a new one."""
    old, new = install(TINY), install(replace(TINY, requirements=("tinypkg==2.0",)))
    assert (version_in(old.python), version_in(new.python)) == ("1.0", "2.0")
    assert old.folder != new.folder


def test_stopping_half_way_leaves_nothing_that_counts() -> None:
    """A cancelled installation is not taken for a complete one, no uv goes on, and the next use makes it whole."""

    def cancel(done: float, line: str) -> None:
        if line.startswith("Resolved"):
            raise Cancelled

    with pytest.raises(Cancelled):
        install(TINY, cancel)
    assert TINY.folder.exists()
    assert not TINY.is_installed
    assert commands_that_mention(TINY.folder) == []
    lines: list[str] = []
    assert version_in(install(TINY, lambda done, line: lines.append(line)).python) == "1.0"
    assert any("half-made" in line for line in lines)


def test_an_environment_whose_interpreter_went_away_is_made_anew() -> None:
    """After the system's Python moved, the marker alone is not believed."""
    made = install(TINY)
    made.python.unlink()
    assert (made.folder / MARKER).is_file()
    assert not TINY.is_installed
    assert version_in(install(TINY).python) == "1.0"


def test_two_kernels_at_once_make_it_once() -> None:
    """Three processes that want the same environment at the same moment all get it, and one of them made it."""
    code = (
        "from labs.runtimes.providers import Environment, install\n"
        f"wanted = Environment({TINY.name!r}, {TINY.wheel!r}, {TINY.providers!r}, {TINY.requirements!r})\n"
        "print(install(wanted, lambda done, line: print(line)).python)"
    )
    command = [sys.executable, "-c", code]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT_DIR) for _ in range(3)]
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert sum("making an environment for tinypkg" in output for output in outputs) == 1
    assert {output.splitlines()[-1] for output in outputs} == {str(TINY.python)}


def test_no_network_is_said_in_plain_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the index cannot be reached, the message says so and what to do; nothing counts as installed."""
    monkeypatch.delenv("UV_NO_INDEX")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")  # the discard port: nobody answers
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(EnvironmentUnavailableError, match="cannot be reached"):
        install(replace(TINY, requirements=("package-that-is-only-online==1.0",)))


def test_a_pin_that_does_not_exist_is_named() -> None:
    """uv's own words reach the reader, and are not mistaken for a missing network."""
    wrong = replace(TINY, requirements=("tinypkg==9.9",))
    with pytest.raises(EnvironmentUnavailableError, match=r"uv could not install gpu(.|\n)*tinypkg==9\.9"):
        install(wrong)
    assert not wrong.is_installed


def test_a_full_disk_is_noticed_before_anything_is_written() -> None:
    """An environment larger than the disk is refused with both figures, and its folder is never made."""
    huge = replace(TINY, installed_bytes=10**18)
    with pytest.raises(
        EnvironmentUnavailableError, match=r"needs 1000000000\.\d GB and .* GB free(.|\n)*SERVING_LABS_CACHE"
    ):
        install(huge)
    assert not huge.folder.exists()


def test_settings_of_the_user_do_not_send_packages_elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A target folder or a foreign environment in the user's shell is no reason to end up with an empty one."""
    monkeypatch.setenv("UV_TARGET", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "another"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(PROJECT_DIR)]))
    assert version_in(install(TINY).python) == "1.0"
    assert not (tmp_path / "elsewhere").exists()


def test_a_script_runs_there_beside_its_own_files(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    """It has the environment's packages and the course's, its own folder, arguments and variables; it is heard."""
    (tmp_path / "beside.txt").write_text("here")
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys, tinypkg\nfrom labs.runtimes.progress import silent\n"
        "print(tinypkg.version, open('beside.txt').read(), sys.argv[1], os.environ['SAID'])\n"
        "if sys.argv[1] == 'fail': raise SystemExit(3)\n"
    )
    made = install(TINY)
    made.run(script, "word", variables={"SAID": "so"})
    assert capfd.readouterr().out == "1.0 here word so\n"
    with pytest.raises(subprocess.CalledProcessError) as failure:
        made.run(script, "fail", variables={"SAID": "so"})
    assert failure.value.returncode == 3


def test_a_script_does_not_run_in_what_is_not_there(tmp_path: Path) -> None:
    """The message says which command makes the environment."""
    with pytest.raises(EnvironmentUnavailableError, match="python -m labs providers install gpu"):
        TINY.run(tmp_path / "script.py")


def test_every_environment_is_pinned_whole_and_holds_one_build_of_onnx_runtime() -> None:
    """No requirement is left open, the providers end with the CPU's, and TensorRT's holds what CUDA's does."""
    for one in environments().values():
        assert all("==" in requirement for requirement in one.requirements), one.name
        if one.name == "genai":  # OpenVINO by itself
            continue
        runtimes = [r for r in one.requirements if r.startswith(("onnxruntime", "executorch"))]
        assert len(runtimes) == 1
        assert [r for r in one.requirements if r.startswith(f"{one.wheel}==")]
        assert one.borrows_course or one.providers[-1] == "CPUExecutionProvider"
    assert not any(one.startswith("torch==") for one in environment("executorch").requirements), "it takes the course's"
    assert set(environment("gpu").requirements) < set(environment("tensorrt").requirements)
    with pytest.raises(ValueError, match="openvino, gpu, tensorrt, migraphx, genai, executorch"):
        environment("nosuch")


def test_the_commands_list_every_environment_and_refuse_nonsense_before_any_is_made(tmp_path: Path) -> None:
    """One name that nobody knows is answered with the names that exist."""
    shown = CliRunner().invoke(app, ["list"])
    assert all(f"{name}: " in shown.output for name in environments())
    assert shown.output.count("not installed") == len(environments())
    refused = CliRunner().invoke(app, ["install", "openvino", "nosuch"])
    assert refused.exit_code == 1
    assert "migraphx" in refused.output
    assert not (tmp_path / "cache").exists()
