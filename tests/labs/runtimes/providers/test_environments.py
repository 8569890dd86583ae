"""Environments: made once, found again, never half-made, and honest about why one cannot be made.

Everything here is real (uv, environments, wheels) except the packages, which are tiny and made on
the spot.
"""

import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from labs.runtimes.progress import Cancelled
from labs.runtimes.providers import (
    Environment,
    EnvironmentUnavailableError,
    environment,
    environments,
    install,
)
from labs.runtimes.providers.cli import app
from labs.workspace import PROJECT_DIR

TINY = Environment("gpu", "tinypkg", ("TinyExecutionProvider",), ("tinypkg==1.0",))


def make_wheel(folder: Path, version: str) -> None:
    """Write a wheel of one module that knows its version."""
    info = f"tinypkg-{version}.dist-info"
    with zipfile.ZipFile(folder / f"tinypkg-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tinypkg.py", f"version = {version!r}\n")
        metadata = f"Metadata-Version: 2.1\nName: tinypkg\nVersion: {version}\n"
        wheel.writestr(f"{info}/METADATA", metadata)
        purely_python = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        wheel.writestr(f"{info}/WHEEL", purely_python)
        names = ["tinypkg.py", f"{info}/METADATA", f"{info}/WHEEL", f"{info}/RECORD"]
        wheel.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in names))


@pytest.fixture(autouse=True)
def offline_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give uv a folder with two versions of one package and no network, and the course an empty
    cache.
    """
    folder = tmp_path / "wheels"
    folder.mkdir()
    make_wheel(folder, "1.0")
    make_wheel(folder, "2.0")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv"))
    monkeypatch.setenv("SERVING_LABS_CACHE", str(tmp_path / "cache"))


def version_in(python: Path) -> str:
    """Return the version of the package that an environment's interpreter imports."""
    command = [str(python), "-c", "import tinypkg; print(tinypkg.version)"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_first_use_installs_and_the_second_finds_it() -> None:
    """The package is there, progress rises to 1, and nothing is done twice; another pin is another
    environment.
    """
    seen: list[float] = []
    installed = install(TINY, lambda done, _: seen.append(done))
    assert version_in(installed.python) == "1.0"
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
    assert install(TINY, lambda done, _: seen.append(-1)) == installed
    assert min(seen) >= 0
    other = install(replace(TINY, requirements=("tinypkg==2.0",)))
    assert version_in(installed.python) == "1.0"
    assert version_in(other.python) == "2.0"


def test_what_is_not_whole_does_not_count() -> None:
    """A cancelled installation leaves no running uv, and starts again; so does one whose
    interpreter is gone.
    """

    def cancel(done: float, line: str) -> None:
        if line.startswith("Resolved"):
            raise Cancelled

    with pytest.raises(Cancelled):
        install(TINY, cancel)
    assert TINY.folder.exists()
    assert not TINY.is_installed
    for process in psutil.process_iter(["cmdline"]):
        assert str(TINY.folder) not in (process.info["cmdline"] or ())
    assert version_in(install(TINY).python) == "1.0"
    TINY.python.unlink()
    assert not TINY.is_installed
    assert version_in(install(TINY).python) == "1.0"


def test_two_kernels_at_once_make_it_once() -> None:
    """If three processes request the same environment at the same moment, one makes it, and all get
    it.
    """
    code = f"""
from labs.runtimes.providers import Environment, install

wanted = {TINY!r}
print(install(wanted, lambda done, line: print(line)).python)
"""
    running = []
    for _ in range(3):
        command = [sys.executable, "-c", code]
        kernel = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT_DIR)
        running.append(kernel)
    outputs = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert sum("making an environment for tinypkg" in output for output in outputs) == 1
    assert [output.splitlines()[-1] for output in outputs] == [str(TINY.python)] * 3


@pytest.mark.parametrize(("online", "cause"), [(False, r"tinypkg==9\.9"), (True, "127.0.0.1:9")])
def test_what_uv_says_reaches_the_reader(
    online: bool, cause: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a missing pin or without a network, the environment stays missing, and the message names
    the need.
    """
    if online:
        monkeypatch.delenv("UV_NO_INDEX")
        # The discard port, where no program answers.
        monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
        monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    wrong = replace(TINY, requirements=("tinypkg==9.9",))
    says = rf"could not install gpu(.|\n)*internet(.|\n)*{cause}"
    with pytest.raises(EnvironmentUnavailableError, match=says):
        install(wrong)
    assert not wrong.is_installed


def test_a_full_disk_is_noticed_before_anything_is_written() -> None:
    """An environment larger than the disk is refused with both figures, and its folder is never
    made.
    """
    huge = replace(TINY, installed_bytes=10**18)
    says = r"needs 1000000000\.\d GB and .* GB free(.|\n)*SERVING_LABS_CACHE"
    with pytest.raises(EnvironmentUnavailableError, match=says):
        install(huge)
    assert not huge.folder.exists()


def test_settings_of_the_user_do_not_send_packages_elsewhere(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A target folder or a foreign environment in the user's shell is no reason to end up with an
    empty one.
    """
    monkeypatch.setenv("UV_TARGET", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "another"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), str(PROJECT_DIR)]))
    assert version_in(install(TINY).python) == "1.0"
    assert not (tmp_path / "elsewhere").exists()


def test_a_script_runs_there_beside_its_own_files(
    tmp_path: Path, capfd: pytest.CaptureFixture
) -> None:
    """It has the environment's packages and the course's, its own folder, arguments and variables;
    it is heard.
    """
    (tmp_path / "beside.txt").write_text("here")
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys, tinypkg\nfrom labs.runtimes.progress import silent\n"
        "print(tinypkg.version, open('beside.txt').read(), sys.argv[1], os.environ['SAID'])\n"
        "if sys.argv[1] == 'fail': raise SystemExit(3)\n"
    )
    with pytest.raises(EnvironmentUnavailableError, match="-m labs providers install gpu"):
        TINY.run(script)
    installed = install(TINY)
    installed.run(script, "word", variables={"SAID": "so"})
    assert capfd.readouterr().out == "1.0 here word so\n"
    with pytest.raises(subprocess.CalledProcessError) as failure:
        installed.run(script, "fail", variables={"SAID": "so"})
    assert failure.value.returncode == 3


def test_every_environment_is_pinned_whole_and_holds_one_build_of_onnx_runtime() -> None:
    """No requirement is left open, the providers end with the CPU's, and TensorRT's holds what
    CUDA's does.
    """
    for wanted in environments().values():
        packages = [requirement.partition("==")[0] for requirement in wanted.requirements]
        assert all("==" in requirement for requirement in wanted.requirements), wanted.name
        if wanted.name in ("genai", "aiperf"):  # OpenVINO by itself, and none
            continue
        runtimes = [name for name in packages if name.startswith(("onnxruntime", "executorch"))]
        assert len(runtimes) == 1
        assert wanted.wheel in packages
        assert wanted.borrows_course or wanted.providers[-1] == "CPUExecutionProvider"
        if wanted.name == "executorch":
            assert "torch" not in packages, "it takes the course's"
    assert set(environment("gpu").requirements) < set(environment("tensorrt").requirements)
    names = "openvino, gpu, tensorrt, migraphx, genai, aiperf, executorch"
    with pytest.raises(ValueError, match=names):
        environment("nosuch")


def test_the_commands_list_every_environment_and_refuse_nonsense_before_any_is_made(
    tmp_path: Path,
) -> None:
    """The message for an unknown name lists the existing names."""
    shown = CliRunner().invoke(app, ["list"])
    assert all(f"{name}: " in shown.output for name in environments())
    assert shown.output.count("not installed") == len(environments())
    refused = CliRunner().invoke(app, ["install", "openvino", "nosuch"])
    assert refused.exit_code == 1
    assert "migraphx" in refused.output
    assert not (tmp_path / "cache").exists()
